package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
)

// newFaults is a stage for one scenario: a shape and a source of its own.
func newFaults(t *testing.T, s shape) *stage {
	t.Helper()
	w := newWorld()
	s.apply(w)
	st := newStage(t, w, s.hcl())
	t.Cleanup(st.close)
	return st
}

func (s *stage) wantRows(want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, showRows(s.rows)); diff != "" {
		s.t.Fatalf("target (-want +got)\n%s", diff)
	}
}

const annRow = `a {"n":null,"name":"Ann"}`

// A record that moves to another partition is no record that is gone, in
// whichever order the two are looked at.
func TestRecordMovesBetweenPartitions(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		for _, way := range [][2]string{{"north", "south"}, {"south", "north"}} {
			t.Run(mirror+" to "+way[1], func(t *testing.T) {
				st := newFaults(t, shape{mirror: mirror, keys: "identity", listed: true})
				st.put(way[0], "a", rec{"name": "Ann"})
				st.put(way[1], "b", rec{"name": "Bob"})
				st.run(engine.Options{})
				st.remove(way[0], "a")
				st.put(way[1], "a", rec{"name": "Ann"})
				st.run(engine.Options{})
				st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
				st.put(way[1], "a", rec{"name": "Eva"})
				st.run(engine.Options{})
				st.wantRows(`a {"n":null,"name":"Eva"}`, `b {"n":null,"name":"Bob"}`)
			})
		}
	}
}

// The tombstone may come later than the record's new place.
func TestTombstoneOfAnEarlierPartition(t *testing.T) {
	for _, way := range [][2]string{{"north", "south"}, {"south", "north"}} {
		st := newFaults(t, shape{mirror: "delta", keys: "identity", listed: true})
		st.put(way[0], "a", rec{"name": "Ann"})
		st.put(way[1], "b", rec{"name": "Bob"})
		st.run(engine.Options{})
		st.put(way[1], "a", rec{"name": "Ann"})
		st.run(engine.Options{})
		st.remove(way[0], "a")
		st.run(engine.Options{})
		st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
		st.remove(way[1], "a")
		st.run(engine.Options{})
		st.wantRows(`b {"n":null,"name":"Bob"}`)
	}
}

// A partition that is listed and not read keeps what an earlier, broken read
// of it delivered; and one that never gave anything is no trouble, however
// often it is not read.
func TestPartitionThatIsListedAndNotRead(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		t.Run(mirror, func(t *testing.T) {
			st := newFaults(t, shape{mirror: mirror, keys: "identity", listed: true})
			st.put("north", "a", rec{"name": "Ann"})
			st.put("south", "b", rec{"name": "Bob"})
			st.parts["west"] = map[string]rec{}
			st.faults = faults{failPart: map[string]int{"north": 1}, skipPart: map[string]bool{"west": true}}
			st.run(engine.Options{})
			st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
			st.faults = faults{skipPart: map[string]bool{"north": true, "west": true}}
			st.run(engine.Options{})
			st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
			st.faults.skipPart = map[string]bool{"west": true}
			for range 3 {
				if p := st.run(engine.Options{}); p.Status != "succeeded" {
					t.Fatalf("status %s", p.Status)
				}
			}
			st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
		})
	}
}

// A read that complete_when trips proves nothing, the list of partitions
// included.
func TestHeldReadProvesNothing(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		t.Run(mirror, func(t *testing.T) {
			s := shape{mirror: mirror, keys: "identity", listed: true}
			st := newFaults(t, s)
			st.load(replace(s.hcl(), "  key = [\"id\"]\n", "  key = [\"id\"]\n  complete_when { min_records = 1 }\n"))
			st.put("north", "a", rec{"name": "Ann"})
			st.run(engine.Options{})
			clear(st.parts)
			if p := st.run(engine.Options{}); p.Status == "succeeded" {
				t.Errorf("status %s", p.Status)
			}
			st.wantRows(annRow)
		})
	}
}

// What a run may not judge is not forgotten once the mirror has moved on.
func TestNothingIsForgottenThatARunMayNotJudge(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		t.Run(mirror, func(t *testing.T) {
			st := newFaults(t, shape{mirror: mirror, keys: "identity"})
			st.put("", "a", rec{"name": "Ann"})
			st.put("", "b", rec{"name": "Bob"})
			st.put("", "c", rec{"name": "Cor"})
			st.run(engine.Options{})
			st.put("", "b", rec{"name": "Bob", "hidden": true})
			st.remove("", "c")
			st.faults.unkeyed = true
			st.run(engine.Options{})
			st.wantRows(annRow, `b {"n":null,"name":"Bob"}`, `c {"n":null,"name":"Cor"}`)
			st.faults.unkeyed = false
			st.run(engine.Options{})
			st.wantRows(annRow)
		})
	}
}

// A change whose answer was lost is settled by the next run: asked about where
// the target can be asked, sent again where it may be, and else left alone.
func TestLostAnswers(t *testing.T) {
	for _, tt := range []struct {
		name             string
		journalled, mute bool
		took             bool
		calls            int // creates of a in the end
		doubt            bool
	}{
		{"asked, taken", true, false, true, 1, false},
		{"asked, not taken", true, false, false, 1, false},
		{"can't be asked, taken", true, true, true, 1, true},
		{"can't be asked, not taken", true, true, false, 0, true},
		{"may be repeated, taken", false, true, true, 2, false},
		{"may be repeated, not taken", false, true, false, 1, false},
	} {
		for _, mirror := range []string{"none", "delta"} {
			t.Run(tt.name+" "+mirror, func(t *testing.T) {
				st := newFaults(t, shape{mirror: mirror, keys: "identity", journalled: tt.journalled, mute: tt.mute})
				st.put("", "a", rec{"name": "Ann"})
				st.put("", "b", rec{"name": "Bob"})
				st.faults.unknown = map[string]bool{"a": tt.took}
				st.run(engine.Options{})
				st.faults = faults{}
				for range 3 {
					st.run(engine.Options{})
				}
				if st.calls["a"] != tt.calls || (len(st.inDoubt()) > 0) != tt.doubt {
					t.Errorf("%d creates, in doubt %v", st.calls["a"], st.inDoubt())
				}
				if !tt.doubt {
					st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
				}
			})
		}
	}
}

// A change whose answer was lost, and whose source record is then as it was
// before: the target is put right all the same.
func TestLostAnswerAndRevertedSource(t *testing.T) {
	for _, mute := range []bool{false, true} {
		for _, took := range []bool{false, true} {
			for _, mirror := range []string{"none", "delta"} {
				st := newFaults(t, shape{mirror: mirror, keys: "identity", mute: mute})
				st.put("", "a", rec{"name": "Ann"})
				st.put("", "b", rec{"name": "Bob"})
				st.run(engine.Options{})
				st.put("", "a", rec{"name": "Eva"})
				st.remove("", "b")
				st.put("", "c", rec{"name": "Cor"})
				st.faults.unknown = map[string]bool{"a": took, "b": took, "c": took}
				st.run(engine.Options{})
				st.faults = faults{}
				st.remove("", "c")
				st.put("", "a", rec{"name": "Ann"})
				st.put("", "b", rec{"name": "Bob"})
				st.run(engine.Options{})
				st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
			}
		}
	}
}

// The times between tries of a refused change grow from run to run.
func TestRefusalsAreTriedLessAndLess(t *testing.T) {
	st := newFaults(t, shape{mirror: "none", keys: "identity"})
	st.put("", "a", rec{"name": "Ann"})
	st.faults.refuse = map[string]bool{"a": true}
	for want := 1; want <= 3; want++ {
		st.run(engine.Options{})
		if o := st.open(); len(o) != 1 || o[0].Attempts != want {
			t.Fatalf("open %+v, want %d attempts", o, want)
		}
	}
}

// A delta that tells of a record's old place and of its new one in one read
// changes both places in the mirror.
func TestOneReadTellsOfBothPlaces(t *testing.T) {
	for _, way := range [][2]string{{"north", "south"}, {"south", "north"}} {
		st := newFaults(t, shape{mirror: "delta", keys: "identity", listed: true})
		st.put(way[0], "a", rec{"name": "Ann"})
		st.put(way[1], "b", rec{"name": "Bob"})
		st.run(engine.Options{})
		st.remove(way[0], "a")
		st.put(way[1], "a", rec{"name": "Eva"})
		st.run(engine.Options{})
		// A mapping that changed makes the run look at the whole mirror.
		st.load(shape{mirror: "delta", keys: "identity", listed: true, upper: true}.hcl())
		if p := st.run(engine.Options{}); p.Status != "succeeded" {
			t.Errorf("status %s", p.Status)
		}
		st.wantRows(`a {"n":null,"name":"EVA"}`, `b {"n":null,"name":"BOB"}`)
	}
}

// Records that claim one key are looked at again when only one of them moves,
// and a record that moved to another partition does not collide with itself.
func TestCollisionsAreLookedAtAgain(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		t.Run(mirror, func(t *testing.T) {
			st := newFaults(t, shape{mirror: mirror, keys: "computed", listed: true})
			st.put("north", "a", rec{"name": "Ann", "code": "x"})
			st.put("south", "b", rec{"name": "Bob", "code": "x"})
			st.put("south", "c", rec{"name": "Cor", "code": "y"})
			st.run(engine.Options{})
			st.wantRows(`y {"n":null,"name":"Cor"}`)
			st.put("north", "a", rec{"name": "Ann", "code": "z"})
			st.run(engine.Options{})
			st.wantRows(`x {"n":null,"name":"Bob"}`, `y {"n":null,"name":"Cor"}`, `z {"n":null,"name":"Ann"}`)
			st.remove("south", "c")
			st.put("north", "c", rec{"name": "Cora", "code": "y"})
			st.run(engine.Options{})
			st.wantRows(`x {"n":null,"name":"Bob"}`, `y {"n":null,"name":"Cora"}`, `z {"n":null,"name":"Ann"}`)
			if left := st.planned(engine.Options{}); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// What an incomplete run delivered under a new mapping is put right when the
// old one is back.
func TestMappingThatComesAndGoes(t *testing.T) {
	for _, mirror := range []string{"none", "delta"} {
		for _, saved := range []bool{false, true} {
			s := shape{mirror: mirror, keys: "identity"}
			st := newFaults(t, s)
			st.put("", "a", rec{"name": "Ann"})
			st.put("", "b", rec{"name": "Bob"})
			st.run(engine.Options{})
			s.upper = true
			st.load(s.hcl())
			st.faults.failPart = map[string]int{"": 1}
			if saved {
				st.saved()
			} else {
				st.run(engine.Options{})
			}
			st.faults = faults{}
			s.upper = false
			st.load(s.hcl())
			st.run(engine.Options{})
			st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
		}
	}
}

// A partition that was only ever read in part is gone, too, once the list does
// not name it.
func TestPartitionGoesThatWasNeverWhole(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		st := newFaults(t, shape{mirror: mirror, keys: "computed", listed: true})
		st.put("north", "a", rec{"name": "Ann", "code": "a"})
		st.put("south", "b", rec{"name": "Bob", "code": "b"})
		st.faults.failPart = map[string]int{"south": 1}
		st.run(engine.Options{})
		st.faults = faults{}
		delete(st.parts, "south")
		if p := st.run(engine.Options{}); p.Status != "succeeded" {
			t.Errorf("%s: status %s", mirror, p.Status)
		}
		st.wantRows(annRow)
	}
}

// A mirror does not hold a record for gone when one without a key was read,
// which may be the same; not in the runs after it, either.
func TestRecordWithoutAKeyProvesNothingLater(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		st := newFaults(t, shape{mirror: mirror, keys: "identity"})
		st.put("", "a", rec{"name": "Ann"})
		st.put("", "b", rec{"name": "Bob"})
		st.run(engine.Options{Full: true})
		st.remove("", "b")
		st.faults.unkeyed = true
		st.run(engine.Options{Full: true})
		st.faults = faults{failPart: map[string]int{"": 0}}
		st.run(engine.Options{})
		st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
		st.faults = faults{}
		st.run(engine.Options{})
		st.wantRows(annRow)
	}
}

// The tombstones of a partition that is gone stand until a run may judge them,
// and do not make later runs partial.
func TestPartitionIsGoneForGood(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		for _, keys := range []string{"identity", "computed"} {
			s := shape{mirror: mirror, keys: keys, listed: true}
			st := newFaults(t, s)
			st.put("north", "a", rec{"name": "Ann", "code": "a"})
			st.put("south", "b", rec{"name": "Bob", "code": "b"})
			st.run(engine.Options{})
			delete(st.parts, "south")
			st.faults.unkeyed = true
			st.run(engine.Options{})
			st.faults = faults{}
			for _, upper := range []bool{false, true} {
				s.upper = upper
				st.load(s.hcl())
				if p := st.run(engine.Options{}); p.Status != "succeeded" {
					t.Errorf("%s %s: status %s", mirror, keys, p.Status)
				}
			}
			st.wantRows(`a {"n":null,"name":"ANN"}`)
		}
	}
}

// A record that moved to another partition while a call for it was in doubt
// takes its key over once the doubt is settled.
func TestRecordMovesWhileInDoubt(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		for _, keys := range []string{"identity", "computed"} {
			st := newFaults(t, shape{mirror: mirror, keys: keys, listed: true})
			st.put("south", "a", rec{"name": "Ann", "code": "a"})
			st.put("south", "b", rec{"name": "Bob", "code": "b"})
			st.parts["north"] = map[string]rec{}
			st.run(engine.Options{})
			st.remove("south", "a")
			st.put("north", "a", rec{"name": "Eva", "code": "a"})
			st.faults.unknown = map[string]bool{"a": false}
			st.run(engine.Options{})
			st.faults = faults{}
			st.run(engine.Options{})
			st.wantRows(`a {"n":null,"name":"Eva"}`, `b {"n":null,"name":"Bob"}`)
		}
	}
}

// A record that two partitions held for a while, and that is gone from one of
// them, is what the other one says.
func TestRecordStandsElsewhere(t *testing.T) {
	for _, mirror := range []string{"snapshot", "delta"} {
		for _, way := range [][2]string{{"north", "south"}, {"south", "north"}} {
			st := newFaults(t, shape{mirror: mirror, keys: "identity", listed: true})
			st.put(way[0], "a", rec{"name": "Ann"})
			st.put(way[1], "b", rec{"name": "Bob"})
			st.run(engine.Options{})
			st.put(way[1], "a", rec{"name": "Eva"})
			st.faults.skipPart = map[string]bool{way[0]: true}
			st.run(engine.Options{})
			st.faults = faults{}
			st.remove(way[1], "a")
			st.run(engine.Options{})
			st.wantRows(annRow, `b {"n":null,"name":"Bob"}`)
		}
	}
}

// Two partitions of a mirror that hold one key are reported, although no
// single read has met both.
func TestKeyInTwoPartitionsOfAMirror(t *testing.T) {
	s := shape{mirror: "delta", keys: "identity", listed: true}
	st := newFaults(t, s)
	st.put("north", "a", rec{"name": "Ann"})
	st.put("south", "b", rec{"name": "Bob"})
	st.run(engine.Options{})
	st.put("south", "a", rec{"name": "Eva"})
	st.run(engine.Options{})
	s.upper = true
	st.load(s.hcl())
	p := st.run(engine.Options{})
	if p.Counts.Failed != 1 || len(p.Problems) != 1 || p.Problems[0].Code != "duplicate_key" || p.Problems[0].Key != "a" {
		t.Errorf("failed %d, problems %+v", p.Counts.Failed, p.Problems)
	}
}

// What a complete read tells nothing of is still as an earlier program made it,
// and is mapped again once it is read.
func TestUnreadPartitionIsMappedAgain(t *testing.T) {
	s := shape{mirror: "none", keys: "identity", listed: true}
	w := newWorld()
	s.apply(w)
	w.put("north", "a", rec{"name": "Ann"})
	w.put("south", "b", rec{"name": "Bob"})
	s.upper = true
	st := newStage(t, w, s.hcl())
	defer st.close()
	st.run(engine.Options{})

	s.upper = false
	st.load(s.hcl())
	w.faults = faults{skipPart: map[string]bool{"north": true}, noParts: true}
	st.run(engine.Options{})
	w.faults = faults{}
	st.run(engine.Options{})
	if diff := cmp.Diff(s.truth(w), decoded(w.rows)); diff != "" {
		t.Errorf("target (-want +got)\n%s", diff)
	}
}
