package engine_test

import (
	"strings"
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

// A target that does not say how it compares keys stops the pipeline while it is
// planned: a saved plan would be applied to it later.
func TestTargetThatDoesNotTellHowItFolds(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"a","first":"Ann"}`)})
	b.rows(db, "CREATE TABLE people (id TEXT COLLATE NOCASE PRIMARY KEY, name TEXT)")
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	b.write("people.jsonl", lines(`{"id":"A","first":"Ann"}`))
	b.remove(db)
	b.write(db, "this is no database")
	p, err := b.engine().Plan(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if one := p.Header.Pipelines[0]; one.Counts.Delete > 0 || !strings.Contains(one.Skipped, "look at sink.sql.people: ") {
		t.Errorf("planned %+v, skipped %q", one.Counts, one.Skipped)
	}
}
