package engine_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"koppel/engine"
)

// The deletes that the first part of a plan's application made do not count
// twice against the guard when it is gone on with.
func TestResumedPlanIsUnderItsGuard(t *testing.T) {
	s := shape{mirror: "none", keys: "identity"}
	st := newFaults(t, s)
	st.load(strings.Replace(s.hcl(), "deletes = 100000", "deletes = 6", 1))
	for i := range 20 {
		st.put("", fmt.Sprint(100+i), rec{"name": "Ann"})
	}
	st.run(engine.Options{})
	for i := range 6 {
		st.remove("", fmt.Sprint(100+i))
	}
	path := filepath.Join(st.dir, "a.plan")
	p, err := st.eng.Plan(context.Background(), engine.Options{Out: path})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	steps := 0
	st.faults.stop = func() {
		if steps++; steps == 4 {
			cancel()
		}
	}
	if res, err := st.eng.Apply(ctx, path); err == nil && res.Pipelines[0].Status == "succeeded" {
		t.Fatalf("it was not stopped: %+v", res.Pipelines[0])
	}
	st.faults = faults{}
	if len(st.rows) != 17 {
		t.Fatalf("%d rows, want 17", len(st.rows))
	}
	res, err := st.eng.Apply(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if one := res.Pipelines[0]; one.Status != "succeeded" || len(st.rows) != 14 {
		t.Errorf("%s: %s, problems %+v; %d rows", one.Status, counts(one.Counts), one.Problems, len(st.rows))
	}
}
