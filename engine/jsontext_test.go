package engine_test

import (
	"testing"

	"koppel/engine"
)

// TestTextInJSONColumn holds that a text which a column of JSON shows as the
// value that it stands for is as it was delivered, and another value is not.
func TestTextInJSONColumn(t *testing.T) {
	for name, declared := range map[string]string{"undeclared": "", "declared": "field \"doc\" { type = \"string\" }"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, map[string]string{"main.hcl": `
source "file" "docs" {
  path = "docs.jsonl"
  key  = ["id"]
}
connection "sqlite" "db" { path = "` + db + `" }
sink "sql" "docs" {
  connection = connection.sqlite.db
  table      = "docs"
}
pipeline "docs" {
  from = source.file.docs
  into = sink.sql.docs
  map {
    id  = src.id
    doc = src.doc
  }
  ` + declared + `
}
`, "docs.jsonl": lines(`{"id":"1","doc":"{\"b\": 1,\"a\":[2.0]}"}`, `{"id":"2","doc":"[ ]"}`, `{"id":"3","doc":"text"}`, `{"id":"4","doc":null}`)})
			b.rows(db, "CREATE TABLE docs (id TEXT PRIMARY KEY, doc JSON)")
			b.wantRun(engine.Options{}, "docs succeeded: created 4")
			b.wantRun(engine.Options{Refresh: true}, "docs succeeded: unchanged 4")
			b.rows(db, `UPDATE docs SET doc = '{"a":[2],"b":1}' WHERE id = '1'`) // as a database normalises it
			b.wantRun(engine.Options{Refresh: true}, "docs succeeded: unchanged 4")
			b.rows(db, `UPDATE docs SET doc = '{"a":[2],"b":2}' WHERE id = '1'`)
			b.rows(db, `UPDATE docs SET doc = '[]' WHERE id = '3'`)
			b.wantRun(engine.Options{Refresh: true}, "docs succeeded: updated 2, unchanged 2")
			b.wantRows(db, "SELECT id, doc FROM docs WHERE id IN ('1', '3') ORDER BY id", `1|{"b": 1,"a":[2.0]}`, "3|text")
		})
	}
}
