package engine_test

import (
	"testing"

	"koppel/engine"
)

const guests = `
connection "sqlite" "hr" { path = "hr.db" }
connection "sqlite" "db" { path = "target.db" }
source "sql" "meetings" {
  connection = connection.sqlite.hr
  query      = "SELECT id, title, start FROM meetings WHERE start >= :from AND start <= :to"
  key        = ["id"]
  window {
    field  = "start"
    past   = "2d"
    future = "9d"
  }
}
source "file" "guests" {
  path = "guests.jsonl"
  key  = ["id"]
}
sink "sql" "meetings" {
  connection = connection.sqlite.db
  table      = "meetings"
}
sink "sql" "guests" {
  connection = connection.sqlite.db
  table      = "guests"
}
pipeline "meetings" {
  from = source.sql.meetings
  into = sink.sql.meetings
  map {
    id    = src.id
    title = src.title
  }
}
pipeline "guests" {
  from = source.file.guests
  into = sink.sql.guests
  join "meeting" {
    with = pipeline.meetings
    on   = [src.meeting, meeting.id]
    none = "skip"
  }
  map {
    id    = src.id
    title = meeting.title
  }
}
`

// A meeting that took place has left its window and is not gone: its guests
// stay as they are. Those of a meeting that was called off go.
func TestJoinWithWhatLeftItsWindow(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": guests,
		"guests.jsonl": lines(`{"id":"1","meeting":1}`, `{"id":"2","meeting":2}`, `{"id":"3","meeting":3}`)})
	b.rows("hr.db", "CREATE TABLE meetings(id INTEGER PRIMARY KEY, title TEXT, start TEXT)")
	b.rows("hr.db", "INSERT INTO meetings VALUES (1,'past','2026-03-01T00:00:00Z'),(2,'now','2026-03-03T00:00:00Z'),(3,'off','2026-03-04T00:00:00Z')")
	b.wantRun(engine.Options{}, "meetings succeeded: created 3", "guests succeeded: created 3")

	b.write("main.hcl", replace(guests, `"2d"`, `"1d"`))
	b.rows("hr.db", "DELETE FROM meetings WHERE id = 3")
	b.wantRun(engine.Options{}, "meetings succeeded: deleted 1, unchanged 2", "guests succeeded: deleted 1, unchanged 2, skipped 1")
	b.wantRows(db, "SELECT id, title FROM guests ORDER BY id", "1|past", "2|now")
	// A guest that nobody names any more stays as well: that meeting is over.
	b.write("guests.jsonl", lines(`{"id":"2","meeting":2}`))
	b.wantRun(engine.Options{}, "meetings succeeded: unchanged 1", "guests succeeded: unchanged 1")
	b.wantRows(db, "SELECT id, title FROM guests ORDER BY id", "1|past", "2|now")
}

// Of a record that gives many, each item finds its meeting as it was.
func TestJoinOfAnItemWithWhatLeftItsWindow(t *testing.T) {
	hcl := replace(guests, "[src.meeting, meeting.id]", "[item.meeting, meeting.id]")
	hcl = replace(hcl, "  into = sink.sql.guests\n", "  into = sink.sql.guests\n  each = jq(\".visits[]\")\n  key  = item.id\n")
	hcl = replace(hcl, "    id    = src.id\n    title = meeting.title", "    id    = item.id\n    title = meeting.title")
	b := newBench(t, map[string]string{"main.hcl": hcl,
		"guests.jsonl": lines(`{"id":"Ann","visits":[{"id":"a1","meeting":1},{"id":"a2","meeting":2}]}`)})
	b.rows("hr.db", "CREATE TABLE meetings(id INTEGER PRIMARY KEY, title TEXT, start TEXT)")
	b.rows("hr.db", "INSERT INTO meetings VALUES (1,'past','2026-03-01T00:00:00Z'),(2,'now','2026-03-03T00:00:00Z')")
	b.wantRun(engine.Options{}, "meetings succeeded: created 2", "guests succeeded: created 2")
	b.write("main.hcl", replace(hcl, `"2d"`, `"1d"`))
	b.wantRun(engine.Options{}, "meetings succeeded: unchanged 2", "guests succeeded: unchanged 2")
	b.wantRows(db, "SELECT id, title FROM guests ORDER BY id", "a1|past", "a2|now")
}
