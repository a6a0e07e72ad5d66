package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/state"
)

func (b *bench) wantFile(name, want string) {
	b.t.Helper()
	got, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		b.t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

const wholeFile = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "file" "people" { path = "out.jsonl" }
pipeline "people" {
  from = source.file.people
  into = sink.file.people
  map {
    name = src.first
    id   = src.id
  }
}
`

func TestWholeSetIsReplacedOnlyWhenEverythingIsWell(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": wholeFile, "people.jsonl": lines(`{"id":"2","first":"Bob"}`, `{"id":"1","first":"Ann"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	whole := "{\"name\":\"Bob\",\"id\":\"2\"}\n{\"name\":\"Ann\",\"id\":\"1\"}\n" // as the source has them
	b.wantFile("out.jsonl", whole)
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`))
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
	b.write("people.jsonl", `{"id":"2","first":"Bo`)
	res := b.run(engine.Options{})
	if got := res.Pipelines[0].Status; got == "succeeded" {
		t.Errorf("status %s", got)
	}
	b.wantFile("out.jsonl", whole)
	b.write("people.jsonl", lines(`{"id":"2","first":"Bo"}`, `{"id":"3","first":"Cor"}`, `{"id":"1","first":"Ann"}`))
	b.save("a.plan")
	b.wantFile("out.jsonl", whole)
	b.wantApply("a.plan", "succeeded: created 1, updated 2")
	b.wantFile("out.jsonl", "{\"name\":\"Bo\",\"id\":\"2\"}\n{\"name\":\"Cor\",\"id\":\"3\"}\n{\"name\":\"Ann\",\"id\":\"1\"}\n")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 3")
}

func TestBaselineRemembersAWholeSetAndWritesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		opts   engine.Options
	}{
		"asked for":    {wholeFile, engine.Options{Baseline: true}},
		"at first run": {replace(wholeFile, "  map {", "  first_run = \"baseline\"\n  map {"), engine.Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, map[string]string{"main.hcl": replace(c.config, "out.jsonl", "out/people.jsonl"),
				"people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
			b.wantRun(c.opts, "people succeeded: unchanged 1")
			if _, err := os.Stat(filepath.Join(b.dir, "out")); !os.IsNotExist(err) {
				t.Errorf("something stands at the target: %v", err)
			}
			b.write("out/people.jsonl", "other\n")
			b.wantRun(engine.Options{}, "people succeeded: unchanged 1")
			b.wantFile("out/people.jsonl", "other\n")
			b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`))
			b.wantRun(engine.Options{}, "people succeeded: created 1, updated 1")
			b.wantFile("out/people.jsonl", "{\"name\":\"Ann\",\"id\":\"1\"}\n{\"name\":\"Bob\",\"id\":\"2\"}\n")
		})
	}
}

func TestWholeSetThatIsNotReplacedIsNotHeld(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": wholeFile, "people.jsonl": lines(`{"id":"1"}`, `{"id":"2"}`, `{"id":"3"}`, `{"id":"4"}`, `{"id":"5"}`, `{"id":"6"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 6")
	b.write("people.jsonl", lines(`{"id":"1"}`, `[]`))
	b.wantRun(engine.Options{}, "people partial")
	p, err := b.engine().Plan(context.Background(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if c := p.Header.Pipelines[0].Counts; c.Held != 0 {
		t.Errorf("held %d of a set that no approval lets through", c.Held)
	}
}

func TestWholeSetThatWasNotWrittenIsNotRemembered(t *testing.T) {
	for name, c := range map[string]struct{ config, source, status string }{
		"not complete": {wholeFile, lines(`{"id":"1","first":"Ann"}`, `[]`), "people partial"},
		"held":         {replace(wholeFile, "  map {", "  guard { creates = 0 }\n  map {"), lines(`{"id":"1","first":"Ann"}`), "people held: held 1"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, map[string]string{"main.hcl": c.config, "people.jsonl": c.source, "out.jsonl": "other\n"})
			b.wantRun(engine.Options{}, c.status)
			b.wantFile("out.jsonl", "other\n")
			b.write("main.hcl", wholeFile)
			b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`))
			b.wantRun(engine.Options{}, "people succeeded: created 1")
			b.wantFile("out.jsonl", "{\"name\":\"Ann\",\"id\":\"1\"}\n")
		})
	}
}

func TestHeldWholeSetStaysHeld(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(wholeFile, "people.jsonl", "people.json"), "people.json": `[{"id":"1"},{"id":"2"},{"id":"3"},{"id":"4"},{"id":"5"}]`})
	b.wantRun(engine.Options{}, "people succeeded: created 5")
	b.write("people.json", "[]")
	for range 2 {
		b.wantRun(engine.Options{}, "people held: held 5")
	}
	b.write("people.json", `[{"id":"1"},{"id":"2"},{"id":"3"},{"id":"4"},{"id":"5"}]`)
	b.wantRun(engine.Options{}, "people succeeded: unchanged 5")
}

func TestWhatIfFromTheSnapshot(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(people, `  key  = ["id"]`, "  key  = [\"id\"]\n  snapshot = true"),
		"people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.remove("people.jsonl")
	b.write("main.hcl", replace(replace(people, `  key  = ["id"]`, "  key  = [\"id\"]\n  snapshot = true"), "words(src.first, src.last)", `upper(src.first)`))
	p, err := b.engine().Plan(context.Background(), engine.Options{FromSnapshot: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	h := p.Header.Pipelines[0]
	if h.Skipped != "" || h.Counts.Update != 2 || h.Counts.Create+h.Counts.Delete != 0 {
		t.Errorf("%+v", h)
	}
}

func TestPlanAsOfADate(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": dated})
	b.rows("hr.db", "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, until TEXT, changed TEXT)")
	b.rows("hr.db", "INSERT INTO staff VALUES (1,'Ann','2026-03-10','2026-01-01T00:00:00Z'),(2,'Bob',NULL,'2026-01-02T00:00:00Z')")
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	p, err := b.engine().Plan(context.Background(), engine.Options{AsOf: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if c := p.Header.Pipelines[0].Counts; c.Update != 1 {
		t.Errorf("%+v", c)
	}
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
}

func TestPlanOnAPlan(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people + `
sink "sql" "names" {
  connection = connection.sqlite.db
  table      = "names"
}
pipeline "names" {
  from = pipeline.people
  into = sink.sql.names
  map {
    id   = src.id
    long = words("the", src.name)
  }
}
`, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	h := b.save("a.plan")
	if h.Pipelines[1].Counts.Create != 2 {
		t.Fatalf("%+v", h.Pipelines[1])
	}
	res, err := b.apply("a.plan")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Pipelines {
		if p.Status != "succeeded" || p.Counts.Created != 2 {
			t.Errorf("%+v", p)
		}
	}
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2", "names succeeded: unchanged 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`))
	b.save("b.plan")
	// The upstream record moves; what the plan builds on it is skipped too.
	b.write("people.jsonl", lines(`{"id":"1","first":"Ine"}`, `{"id":"2","first":"Bob"}`))
	b.wantRun(engine.Options{}, "people succeeded: updated 1, unchanged 1", "names succeeded: updated 1, unchanged 1")
	if _, err := b.apply("b.plan"); err != nil {
		t.Fatal(err)
	}
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ine", "2|Bob")
	b.wantRows(db, "SELECT id, long FROM names ORDER BY id", "1|the Ine", "2|the Bob")
}

func TestChangesAreAppended(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(wholeFile, `path = "out.jsonl" }`, "\n  path = \"out.jsonl\"\n  changes = true\n}"),
		"people.jsonl": lines(`{"id":"2","first":"Bob"}`, `{"id":"1","first":"Ann"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"2","first":"Bo"}`))
	b.wantRun(engine.Options{}, "people succeeded: updated 1, deleted 1")
	text, err := os.ReadFile(filepath.Join(b.dir, "out.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	// What lies beyond the committed length was of a run that died.
	if err := os.WriteFile(filepath.Join(b.dir, "out.jsonl"), append(text, "{\"op\":\"cre"...), 0o644); err != nil {
		t.Fatal(err)
	}
	b.write("people.jsonl", lines(`{"id":"2","first":"B"}`))
	b.wantRun(engine.Options{}, "people succeeded: updated 1")
	all, err := os.ReadFile(filepath.Join(b.dir, "out.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(all), "\n"); got != 5 || !strings.HasPrefix(string(all), string(text)) || strings.Contains(string(all), "{\"op\":\"cre{") {
		t.Errorf("%d lines\n%s", got, all)
	}
}

func TestGuardHoldsAWholeSetUntilItIsApproved(t *testing.T) {
	var all []string
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		all = append(all, `{"id":"`+id+`","first":"P"}`)
	}
	b := newBench(t, map[string]string{"main.hcl": wholeFile, "people.jsonl": lines(all...)})
	b.wantRun(engine.Options{}, "people succeeded: created 8")
	b.write("people.jsonl", lines(all[:2]...))
	b.wantRun(engine.Options{}, "people held: held 6")
	b.wantRun(engine.Options{}, "people held: held 6")
	err := b.engine().Store.Update(context.Background(), func(tx state.Tx) error {
		row, _, err := tx.Pipeline("pipeline.people")
		if err != nil {
			return err
		}
		o, err := tx.OpenKey(row.ID, "whole set")
		if err != nil {
			return err
		}
		o.Approved = true
		return tx.PutOpen(row.ID, o)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wantRun(engine.Options{}, "people succeeded: updated 2, deleted 6")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
	b.remove("out.jsonl")
	b.wantRun(engine.Options{}, "people succeeded: updated 2")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
}

func TestFilteredRecordIsRemovedOnceKeysAreKnownAgain(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(people, `key  = ["id"]`, "key  = [\"id\"]\n  snapshot = true"),
		"people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann","blocked":true}`, `{"first":"nobody"}`))
	b.wantRun(engine.Options{}, "people partial: skipped 1, waiting 1, failed 1")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann","blocked":true}`))
	b.wantRun(engine.Options{}, "people succeeded: deleted 1, skipped 1")
}
