package engine_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"koppel/engine"
)

// shouted reads what people delivered.
const shouted = `
sink "sql" "shouted" {
  connection = connection.sqlite.db
  table      = "shouted"
}
pipeline "shouted" {
  from = pipeline.people
  into = sink.sql.shouted
  map {
    id   = src.id
    name = upper(src.name)
  }
}
`

const shoutedRows = "SELECT id, name FROM shouted ORDER BY id"

func TestPlanThatWasStoppedIsGoneOnWith(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people + shouted,
		"people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 3", "shouted succeeded: created 3")
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`, `{"id":"2","first":"Bob"}`, `{"id":"4","first":"Dik"}`))
	b.save("a.plan")
	ctx, stop := context.WithCancel(context.Background())
	e := b.engine()
	e.Progress = func(p engine.Progress) {
		if p.Phase == "writing" {
			stop()
		}
	}
	if _, err := e.Apply(ctx, filepath.Join(b.dir, "a.plan")); err != nil {
		t.Fatal(err)
	}
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Eva", "2|Bob", "3|Cor", "4|Dik")
	if _, stale, err := b.engine().OpenPlan(context.Background(), filepath.Join(b.dir, "a.plan")); err != nil || stale != "" {
		t.Errorf("stale %q, err %v", stale, err)
	}
	res, err := b.apply("a.plan")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Pipelines {
		if got := p.Status + ": " + counts(p.Counts); got != "succeeded: created 1, updated 1, deleted 1, unchanged 1" {
			t.Errorf("%s %s, problems %+v", p.Name, got, p.Problems)
		}
	}
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Eva", "2|Bob", "4|Dik")
	b.wantRows(db, shoutedRows, "1|EVA", "2|BOB", "4|DIK")
	_, err = b.apply("a.plan")
	var stale *engine.StaleError
	if !errors.As(err, &stale) {
		t.Errorf("applied twice: %v", err)
	}
}

// A plan that was refused was not applied.
func TestPlanForAnotherTargetIsLeftWhole(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.save("a.plan")
	b.write("main.hcl", replace(people, `"target.db"`, `"other.db"`))
	_, err := b.apply("a.plan")
	var stale *engine.StaleError
	if !errors.As(err, &stale) {
		t.Errorf("applied to another target: %v", err)
	}
	b.write("main.hcl", people)
	b.wantApply("a.plan", "succeeded: created 1")
}

func TestPlannedChangeExpectsItsUpstream(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people + shouted,
		"people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"bad"}`)})
	b.rows(db, "CREATE TABLE people(id TEXT PRIMARY KEY, name TEXT CHECK(name <> 'bad'))")
	b.save("a.plan")
	res, err := b.apply("a.plan")
	if err != nil {
		t.Fatal(err)
	}
	if p := res.Pipelines[1]; p.Moved != 1 || p.Status != "partial" {
		t.Errorf("%s %s, problems %+v", p.Name, p.Status, p.Problems)
	}
	b.wantRows(db, shoutedRows, "1|ANN")
}

const staff = `
connection "sqlite" "hr" { path = "hr.db" }
connection "sqlite" "db" { path = "target.db" }
source "sql" "staff" {
  connection = connection.sqlite.hr
  query      = "SELECT * FROM staff WHERE changed >= :cursor OR :cursor IS NULL"
  key        = ["id"]
  incremental { cursor = ["changed"] }
}
sink "sql" "staff" {
  connection = connection.sqlite.db
  table      = "staff"
}
pipeline "staff" {
  from = source.sql.staff
  into = sink.sql.staff
  map {
    id   = src.id
    name = src.name
  }
}
`

// The record that the plan rests on went back to what the mirror held before.
func TestPlanRestsOnAReadThatIsOutdated(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": staff})
	b.rows("hr.db", "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, changed TEXT)")
	b.rows("hr.db", "INSERT INTO staff VALUES (1,'Ann','2026-01-01T00:00:00Z'),(2,'Bob','2026-01-02T00:00:00Z')")
	b.wantRun(engine.Options{}, "staff succeeded: created 2")
	b.rows("hr.db", "UPDATE staff SET name = 'Bo', changed = '2026-01-03T00:00:00Z' WHERE id = 2")
	b.save("a.plan")
	b.rows("hr.db", "DELETE FROM staff WHERE id = 2")
	b.rows("hr.db", "INSERT INTO staff VALUES (3,'Cor','2026-01-04T00:00:00Z')")
	b.wantRun(engine.Options{Full: true}, "staff succeeded: created 1, deleted 1, unchanged 1")
	b.wantApply("a.plan", "partial: unchanged 1")
	b.wantRun(engine.Options{}, "staff succeeded: unchanged 2")
	b.rows("hr.db", "UPDATE staff SET name = 'Ann', changed = '2026-01-01T00:00:00Z' WHERE id = 1")
	b.rows("hr.db", "UPDATE staff SET name = 'Eva', changed = '2026-01-05T00:00:00Z' WHERE id = 1")
	b.save("b.plan")
	b.rows("hr.db", "UPDATE staff SET name = 'Cornelis', changed = '2026-01-06T00:00:00Z' WHERE id = 3")
	b.rows("hr.db", "UPDATE staff SET name = 'Ann', changed = '2026-01-01T00:00:00Z' WHERE id = 1")
	b.wantRun(engine.Options{Full: true}, "staff succeeded: updated 1, unchanged 1")
	b.wantApply("b.plan", "partial: unchanged 1")
	b.wantRun(engine.Options{}, "staff succeeded: unchanged 2")
	b.wantRows(db, "SELECT id, name FROM staff ORDER BY id", "1|Ann", "3|Cornelis")
}

// A refusal that the target took back is no problem any more.
func TestRefusalThatWasSettled(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.rows(db, "CREATE TABLE people(id TEXT PRIMARY KEY, name TEXT UNIQUE)")
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Bob"}`))
	res := b.wantRun(engine.Options{}, "people succeeded: updated 1, deleted 1")
	if p := res.Pipelines[0].Problems; len(p) > 0 {
		t.Errorf("problems %+v", p)
	}
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Bob")
}

func TestPlanFollowsMovedBlocks(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": staff})
	b.rows("hr.db", "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, changed TEXT)")
	b.rows("hr.db", "INSERT INTO staff VALUES (1,'Ann','2026-01-01T00:00:00Z'),(2,'Bob','2026-01-02T00:00:00Z')")
	b.wantRun(engine.Options{}, "staff succeeded: created 2")
	moved := replace(replace(staff, `source "sql" "staff"`, `source "sql" "people"`), `source.sql.staff`, `source.sql.people`)
	moved = replace(moved, `pipeline "staff"`, `pipeline "crew"`)
	b.write("main.hcl", moved+`
moved {
  from = pipeline.staff
  to   = pipeline.crew
}
moved {
  from = source.sql.staff
  to   = source.sql.people
}
`)
	b.rows("hr.db", "UPDATE staff SET name = 'Bo', changed = '2026-01-03T00:00:00Z' WHERE id = 2")
	h := b.save("a.plan")
	if c := h.Pipelines[0].Counts; c.Update != 1 || c.Unchanged != 1 {
		t.Errorf("planned %+v", c)
	}
	if len(h.Sources) != 1 || h.Sources[0].FromSeq != 2 || h.Sources[0].Rows != 1 {
		t.Errorf("sources %+v", h.Sources)
	}
	b.wantApply("a.plan", "succeeded: updated 1, unchanged 1")
	b.wantRun(engine.Options{}, "crew succeeded: unchanged 2")
	b.wantRows(db, "SELECT id, name FROM staff ORDER BY id", "1|Ann", "2|Bo")
}

func TestUndoneDisableStaysUndone(t *testing.T) {
	hcl := replace(people, "  where", "  deletes {\n    action = \"disable\"\n    set    = { active = false }\n  }\n  where")
	b := newBench(t, map[string]string{"main.hcl": replace(hcl, "id   = src.id", "id   = src.id\n    active = true"),
		"people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	const query = "SELECT id, name, active FROM people ORDER BY id"
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`))
	res := b.wantRun(engine.Options{}, "people succeeded: disabled 1, unchanged 1")
	p, err := b.engine().Undo(context.Background(), res.RunID, filepath.Join(b.dir, "undo.plan"))
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	b.wantApply("undo.plan", "succeeded: updated 1")
	for range 2 {
		b.run(engine.Options{})
		b.wantRows(db, query, "1|Ann|1", "2|Bob|1")
	}
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bo"}`))
	b.run(engine.Options{})
	b.wantRows(db, query, "1|Ann|1", "2|Bo|1")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`))
	b.run(engine.Options{})
	b.wantRows(db, query, "1|Ann|1", "2|Bo|0")
}

// Run and plan agree on what waits for a target's answer.
func TestRecordWaitsForAnAnswerThatWasRefused(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": `
connection "sqlite" "db" { path = "target.db" }
source "file" "units" {
  path = "units.jsonl"
  key  = ["id"]
}
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "sql" "units" {
  connection = connection.sqlite.db
  table      = "units"
  key        = ["code"]
  answer     = ["nr"]
}
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "units" {
  from = source.file.units
  into = sink.sql.units
  map {
    code = src.id
    name = src.name
  }
}
pipeline "people" {
  from = source.file.people
  into = sink.sql.people
  join "unit" {
    with = pipeline.units
    on   = [src.unit, unit.code]
    none = "null"
  }
  map {
    id = src.id
    nr = unit.target.nr
  }
}
`, "units.jsonl": lines(`{"id":"A","name":"ok"}`, `{"id":"B","name":"bad"}`),
		"people.jsonl": lines(`{"id":"1","unit":"A"}`, `{"id":"2","unit":"B"}`, `{"id":"3","unit":"C"}`)})
	b.rows(db, "CREATE TABLE units(nr INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT CHECK(name <> 'bad'))")
	b.rows(db, "CREATE TABLE people(id TEXT PRIMARY KEY, nr INTEGER)")
	const query = "SELECT id, coalesce(nr, 'none') FROM people ORDER BY id"
	b.wantRun(engine.Options{}, "units partial: created 1, failed 1", "people succeeded: created 2, waiting 1")
	b.wantRows(db, query, "1|1", "3|none")
	b.write("units.jsonl", lines(`{"id":"A","name":"ok"}`, `{"id":"B","name":"good"}`))
	b.wantRun(engine.Options{}, "units succeeded: created 1, unchanged 1", "people succeeded: created 1, unchanged 2")
	b.wantRows(db, query, "1|1", "2|2", "3|none")
}

// Only what left on the past side is over; what moved out ahead is not.
func TestExpiredDeletesOnThePastSideOnly(t *testing.T) {
	hcl := replace(staff, `changed >= :cursor OR :cursor IS NULL`, `changed >= :from AND changed <= :to`)
	hcl = replace(hcl, `incremental { cursor = ["changed"] }`, "window {\n    field  = \"changed\"\n    past   = \"2d\"\n    future = \"9d\"\n  }")
	hcl = replace(hcl, "  map {", "  deletes { expired = \"delete\" }\n  map {")
	b := newBench(t, map[string]string{"main.hcl": hcl})
	b.rows("hr.db", "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, changed TEXT)")
	b.rows("hr.db", "INSERT INTO staff VALUES (1,'Ann','2026-03-01T00:00:00Z'),(2,'Bob','2026-03-03T00:00:00Z'),(3,'Cor','2026-03-10T00:00:00Z')")
	b.wantRun(engine.Options{}, "staff succeeded: created 3")
	b.write("main.hcl", replace(replace(hcl, `"2d"`, `"1d"`), `"9d"`, `"5d"`))
	b.wantRun(engine.Options{}, "staff succeeded: deleted 1, unchanged 2")
	b.wantRows(db, "SELECT id, name FROM staff ORDER BY id", "2|Bob", "3|Cor")
	b.wantRun(engine.Options{}, "staff succeeded: unchanged 1")
	b.write("main.hcl", hcl)
	b.wantRun(engine.Options{}, "staff succeeded: created 1, unchanged 2")
}

// A source record that collides under many keys failed once.
func TestCollisionsCountSourceRecords(t *testing.T) {
	hcl := replace(people, "  where = expr(\"!src.blocked\")", "  each = jq(\".codes[]\")\n  key  = item\n  errors { max = 2 }")
	b := newBench(t, map[string]string{"main.hcl": replace(hcl, "id   = src.id", "id   = item"),
		"people.jsonl": lines(`{"id":"1","codes":["a","b","c"]}`, `{"id":"2","codes":["a","b","c"]}`, `{"id":"3","codes":["z"]}`)})
	b.wantRun(engine.Options{}, "people partial: created 1, failed 2")
	b.wantRows(db, "SELECT id FROM people", "z")
}

// What a run did before it was stopped is told, and the next one does the rest.
func TestStoppedRunTellsWhatItDid(t *testing.T) {
	const most = 45_000
	var all strings.Builder
	for i := range most {
		fmt.Fprintf(&all, "{\"id\":\"%05d\",\"first\":\"Ann\"}\n", i)
	}
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": all.String()})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	e := b.engine()
	e.Progress = func(p engine.Progress) {
		if p.Phase == "writing" {
			stop()
		}
	}
	res, err := e.Run(ctx, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := res.Pipelines[0]
	rows := b.rows(db, "SELECT count(*) FROM people")[0]
	if got.Status != "failed" || !errors.Is(got.Err, context.Canceled) || got.Counts.Created == 0 || fmt.Sprint(got.Counts.Created) != rows {
		t.Errorf("%s, %v, %d created of %s rows", got.Status, got.Err, got.Counts.Created, rows)
	}
	left := most - got.Counts.Created
	b.wantRun(engine.Options{}, fmt.Sprintf("people succeeded: created %d, unchanged %d", left, got.Counts.Created))
}
