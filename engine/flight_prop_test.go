package engine_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/state"
)

// A reversal is what a source does to some records in one run, and takes back
// after it.
type reversal struct {
	name     string
	there    bool // before
	do, undo func(st *stage, id string)
}

func put(name string) func(*stage, string) {
	return func(st *stage, id string) { st.put("", id, rec{"name": name, "code": "k" + id, "tags": "p"}) }
}

func remove(st *stage, id string) { st.remove("", id) }

var reversals = []reversal{
	{name: "created and gone", do: put("New"), undo: remove},
	{name: "updated and reverted", there: true, do: put("New"), undo: put("Old")},
	{name: "deleted and back", there: true, do: remove, undo: put("Old")},
	{name: "updated and gone", there: true, do: put("New"), undo: remove},
	{name: "created and another", do: put("New"), undo: put("Other")},
}

// shapes of pipelines and sinks that a crash may hit.
func flightShapes() map[string]shape {
	all := map[string]shape{}
	for _, mirror := range []string{"none", "delta"} {
		for _, keys := range []string{"identity", "computed", "each"} {
			all[mirror+" "+keys] = shape{mirror: mirror, keys: keys, batch: 2, mute: true}
		}
	}
	return all
}

// moments at which the process dies: with the first load at the target, with
// two of them, with a part of one.
var moments = []crash{{at: 1, after: -1}, {at: 1, early: true, after: 0}, {at: 2, early: true, after: -1}, {at: 2, early: true, after: 1}, {at: 3, after: -1}}

// Whatever was at the target and not remembered when the process died: once the
// source is as it was before, or otherwise, the target is what it says.
func TestDeadRunAndRevertedSource(t *testing.T) {
	all := flightShapes()
	for n, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		t.Run(name, func(t *testing.T) {
			for j, r := range reversals {
				for i, c := range few(moments, n+j) {
					st := newFaults(t, s)
					if !st.reverse(r, c, false) {
						t.Fatalf("%s: it did not die at %s", r.name, moment(c))
					}
					way := []string{"run", "plan", "full"}[(n+i)%3]
					st.wantConverged(fmt.Sprintf("%s, %s after %s", r.name, way, moment(c)), s, way)
				}
			}
		})
	}
}

// few is the whole list, and with -short one entry of it: another one for each n, so
// that a product of lists still meets every entry of each.
func few[T any](list []T, n int) []T {
	if !testing.Short() {
		return list
	}
	n %= len(list)
	return list[n : n+1]
}

func moment(c crash) string { return fmt.Sprintf("write %d early %t after %d", c.at, c.early, c.after) }

// reverse runs into a crash while the source is another one, and takes the
// change of the source back. false: there was no crash.
func (st *stage) reverse(r reversal, c crash, saved bool) bool {
	st.t.Helper()
	st.put("", "z", rec{"name": "Stays", "code": "kz", "tags": "p"})
	for i := range 6 {
		if r.there {
			put("Old")(st, fmt.Sprint(i))
		}
	}
	st.run(engine.Options{})
	for i := range 6 {
		r.do(st, fmt.Sprint(i))
	}
	if !st.crashed(&c, saved) {
		return false
	}
	for i := range 6 {
		r.undo(st, fmt.Sprint(i))
	}
	return true
}

// wantConverged brings the target right in one way and checks that it is.
func (st *stage) wantConverged(what string, s shape, way string) {
	st.t.Helper()
	planned := st.planned(engine.Options{})
	switch way {
	case "plan":
		st.saved()
	default:
		st.run(engine.Options{Full: way == "full"})
	}
	if diff := cmp.Diff(s.truth(st.world), decoded(st.rows)); diff != "" {
		st.t.Fatalf("%s: target (-want +got)\n%s\nplanned %v", what, diff, planned)
	}
	if left := st.planned(engine.Options{}); len(left) > 0 {
		st.t.Fatalf("%s: left %v", what, left)
	}
	if n := st.flights(); n > 0 {
		st.t.Fatalf("%s: %d flights are left", what, n)
	}
}

// flights counts those of the pipeline.
func (st *stage) flights() (n int) {
	st.t.Helper()
	err := st.store.View(context.Background(), func(v state.View) error {
		row, _, err := v.Pipeline("pipeline.p")
		if err != nil {
			return err
		}
		for _, err := range v.Flights(row.ID) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		st.t.Fatalf("read the state: %v", err)
	}
	return n
}

// At most two loads are in flight at any moment, and what is planned then is
// what the next run does.
func TestPlanSeesWhatIsInFlight(t *testing.T) {
	for _, s := range []shape{{mirror: "none", keys: "identity", batch: 2, mute: true}, {mirror: "delta", keys: "computed", batch: 2, mute: true}} {
		for j, r := range reversals {
			for _, c := range few(moments, j) {
				st := newFaults(t, s)
				if !st.reverse(r, c, false) {
					t.Fatalf("%s: it did not die at %s", r.name, moment(c))
				}
				if n := st.flights(); n > 2 {
					t.Errorf("%s: %d flights", r.name, n)
				}
				before := st.planned(engine.Options{})
				// A decision about open keys lands them, and does no more.
				if _, err := st.eng.Retry(context.Background(), engine.Decision{Addresses: []string{"pipeline.p"}}); err != nil {
					t.Fatal(err)
				}
				if n := st.flights(); n > 0 {
					t.Errorf("%s: %d flights are left", r.name, n)
				}
				if diff := cmp.Diff(before, st.planned(engine.Options{})); diff != "" {
					t.Errorf("%s, %s: planned in flight and landed (-flight +landed)\n%s", r.name, moment(c), diff)
				}
			}
		}
	}
}

// A saved plan that is gone on with applies what was in flight again, although
// the state knows nothing of it, and skips nothing.
func TestPlanThatDiedIsGoneOnWith(t *testing.T) {
	all := flightShapes()
	for n, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		t.Run(name, func(t *testing.T) {
			for j, r := range reversals {
				for _, c := range few(moments, n+j) {
					st := newFaults(t, s)
					if !st.reverse(r, c, true) {
						t.Fatalf("%s: it did not die at %s", r.name, moment(c))
					}
					// The plan is what was approved, whatever the source says now.
					for i := range 6 {
						r.do(st, fmt.Sprint(i))
					}
					res, err := st.eng.Apply(context.Background(), filepath.Join(st.dir, "a.plan"))
					if err != nil {
						t.Fatal(err)
					}
					if p := res.Pipelines[0]; p.Status != "succeeded" || p.Moved > 0 {
						t.Fatalf("%s, %s: %s, moved %d, problems %v", r.name, moment(c), p.Status, p.Moved, p.Problems)
					}
					if diff := cmp.Diff(s.truth(st.world), decoded(st.rows)); diff != "" {
						t.Fatalf("%s, %s: target (-want +got)\n%s", r.name, moment(c), diff)
					}
					if left := st.planned(engine.Options{}); slices.ContainsFunc(left, func(l string) bool { return l[0] != 'n' }) {
						t.Fatalf("%s, %s: left %v", r.name, moment(c), left)
					}
				}
			}
		})
	}
}

// A plan leaves a key in doubt alone and moves its pipeline on in the mirror;
// the record that moved meanwhile is not forgotten.
func TestRecordMovesWhileAPlanLeavesItInDoubt(t *testing.T) {
	for _, mirror := range []string{"snapshot", "delta"} {
		for _, keys := range []string{"identity", "computed", "each"} {
			s := shape{mirror: mirror, keys: keys, listed: true, journalled: true}
			st := newFaults(t, s)
			d := rec{"name": "Dik", "code": "d", "tags": "p"}
			st.put("south", "d", d)
			st.put("north", "z", rec{"name": "Zoe", "code": "z", "tags": "p"})
			st.faults.unknown = map[string]bool{"d": false, "d/p": false}
			st.run(engine.Options{})
			st.faults = faults{}
			st.remove("south", "d")
			st.put("north", "d", d)
			st.saved()
			st.run(engine.Options{})
			if diff := cmp.Diff(s.truth(st.world), decoded(st.rows)); diff != "" {
				t.Errorf("%s %s: target (-want +got)\n%s", mirror, keys, diff)
			}
		}
	}
}

// A record moves to another partition while its run dies, and that partition
// can't be read afterwards: its absence from the first one proves nothing.
func TestDeadRunAndRecordsThatMoved(t *testing.T) {
	for _, keys := range []string{"identity", "computed", "each"} {
		t.Run(keys, func(t *testing.T) {
			s := shape{mirror: "none", keys: keys, batch: 2, mute: true, listed: true}
			st := newFaults(t, s)
			st.put("north", "z", rec{"name": "Stays", "code": "kz", "tags": "p"})
			st.put("south", "y", rec{"name": "Stays", "code": "ky", "tags": "p"})
			st.put("north", "e", rec{"name": "Old", "code": "ke", "tags": "p"})
			st.run(engine.Options{})
			st.remove("north", "e")
			st.put("south", "e", rec{"name": "New", "code": "ke", "tags": "p"})
			if !st.crashed(&crash{at: 1, after: -1}, false) {
				t.Fatal("it did not die")
			}
			st.faults.failPart = map[string]int{"south": 0}
			st.run(engine.Options{})
			if diff := cmp.Diff(s.truth(st.world), decoded(st.rows)); diff != "" {
				t.Fatalf("target (-want +got)\n%s", diff)
			}
		})
	}
}
