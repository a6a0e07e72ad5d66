package statetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
	"koppel/engine/state"
)

func testParts(t *testing.T, open opener) {
	s := open.start(t)
	id := source(t, s, "source.s")
	parts := []state.Part{
		{Source: id, Name: "", Cursor: []byte{0, 255}, FullAt: at(1), Count: 5},
		{Source: id, Name: "mail@example.com", Count: 1},
	}
	update(t, s, func(tx state.Tx) error {
		for _, p := range parts {
			if err := tx.PutPart(p); err != nil {
				return err
			}
		}
		return nil
	})
	if diff := cmp.Diff(parts, dump(t, s, 0, id).Parts); diff != "" {
		t.Errorf("Parts (-want +got):\n%s", diff)
	}
	parts[0].Cursor, parts[0].Count = []byte("next"), 6
	update(t, s, func(tx state.Tx) error {
		if err := tx.PutPart(parts[0]); err != nil {
			return err
		}
		return tx.DropPart(id, parts[1].Name)
	})
	if diff := cmp.Diff(parts[:1], dump(t, s, 0, id).Parts); diff != "" {
		t.Errorf("Parts after the drop (-want +got):\n%s", diff)
	}
}

func putMirror(t failer, s state.Store, id int64, rows []state.MirrorRow) {
	t.Helper()
	update(t, s, func(tx state.Tx) error {
		for i := range rows {
			if err := tx.PutMirror(id, &rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func testMirror(t *testing.T, open opener) {
	s := open(t)
	id, other := source(t, s, "source.s"), source(t, s, "source.t")
	rows := []state.MirrorRow{
		{Part: "", Key: "b", Seq: 3, Epoch: 2, Hash: hash(1), Lo: "2026-01-01", Hi: "2026-01-02T10:00:00Z", Body: []byte(`{"id":"b"}`)},
		{Part: "p", Key: "a", Seq: 1, Gone: true, Reason: "deleted"},
		{Part: "p", Key: "b", Seq: 2, Body: []byte(`{"id":"b"}`)},
	}
	putMirror(t, s, id, rows)
	putMirror(t, s, other, rows[:1])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open.start(t)
	check := func(rows, since []state.MirrorRow, seq uint64) {
		t.Helper()
		view(t, s, func(v state.View) error {
			got, err := collect(v.Mirror(id), cloneMirror)
			if diff := cmp.Diff(rows, got); diff != "" {
				t.Errorf("Mirror (-want +got):\n%s", diff)
			}
			if err != nil {
				return err
			}
			got, err = collect(v.MirrorSince(id, seq), cloneMirror)
			if diff := cmp.Diff(since, got); diff != "" {
				t.Errorf("MirrorSince %d (-want +got):\n%s", seq, diff)
			}
			return err
		})
	}
	check(rows, []state.MirrorRow{rows[2], rows[0]}, 1)
	check(rows, nil, 3)
	rows[1].Gone, rows[1].Reason, rows[1].Body, rows[1].Seq = false, "", []byte(`{"id":"a"}`), 4
	putMirror(t, s, id, rows[1:2])
	check(rows, []state.MirrorRow{rows[0], rows[1]}, 2)
	view(t, s, func(v state.View) error {
		one, err := v.MirrorRow(id, "p", "b")
		if diff := cmp.Diff(&rows[2], one); diff != "" {
			t.Errorf("MirrorRow (-want +got):\n%s", diff)
		}
		if none, err := v.MirrorRow(id, "", "a"); none != nil || err != nil {
			t.Errorf("MirrorRow of an unknown key = %+v, %v", none, err)
		}
		return err
	})
	update(t, s, func(tx state.Tx) error { return tx.DropMirror(id) })
	check(nil, nil, 0)
	if got := dump(t, s, 0, other).Mirror; len(got) != 1 {
		t.Errorf("the other source has %d rows, want 1", len(got))
	}
}

func testTombstones(t *testing.T, open opener) {
	s := open.start(t)
	id := source(t, s, "source.s")
	var rows, want []state.MirrorRow
	for i := range 2500 {
		r := state.MirrorRow{Key: record.Key(fmt.Sprintf("%04d", i)), Seq: uint64(1 + i/2), Gone: i%5 != 0}
		rows = append(rows, r)
		if !r.Gone || r.Seq > 1200 || i%7 == 0 {
			want = append(want, r)
		}
	}
	putMirror(t, s, id, rows)
	update(t, s, func(tx state.Tx) error {
		return tx.DropTombstones(id, 1200, func(_ string, key record.Key) bool {
			var n int
			fmt.Sscan(string("1"+key), &n)
			return (n-10000)%7 == 0
		})
	})
	if diff := cmp.Diff(want, dump(t, s, 0, id).Mirror); diff != "" {
		t.Errorf("Mirror (-want +got):\n%s", diff)
	}
}
