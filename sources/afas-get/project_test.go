package afasget

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/dsl"
	"koppel/engine/connector"
)

// TestKeyIsRequired: without a key there is no order to page by, and the files
// are refused offline.
func TestKeyIsRequired(t *testing.T) {
	text := `
connection "afas" "profit" {
  environment = "12345"
  token       = secret("env:AFAS_TOKEN")
}
source "afas_get" "people" {
  connection = connection.afas.profit
  connector  = "People"
  KEY
}
`
	for key, want := range map[string]string{"": `The argument "key" is required`, `key = ["id"]`: ""} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(strings.Replace(text, "KEY", key, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := dsl.Load(t.Context(), dsl.Options{Dir: dir, Sources: []connector.Kind[connector.Source]{Kind()},
			Environ: func(string) (string, bool) { return "", false }})
		got := ""
		for _, d := range diags {
			if d.Severity == dsl.Error {
				got += d.Detail
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("with %q: %q, want %q", key, got, want)
		}
	}
}
