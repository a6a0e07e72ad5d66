package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A record without a key may be one of those that are gone: what would be
// deleted waits, a plan and a run tell of it each time, and it is deleted once
// every record has a key.
func TestDeletesThatARecordWithoutAKeyHoldsBack(t *testing.T) {
	const why = "records without a key were read, so nobody knows whose they are"
	for _, tt := range []struct {
		mirror, keys string
		want         []string
	}{
		{"none", "identity", []string{"b its delete (gone at source) waits: " + why, "c its delete (left the filter) waits: " + why}},
		{"none", "computed", []string{"B its delete (gone at source) waits: " + why, "C its delete (left the filter) waits: " + why}},
		// What a mirror holds is not proven to be absent.
		{"snapshot", "identity", []string{"c its delete (left the filter) waits: " + why}},
		{"delta", "identity", []string{"b its delete (gone at source) waits: " + why, "c its delete (left the filter) waits: " + why}},
	} {
		t.Run(tt.mirror+" "+tt.keys, func(t *testing.T) {
			s := shape{mirror: tt.mirror, keys: tt.keys}
			st := newFaults(t, s)
			for _, name := range []string{"a", "b", "c"} {
				st.put("", name, rec{"name": name, "code": string(name[0] - 32)})
			}
			st.run(engine.Options{})
			before := showRows(st.rows)
			st.remove("", "b")
			st.put("", "c", rec{"name": "c", "code": "C", "hidden": true})
			st.faults.unkeyed = true
			withheld := func(waiting int64, problems [][2]string) {
				t.Helper()
				got := []string{}
				for _, p := range problems {
					if p[0] == "withheld" {
						got = append(got, p[1])
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || waiting != int64(len(tt.want)) {
					t.Errorf("%d wait (-want +got)\n%s", waiting, diff)
				}
			}
			for range 2 {
				p, err := st.eng.Plan(t.Context(), engine.Options{})
				if err != nil {
					t.Fatal(err)
				}
				h := &p.Header.Pipelines[0]
				told := [][2]string{}
				for _, p := range h.Problems {
					told = append(told, [2]string{p.Code, fmt.Sprintf("%s %s", p.Key, p.Message)})
				}
				withheld(h.Counts.Waiting, told)
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
				res := st.run(engine.Options{})
				told = told[:0]
				for _, p := range res.Problems {
					told = append(told, [2]string{p.Code, fmt.Sprintf("%s %s", p.Key, p.Message)})
				}
				withheld(res.Counts.Waiting, told)
				st.wantRows(before...)
				for _, o := range st.open() {
					if o.Reason != state.Waiting || o.Op != record.Delete || o.Note != why {
						t.Errorf("open: %+v", o)
					}
				}
			}
			st.faults = faults{}
			if res := st.run(engine.Options{}); res.Status != "succeeded" || res.Counts.Deleted != 2 || len(st.open()) > 0 {
				t.Errorf("%s %+v, open %v", res.Status, res.Counts, showOpen(st.open()))
			}
		})
	}
}
