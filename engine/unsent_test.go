package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
)

// What was never sent is in no doubt, even where the target can't be asked: the
// next run sends it.
func TestWhatWasNotSentIsSentByTheNextRun(t *testing.T) {
	for _, mirror := range []string{"none", "delta"} {
		s := shape{mirror: mirror, keys: "identity", journalled: true, mute: true}
		st := newFaults(t, s)
		st.put("", "a", rec{"name": "Ann", "code": "a", "tags": "p"})
		st.faults.unsent = map[string]bool{"a": true}
		res := st.run(engine.Options{})
		if res.Status != "partial" || res.Counts.Waiting != 1 || len(res.Problems) != 1 || res.Problems[0].Code != "not_sent" {
			t.Errorf("%s: %s %+v %+v", mirror, res.Status, res.Counts, res.Problems)
		}
		if open := st.open(); len(open) != 1 || open[0].Reason != state.Waiting || open[0].Op != record.Create {
			t.Errorf("%s: open %v", mirror, showOpen(open))
		}
		st.faults = faults{}
		if res := st.run(engine.Options{}); res.Counts.Created != 1 || res.Status != "succeeded" || len(st.open()) > 0 {
			t.Errorf("%s: %s %+v, open %v", mirror, res.Status, res.Counts, showOpen(st.open()))
		}
	}
}

// A matchingSink tells rows apart by what it answers, and knows no keys.
type matchingSink struct{ findingSink }

func (matchingSink) Matching() bool { return true }

func (s matchingSink) Match(_ context.Context, batch []record.Change) ([]connector.Found, error) {
	found := make([]connector.Found, len(batch))
	for i := range found {
		// All match the one row that was created first.
		if row, ok := s.w.rows["a"]; ok {
			found[i] = connector.Found{N: 1, Row: []byte(row), Ref: []byte(`{"at":"a"}`), Answer: []byte(`{"at":"a"}`)}
		}
	}
	return found, nil
}

// A row that belongs to an item is not taken over by another record: with the
// one record gone, the row of the other would be deleted.
func TestARowOfAnItemIsNotTakenOver(t *testing.T) {
	st := newFaults(t, shape{mirror: "none", keys: "identity", matching: true})
	st.put("", "a", rec{"name": "Ann", "code": "a", "tags": "p"})
	st.run(engine.Options{})
	st.put("", "b", rec{"name": "Ann", "code": "a", "tags": "p"})
	res := st.run(engine.Options{})
	if len(res.Problems) != 1 || res.Problems[0].Code != "match_taken" || !strings.Contains(res.Problems[0].Message, "belongs to a") {
		t.Errorf("problems %+v", res.Problems)
	}
	if diff := cmp.Diff(map[string]string{"a": st.rows["a"]}, st.rows); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
