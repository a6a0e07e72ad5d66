package engine_test

import (
	"testing"
	"time"

	"koppel/engine"
)

// A moment is compared as the window's zone has it: a Z of AFAS is not true.
func TestWindowOfAWallClock(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	hour := time.Hour
	clock := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) // 14:00 on the wall
	for _, test := range []struct {
		at         string
		plain, not int // outside of 11:00 to 13:00 UTC: as it says, and by the wall
	}{
		{"2026-07-01T13:00:00Z", 0, 0},
		{"2026-07-01T12:59:59Z", 0, -1},
		{"2026-07-01T15:00:00Z", 1, 0},
		{"2026-07-01T15:00:01", 1, 1},
		{"2026-07-01 14:30:00", 1, 0},
		{"2026-07-01T14:30:00+02:00", 0, 0},
		{"2026-07-01", -1, -1},
		{"", 0, 0},
	} {
		w := engine.Window{Field: "at", Past: &hour, Future: &hour}
		if got := w.Outside(test.at, clock); got != test.plain {
			t.Errorf("%s: %d, want %d", test.at, got, test.plain)
		}
		w.Zone = amsterdam
		if got := w.Outside(test.at, clock); got != test.not {
			t.Errorf("%s by the wall: %d, want %d", test.at, got, test.not)
		}
	}
}

// A record that lasts is inside as long as a part of it is, and touching a side
// with an end is not enough.
func TestWindowOfWhatLasts(t *testing.T) {
	hour := time.Hour
	clock := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	w := engine.Window{Field: "start", End: "end", Past: &hour, Future: &hour}
	for _, test := range []struct {
		lo, hi string
		want   int
	}{
		{"2026-07-01T10:00:00Z", "2026-07-01T11:00:00Z", -1},
		{"2026-07-01T10:00:00.0000000", "2026-07-01T11:00:01", 0},
		{"2026-06-01T10:00:00Z", "2026-08-01T11:00:00Z", 0},
		{"2026-07-01T12:59:59Z", "2026-07-01T14:00:00Z", 0},
		{"2026-07-01T13:00:00Z", "2026-07-01T14:00:00Z", 1},
		{"2026-07-01T11:00:00Z", "2026-07-01T11:00:00Z", 0},
		{"2026-07-01T13:00:00Z", "2026-07-01T13:00:00Z", 0},
	} {
		if got := w.OutsideOf(test.lo, test.hi, clock); got != test.want {
			t.Errorf("%s to %s: %d, want %d", test.lo, test.hi, got, test.want)
		}
	}
}

// The field of a window may become another one: what was read before is judged
// by it, too, and what that does not let a read see is not gone.
func TestWindowOfAnotherField(t *testing.T) {
	hcl := `
connection "sqlite" "hr" { path = "hr.db" }
connection "sqlite" "db" { path = "target.db" }
source "sql" "visits" {
  connection = connection.sqlite.hr
  query      = "SELECT id, start, until FROM visits WHERE start >= :from"
  key        = ["id"]
  window {
    field = "start"
    past  = "2d"
  }
}
sink "sql" "visits" {
  connection = connection.sqlite.db
  table      = "visits"
}
pipeline "visits" {
  from = source.sql.visits
  into = sink.sql.visits
  map {
    id    = src.id
    until = src.until
  }
}
`
	b := newBench(t, map[string]string{"main.hcl": hcl})
	b.rows("hr.db", "CREATE TABLE visits(id INTEGER PRIMARY KEY, start TEXT, until TEXT)")
	b.rows("hr.db", "INSERT INTO visits VALUES (1,'2026-03-01T00:00:00Z','2026-02-01T00:00:00Z'),(2,'2026-03-01T00:00:00Z','2026-03-04T00:00:00Z'),(3,'2026-03-01T00:00:00Z','2026-03-04T00:00:00Z')")
	b.wantRun(engine.Options{}, "visits succeeded: created 3")
	b.write("main.hcl", replace(replace(hcl, `field = "start"`, `field = "until"`), "WHERE start", "WHERE until"))
	b.rows("hr.db", "DELETE FROM visits WHERE id = 3")
	b.wantRun(engine.Options{}, "visits succeeded: deleted 1, unchanged 2")
	b.wantRun(engine.Options{}, "visits succeeded: unchanged 1")
	b.wantRows(db, "SELECT id FROM visits ORDER BY id", "1", "2")
}
