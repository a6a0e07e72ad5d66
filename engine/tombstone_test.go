package engine_test

import (
	"strings"
	"testing"
	"time"

	"koppel/engine"
)

const bobRow = `b {"n":null,"name":"Bob"}`

// tombstones is a stage with two records that were delivered.
func tombstones(t *testing.T, s shape, hcl string) *stage {
	w := newWorld()
	s.apply(w)
	st := newStage(t, w, hcl)
	t.Cleanup(st.close)
	st.put("", "a", rec{"name": "Ann"})
	st.put("", "b", rec{"name": "Bob"})
	st.run(engine.Options{})
	st.wantRows(annRow, bobRow)
	return st
}

// A round tells of a record that it is gone, and breaks off before it tells
// that the record is back.
func TestTombstoneOfARoundThatBrokeOff(t *testing.T) {
	for _, mirror := range []string{"delta", "partial"} {
		for _, keys := range []string{"identity", "computed"} {
			for _, saved := range []bool{false, true} {
				s := shape{mirror: mirror, keys: keys}
				st := tombstones(t, s, strings.ReplaceAll(s.hcl(), "src.code", "src.id"))
				st.retold = true
				st.remove("", "a")
				st.put("", "a", rec{"name": "Ann"})
				st.remove("", "b")
				run := func() {
					if saved {
						st.saved()
					} else {
						st.run(engine.Options{})
					}
				}
				for after := range 3 { // the tombstone of a, the record, the tombstone of b
					st.faults = faults{failPart: map[string]int{"": after}}
					run()
					st.wantRows(annRow, bobRow)
				}
				st.faults = faults{}
				run()
				st.wantRows(annRow)
			}
		}
	}
}

// A tombstone of a round that ended stays proof, whatever becomes of a later
// one.
func TestTombstoneThatStoodBeforeARoundBrokeOff(t *testing.T) {
	s := shape{mirror: "delta", keys: "identity"}
	st := tombstones(t, s, replace(s.hcl(), "  guard {", "  deletes { grace = \"1h\" }\n  guard {"))
	st.remove("", "b")
	st.run(engine.Options{})
	st.wantRows(annRow, bobRow)
	st.now = st.now.Add(2 * time.Hour)
	st.put("", "a", rec{"name": "Eva"})
	st.faults.failPart = map[string]int{"": 0}
	st.run(engine.Options{})
	st.wantRows(annRow)
}

// So it is with records that the source calls deleted.
func TestDeletedRecordOfAReadThatBrokeOff(t *testing.T) {
	for _, mirror := range []string{"none", "snapshot", "delta"} {
		for _, keys := range []string{"identity", "computed"} {
			s := shape{mirror: mirror, keys: keys}
			hcl := replace(strings.ReplaceAll(s.hcl(), "src.code", "src.id"), "  key = [\"id\"]\n", "  key = [\"id\"]\n  deleted = expr(\"src.code == 'gone'\")\n")
			st := tombstones(t, s, hcl)
			st.put("", "a", rec{"name": "Ann", "code": "gone"})
			st.put("", "b", rec{"name": "Bo"})
			st.faults.failPart = map[string]int{"": 2}
			st.run(engine.Options{})
			st.wantRows(annRow, `b {"n":null,"name":"Bo"}`)
			st.faults = faults{}
			st.run(engine.Options{})
			st.wantRows(`b {"n":null,"name":"Bo"}`)
		}
	}
}

// Nothing of what stood before a tombstone is left in a partial record that
// comes behind it.
func TestPartialRecordBehindATombstone(t *testing.T) {
	s := shape{mirror: "partial", keys: "identity"}
	st := tombstones(t, s, s.hcl())
	st.put("", "a", rec{"name": "Ann", "n": "7"})
	st.run(engine.Options{})
	st.wantRows(`a {"n":7,"name":"Ann"}`, bobRow)
	st.retold = true
	st.remove("", "a")
	st.put("", "a", rec{"name": "Eva"})
	st.run(engine.Options{})
	st.wantRows(`a {"n":null,"name":"Eva"}`, bobRow)
}
