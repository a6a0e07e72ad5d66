package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/dsl"
	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/sinks/file"
	sources "koppel/sources/file"
)

const project = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "file" "people" { path = "PATH" }
pipeline "people" {
  from = source.file.people
  into = sink.file.people
  map { id = src.id }
}
`

func writeProject(t *testing.T, dir, path string) {
	t.Helper()
	text := strings.Replace(project, "PATH", path, 1)
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, dir string) (*dsl.Project, dsl.Diagnostics) {
	t.Helper()
	return dsl.Load(t.Context(), dsl.Options{
		Dir:     dir,
		Sources: []connector.Kind[connector.Source]{sources.Kind()},
		Sinks:   []connector.Kind[connector.Sink]{file.Kind()},
	})
}

func TestSinkOfAProject(t *testing.T) {
	dir := t.TempDir()
	writeProject(t, dir, "out-{today}.json")
	p, diags := load(t, dir)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	shape := record.Shape{Fields: []record.Field{{Name: "id", Send: true}}}
	s, err := p.Sinks["sink.file.people"].Open(t.Context(), connector.Env{Dir: dir, Now: noon, Shape: shape})
	if err != nil {
		t.Fatal(err)
	}
	if err := replace(t.Context(), s, `{"id":1}`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("[\n{\"id\":1}\n]\n", content(t, dir, "out-2026-03-01.json")); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

func TestPathOfAProjectKnowsNoRecord(t *testing.T) {
	for _, path := range []string{"out-{src.id}.json", "out-{key}.json"} {
		dir := t.TempDir()
		writeProject(t, dir, path)
		if _, diags := load(t, dir); len(diags) == 0 {
			t.Errorf("%s is taken for a path", path)
		}
	}
}
