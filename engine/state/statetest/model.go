package statetest

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
	"koppel/engine/state"
)

// A model is a state in plain memory: one pipeline and one source.
type model struct {
	items   map[record.Key]state.Item
	open    map[record.Key]state.Open
	mirror  map[state.SourceRef]state.MirrorRow
	flights map[int64]state.Flight
}

func newModel() *model {
	return &model{map[record.Key]state.Item{}, map[record.Key]state.Open{}, map[state.SourceRef]state.MirrorRow{}, map[int64]state.Flight{}}
}

func (m *model) clone() *model {
	return &model{maps.Clone(m.items), maps.Clone(m.open), maps.Clone(m.mirror), maps.Clone(m.flights)}
}

func sorted[K cmp.Ordered, V any](m map[K]V) []V {
	var all []V
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[k])
	}
	return all
}

func (m *model) rows() []state.MirrorRow {
	return slices.SortedFunc(maps.Values(m.mirror), func(a, b state.MirrorRow) int {
		return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Key, b.Key))
	})
}

var errUndo = errors.New("undo this transaction")

// testModel compares a store with the model over random transactions, some of
// which fail, with the store opened again at random points.
func testModel(t *testing.T, open opener) {
	s := open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		id, src := pipeline(rt, s, "pipeline.p"), source(rt, s, "source.s")
		m := newModel()
		seq := uint64(0)
		for range rapid.IntRange(1, 8).Draw(rt, "transactions") {
			fail := rapid.IntRange(0, 4).Draw(rt, "fail") == 0
			next := m.clone()
			err := s.Update(ctx(rt), func(tx state.Tx) error {
				for range rapid.IntRange(0, 12).Draw(rt, "steps") {
					if err := step(rt, tx, next, id, src, &seq); err != nil {
						return err
					}
				}
				if fail {
					return errUndo
				}
				return nil
			})
			if fail && !errors.Is(err, errUndo) || !fail && err != nil {
				rt.Fatalf("Update: %v", err)
			}
			if !fail {
				m = next
			}
			if rapid.IntRange(0, 5).Draw(rt, "reopen") == 0 {
				if err := s.Close(); err != nil {
					rt.Fatalf("Close: %v", err)
				}
				s = open(t)
			}
			compareModel(rt, s, m, id, src)
		}
		update(rt, s, func(tx state.Tx) error {
			return errors.Join(tx.DropPipeline(id), tx.DropSource(src))
		})
	})
}

func compareModel(t *rapid.T, s state.Store, m *model, id, src int64) {
	t.Helper()
	got := dump(t, s, id, src)
	if diff := gocmp.Diff(sorted(m.items), got.Items); diff != "" {
		t.Fatalf("Items (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(light(sorted(m.items)), got.Light); diff != "" {
		t.Fatalf("ItemsLight (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(sorted(m.open), got.Open); diff != "" {
		t.Fatalf("Open (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(sorted(m.flights), got.Flights); diff != "" {
		t.Fatalf("Flights (-want +got):\n%s", diff)
	}
	rows := m.rows()
	if diff := gocmp.Diff(rows, got.Mirror); diff != "" {
		t.Fatalf("Mirror (-want +got):\n%s", diff)
	}
	slices.SortFunc(rows, func(a, b state.MirrorRow) int { return cmp.Compare(a.Seq, b.Seq) })
	if diff := gocmp.Diff(rows, got.Since); diff != "" {
		t.Fatalf("MirrorSince (-want +got):\n%s", diff)
	}
}

// step does one random thing to the state and to the model.
func step(t *rapid.T, tx state.Tx, m *model, id, src int64, seq *uint64) error {
	key := record.Key(rapid.SampledFrom([]string{"a", "b", "c", "a\x00", "\xff", "\x00\x01a\x01b"}).Draw(t, "key"))
	switch rapid.SampledFrom([]string{"item", "item", "touch", "drop", "open", "close", "flight", "mirror", "tombstones"}).Draw(t, "step") {
	case "item":
		it := drawItem(t, key)
		m.items[key] = it
		return tx.PutItem(id, &it)
	case "touch":
		it := drawItem(t, key)
		if old, ok := m.items[key]; ok {
			old.Raw, old.Status, old.HasSrc, old.Src = it.Raw, it.Status, it.HasSrc, it.Src
			m.items[key] = old
		}
		return tx.TouchItem(id, &it)
	case "drop":
		delete(m.items, key)
		return tx.DropItem(id, key)
	case "open":
		o := state.Open{
			Key: key, Reason: state.Failed, Op: record.Update, Attempts: rapid.IntRange(0, 9).Draw(t, "attempts"),
			After: drawBytes(t, "after"), Note: string(drawBytes(t, "note")), Before: drawHash(t, "before"),
		}
		m.open[key] = o
		return tx.PutOpen(id, &o)
	case "close":
		delete(m.open, key)
		return tx.DropOpen(id, key)
	case "flight":
		return stepFlight(t, tx, m, id)
	case "tombstones":
		return stepTombstones(t, tx, m, src, *seq)
	}
	*seq++
	r := state.MirrorRow{
		Part: rapid.SampledFrom([]string{"", "p"}).Draw(t, "part"), Key: key, Seq: *seq,
		Gone: rapid.Bool().Draw(t, "gone"), Body: drawBytes(t, "row"), Hash: drawHash(t, "hash"),
	}
	m.mirror[state.SourceRef{Part: r.Part, Key: key}] = r
	return tx.PutMirror(src, &r)
}

func stepTombstones(t *rapid.T, tx state.Tx, m *model, src int64, seq uint64) error {
	upTo := rapid.Uint64Range(0, seq).Draw(t, "up to")
	kept := record.Key(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "kept"))
	maps.DeleteFunc(m.mirror, func(_ state.SourceRef, r state.MirrorRow) bool {
		return r.Gone && r.Seq <= upTo && r.Key != kept
	})
	return tx.DropTombstones(src, upTo, func(_ string, key record.Key) bool { return key == kept })
}

func drawItem(t *rapid.T, key record.Key) state.Item {
	it := state.Item{
		Key: key, Raw: drawHash(t, "raw"), Mapped: drawHash(t, "mapped"),
		Status: state.Status(rapid.IntRange(0, int(state.Unsure)).Draw(t, "status")),
		Born:   rapid.Int64Range(0, 3).Draw(t, "born"), Run: rapid.Int64Range(0, 3).Draw(t, "run"),
		Answer: drawBytes(t, "answer"), Body: drawBytes(t, "body"),
	}
	if it.HasSrc = rapid.Bool().Draw(t, "has src"); it.HasSrc {
		it.Src = state.SourceRef{Part: string(drawBytes(t, "src part")), Key: record.Key(drawBytes(t, "src key"))}
	}
	return it
}

// drawBytes gives bytes, of which no bytes are nil.
func drawBytes(t *rapid.T, label string) []byte {
	b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, label)
	if len(b) == 0 {
		return nil
	}
	return b
}

func drawHash(t *rapid.T, label string) (h record.Hash) {
	copy(h[:], rapid.SliceOfN(rapid.Byte(), len(h), len(h)).Draw(t, label))
	return h
}
