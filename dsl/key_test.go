package dsl

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
)

// The key of a pipeline that reads another one is the other's, by the names of
// the fields that it is mapped to.
func TestKeyOfWhatAPipelineDelivers(t *testing.T) {
	p := loadText(t, `
source "file" "a" {
  path = "a.json"
  key  = ["id", "nr"]
}
pipeline "first" {
  from = source.file.a
  map {
    external = src.id
    line     = src.nr
    name     = src.name
  }
}
pipeline "second" {
  from = pipeline.first
  map {
    number = src.line
    person = src.external
  }
}
pipeline "nameless" {
  from = source.file.a
  map { person = src.id }
}
pipeline "third" {
  from = pipeline.nameless
  map { key = src.person }
}
`)
	want := map[string][]record.KeyField{
		"second": {{Name: "person", Source: "external"}, {Name: "number", Source: "line"}},
		"third":  nil,
	}
	for name, key := range want {
		if diff := cmp.Diff(key, p.Pipelines["pipeline."+name].Key); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}
