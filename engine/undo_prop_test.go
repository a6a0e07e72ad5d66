package engine_test

import (
	"context"
	"testing"

	"koppel/engine"
)

// An undo says nothing of a mapping that changed meanwhile: the next run still
// applies it.
func TestUndoLeavesAChangedMappingToBeApplied(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`, `{"id":"2","first":"Bob"}`))
	res := b.wantRun(engine.Options{}, "people succeeded: updated 1, unchanged 1")
	b.write("main.hcl", replace(people, "words(src.first, src.last)", "upper(src.first)"))
	p, err := b.engine().Undo(context.Background(), res.RunID, b.dir+"/undo.plan")
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	b.wantApply("undo.plan", "succeeded: updated 1")
	b.run(engine.Options{})
	b.wantRows(db, "SELECT id, name FROM people WHERE id='2'", "2|BOB")
}
