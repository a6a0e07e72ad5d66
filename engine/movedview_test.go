package engine_test

import (
	"testing"

	"koppel/engine"
)

const renamedPeople = "\nmoved {\n  from = pipeline.people\n  to   = pipeline.renamed\n}\n"

func TestPlanSeesStateWhereMovedBlocksCarryIt(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people,
		"people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("main.hcl", replace(people, `pipeline "people"`, `pipeline "renamed"`)+renamedPeople)
	b.write("people.jsonl", lines(`{"id":"1","first":"Anna"}`, `{"id":"2","first":"Bob"}`))
	h := b.save("first.plan")
	if c := h.Pipelines[0].Counts; h.Pipelines[0].Skipped != "" || c.Update != 1 || c.Unchanged != 1 || c.Create != 0 {
		t.Fatalf("planned %+v, skipped %q", c, h.Pipelines[0].Skipped)
	}
	b.wantApply("first.plan", "succeeded: updated 1, unchanged 1")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Anna", "2|Bob")
	b.wantRun(engine.Options{}, "renamed succeeded: unchanged 2")
	if orphans, err := b.engine().Orphans(t.Context()); err != nil || len(orphans) > 0 {
		t.Errorf("orphans %v, %v", orphans, err)
	}
}
