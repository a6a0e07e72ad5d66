package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"koppel/engine/record"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

// itemModel is the items of one pipeline in plain memory.
type itemModel map[record.Key]state.Item

func (m itemModel) sorted(keep func(state.Item) bool) []state.Item {
	all := slices.SortedFunc(maps.Values(m), func(a, b state.Item) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	return slices.DeleteFunc(all, func(it state.Item) bool { return !keep(it) })
}

func anyItem(state.Item) bool { return true }

// TestRecentModel compares the items of a state, whose rows move between its
// two tables all the time, with a model, over random transactions.
func TestRecentModel(t *testing.T) {
	s, err := sqlite.OpenSmall(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "state.db"), Seal: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		p, other := "pipeline."+strconv.Itoa(n), "pipeline.other"+strconv.Itoa(n)
		ids := map[string]int64{}
		rewrite(rt, s, func(tx state.Tx) (err error) {
			for _, address := range []string{p, other} {
				ids[address], err = tx.PutPipeline(state.Pipeline{Address: address})
				if err != nil {
					return err
				}
			}
			return tx.PutItem(ids[other], &state.Item{Key: "k5", Run: 7})
		})
		m := itemModel{}
		for range rapid.IntRange(1, 6).Draw(rt, "transactions") {
			next := maps.Clone(m)
			fail := rapid.IntRange(0, 5).Draw(rt, "fail") == 0
			err := s.Update(context.Background(), func(tx state.Tx) error {
				for range rapid.IntRange(0, 6).Draw(rt, "steps") {
					if err := next.step(rt, tx, ids[p]); err != nil {
						return err
					}
				}
				compareItems(rt, tx, ids[p], next)
				if fail {
					return errUndone
				}
				return nil
			})
			if !fail {
				m = next
			}
			if fail != errors.Is(err, errUndone) {
				rt.Fatalf("Update: %v", err)
			}
			if err := s.View(context.Background(), func(v state.View) error { compareItems(rt, v, ids[p], m); return nil }); err != nil {
				rt.Fatal(err)
			}
		}
		err := s.View(context.Background(), func(v state.View) error {
			compareItems(rt, v, ids[other], itemModel{"k5": {Key: "k5", Run: 7}})
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
		rewrite(rt, s, func(tx state.Tx) error { return errors.Join(tx.DropPipeline(ids[p]), tx.DropPipeline(ids[other])) })
	})
}

var errUndone = errors.New("undo this transaction")

func rewrite(t *rapid.T, s state.Store, fn func(state.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// step writes a run of keys, in or out of order, or one.
func (m itemModel) step(t *rapid.T, tx state.Tx, id int64) error {
	from, by := rapid.IntRange(0, 40).Draw(t, "from"), rapid.SampledFrom([]int{1, 2, 7, -3}).Draw(t, "by")
	what := rapid.SampledFrom([]string{"put", "put", "put", "touch", "touch", "drop", "drop", "erase"}).Draw(t, "what")
	it := state.Item{Status: state.Status(rapid.IntRange(0, 3).Draw(t, "status")), Run: rapid.Int64Range(1, 9).Draw(t, "run"),
		Raw: record.Hash{byte(from)}, Mapped: record.Hash{15: byte(by)}, Body: []byte(what)}
	if it.HasSrc = rapid.Bool().Draw(t, "has src"); it.HasSrc {
		it.Src = state.SourceRef{Part: "p", Key: record.Key(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "src"))}
	}
	for i := range rapid.SampledFrom([]int{1, 1, 3, 20}).Draw(t, "keys") {
		it.Key = record.Key("k" + strconv.Itoa(from+i*by))
		if err := m.write(tx, id, what, it); err != nil {
			return err
		}
		if what == "erase" {
			break
		}
	}
	return nil
}

func (m itemModel) write(tx state.Tx, id int64, what string, it state.Item) error {
	switch what {
	case "put":
		m[it.Key] = it
		return tx.PutItem(id, &it)
	case "touch":
		if old, ok := m[it.Key]; ok {
			old.Raw, old.Status, old.HasSrc, old.Src = it.Raw, it.Status, it.HasSrc, it.Src
			m[it.Key] = old
		}
		return tx.TouchItem(id, &it)
	case "drop":
		delete(m, it.Key)
		return tx.DropItem(id, it.Key)
	}
	delete(m, it.Key)
	return tx.Erase(id, it.Key)
}

// compareItems compares every way to read items.
func compareItems(t *rapid.T, v state.View, id int64, m itemModel) {
	t.Helper()
	same := func(what string, want []state.Item, got iter.Seq2[*state.Item, error]) {
		t.Helper()
		var all []state.Item
		for it, err := range got {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			c := *it
			c.Body = bytes.Clone(it.Body)
			all = append(all, c)
		}
		if diff := cmp.Diff(want, all, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", what, diff)
		}
	}
	all := m.sorted(anyItem)
	same("Items", all, v.Items(id, ""))
	from := record.Key("k" + strconv.Itoa(rapid.IntRange(0, 99).Draw(t, "first key")))
	same("Items from "+string(from), m.sorted(func(it state.Item) bool { return it.Key >= from }), v.Items(id, from))
	for _, key := range []record.Key{"a", "b"} {
		src := state.SourceRef{Part: "p", Key: key}
		same("ItemsOf "+string(key), m.sorted(func(it state.Item) bool { return it.HasSrc && it.Src == src }), v.ItemsOf(id, src))
	}
	light, count := []state.Item(nil), map[state.Status]int{}
	for _, it := range all {
		count[it.Status]++
		it.Body = nil
		light = append(light, it)
	}
	same("ItemsLight", light, v.ItemsLight(id))
	got, err := v.CountItems(id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(count, got); diff != "" {
		t.Fatalf("CountItems (-want +got):\n%s", diff)
	}
	for i := range 60 {
		key := record.Key("k" + strconv.Itoa(i))
		it, err := v.Item(id, key)
		want, known := m[key]
		if err != nil || (it != nil) != known || known && !cmp.Equal(want, *it) {
			t.Fatalf("Item %s = %+v, %v; want %+v (%v)", key, it, err, want, known)
		}
	}
}
