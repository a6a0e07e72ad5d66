package statetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
	"koppel/engine/state"
)

func testOpen(t *testing.T, open opener) {
	s := open(t)
	id, other := pipeline(t, s, "pipeline.p"), pipeline(t, s, "pipeline.q")
	rows := []state.Open{
		{Key: "\x00\x01a", Reason: state.Waiting},
		{
			Key: "a", Reason: state.Refused, Op: record.Update, Cause: record.CauseSource, Since: at(1), Due: at(2), Order: 1 << 50,
			Attempts: 3, Before: hash(1), After: []byte(`{"a":1}`), HasSrc: true, Src: state.SourceRef{Part: "p", Key: "x"},
			Code: "refused", Field: "email", Note: "550 no such user", Approved: true, Until: at(7), Run: 9,
		},
		{Key: "b", Reason: state.Grace, Op: record.Delete, Cause: record.CauseGone, Since: at(3), Due: at(4), HasSrc: true, Approved: true, Run: 2},
	}
	put := func(s state.Store, rows []state.Open) {
		t.Helper()
		update(t, s, func(tx state.Tx) error {
			for i := range rows {
				if err := tx.PutOpen(id, &rows[i]); err != nil {
					return err
				}
			}
			return tx.PutOpen(other, &rows[0])
		})
	}
	check := func(s state.Store, want []state.Open) {
		t.Helper()
		if diff := cmp.Diff(want, dump(t, s, id, 0).Open); diff != "" {
			t.Errorf("Open (-want +got):\n%s", diff)
		}
	}
	put(s, rows)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open.start(t)
	check(s, rows)
	rows[1].Reason, rows[1].After, rows[1].Due = state.Held, nil, at(0)
	put(s, rows)
	check(s, rows)
	view(t, s, func(v state.View) error {
		one, err := v.OpenKey(id, "a")
		if diff := cmp.Diff(&rows[1], one); diff != "" {
			t.Errorf("OpenKey (-want +got):\n%s", diff)
		}
		if err != nil {
			return err
		}
		none, err := v.OpenKey(id, "none")
		if none != nil {
			t.Errorf("OpenKey of an unknown key = %+v", none)
		}
		return err
	})
	update(t, s, func(tx state.Tx) error { return tx.DropOpen(id, "a") })
	check(s, []state.Open{rows[0], rows[2]})
}
