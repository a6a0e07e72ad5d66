package http_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/dsl"
	"koppel/engine/connector"
	source "koppel/sources/http"
)

// What is wrong in a file is told where it stands.
func TestProblemsHaveTheirPlace(t *testing.T) {
	dir := t.TempDir()
	const text = `connection "http" "c" {
  url = "https://shop.example"
  auth "bearer" {
    token    = "t"
    password = "x"
  }
}
connection "http" "d" {
  url = "https://shop.example"
}
source "http" "s" {
  connection = connection.http.d
  path       = "/x"
  query      = { size = 100, all = true, q = "{today}" }
  pagination "page" { start = 0 }
}
source "http" "t" {
  connection = connection.http.d
  path       = "/x"
  records    = ".data[]"
}
source "http" "fine" {
  connection = connection.http.d
  method     = "POST"
  path       = "/x"
  query      = { size = 100, all = true, q = "{today}" }
  body       = { page = src.page, kind = "a" }
  records    = jq(".data[]")
  key        = ["id"]
  pagination "page" { start = 0 }
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	_, diags := dsl.Load(t.Context(), dsl.Options{Dir: dir, Sources: []connector.Kind[connector.Source]{source.Kind()}})
	got := map[int]string{}
	for _, d := range diags {
		got[d.Range.Start.Line] = d.Summary
	}
	want := map[int]string{
		5:  `Auth.password has no meaning in auth "bearer"`,
		15: `Pagination.param is missing, and nothing in the request holds {page}: pagination "page" would ask for the same page again`,
		20: "Records is a text, not a program",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
