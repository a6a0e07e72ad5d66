package engine_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/engine"
	"koppel/internal/sql"
)

const managers = `
source "file" "staff" {
  path = "staff.jsonl"
  key  = ["id"]
}
connection "sqlite" "db" { path = "staff.db" }
sink "sql" "staff" {
  connection = connection.sqlite.db
  table      = "staff"
}
pipeline "staff" {
  from = source.file.staff
  into = sink.sql.staff
  map {
    id      = src.id
    manager = src.manager
    name    = src.name
  }
}
`

// staffBench has a table whose rows refer to each other, and a row.
func staffBench(t *testing.T, n int, manager string) *bench {
	t.Helper()
	var all strings.Builder
	filler := strings.Repeat("x", 400)
	for i := range n {
		fmt.Fprintf(&all, "{\"id\":\"%05d\",\"manager\":%s,\"name\":\"%s\"}\n", i, manager, filler)
	}
	fmt.Fprintf(&all, "{\"id\":\"99999\",\"manager\":null,\"name\":\"boss\"}\n")
	b := newBench(t, map[string]string{"main.hcl": managers, "staff.jsonl": all.String()})
	conn, err := sql.NewSQLite(filepath.Join(b.dir, "staff.db"), "staff.db", time.Second).Open(t.Context(), sql.Create)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec("CREATE TABLE staff (id TEXT PRIMARY KEY, manager TEXT REFERENCES staff (id), name TEXT)"); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestManagerBehindTheirStaff: whole batches are refused until the row that
// all others refer to is there.
func TestManagerBehindTheirStaff(t *testing.T) {
	staffBench(t, 9000, `"99999"`).wantRun(engine.Options{}, "staff succeeded: created 9001")
}

func TestRowsWithoutTheirManagerStopTheSink(t *testing.T) {
	b := staffBench(t, 60, `"nobody"`)
	res := b.run(engine.Options{})
	got := res.Pipelines[0]
	if got.Counts.Failed != 60 || got.Counts.Created != 1 {
		t.Errorf("created %d, failed %d", got.Counts.Created, got.Counts.Failed)
	}
	if got.Err == nil || !strings.Contains(got.Err.Error(), "in a row") {
		t.Errorf("error %v", got.Err)
	}
}
