package engine_test

import (
	"context"
	"testing"

	"koppel/engine"
)

func TestWholeSetOfAnIncrementalSource(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": `
connection "sqlite" "hr" { path = "hr.db" }
source "sql" "staff" {
  connection = connection.sqlite.hr
  query      = "SELECT * FROM staff WHERE changed >= :cursor OR :cursor IS NULL"
  key        = ["id"]
  incremental { cursor = ["changed"] }
}
sink "file" "staff" { path = "staff.jsonl" }
pipeline "staff" {
  from = source.sql.staff
  into = sink.file.staff
  map {
    id   = src.id
    name = src.name
  }
}
`})
	b.rows("hr.db", "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, changed TEXT)")
	b.rows("hr.db", "INSERT INTO staff VALUES (1,'Ann','2026-01-01T00:00:00Z'),(2,'Bob','2026-01-02T00:00:00Z')")
	b.wantRun(engine.Options{}, "staff succeeded: created 2")
	b.wantRun(engine.Options{}, "staff succeeded: unchanged 2")
	b.rows("hr.db", "UPDATE staff SET name = 'Bo', changed = '2026-01-03T00:00:00Z' WHERE id = 2")
	b.wantRun(engine.Options{}, "staff succeeded: updated 2")
	b.wantFile("staff.jsonl", lines(`{"id":1,"name":"Ann"}`, `{"id":2,"name":"Bo"}`))
}

func TestPlanOnARecordThatIsReadAnew(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people + `
sink "sql" "names" {
  connection = connection.sqlite.db
  table      = "names"
}
pipeline "names" {
  from = source.file.people
  into = sink.sql.names
  key  = src.id
  join "listed" {
    with = pipeline.people
    on   = [src.id, listed.id]
    none = "skip"
  }
  map {
    id   = src.id
    name = listed.name
    unit = src.unit
  }
}
`, "people.jsonl": lines(`{"id":"1","first":"Ann","unit":"a"}`, `{"id":"2","first":"Bob","unit":"a"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2", "names succeeded: created 2")
	// The bytes of record 1 change, and what people makes of it does not.
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann","unit":"b"}`, `{"id":"2","first":"Bob","unit":"a"}`))
	p, err := b.engine().Plan(context.Background(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, h := range p.Header.Pipelines {
		if h.Name == "names" && (h.Counts.Update != 1 || h.Counts.Delete != 0 || h.Counts.Unchanged != 1) {
			t.Errorf("%+v", h.Counts)
		}
	}
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2", "names succeeded: updated 1, unchanged 1")
}
