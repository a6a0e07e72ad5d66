package statetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
	"koppel/engine/state"
)

func putChanges(t failer, s state.Store, changes []state.Change) {
	t.Helper()
	update(t, s, func(tx state.Tx) error {
		for i := range changes {
			if err := tx.PutChange(&changes[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func testChanges(t *testing.T, open opener) {
	s := open.start(t)
	id, other := pipeline(t, s, "pipeline.p"), pipeline(t, s, "pipeline.q")
	all := []state.Change{
		{Pipeline: id, Key: "a", Run: 1, Op: record.Update, Cause: record.CauseSource, At: at(1), Before: []byte(`{"a":1}`), After: []byte(`{"a":2}`)},
		{Pipeline: id, Key: "a", Run: 2, Op: record.Delete, Cause: record.CauseGone, At: at(2), Approved: true, Before: []byte(`{"a":2}`)},
		{Pipeline: id, Key: "b", Run: 2, Op: record.Disable, At: at(2), After: []byte(`{}`)},
		{Pipeline: other, Key: "a", Run: 2, Op: record.Update, At: at(2)},
	}
	putChanges(t, s, all)
	view(t, s, func(v state.View) error {
		got, err := collect(v.Changes(id, "a"), cloneChange)
		if diff := cmp.Diff([]state.Change{all[1], all[0]}, got); diff != "" {
			t.Errorf("Changes (-want +got):\n%s", diff)
		}
		if err != nil {
			return err
		}
		got, err = collect(v.ChangesOf(2, id), cloneChange)
		if diff := cmp.Diff(all[1:3], got); diff != "" {
			t.Errorf("ChangesOf (-want +got):\n%s", diff)
		}
		return err
	})
	putChanges(t, s, []state.Change{{Pipeline: id, Key: "c", Run: 3, Op: record.Update}})
	view(t, s, func(v state.View) error {
		got, err := collect(v.Changes(id, "c"), cloneChange)
		if len(got) != 1 || got[0].At.IsZero() {
			t.Errorf("a change without a time came back as %+v; want one with a time", got)
		}
		return err
	})
}

// testDeletedBirth: a delete knows the run that created what it deleted.
func testDeletedBirth(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	update(t, s, func(tx state.Tx) error {
		for key, born := range map[record.Key]int64{"a": 7, "b": 300} {
			if err := tx.PutItem(id, &state.Item{Key: key, Born: born, Run: 400, Body: []byte(`{}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	all := []state.Change{
		{Pipeline: id, Key: "a", Run: 400, Op: record.Delete, At: at(1), Before: []byte(`{}`)},
		{Pipeline: id, Key: "b", Run: 400, Op: record.Delete, At: at(1)},
		{Pipeline: id, Key: "c", Run: 400, Op: record.Delete, At: at(1), Before: []byte(`{}`)},
		{Pipeline: id, Key: "d", Run: 400, Op: record.Delete, At: at(1), Born: 5},
		{Pipeline: id, Key: "e", Run: 400, Op: record.Update, At: at(1), After: []byte{7}},
	}
	putChanges(t, s, all)
	update(t, s, func(tx state.Tx) error { return tx.DropItem(id, "a") })
	all[0].Born, all[1].Born = 7, 300
	view(t, s, func(v state.View) error {
		got, err := collect(v.ChangesOf(400, id), cloneChange)
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("ChangesOf (-want +got):\n%s", diff)
		}
		return err
	})
}

func testDeletes(t *testing.T, open opener) {
	s := open.start(t)
	id, other := pipeline(t, s, "pipeline.p"), pipeline(t, s, "pipeline.q")
	putChanges(t, s, []state.Change{
		{Pipeline: id, Key: "a", Run: 1, Op: record.Delete, At: at(1)},
		{Pipeline: id, Key: "b", Run: 1, Op: record.Disable, At: at(2)},
		{Pipeline: id, Key: "c", Run: 1, Op: record.Update, At: at(2)},
		{Pipeline: id, Key: "d", Run: 1, Op: record.Delete, At: at(2), Approved: true},
		{Pipeline: id, Key: "a", Run: 2, Op: record.Delete, At: at(3)},
		{Pipeline: other, Key: "a", Run: 2, Op: record.Delete, At: at(3)},
	})
	view(t, s, func(v state.View) error {
		for _, c := range []struct {
			since time.Time
			want  int
		}{{at(0), 3}, {at(1), 3}, {at(2), 2}, {at(3), 1}, {at(4), 0}} {
			n, err := v.Deletes(id, c.since)
			if err != nil {
				return err
			}
			if n != c.want {
				t.Errorf("Deletes since %v = %d, want %d", c.since, n, c.want)
			}
		}
		return nil
	})
}

// begin begins a run and gives it with its id.
func begin(t failer, s state.Store, r state.Run) state.Run {
	t.Helper()
	update(t, s, func(tx state.Tx) (err error) {
		r.ID, err = tx.BeginRun(r)
		return err
	})
	return r
}

func testRuns(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	one := begin(t, s, state.Run{Kind: "run", Started: at(1), Clock: at(0)})
	part := begin(t, s, state.Run{ID: one.ID, Pipeline: id, Address: "pipeline.p", Kind: "run", Started: at(1), Status: "running"})
	two := begin(t, s, state.Run{Pipeline: id, Address: "pipeline.p", Kind: "undo", Started: at(2)})
	if two.ID <= one.ID || part.ID != one.ID {
		t.Fatalf("BeginRun gave the ids %d, %d, %d", one.ID, part.ID, two.ID)
	}
	part.Ended, part.Status, part.Counts, part.Problems = at(3), "partial", []byte(`{"created":1}`), []byte(`[{"key":"a"}]`)
	update(t, s, func(tx state.Tx) error { return tx.PutRun(part) })
	view(t, s, func(v state.View) error {
		all, err := collect(v.Runs(0), cloneRun)
		if diff := cmp.Diff([]state.Run{two, part, one}, all); diff != "" {
			t.Errorf("Runs of all (-want +got):\n%s", diff)
		}
		if err != nil {
			return err
		}
		all, err = collect(v.Runs(id), cloneRun)
		if diff := cmp.Diff([]state.Run{two, part}, all); diff != "" {
			t.Errorf("Runs (-want +got):\n%s", diff)
		}
		if err != nil {
			return err
		}
		entries, err := v.Run(one.ID)
		if diff := cmp.Diff([]state.Run{one, part}, entries); diff != "" {
			t.Errorf("Run (-want +got):\n%s", diff)
		}
		return err
	})
}

func testPlans(t *testing.T, open opener) {
	s := open.start(t)
	id, other := pipeline(t, s, "pipeline.p"), pipeline(t, s, "pipeline.q")
	r := begin(t, s, state.Run{Pipeline: id, Plan: "01JD", Started: at(1)})
	begin(t, s, state.Run{ID: r.ID, Pipeline: other, Plan: "01JD", Started: at(1)})
	begin(t, s, r)
	begin(t, s, state.Run{Pipeline: id, Started: at(1)})
	err := s.Update(t.Context(), func(tx state.Tx) error {
		_, err := tx.BeginRun(state.Run{Pipeline: id, Plan: "01JD"})
		return err
	})
	if err == nil {
		t.Error("a plan was begun by a second run")
	}
	update(t, s, func(tx state.Tx) error { return tx.Prune(at(100)) })
	view(t, s, func(v state.View) error {
		run, done, err := v.PlanApplied("01JD")
		if run != r.ID || !done {
			t.Errorf("PlanApplied = %d, %v; want %d, true", run, done, r.ID)
		}
		if err != nil {
			return err
		}
		_, done, err = v.PlanApplied("01JE")
		if done {
			t.Error("PlanApplied of an unknown plan is true")
		}
		return err
	})
}

func testPrune(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	runs := []state.Run{
		begin(t, s, state.Run{Pipeline: id, Started: at(1), Ended: at(2)}),
		begin(t, s, state.Run{Pipeline: id, Started: at(1)}),
		begin(t, s, state.Run{Pipeline: id, Started: at(1), Ended: at(10)}),
		begin(t, s, state.Run{Pipeline: id, Started: at(10)}),
	}
	for _, r := range runs {
		putChanges(t, s, []state.Change{{Pipeline: id, Key: "a", Run: r.ID, Op: record.Update, At: r.Started}})
	}
	update(t, s, func(tx state.Tx) error { return tx.Prune(at(10)) })
	view(t, s, func(v state.View) error {
		got, err := collect(v.Runs(0), cloneRun)
		if diff := cmp.Diff([]state.Run{runs[3], runs[2]}, got); diff != "" {
			t.Errorf("Runs (-want +got):\n%s", diff)
		}
		if err != nil {
			return err
		}
		left, err := collect(v.Changes(id, "a"), cloneChange)
		if len(left) != 2 || left[0].Run != runs[3].ID || left[1].Run != runs[2].ID {
			t.Errorf("changes left: %+v; want those of the runs %d and %d", left, runs[3].ID, runs[2].ID)
		}
		return err
	})
	update(t, s, func(tx state.Tx) error { return tx.Prune(at(1000)) })
	if next := begin(t, s, state.Run{Pipeline: id}); next.ID <= runs[3].ID {
		t.Errorf("the run id %d was given twice", next.ID)
	}
}

func testHeldReads(t *testing.T, open opener) {
	s := open.start(t)
	a, b := source(t, s, "source.a"), source(t, s, "source.b")
	held := []state.HeldRead{
		{Source: b, Address: "source.a", Count: 5, Since: at(1), Note: "5 of 10 records"},
		{Source: a, Address: "source.b", Count: 0, Since: at(2)},
	}
	update(t, s, func(tx state.Tx) error {
		if err := tx.PutHeldRead(held[1]); err != nil {
			return err
		}
		return tx.PutHeldRead(held[0])
	})
	check := func(want []state.HeldRead) {
		t.Helper()
		view(t, s, func(v state.View) error {
			got, err := v.HeldReads()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("HeldReads (-want +got):\n%s", diff)
			}
			return err
		})
	}
	check(held)
	held[0].Approved, held[0].Note, held[0].Until = true, "a person said so", at(9)
	update(t, s, func(tx state.Tx) error {
		if err := tx.DropHeldRead(a); err != nil {
			return err
		}
		return tx.PutHeldRead(held[0])
	})
	check(held[:1])
}

func testTokens(t *testing.T, open opener) {
	s := open(t)
	tokens := []state.Token{
		{Name: "a", Role: "viewer", Hash: []byte{1}, Created: at(1)},
		{Name: "b", Role: "admin", Hash: []byte{2}, Created: at(2), Expires: at(3), Revoked: at(4), Used: at(5)},
	}
	update(t, s, func(tx state.Tx) error {
		if err := tx.PutToken(tokens[1]); err != nil {
			return err
		}
		return tx.PutToken(state.Token{Name: "a", Role: "admin", Hash: []byte{3}, Created: at(9)})
	})
	update(t, s, func(tx state.Tx) error { return tx.PutToken(tokens[0]) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	view(t, open.start(t), func(v state.View) error {
		got, err := v.Tokens()
		if diff := cmp.Diff(tokens, got); diff != "" {
			t.Errorf("Tokens (-want +got):\n%s", diff)
		}
		return err
	})
}

func testErase(t *testing.T, open opener) {
	s := open.start(t)
	id, src := pipeline(t, s, "pipeline.p"), source(t, s, "source.s")
	fillPipeline(t, s, id, src)
	fillSource(t, s, src)
	want := dump(t, s, id, src)
	update(t, s, func(tx state.Tx) error {
		if err := tx.Erase(id, "k"); err != nil {
			return err
		}
		return tx.EraseMirror(src, "part", "k")
	})
	want.Items, want.Light, want.Open, want.Changes = want.Items[1:], want.Light[1:], want.Open[1:], want.Changes[1:]
	want.Flights = want.Flights[1:]
	want.Flights[0].Flown = want.Flights[0].Flown[1:]
	want.Mirror, want.Since = want.Mirror[1:], want.Since[1:]
	want.Count = map[state.Status]int{state.Delivered: 1}
	want.Runs[0].Problems = []byte(`[]`)
	want.Deliveries, want.Attempts = want.Deliveries[:1], want.Attempts[:1]
	if diff := cmp.Diff(want, dump(t, s, id, src)); diff != "" {
		t.Errorf("after Erase (-want +got):\n%s", diff)
	}
}
