package engine_test

import (
	"testing"

	"koppel/engine"
)

// TestSkippedItems: under each, what where and joins drop is counted by item.
func TestSkippedItems(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
pipeline "phones" {
  from  = source.file.people
  each  = jq(".phones[]")
  where = expr("item.ok")
  key   = [src.id, item.n]
  map { n = item.n }
}
`, "people.jsonl": lines(
		`{"id":"1","phones":[{"n":"a","ok":true},{"n":"b","ok":false},{"n":"c","ok":false}]}`,
		`{"id":"2","phones":[{"n":"a","ok":false},{"n":"b","ok":false}]}`,
		`{"id":"3","phones":[]}`)})
	b.wantRun(engine.Options{}, "phones succeeded: created 1, skipped 5")
	b.wantRun(engine.Options{}, "phones succeeded: unchanged 1, skipped 5")
}
