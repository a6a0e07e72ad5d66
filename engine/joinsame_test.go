package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/state"
)

const staffed = `
connection "sqlite" "db" { path = "target.db" }
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
source "file" "units" {
  path = "units.jsonl"
  key  = ["code"]
}
source "file" "bosses" {
  path = "bosses.jsonl"
  key  = ["id"]
}
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from = source.file.people
  into = sink.sql.people
  join "unit" {
    with = source.file.units
    on   = [src.unit, unit.code]
  }
  join "boss" {
    with = source.file.bosses
    on   = [src.boss, boss.id]
  }
  map {
    id   = src.id
    unit = unit.name
    boss = boss.first
  }
  guard {
    deletes = "100%"
  }
}
`

// rereads counts the records that are read again of each source.
type rereads map[string]*atomic.Int64

func (n rereads) count(e *engine.Engine) *engine.Engine {
	for address, src := range e.Project.Sources {
		n[address] = new(atomic.Int64)
		open := src.Open
		src.Open = func(ctx context.Context, env connector.Env) (connector.Source, error) {
			s, err := open(ctx, env)
			if _, ok := s.(connector.Rereader); !ok || err != nil {
				return s, err
			}
			return &countingSource{Source: s, n: n[address]}, nil
		}
	}
	return e
}

type countingSource struct {
	connector.Source
	n *atomic.Int64
}

func (s *countingSource) Reread(part string, offset int64, length int, dst []byte) ([]byte, error) {
	s.n.Add(1)
	return s.Source.(connector.Rereader).Reread(part, offset, length, dst)
}

// filled plans, and gives the joins of people that were filled and how many
// records of units were read again.
func (b *bench) filled(opts engine.Options) (names []string, read int64) {
	b.t.Helper()
	n := rereads{}
	p, err := n.count(b.engine()).Plan(context.Background(), opts)
	if err != nil {
		b.t.Fatal(err)
	}
	defer p.Close()
	if err := p.Err("pipeline.people"); err != nil {
		b.t.Fatal(err)
	}
	if units := n["source.file.units"]; units != nil {
		read = units.Load()
	}
	return p.Filled("pipeline.people"), read
}

// A right side that is as it was is neither read again nor put into an index,
// unless a record must be mapped.
func TestAnUnchangedRightSideIsNotFilled(t *testing.T) {
	const both, units = "unit boss", "unit"
	tests := map[string]struct {
		hcl    func(string) string // of the project from the start
		change func(b *bench)
		opts   engine.Options
		filled string
		read   int64
		want   string
	}{
		"nothing changed": {want: "unchanged 3"},
		"order of the right side": {change: func(b *bench) {
			b.write("units.jsonl", lines(`{"code":"B","name":"Sales","note":"n"}`, `{"code":"A","name":"Care","note":"n"}`))
		}, want: "unchanged 3"},
		"a left record": {change: func(b *bench) {
			b.write("people.jsonl", lines(`{"id":"1","first":"Ann","unit":"A"}`, `{"id":"2","first":"Bob","unit":"B","boss":"1"}`, `{"id":"3","first":"Cor","unit":"A","boss":"2"}`))
		}, filled: both, read: 2, want: "updated 1, unchanged 2"},
		"a new left record that looks for one of them": {change: func(b *bench) {
			b.write("people.jsonl", lines(`{"id":"1","first":"Ann","unit":"A"}`, `{"id":"2","first":"Bob","unit":"B","boss":"1"}`, `{"id":"3","first":"Cor","unit":"B","boss":"1"}`, `{"id":"4","first":"Dik","boss":"1"}`))
		}, filled: "boss", want: "created 1, unchanged 3"},
		"a field that is read": {change: func(b *bench) {
			b.write("units.jsonl", lines(`{"code":"A","name":"Cure","note":"n"}`, `{"code":"B","name":"Sales","note":"n"}`))
		}, filled: both, read: 2, want: "updated 1, unchanged 2"},
		"a left record that goes": {change: func(b *bench) { b.write("people.jsonl", lines(`{"id":"1","first":"Ann","unit":"A"}`)) }, want: "deleted 2, unchanged 1"},
		"a field that is not read": {change: func(b *bench) {
			b.write("units.jsonl", lines(`{"code":"A","name":"Care","note":"x"}`, `{"code":"B","name":"Sales","note":"n"}`))
		}, filled: units, read: 2, want: "unchanged 3"},
		"a right record goes": {change: func(b *bench) {
			b.write("units.jsonl", lines(`{"code":"B","name":"Sales","note":"n"}`))
		}, filled: both, read: 1, want: "updated 1, unchanged 2"},
		"the program": {change: func(b *bench) {
			b.write("main.hcl", replace(staffed, "= unit.name", "= lower(unit.name)"))
		}, filled: both, read: 2, want: "updated 3"},
		"everything is asked for": {opts: engine.Options{Full: true}, filled: both, read: 2, want: "unchanged 3"},
		"the target is looked at": {opts: engine.Options{Refresh: true}, filled: both, read: 2, want: "unchanged 3"},
		"a date that is not read": {change: func(b *bench) { b.now = b.now.Add(24 * time.Hour) }, want: "unchanged 3"},
		"a date": {hcl: func(s string) string { return replace(s, "= boss.first", "= default(boss.first, today)") },
			change: func(b *bench) { b.now = b.now.Add(24 * time.Hour) }, filled: both, read: 2, want: "updated 1, unchanged 2"},
		"a clock": {hcl: func(s string) string { return replace(s, "= boss.first", "= default(boss.first, now)") },
			filled: both, read: 2, want: "unchanged 3"},
		"no right record can be used": {change: func(b *bench) {
			b.write("units.jsonl", lines(`{"code":"A","name":"Care","note":"n"}`, `{"code":"B","name":"Sales","note":"n"}`, `{"code":"B","name":"Sales","note":"n"}`))
		}, filled: both, read: 1, want: "waiting 3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			hcl := staffed
			if tt.hcl != nil {
				hcl = tt.hcl(hcl)
			}
			b := newBench(t, map[string]string{"main.hcl": hcl,
				"people.jsonl": lines(`{"id":"1","first":"Ann","unit":"A"}`, `{"id":"2","first":"Bob","unit":"B","boss":"1"}`, `{"id":"3","first":"Cor","unit":"B","boss":"1"}`),
				"units.jsonl":  lines(`{"code":"A","name":"Care","note":"n"}`, `{"code":"B","name":"Sales","note":"n"}`),
				"bosses.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
			b.wantRun(engine.Options{}, "people succeeded: created 3")
			if tt.change != nil {
				tt.change(b)
			}
			names, read := b.filled(tt.opts)
			if got := strings.Join(names, " "); got != tt.filled || read != tt.read {
				t.Errorf("filled %q and read %d records again, want %q and %d", got, read, tt.filled, tt.read)
			}
			status := "succeeded"
			if strings.Contains(tt.want, "waiting") {
				status = "partial"
			}
			b.wantRun(tt.opts, "people "+status+": "+tt.want)
			if status == "partial" || strings.Contains(hcl, "now") {
				return
			}
			if names, read := b.filled(engine.Options{}); len(names) > 0 || read > 0 {
				t.Errorf("the run after it fills %q and reads %d records again", names, read)
			}
		})
	}
}

const unitsFolded = `
sink "sql" "units" {
  connection = connection.sqlite.db
  table      = "units"
  answer     = ["code"]
}
pipeline "units" {
  from = source.file.units
  into = sink.sql.units
  map {
    code = src.code
    name = src.name
  }
  field "name" { compare = "fold" }
  guard {
    deletes = "100%"
  }
}
`

// What a pipeline delivered is a right side like any other; one that asks what
// the target answered is always read.
func TestAnUnchangedPipelineIsNotFilled(t *testing.T) {
	hcl := replace(staffed, "with = source.file.units", "with = pipeline.units") + unitsFolded
	units := func(name string) string { return lines(`{"code":"A","name":"` + name + `"}`) }
	b := newBench(t, map[string]string{"main.hcl": hcl, "bosses.jsonl": lines(`{"id":"9","first":"Zoe"}`), "people.jsonl": lines(`{"id":"1","first":"Ann","unit":"A"}`), "units.jsonl": units("Care")})
	b.wantRun(engine.Options{}, "units succeeded: created 1", "people succeeded: created 1")
	if names, _ := b.filled(engine.Options{}); len(names) > 0 {
		t.Errorf("fills %q", names)
	}
	// A change that the target need not see is none of what was delivered.
	b.write("units.jsonl", units("CARE"))
	if names, _ := b.filled(engine.Options{}); len(names) > 0 {
		t.Errorf("fills %q after a change of case", names)
	}
	b.write("units.jsonl", units("Cure"))
	if names, _ := b.filled(engine.Options{}); len(names) != 2 {
		t.Errorf("fills only %q on top of what is planned", names)
	}
	b.wantRun(engine.Options{}, "units succeeded: updated 1", "people succeeded: updated 1")
	if names, _ := b.filled(engine.Options{}); len(names) > 0 {
		t.Errorf("fills %q", names)
	}
	b.write("main.hcl", replace(hcl, "= unit.name", "= unit.target.code"))
	b.wantRun(engine.Options{}, "units succeeded: unchanged 1", "people succeeded: updated 1")
	if names, _ := b.filled(engine.Options{}); strings.Join(names, " ") != "unit" {
		t.Errorf("fills %q where the target's answer is read", names)
	}
}

// What is delivered under an equal hash need not be the same: here upper and
// lower case count as one.
func TestAPipelineThatDeliveredOtherTextIsAnotherRightSide(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(staffed, "with = source.file.units", "with = pipeline.units") + unitsFolded,
		"bosses.jsonl": lines(`{"id":"9","first":"Zoe"}`), "people.jsonl": lines(`{"id":"1","first":"Ann","unit":"A"}`), "units.jsonl": lines(`{"code":"A","name":"Care"}`, `{"code":"B"}`)})
	b.wantRun(engine.Options{}, "units succeeded: created 2", "people succeeded: created 1")
	for _, step := range []struct{ units, want string }{
		{lines(`{"code":"B"}`), "deleted 1, unchanged 1"},
		{lines(`{"code":"A","name":"CARE"}`, `{"code":"B"}`), "created 1, unchanged 1"},
	} {
		b.write("units.jsonl", step.units)
		e := b.engine()
		res, err := e.Run(context.Background(), engine.Options{Pipelines: []*engine.Pipeline{e.Project.Pipelines["pipeline.units"]}})
		if err != nil || counts(res.Pipelines[0].Counts) != step.want {
			t.Fatalf("%v, %+v", err, res)
		}
	}
	b.wantRun(engine.Options{}, "units succeeded: unchanged 2", "people succeeded: updated 1")
	b.wantRows(db, "SELECT unit FROM people", "CARE")
}

// What was only planned upstream is remembered as no state of a right side.
func TestAPlannedRightSideIsFilled(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(staffed, "with = source.file.units", "with = pipeline.units") + unitsFolded,
		"bosses.jsonl": lines(`{"id":"9","first":"Zoe"}`), "people.jsonl": lines(`{"id":"1","first":"Ann","unit":"A"}`), "units.jsonl": lines(`{"code":"A","name":"Care"}`, `{"code":"B","name":"good"}`)})
	b.rows(db, "CREATE TABLE units(code TEXT PRIMARY KEY, name TEXT CHECK(name <> 'bad'))")
	b.wantRun(engine.Options{}, "units succeeded: created 2", "people succeeded: created 1")
	b.write("units.jsonl", lines(`{"code":"A","name":"Care"}`, `{"code":"B","name":"bad"}`))
	b.save("refused.plan")
	b.wantApply("refused.plan", "partial: unchanged 1, failed 1")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann","unit":"A"}`, `{"id":"2","first":"Bob","unit":"A"}`))
	if names, _ := b.filled(engine.Options{}); strings.Join(names, " ") != "unit" {
		t.Errorf("fills %q", names)
	}
	b.wantRun(engine.Options{}, "units partial: unchanged 1, failed 1", "people succeeded: created 1, unchanged 1")
}

// What was remembered under another program says nothing of this one's rows.
func TestARightSideThatWasIncompleteUnderTheProgramIsReadAnew(t *testing.T) {
	whole := lines(`{"code":"A","name":"Care","note":"n"}`, `{"code":"B","name":"Sales","note":"n"}`)
	b := newBench(t, map[string]string{"main.hcl": staffed, "bosses.jsonl": lines(`{"id":"9","first":"Zoe"}`),
		"people.jsonl": lines(`{"id":"1","first":"Ann","unit":"A"}`), "units.jsonl": whole})
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	b.write("main.hcl", replace(staffed, "unit.name", "unit.note"))
	b.write("units.jsonl", whole+lines(`{"code":"B","name":"Sales","note":"n"}`))
	b.wantRun(engine.Options{}, "people partial: waiting 1")
	b.write("units.jsonl", whole)
	b.wantRun(engine.Options{}, "people succeeded: updated 1")
	b.wantRows(db, "SELECT unit FROM people", "n")
}

// A record that leaves its window is another one to those who join it.
func TestARightSideIsFilledWhenItsWindowMoves(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(guests, `pipeline "guests"`, `pipeline "people"`),
		"guests.jsonl": lines(`{"id":"1","meeting":1}`)})
	b.rows("hr.db", "CREATE TABLE meetings(id INTEGER PRIMARY KEY, title TEXT, start TEXT)")
	b.rows("hr.db", "INSERT INTO meetings VALUES (1,'one','2026-03-02T09:00:00Z')")
	b.wantRun(engine.Options{}, "meetings succeeded: created 1", "people succeeded: created 1")
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{time.Hour, 0}, {72 * time.Hour, 1}} {
		b.now = b.now.Add(step.after)
		if names, _ := b.filled(engine.Options{}); len(names) != step.want {
			t.Errorf("after %s fills %q", step.after, names)
		}
		b.wantRun(engine.Options{}, "meetings succeeded: unchanged 1", "people succeeded: unchanged 1")
	}
}

// What is remembered of a right side and does not come out of the same records
// ends the run, and a full one puts it right.
func TestARightSideThatGivesOtherRowsEndsTheRun(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": staffed, "bosses.jsonl": lines(`{"id":"9","first":"Zoe"}`), "people.jsonl": lines(`{"id":"1","first":"Ann","unit":"A"}`), "units.jsonl": lines(`{"code":"A","name":"Care"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	err := b.engine().Store.Update(context.Background(), func(tx state.Tx) error {
		p, _, err := tx.Pipeline("pipeline.people")
		if err != nil {
			return err
		}
		src, _, err := tx.Source("join.unit")
		if err != nil {
			return err
		}
		pos, _, err := tx.Position(p.ID, src.ID)
		if err != nil {
			return err
		}
		pos.Digest[0]++
		return tx.PutPosition(pos)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.write("people.jsonl", lines(`{"id":"1","first":"Eve","unit":"A"}`))
	res := b.run(engine.Options{})
	if p := res.Pipelines[0]; p.Err == nil || !strings.Contains(p.Err.Error(), `join "unit": its records are the same`) {
		t.Errorf("%s: %v", p.Status, p.Err)
	}
	b.wantRun(engine.Options{Full: true}, "people succeeded: unchanged 1")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 1")
}

// Whatever changes between runs, the target holds what a first run brings.
func TestRunsWithUnchangedRightSidesGiveWhatAFirstRunGives(t *testing.T) {
	itself := replace(staffed, "with = source.file.bosses", "with = source.file.people")
	mirrored := strings.ReplaceAll(itself, `key  = ["code"]`, "key  = [\"code\"]\n  snapshot = true")
	check(t, func(rt *rapid.T) {
		hcl := rapid.SampledFrom([]string{itself, mirrored}).Draw(rt, "project")
		b := &bench{t: t, dir: t.TempDir(), now: testStart}
		b.write("main.hcl", hcl)
		people, units := map[int]string{0: `{"id":"0","first":"Zoe","unit":0}`}, map[int]string{0: `{"code":0,"name":"None"}`}
		memory := rapid.SampledFrom([]int{1, 300, 0}).Draw(rt, "memory")
		for range rapid.IntRange(2, 5).Draw(rt, "runs") {
			for range rapid.IntRange(0, 2).Draw(rt, "people") {
				i := rapid.IntRange(1, 6).Draw(rt, "id")
				if people[i] = ""; rapid.IntRange(0, 3).Draw(rt, "stays") > 0 {
					people[i] = fmt.Sprintf(`{"id":"%d","first":"%s","unit":%d,"boss":"%d"}`, i, rapid.SampledFrom([]string{"Ann", "Bob"}).Draw(rt, "first"),
						rapid.IntRange(0, 4).Draw(rt, "unit"), rapid.IntRange(1, 6).Draw(rt, "boss"))
				}
			}
			for range rapid.IntRange(0, 1).Draw(rt, "units") {
				i := rapid.IntRange(1, 4).Draw(rt, "code")
				if units[i] = ""; rapid.IntRange(0, 3).Draw(rt, "stays") > 0 {
					units[i] = fmt.Sprintf(`{"code":%d,"name":"%s","note":"%s"}`, i, rapid.SampledFrom([]string{"Care", "Cure"}).Draw(rt, "name"), rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "note"))
				}
			}
			b.write("people.jsonl", someLines(people))
			b.write("units.jsonl", someLines(units))
			b.write("bosses.jsonl", someLines(people))
			e := b.engine()
			e.SetJoinMemory(memory)
			if res, err := e.Run(context.Background(), engine.Options{}); err != nil || res.Pipelines[0].Status != "succeeded" {
				rt.Fatalf("%v, %+v", err, res)
			}
			if err := e.Store.Close(); err != nil {
				rt.Fatal(err)
			}
		}
		first := &bench{t: t, dir: t.TempDir(), now: testStart}
		first.write("main.hcl", hcl)
		first.write("people.jsonl", someLines(people))
		first.write("units.jsonl", someLines(units))
		first.write("bosses.jsonl", someLines(people))
		first.run(engine.Options{})
		const query = "SELECT id, unit, boss FROM people ORDER BY id"
		if diff := cmp.Diff(first.rows(db, query), b.rows(db, query)); diff != "" {
			rt.Fatalf("(-first run +run after run)\n%s", diff)
		}
	})
}

// someLines are the records that are there, by number.
func someLines(list map[int]string) string {
	var text strings.Builder
	for i := range 10 {
		if list[i] != "" {
			text.WriteString(list[i] + "\n")
		}
	}
	return text.String()
}
