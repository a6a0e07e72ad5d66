package engine_test

import (
	"testing"

	"koppel/engine"
)

func TestAListWithoutAMatchKeepsToNone(t *testing.T) {
	for none, want := range map[string]string{
		"null":  "owners succeeded: created 2",
		"skip":  "owners succeeded: created 1, skipped 1",
		"error": "owners partial: created 1, failed 1",
	} {
		t.Run(none, func(t *testing.T) {
			b := newBench(t, map[string]string{"main.hcl": people + `
source "file" "pets" {
  path = "pets.jsonl"
  key  = ["name"]
}
sink "sql" "owners" {
  connection = connection.sqlite.db
  table      = "owners"
}
pipeline "owners" {
  from = source.file.people
  into = sink.sql.owners
  join "pets" {
    with = source.file.pets
    on   = [src.id, pets.owner]
    none = "` + none + `"
    many = "list"
  }
  map {
    id   = src.id
    pets = expr("map(pets, .name)")
  }
}
`, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`), "pets.jsonl": lines(`{"name":"Rex","owner":"1"}`)})
			b.wantRun(engine.Options{}, want, "people succeeded: created 2")
		})
	}
}
