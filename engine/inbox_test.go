package engine_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/engine/connector"
)

const told = `
source "webhook" "people" {
  path    = "/hooks/people"
  auth "none" {}
  topic   = jq(".topic")
  key     = ["body.person"]
  deleted = expr("src.topic == 'gone'")
}
connection "sqlite" "db" { path = "target.db" }
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from = source.webhook.people
  into = sink.sql.people
  map {
    id   = src.body.person
    name = src.body.name
  }
  guard { deletes = "100%" }
}
`

// tell delivers events to a source as the service does: person, name, and "gone"
// in place of a name.
func (b *bench) tell(e *engine.Engine, source string, id int, person, name string) {
	b.t.Helper()
	topic := "there"
	if name == "gone" {
		topic = name
	}
	body := fmt.Sprintf(`{"id":"%d","topic":%q,"received":"","headers":{},"body":{"person":%q,"name":%q}}`, id, topic, person, name)
	if person == "" {
		body = fmt.Sprintf(`{"id":"%d","topic":%q,"received":"","headers":{},"body":{}}`, id, topic)
	}
	if _, err := engine.Inbox(e.Store, source).Put(context.Background(), []connector.Event{{ID: fmt.Sprint(id), At: b.now, Body: []byte(body)}}); err != nil {
		b.t.Fatal(err)
	}
}

const peopleSource = "source.webhook.people"

// Events are read once, by plans as often as asked; absence says nothing,
// whatever is read again.
func TestEvents(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": told})
	b.wantRun(engine.Options{}, "people succeeded")
	e := b.engine()
	b.tell(e, peopleSource, 1, "a", "Ann")
	b.tell(e, peopleSource, 2, "b", "Bob")
	b.tell(e, peopleSource, 3, "a", "Anna")
	b.tell(e, peopleSource, 3, "a", "repeated")
	for range 2 {
		p, err := e.Plan(t.Context(), engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if c := p.Header.Pipelines[0].Counts; c.Create != 2 {
			t.Errorf("planned %+v", c)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.tell(e, peopleSource, 4, "b", "gone")
	b.tell(e, peopleSource, 5, "c", "Cor")
	b.wantRun(engine.Options{}, "people succeeded: created 1, deleted 1, unchanged 1")
	b.wantRun(engine.Options{Full: true}, "people succeeded: unchanged 2")
	b.write("main.hcl", strings.Replace(told, "src.body.name", "upper(src.body.name)", 1))
	b.wantRun(engine.Options{}, "people succeeded: updated 2")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "a|ANNA", "c|COR")
	counts, err := e.Store.Inbox().Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := counts[peopleSource]; c.Waiting != 0 || c.IDs != 5 {
		t.Errorf("left in the inbox: %+v", c)
	}
}

// An event without a key is told of once, and holds nothing up.
func TestEventWithoutKey(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": told})
	e := b.engine()
	b.tell(e, peopleSource, 1, "a", "Ann")
	b.tell(e, peopleSource, 2, "", "")
	b.wantRun(engine.Options{}, "people partial: created 1, failed 1")
	b.tell(e, peopleSource, 3, "a", "gone")
	b.wantRun(engine.Options{}, "people succeeded: deleted 1")
}

// What is forgotten of a source deletes nothing, and neither does another inbox
// in the place of the one that was.
func TestEventsForgotten(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": told})
	e := b.engine()
	b.tell(e, peopleSource, 1, "a", "Ann")
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	if _, err := e.ForgetState(t.Context(), peopleSource, "noor"); err != nil {
		t.Fatal(err)
	}
	b.wantRun(engine.Options{}, "people succeeded: unchanged 1")
	b.tell(e, peopleSource, 1, "b", "Bob")
	b.wantRun(engine.Options{}, "people succeeded: created 1, unchanged 1")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "a|Ann", "b|Bob")
	if err := e.Store.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(b.dir, ".koppel", "state.inbox.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	e = b.engine()
	b.tell(e, peopleSource, 9, "c", "Cor")
	b.wantRun(engine.Options{}, "people succeeded: created 1, unchanged 2")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "a|Ann", "b|Bob", "c|Cor")
}

// What waits in the inbox moves with the source, and an erased record leaves it.
func TestEventsMoveAndAreErased(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": told})
	e := b.engine()
	b.tell(e, peopleSource, 1, "a", "Ann")
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	b.tell(e, peopleSource, 2, "a", "canary")
	b.tell(e, peopleSource, 3, "b", "Bob")
	if _, err := e.Erase(t.Context(), engine.Erasure{Address: "pipeline.people", Key: "a", Who: "noor", Reason: "asked"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if found := b.contains("canary"); len(found) > 0 {
		t.Errorf("the erased record is in %s", found)
	}
	moved := "moved {\n from = source.webhook.people\n to = source.webhook.others\n}\n"
	named := strings.NewReplacer(`"webhook" "people"`, `"webhook" "others"`, "webhook.people", "webhook.others")
	b.write("main.hcl", moved+named.Replace(told))
	e = b.engine()
	b.tell(e, "source.webhook.others", 4, "c", "Cor")
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "a|Ann", "b|Bob", "c|Cor")
}

// Whatever is delivered, in whatever order of deliveries, repetitions, plans, runs
// that are cut off and backups put back, the target is what the last event of
// each person says.
func TestEventsAreTrue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, map[string]string{"main.hcl": told})
		want, n := map[string]string{}, 0
		e := b.engine()
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0:
				if _, err := e.Run(t.Context(), engine.Options{Full: rapid.Bool().Draw(rt, "full")}); err != nil {
					rt.Fatal(err)
				}
			case 1:
				p, err := e.Plan(t.Context(), engine.Options{})
				if err != nil {
					rt.Fatal(err)
				}
				if err := p.Close(); err != nil {
					rt.Fatal(err)
				}
			case 2:
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_, _ = e.Run(ctx, engine.Options{}) // it is cut off
			case 3: // a repeated delivery of another body has no effect
				if n > 0 {
					b.tell(e, peopleSource, rapid.IntRange(1, n).Draw(rt, "id"), "a", "repeated")
				}
			default:
				n++
				person := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "person")
				name := rapid.SampledFrom([]string{"Ann", "Bob", "Cor", "gone"}).Draw(rt, "name")
				b.tell(e, peopleSource, n, person, name)
				if want[person] = name; name == "gone" {
					delete(want, person)
				}
			}
		}
		if _, err := e.Run(t.Context(), engine.Options{}); err != nil {
			rt.Fatal(err)
		}
		if err := e.Store.Close(); err != nil {
			rt.Fatal(err)
		}
		var rows []string
		for _, person := range slices.Sorted(maps.Keys(want)) {
			rows = append(rows, person+"|"+want[person])
		}
		if len(b.rows(db, "SELECT name FROM sqlite_schema")) == 0 && len(rows) == 0 {
			return // nothing was ever written
		}
		if got := b.rows(db, "SELECT id, name FROM people ORDER BY id"); !slices.Equal(got, rows) {
			rt.Fatalf("the target holds %v, want %v", got, rows)
		}
	})
}

// What waits is what no run has read, though a run leaves it to the next one to
// drop what it has read.
func TestEventsWait(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": told})
	want := func(what string, waiting int64) {
		t.Helper()
		_, sources, err := b.engine().StateList(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := int64(0)
		for _, s := range sources {
			if s.Address == peopleSource {
				got = s.Waiting
			}
			if s.Oldest.IsZero() != (s.Waiting == 0) {
				t.Errorf("%s: the oldest of %d came at %s", what, s.Waiting, s.Oldest)
			}
		}
		if got != waiting {
			t.Errorf("%s: %d wait, want %d", what, got, waiting)
		}
	}
	want("at first", 0)
	b.tell(b.engine(), peopleSource, 1, "a", "Ann")
	b.tell(b.engine(), peopleSource, 2, "b", "Bob")
	want("before any run", 2)
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	want("after a run", 0)
	b.tell(b.engine(), peopleSource, 3, "c", "Cor")
	want("after one more", 1)
}
