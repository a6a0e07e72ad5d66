package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/engine"
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
