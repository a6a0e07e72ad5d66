package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	sinksql "koppel/sinks/sql"
	sourcefile "koppel/sources/file"
)

const movable = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
connection "sqlite" "db" { path = "people.db" }
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from = source.file.people
  into = sink.sql.people
  map { id = src.id }
}
`

func TestProjectFolderMoves(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": movable, "people.jsonl": lines(`{"id":"1"}`, `{"id":"2"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	before := b.dir
	b.dir = filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(before, b.dir); err != nil {
		t.Fatal(err)
	}
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
}

func TestStateApartFromItsProjectKeepsWholePaths(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": movable, "people.jsonl": lines(`{"id":"1"}`)})
	e := b.engine()
	e.Project.State.Path = filepath.Join(t.TempDir(), "state.db")
	if _, err := e.Run(t.Context(), engine.Options{}); err != nil {
		t.Fatal(err)
	}
	kept, _, err := e.StateList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(b.dir, "people.db"); !strings.HasPrefix(kept[0].Identity, want) {
		t.Errorf("the target is kept as %q, not by its whole path", kept[0].Identity)
	}
}

// Two pipelines that write one table are told apart by its place, however the
// files spell it: with scope = "target" each would delete what the other
// delivers.
func TestTwoPipelinesIntoOneTable(t *testing.T) {
	const hcl = `
connection "sqlite" "one" { path = "target.db" }
connection "sqlite" "two" { path = "./in/../target.db" }
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "sql" "a" {
  connection = connection.sqlite.one
  table      = "people"ROWS
}
sink "sql" "b" {
  connection = connection.sqlite.CONNECTION
  table      = "TABLE"
}
pipeline "a" {
  from = source.file.people
  into = sink.sql.a
  map { id = src.id }
}
pipeline "b" {
  from = source.file.people
  into = sink.sql.b
  map { id = src.id }
}
`
	for _, tt := range []struct {
		connection, table, rows string
		shared                  bool
	}{
		{"one", "visitors", "", false},
		{"one", "people", "", true},
		{"one", "People", "", true},
		{"one", "main.people", "", true},
		{"two", "people", "", true},
		{"two", "people", "\n  rows = { tenant = \"acme\" }", true},
		{"two", "visitors", "", false},
	} {
		b := newBench(t, map[string]string{"main.hcl": strings.NewReplacer("CONNECTION", tt.connection, "TABLE", tt.table, "ROWS", tt.rows).Replace(hcl)})
		_, diags := dsl.Load(t.Context(), dsl.Options{Dir: b.dir,
			Sources: []connector.Kind[connector.Source]{sourcefile.Kind()}, Sinks: []connector.Kind[connector.Sink]{sinksql.Kind()}})
		shared := false
		for _, d := range diags {
			shared = shared || d.Code == "ambiguous_sink"
		}
		if shared != tt.shared {
			t.Errorf("%+v: %+v", tt, diags)
		}
	}
}
