package engine_test

import (
	"testing"

	"koppel/engine"
)

// A record that nobody can call deleted or not is an error of that record, in
// whatever way the source is read.
func TestRecordThatMayBeDeletedKeepsWhatWasDelivered(t *testing.T) {
	base := replace(people, `  key  = ["id"]`, "  key  = [\"id\"]\n  deleted = expr(\"src.gone\")")
	for name, config := range map[string]string{
		"one reader":   base,
		"two readers":  base + "pipeline \"persons\" {\n  from = source.file.people\n  map { id = src.id }\n}\n",
		"computed key": replace(base, "  map {", "  key = src.id\n  map {"),
		"mirrored":     replace(base, `  key  = ["id"]`, "  key  = [\"id\"]\n  snapshot = true"),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, map[string]string{"main.hcl": config, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
			if got := b.run(engine.Options{}).Pipelines[0].Counts.Created; got != 2 {
				t.Fatalf("created %d", got)
			}
			b.write("people.jsonl", lines(`{"id":"1","first":"An","gone":"x"}`, `{"id":"2","first":"Bo"}`, `{"id":"3","gone":"x"}`))
			p := b.run(engine.Options{}).Pipelines[0]
			if c := p.Counts; p.Status != "partial" || c.Failed != 2 || c.Updated != 1 || c.Created+c.Deleted != 0 {
				t.Errorf("%s: %+v", p.Status, c)
			}
			named := map[string]bool{}
			for _, problem := range p.Problems {
				if problem.Field == "deleted" {
					named[problem.Key] = true
				}
			}
			if !named["1"] || !named["3"] || len(named) != 2 {
				t.Errorf("problems %+v", p.Problems)
			}
			b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bo")
		})
	}
}
