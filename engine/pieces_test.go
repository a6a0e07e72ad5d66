package engine_test

import (
	"testing"

	"koppel/engine"
)

// A file that becomes a pattern of files, or the other way round, may hold the
// same records: nothing of it is gone before all was read whole.
func TestFileThatBecomesAPattern(t *testing.T) {
	const one, many = `"in/people.jsonl"`, `"in/*.jsonl"`
	for _, more := range []string{"", "\n  snapshot = true"} {
		for _, way := range [][2]string{{one, many}, {many, one}} {
			hcl := func(path string) string {
				return replace(people, `path = "people.jsonl"`, "path = "+path+more)
			}
			b := newBench(t, map[string]string{"main.hcl": hcl(way[0]),
				"in/people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor"}`)})
			b.wantRun(engine.Options{}, "people succeeded: created 3")
			b.write("main.hcl", hcl(way[1]))
			b.write("in/people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":`))
			for range 2 {
				res := b.run(engine.Options{})
				if p := res.Pipelines[0]; p.Status != "partial" || p.Counts.Deleted > 0 {
					t.Errorf("%s to %s%s: %s %+v", way[0], way[1], more, p.Status, p.Counts)
				}
				b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bob", "3|Cor")
			}
			b.write("in/people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bo"}`))
			b.wantRun(engine.Options{}, "people succeeded: updated 1, deleted 1, unchanged 1")
			b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bo")
			b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
		}
	}
}
