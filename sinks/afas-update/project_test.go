package afasupdate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/dsl"
	"koppel/engine/connector"
	"koppel/sinks/http"
	"koppel/sources/file"
)

// A sink that can't delete as it is configured keeps what is gone, and a file
// that asks for more is refused.
func TestSinksThatCannotDeleteKeep(t *testing.T) {
	const text = `
connection "afas" "profit" {
  environment = "12345"
  token       = "0123456789abcdef"
}
connection "http" "desk" { url = "https://desk.example" }
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "afas_update" "s" {
  connection = connection.afas.profit
  connector  = "KnCourseSessionMember"
  ON_CREATE
}
sink "http" "s" {
  connection = connection.http.desk
  create {}
  DELETE
}
pipeline "p" {
  from = source.file.people
  into = sink.KIND.s
  map { id = src.id }
  DELETES
}
`
	for _, test := range []struct{ kind, onCreate, delete, deletes, want string }{
		{"afas_update", "", "", "", "delete"},
		{"afas_update", `on_create = "update"`, "", "", "keep"},
		{"afas_update", `on_create = "update"`, "", `deletes { grace = "1h" }`, "keep"},
		{"afas_update", `on_create = "update"`, "", `deletes { action = "delete" }`, `sink.afas_update.s can't delete: on_create = "update" says that its connector only knows PUT`},
		{"afas_update", `on_create = "update"`, "", `deletes { expired = "delete" }`, `sink.afas_update.s can't delete: on_create = "update" says that its connector only knows PUT`},
		{"http", "", "delete {}", "", "delete"},
		{"http", "", "", "", "keep"},
		{"http", "", "", `deletes { action = "delete" }`, "sink.http.s can't delete: it has no block delete"},
		{"http", "", "", "deletes {\n    action = \"disable\"\n    set = { id = null }\n  }", "sink.http.s can't disable: it has no block update"},
		{"http", "", "update {}", "deletes {\n    action = \"disable\"\n    set = { id = null }\n  }", "disable"},
	} {
		dir := t.TempDir()
		project := strings.NewReplacer("ON_CREATE", test.onCreate, "DELETES", test.deletes, "DELETE", test.delete, "KIND", test.kind).Replace(text)
		if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(project), 0o600); err != nil {
			t.Fatal(err)
		}
		p, diags := dsl.Load(t.Context(), dsl.Options{Dir: dir,
			Sources: []connector.Kind[connector.Source]{file.Kind()},
			Sinks:   []connector.Kind[connector.Sink]{Kind(), http.Kind()}})
		got := ""
		if pipeline := p.Pipelines["pipeline.p"]; pipeline != nil {
			got = pipeline.Deletes.Action
		}
		for _, d := range diags {
			if d.Severity == dsl.Error {
				got = d.Summary
			}
		}
		if got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
