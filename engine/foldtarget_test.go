package engine_test

import (
	"testing"

	"koppel/engine"
)

// The target holds a row whose key is the record's for it, and not for us.
func TestRowUnderAnotherSpellingIsNoStranger(t *testing.T) {
	for name, opts := range map[string]engine.Options{"target": {}, "refresh": {Refresh: true}} {
		t.Run(name, func(t *testing.T) {
			hcl := people
			if !opts.Refresh {
				hcl = replace(people, "  where", "  deletes { scope = \"target\" }\n  where")
			}
			b := newBench(t, map[string]string{"main.hcl": hcl, "people.jsonl": lines(`{"id":"a","first":"Ann"}`)})
			b.rows(db, "CREATE TABLE people(id TEXT PRIMARY KEY COLLATE NOCASE, name TEXT)")
			b.rows(db, "INSERT INTO people VALUES ('A','old')")
			b.wantRun(opts, "people succeeded: updated 1")
			b.wantRows(db, "SELECT id, name FROM people", "a|Ann")
			b.wantRun(opts, "people succeeded: unchanged 1")
			b.rows(db, "UPDATE people SET id = 'A'")
			b.run(opts)
			b.wantRows(db, "SELECT lower(id), name FROM people", "a|Ann")
			b.write("people.jsonl", lines(`{"id":"A","first":"Ann"}`))
			b.run(opts)
			b.run(opts)
			b.wantRun(opts, "people succeeded: unchanged 1")
			b.wantRows(db, "SELECT id, name FROM people", "A|Ann")
		})
	}
}
