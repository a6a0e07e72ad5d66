package file_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/dsl"
	"koppel/engine/connector"
	"koppel/sources/file"
)

func TestSourceOfAProject(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.hcl", []byte(`
source "file" "orders" {
  path    = "orders.json"
  records = jq(".data[] | {id, total: (.price * .count)}")
  key     = ["id"]
}
`))
	write(t, dir, "orders.json", []byte(`{"data":[{"id":9007199254740993,"price":2,"count":3}]}`))
	p, diags := dsl.Load(t.Context(), dsl.Options{Dir: dir, Sources: []connector.Kind[connector.Source]{file.Kind()}})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	s, err := p.Sources["source.file.orders"].Open(t.Context(), connector.Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := result{Records: []string{`{"id":9007199254740993,"total":6}`}, Complete: true}
	if diff := cmp.Diff(want, readOne(t, s, "orders.json")); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}
