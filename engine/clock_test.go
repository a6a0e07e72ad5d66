package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"koppel/engine"
	"koppel/engine/connector"
)

// {today} of kinds is the date in the project's time zone by the one clock of
// the run, which --as-of sets.
func TestKindsSeeTheRunsClock(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": `koppel { timezone = "Europe/Amsterdam" }
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "file" "daily" { path = "out/{today}.jsonl" }
pipeline "people" {
  from = source.file.people
  into = sink.file.daily
  map { id = src.id }
}
`, "people.jsonl": lines(`{"id":"1"}`)})
	b.now = time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	if _, err := os.Stat(filepath.Join(b.dir, "out", "2026-03-02.jsonl")); err != nil {
		t.Error(err)
	}
	var seen []string
	e := b.engine()
	source := e.Project.Sources["source.file.people"]
	open := source.Open
	source.Open = func(ctx context.Context, env connector.Env) (connector.Source, error) {
		seen = append(seen, env.Today()+" "+env.At().UTC().Format(time.RFC3339)+" "+env.Now().UTC().Format(time.RFC3339))
		return open(ctx, env)
	}
	p, err := e.Plan(t.Context(), engine.Options{AsOf: time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "2026-01-01 2025-12-31T23:00:00Z 2026-03-01T23:30:00Z"; len(seen) != 1 || seen[0] != want {
		t.Errorf("%q, want %q", seen, want)
	}
}
