package engine_test

import (
	"testing"
	"time"

	"koppel/engine"
)

const db = "target.db"

func lines(records ...string) string {
	out := ""
	for _, r := range records {
		out += r + "\n"
	}
	return out
}

func TestNothingIsDeletedWithoutProof(t *testing.T) {
	good := lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor"}`)
	for _, tt := range []struct {
		name, file string
		want       string
		rows       []string
	}{
		{"cut in the last record", good[:len(good)-10], "people partial: unchanged 3", []string{"1|Ann", "2|Bob", "3|Cor"}},
		{"empty file", "", "people partial: unchanged 3", []string{"1|Ann", "2|Bob", "3|Cor"}},
		{"invalid line", lines(`{"id":"1","first":"Ann"}`, `{"id":`), "people partial: unchanged 3", []string{"1|Ann", "2|Bob", "3|Cor"}},
		{"login page", "<html>log in</html>\n", "people partial: unchanged 3", []string{"1|Ann", "2|Bob", "3|Cor"}},
		{"duplicate key", lines(`{"id":"1","first":"Ann"}`, `{"id":"1","first":"Eva"}`), "people partial: unchanged 2, failed 1", []string{"1|Ann", "2|Bob", "3|Cor"}},
		{"record without key", lines(`{"id":"1","first":"Ann"}`, `{"first":"Eva"}`), "people partial: unchanged 1, waiting 2, failed 1", []string{"1|Ann", "2|Bob", "3|Cor"}},
		{"record that fails to map", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor","blocked":"x"}`), "people partial: unchanged 2, failed 1", []string{"1|Ann", "2|Bob", "3|Cor"}},
		{"one changed, one cut", `{"id":"1","first":"Eva"}` + "\n" + `{"id":"2"`, "people partial: updated 1, unchanged 2", []string{"1|Eva", "2|Bob", "3|Cor"}},
		{"whole and smaller", lines(`{"id":"1","first":"Ann"}`), "people succeeded: deleted 2, unchanged 1", []string{"1|Ann"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, map[string]string{"main.hcl": people + "\n", "people.jsonl": good})
			b.wantRun(engine.Options{}, "people succeeded: created 3")
			b.write("people.jsonl", tt.file)
			b.wantRun(engine.Options{}, tt.want)
			b.wantRows(db, "SELECT id, name FROM people ORDER BY id", tt.rows...)
		})
	}
}

func TestMissingFileDeletesNothing(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	b.write("main.hcl", people)
	b.remove("people.jsonl")
	res := b.run(engine.Options{})
	if got := res.Pipelines[0].Status; got == "succeeded" {
		t.Errorf("status %s with the file missing", got)
	}
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann")
}

func TestReformattedSourceIsUnchanged(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{ "first" : "B\u006fb", "id" : "2" }`, `{"first":"Ann",   "id":"1"}`))
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
}

func TestRecordsLeaveAndEnterTheFilter(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann","blocked":true}`, `{"id":"2","first":"Bob"}`))
	b.wantRun(engine.Options{}, "people succeeded: deleted 1, unchanged 1, skipped 1")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 1, skipped 1")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`))
	b.wantRun(engine.Options{}, "people succeeded: created 1, unchanged 1")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bob")
}

const dated = `
koppel { timezone = "Europe/Amsterdam" }
connection "sqlite" "hr" { path = "hr.db" }
connection "sqlite" "db" { path = "target.db" }
source "sql" "staff" {
  connection = connection.sqlite.hr
  query      = "SELECT id, name, until, changed FROM staff WHERE changed > coalesce(:cursor, '')"
  key        = ["id"]
  incremental { cursor = ["changed"] }
}
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from = source.sql.staff
  into = sink.sql.people
  map {
    id     = src.id
    name   = src.name
    active = expr("src.until == nil or date(src.until) >= today")
  }
}
`

func TestDatePassesOnAnIncrementalSource(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": dated})
	b.rows("hr.db", "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, until TEXT, changed TEXT)")
	b.rows("hr.db", "INSERT INTO staff VALUES (1,'Ann','2026-03-02','2026-01-01T00:00:00Z'),(2,'Bob',NULL,'2026-01-02T00:00:00Z')")
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
	b.wantRows(db, "SELECT id, name, active FROM people ORDER BY id", "1|Ann|1", "2|Bob|1")
	b.now = b.now.Add(24 * time.Hour)
	b.wantRun(engine.Options{}, "people succeeded: updated 1, unchanged 1")
	b.wantRows(db, "SELECT id, name, active FROM people ORDER BY id", "1|Ann|0", "2|Bob|1")
	b.rows("hr.db", "UPDATE staff SET name='Bo', changed='2026-03-03T00:00:00Z' WHERE id=2")
	b.rows("hr.db", "DELETE FROM staff WHERE id=1")
	b.wantRun(engine.Options{}, "people succeeded: updated 1, unchanged 1")
	b.wantRows(db, "SELECT id, name, active FROM people ORDER BY id", "1|Ann|0", "2|Bo|1")
	b.wantRun(engine.Options{Full: true}, "people succeeded: deleted 1, unchanged 1")
}
