package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"koppel/engine"
	"koppel/engine/plan"
)

// save plans into a file.
func (b *bench) save(name string) *plan.Header {
	b.t.Helper()
	p, err := b.engine().Plan(context.Background(), engine.Options{Out: filepath.Join(b.dir, name)})
	if err != nil {
		b.t.Fatal(err)
	}
	defer p.Close()
	for _, one := range p.Header.Pipelines {
		if one.Skipped != "" {
			b.t.Fatalf("%s was not planned: %s", one.Name, one.Skipped)
		}
	}
	return p.Header
}

func (b *bench) apply(name string) (*engine.Result, error) {
	b.t.Helper()
	return b.engine().Apply(context.Background(), filepath.Join(b.dir, name))
}

func (b *bench) wantApply(name, want string) *engine.Result {
	b.t.Helper()
	res, err := b.apply(name)
	if err != nil {
		b.t.Fatal(err)
	}
	p := res.Pipelines[0]
	if got := p.Status + ": " + counts(p.Counts); got != want {
		b.t.Fatalf("apply: %s, want %s; problems %+v, err %v", got, want, p.Problems, p.Err)
	}
	return res
}

func TestSavedPlanIsAppliedExactlyAndOnce(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`, `{"id":"3","first":"Cor"}`))
	h := b.save("a.plan")
	if c := h.Pipelines[0].Counts; c.Create != 1 || c.Update != 1 || c.Delete != 1 {
		t.Fatalf("planned %+v", c)
	}
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bob")
	// What the source says later does not matter: the plan is what was approved.
	b.write("people.jsonl", lines(`{"id":"9","first":"Zed"}`))
	b.wantApply("a.plan", "succeeded: created 1, updated 1, deleted 1")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Eva", "3|Cor")
	_, err := b.apply("a.plan")
	var stale *engine.StaleError
	if !errors.As(err, &stale) {
		t.Errorf("applied twice: %v", err)
	}
	b.wantRun(engine.Options{}, "people succeeded: created 1, deleted 2")
}

func TestRecordThatMovedIsSkippedByName(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 3")
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`, `{"id":"2","first":"Bo"}`))
	b.save("a.plan")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ine"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor"}`))
	b.wantRun(engine.Options{}, "people succeeded: updated 1, unchanged 2")
	res := b.wantApply("a.plan", "partial: updated 1")
	moved := map[string]bool{}
	for _, p := range res.Pipelines[0].Problems {
		moved[p.Key+" "+p.Code] = true
	}
	if !moved["1 moved"] || !moved["3 moved"] {
		t.Errorf("problems %+v", res.Pipelines[0].Problems)
	}
	// Record 3 was seen again by a later read, so it is not deleted.
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ine", "2|Bo", "3|Cor")
}

func TestPlanOfAnotherConfigurationIsRefused(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.save("a.plan")
	b.write("main.hcl", people+"\n# a comment changes nothing\n")
	if _, stale, err := b.engine().OpenPlan(context.Background(), filepath.Join(b.dir, "a.plan")); err != nil || stale != "" {
		t.Errorf("stale %q, err %v", stale, err)
	}
	b.write("main.hcl", replace(people, "src.last", "src.first"))
	_, err := b.apply("a.plan")
	var stale *engine.StaleError
	if !errors.As(err, &stale) {
		t.Errorf("applied under another configuration: %v", err)
	}
}

func TestGuardHoldsDeletes(t *testing.T) {
	var all, few []string
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		all = append(all, `{"id":"`+id+`","first":"P`+id+`"}`)
	}
	few = append(few, all[:2]...)
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(all...)})
	b.wantRun(engine.Options{}, "people succeeded: created 8")
	b.write("people.jsonl", lines(append(few, `{"id":"9","first":"New"}`)...))
	b.wantRun(engine.Options{}, "people held: created 1, unchanged 2, held 6")
	b.wantRun(engine.Options{}, "people held: unchanged 3, held 6")
	if got := len(b.rows(db, "SELECT 1 FROM people")); got != 9 {
		t.Errorf("%d rows, want 9", got)
	}
	b.write("people.jsonl", lines(all...))
	b.wantRun(engine.Options{}, "people succeeded: deleted 1, unchanged 8")
}

func TestGraceStartsAtTheFirstProof(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(people, "  where", "  deletes { grace = \"24h\" }\n  where"),
		"people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`))
	b.wantRun(engine.Options{}, "people succeeded: unchanged 1, waiting 1")
	b.now = b.now.Add(23 * time.Hour)
	b.wantRun(engine.Options{}, "people succeeded: unchanged 1, waiting 1")
	b.now = b.now.Add(time.Hour)
	b.write("people.jsonl", `{"id":"1"`)
	b.wantRun(engine.Options{}, "people partial: unchanged 1, waiting 1")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`))
	b.wantRun(engine.Options{}, "people succeeded: deleted 1, unchanged 1")
}

func TestUndoTakesARunBack(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`, `{"id":"3","first":"Cor"}`))
	res := b.wantRun(engine.Options{}, "people succeeded: created 1, updated 1, deleted 1")
	p, err := b.engine().Undo(context.Background(), res.RunID, filepath.Join(b.dir, "undo.plan"))
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	b.wantApply("undo.plan", "succeeded: created 1, updated 1, deleted 1")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bob")
	// What was undone stays so while the source says the same.
	b.run(engine.Options{})
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bob")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ine"}`, `{"id":"3","first":"Cor"}`))
	b.run(engine.Options{})
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ine", "2|Bob")
}

func TestRetireDeletesWhatAnOrphanDelivered(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	i := len(people) - len(people[indexOf(people, `pipeline "people"`):])
	b.write("main.hcl", people[:i])
	orphans, err := b.engine().Orphans(context.Background())
	if err != nil || len(orphans) != 1 {
		t.Fatalf("orphans %v, %v", orphans, err)
	}
	p, err := b.engine().Retire(context.Background(), "pipeline.people", filepath.Join(b.dir, "retire.plan"))
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	b.wantApply("retire.plan", "succeeded: deleted 2")
	if orphans, err := b.engine().Orphans(context.Background()); err != nil || len(orphans) != 0 {
		t.Errorf("after retiring: orphans %v, %v", orphans, err)
	}
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id")
}

func TestBaselineRemembersAndWritesNothing(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.rows(db, "CREATE TABLE people(id TEXT PRIMARY KEY, name TEXT)")
	b.wantRun(engine.Options{Baseline: true}, "people succeeded: unchanged 2")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bo"}`, `{"id":"3","first":"Cor"}`))
	b.wantRun(engine.Options{}, "people succeeded: created 1, updated 1, unchanged 1")
}

func TestAnotherTargetIsRefused(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	b.write("main.hcl", replace(people, `table      = "people"`, `table      = "others"`))
	res := b.run(engine.Options{})
	var id *engine.IdentityError
	if !errors.As(res.Pipelines[0].Err, &id) {
		t.Errorf("err %v", res.Pipelines[0].Err)
	}
	b.write("main.hcl", replace(people, `pipeline "people"`, `pipeline "renamed"`))
	res = b.run(engine.Options{})
	if !errors.As(res.Pipelines[0].Err, &id) {
		t.Errorf("err %v", res.Pipelines[0].Err)
	}
	b.write("main.hcl", replace(people, `pipeline "people"`, `pipeline "renamed"`)+"\nmoved {\n  from = pipeline.people\n  to   = pipeline.renamed\n}\n")
	b.wantRun(engine.Options{}, "renamed succeeded: unchanged 1")
}

func TestRefreshPutsDriftRight(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 3")
	b.rows(db, "UPDATE people SET name='drift' WHERE id='1'")
	b.rows(db, "DELETE FROM people WHERE id='2'")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 3")
	b.wantRun(engine.Options{Refresh: true}, "people succeeded: created 1, updated 1, unchanged 1")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bob", "3|Cor")
}

func TestDisableInsteadOfDelete(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(replace(people, "  where", "  deletes {\n    action = \"disable\"\n    set    = { active = false }\n  }\n  where"), "id   = src.id", "id   = src.id\n    active = true"),
		"people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	const query = "SELECT id, name, active FROM people ORDER BY id"
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`))
	b.wantRun(engine.Options{}, "people succeeded: disabled 1, unchanged 1")
	b.wantRows(db, query, "1|Ann|1", "2|Bob|0")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 1")
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`))
	b.wantRun(engine.Options{}, "people succeeded: updated 1, unchanged 1")
	b.wantRows(db, query, "1|Ann|1", "2|Bob|1")
}

func TestUndoLeavesWhatAnUpdateWouldNotClear(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(people, "  where", "  field \"name\" { on_null = \"keep\" }\n  where"),
		"people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	b.write("people.jsonl", lines(`{"id":"1","first":null}`))
	b.run(engine.Options{})
	b.wantRows(db, "SELECT id, name FROM people", "1|Ann")
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`))
	res := b.wantRun(engine.Options{}, "people succeeded: updated 1")
	p, err := b.engine().Undo(context.Background(), res.RunID, filepath.Join(b.dir, "undo.plan"))
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := b.apply("undo.plan"); err != nil {
		t.Fatal(err)
	}
	b.wantRows(db, "SELECT id, name FROM people", "1|Eva")
}
