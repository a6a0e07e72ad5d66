package engine_test

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
)

// follow makes the source of w like that of other.
func (w *world) follow(other *world) {
	for part, recs := range w.parts {
		for id := range maps.Clone(recs) {
			if _, ok := other.parts[part][id]; !ok {
				w.remove(part, id)
			}
		}
		if other.parts[part] == nil {
			delete(w.parts, part)
		}
	}
	for part, recs := range other.parts {
		if w.parts[part] == nil {
			w.parts[part] = map[string]rec{}
		}
		for _, id := range slices.Sorted(maps.Keys(recs)) {
			if !maps.Equal(recs[id], w.parts[part][id]) {
				w.put(part, id, maps.Clone(recs[id]))
			}
		}
	}
}

// Two ways to the same target: whole or incremental, mirrored or not, in
// another order, by a saved plan, mapped anew or only what changed.
func TestWaysToTheSameTarget(t *testing.T) {
	check(t, func(t *rapid.T) {
		a := anyShape(t)
		a.mute, a.mirror = false, "none"
		b := a
		b.mirror = rapid.SampledFrom([]string{"none", "snapshot", "delta", "partial"}).Draw(t, "other mirror")
		stages := make([]*stage, 2)
		for i, s := range []shape{a, b} {
			w := newWorld()
			s.apply(w)
			stages[i] = newStage(t, w, s.hcl())
			defer stages[i].close()
		}
		one, two := stages[0], stages[1]
		for range rapid.IntRange(1, 4).Draw(t, "runs") {
			mutate(t, a, one.world)
			two.follow(one.world)
			t.Logf("source %v", one.parts)
			one.run(engine.Options{})
			two.reversed = rapid.Bool().Draw(t, "reversed")
			switch rapid.IntRange(0, 2).Draw(t, "way") {
			case 0:
				two.run(engine.Options{})
			case 1:
				two.saved()
			case 2: // what is mapped anew gives the same
				two.run(engine.Options{Refresh: true, Full: true})
			}
			if diff := cmp.Diff(decoded(one.rows), decoded(two.rows)); diff != "" {
				t.Fatalf("%+v (-one +two)\n%s", b, diff)
			}
		}
	})
}

// Wherever a run is stopped, it returns, leaves no goroutine, and the next one
// goes on from there.
func TestStoppedAnywhere(t *testing.T) {
	before := runtime.NumGoroutine()
	step := 3
	if testing.Short() {
		step = 11
	}
	for _, mirror := range []string{"none", "delta"} {
		for _, keys := range []string{"identity", "computed"} {
			for at := 1; at <= 40; at += step {
				s := shape{mirror: mirror, keys: keys, journalled: at%2 == 0}
				st := newFaults(t, s)
				for i := range 12 {
					st.put("", fmt.Sprint(i), rec{"name": "Ann", "code": fmt.Sprint(100 + i)})
				}
				st.run(engine.Options{})
				for i := range 8 {
					st.put("", fmt.Sprint(i+6), rec{"name": "Bob", "code": fmt.Sprint(100 + i + 6)})
				}
				st.remove("", "2")
				ctx, cancel := context.WithCancel(context.Background())
				steps := 0
				st.faults.stop = func() {
					if steps++; steps == at {
						cancel()
					}
				}
				res, err := st.eng.Run(ctx, engine.Options{})
				cancel()
				if stopped := steps >= at; err == nil && stopped && res.Pipelines[0].Status == "succeeded" && steps > at {
					t.Errorf("stopped at %d of %d steps, and succeeded", at, steps)
				}
				st.faults = faults{}
				if p := st.run(engine.Options{}); p.Status != "succeeded" {
					t.Errorf("at %d: status %s", at, p.Status)
				}
				if diff := cmp.Diff(s.truth(st.world), decoded(st.rows)); diff != "" || len(st.doubled) > 0 {
					t.Errorf("stopped at %d: doubled %v, target (-want +got)\n%s", at, st.doubled, diff)
				}
				st.close()
			}
		}
	}
	for range 1000 { // the last of them may take their time on a busy machine
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
		runtime.GC()
	}
	if now := runtime.NumGoroutine(); now > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before\n%s", now, before, buf[:runtime.Stack(buf, true)])
	}
}

// 50 refusals in a row stop a sink; what was not tried is tried by the next run.
func TestManyRefusalsStopASink(t *testing.T) {
	for _, mirror := range []string{"none", "delta"} {
		s := shape{mirror: mirror, keys: "identity", journalled: true}
		st := newFaults(t, s)
		st.faults.refuse = map[string]bool{}
		for i := range 80 {
			id := fmt.Sprintf("k%02d", i)
			st.put("", id, rec{"name": "Ann"})
			st.faults.refuse[id] = true
		}
		p := st.run(engine.Options{})
		if p.Err == nil || st.writes != 50 {
			t.Errorf("%s: err %v after %d writes", mirror, p.Err, st.writes)
		}
		st.faults = faults{}
		st.run(engine.Options{})
		if len(st.rows) != 80 || len(st.doubled) > 0 {
			t.Errorf("%s: %d rows, doubled %v", mirror, len(st.rows), st.doubled)
		}
	}
}

// An error in the middle of a batch leaves the changes before it delivered.
func TestErrorInTheMiddleOfABatch(t *testing.T) {
	for at := 1; at <= 6; at++ {
		for _, journalled := range []bool{false, true} {
			s := shape{mirror: "delta", keys: "identity", journalled: journalled}
			st := newFaults(t, s)
			for _, id := range ids {
				st.put("", id, rec{"name": "Ann"})
			}
			st.faults.writeErr = at
			st.run(engine.Options{})
			st.faults = faults{}
			st.run(engine.Options{})
			if diff := cmp.Diff(s.truth(st.world), decoded(st.rows)); diff != "" || len(st.doubled) > 0 {
				t.Errorf("at %d: doubled %v, target (-want +got)\n%s", at, st.doubled, diff)
			}
		}
	}
}
