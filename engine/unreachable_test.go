package engine_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"koppel/engine"
	"koppel/engine/connector"
)

// A refusing source gives one partition and is refused the other.
type refusing struct{}

func (refusing) Read(_ context.Context, out connector.Reader) error {
	if _, err := out.Begin("a", connector.Full); err != nil {
		return err
	}
	if err := out.Records("a", 0, []byte(`{"id":"1","first":"Ann"}`+"\n")); err != nil {
		return err
	}
	if err := out.End("a", nil, connector.Interval{}); err != nil {
		return err
	}
	if _, err := out.Begin("b", connector.Full); err != nil {
		return err
	}
	return out.Fail("b", fmt.Errorf("the password is refused: %w", connector.ErrUnreachable))
}

// TestUnreachablePartition: that the system refused one partition is known of
// the pipelines that read it and of those that join it.
func TestUnreachablePartition(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people + `
source "file" "other" {
  path = "other.jsonl"
  key  = ["id"]
}
pipeline "other" {
  from = source.file.other
  map { id = src.id }
}
pipeline "joining" {
  from = source.file.other
  join "p" {
    with = source.file.people
    on   = [src.id, p.id]
  }
  map {
    id   = src.id
    name = p.first
  }
}
`, "other.jsonl": lines(`{"id":"1"}`)})
	refuse := func() *engine.Engine {
		e := b.engine()
		e.Project.Sources["source.file.people"].Open = func(context.Context, connector.Env) (connector.Source, error) { return refusing{}, nil }
		return e
	}
	want := map[string]bool{"people": true, "joining": true, "other": false}
	saved := filepath.Join(b.dir, "saved.plan")
	p, err := refuse().Plan(t.Context(), engine.Options{Out: saved})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range p.Header.Pipelines {
		if one.Unreachable != want[one.Name] {
			t.Errorf("plan of %s: unreachable %t", one.Name, one.Unreachable)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	applied, err := refuse().Apply(t.Context(), saved)
	if err != nil {
		t.Fatal(err)
	}
	run, err := refuse().Run(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range []*engine.Result{applied, run} {
		for _, one := range res.Pipelines {
			if one.Unreachable != want[one.Name] {
				t.Errorf("%s: unreachable %t, status %s", one.Name, one.Unreachable, one.Status)
			}
		}
	}
}
