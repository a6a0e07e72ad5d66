package engine_test

import (
	"testing"

	"koppel/engine"
	"koppel/engine/record"
)

// What others changed in a target that is compared whole is put right, whether
// its records come from a source, from a mirror or from an earlier pipeline.
func TestScopeTargetPutsDriftRight(t *testing.T) {
	const scope = "\n  deletes { scope = \"target\" }\n  map {"
	for name, hcl := range map[string]string{
		"source": replace(people, "\n  map {", scope) + replace(shouted, "\n  map {", scope),
		"mirror": replace(replace(people, "\n  map {", scope), "  key  = [\"id\"]\n}", "  key  = [\"id\"]\n  snapshot = true\n}") + replace(shouted, "\n  map {", scope),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, map[string]string{"main.hcl": hcl,
				"people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor"}`)})
			b.wantRun(engine.Options{}, "people succeeded: created 3", "shouted succeeded: created 3")
			for table, column := range map[string]string{"people": "id", "shouted": "id"} {
				b.rows(db, "UPDATE "+table+" SET name = 'by hand' WHERE id = '1'")
				b.rows(db, "DELETE FROM "+table+" WHERE id = '2'")
				b.rows(db, "INSERT INTO "+table+"("+column+") VALUES ('9')")
			}
			res := b.wantRun(engine.Options{}, "people succeeded: created 1, updated 1, deleted 1, unchanged 1",
				"shouted succeeded: created 1, updated 1, deleted 1, unchanged 1")
			b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bob", "3|Cor")
			b.wantRows(db, shoutedRows, "1|ANN", "2|BOB", "3|COR")
			events := b.history("pipeline.shouted", "1").Events
			if got := events[len(events)-1]; got.Run != res.RunID || got.Cause != record.CauseDrift {
				t.Errorf("the last event is %+v", got)
			}
			b.wantRun(engine.Options{}, "people succeeded: unchanged 3", "shouted succeeded: unchanged 3")
		})
	}
}
