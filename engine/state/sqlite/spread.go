package sqlite

import (
	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
)

const (
	itemLast   = "SELECT key FROM item WHERE pipeline = ? ORDER BY key DESC LIMIT 1"
	recentLast = "SELECT key FROM recent WHERE pipeline = ? ORDER BY key DESC LIMIT 1"
	itemMany   = "SELECT count(*) FROM (SELECT 1 FROM item WHERE pipeline = ? LIMIT ?)"
	itemDense  = "SELECT count(*) FROM (SELECT 1 FROM item WHERE pipeline = ? AND key BETWEEN ? AND ? LIMIT ?)"
)

// A placing says where the row of a key is written.
type placing int

const (
	behind placing = iota // at the end of item: no table has the key or a later one
	among                 // in item, as most of its pages there are written anyway
	apart                 // in recent
)

// Writes are dense when there are fewer than denseRows rows of item to each of
// them: a page of item has about 18, and is written twice, to the log and to
// the table. A row in recent costs a tenth of that at first, and a third when
// it is moved.
const denseRows = 4

// From one sample of the writes to the next there are twice as many of them,
// and at most maxSamples times as many as in the sample.
const maxSamples = 16

// A spread tells how far apart the keys of a pipeline are that one transaction
// writes.
type spread struct {
	pipeline int64
	last     []byte // no key of item or recent is higher
	none     bool   // neither has a key
	empty    bool   // recent has none
	large    bool   // item has so many rows that recent is of use
	room     int    // writes until that is looked at again
	dense    bool
	writes   int // of keys that are not behind the last
	sample   int // how many of them there are when the next sample is complete
	lo, hi   record.Key
	growth   *growth
}

// growth counts the rows that a transaction adds to the tables of a pipeline.
type growth struct{ recent, item int64 }

// spread gives that of a pipeline. It is looked up when the pipeline changes.
func (t *tx) spread(pipeline int64) (*spread, error) {
	if t.over {
		return nil, errEnded
	}
	w := &t.c.spread
	if t.spreadKnown && w.pipeline == pipeline {
		return w, nil
	}
	if w.pipeline != pipeline {
		*w = spread{pipeline: pipeline, last: w.last}
	}
	*w = spread{pipeline: pipeline, last: w.last[:0], none: true, empty: true, large: w.large, room: w.room, dense: w.dense, sample: t.store.bounds.sample}
	for _, query := range []string{itemLast, recentLast} {
		_, err := t.one(query, []any{pipeline}, func(st *sqlite.Stmt) error {
			w.empty = query == itemLast
			if key := columnKey(st, 0); w.none || string(key) > string(w.last) {
				w.last = append(w.last[:0], key...)
			}
			w.none = false
			return nil
		})
		if err != nil {
			return nil, t.check(err)
		}
	}
	if w.growth = t.growth[pipeline]; w.growth == nil {
		w.growth = &growth{}
		if t.growth == nil {
			t.growth = map[int64]*growth{}
		}
		t.growth[pipeline] = w.growth
	}
	t.spreadKnown = true
	return w, nil
}

// isBehind tells whether a key is higher than all that item and recent have.
func (w *spread) isBehind(key record.Key) bool { return w.none || string(key) > string(w.last) }

// place tells where to write a key.
func (t *tx) place(w *spread, key record.Key) (placing, error) {
	if w.isBehind(key) {
		return behind, nil
	}
	if !w.large {
		if err := t.measure(w); err != nil || !w.large {
			return among, err
		}
	}
	w.writes++
	if from := w.sample - t.store.bounds.sample; w.writes > from {
		if err := t.look(w, key, w.writes == from+1); err != nil {
			return 0, err
		}
	}
	if w.dense {
		return among, nil
	}
	return apart, nil
}

// measure finds out whether item has many rows, when it may have got them since
// it last did so.
func (t *tx) measure(w *spread) error {
	if w.room--; w.room >= 0 {
		return nil
	}
	small := t.store.bounds.small
	_, err := t.one(itemMany, []any{w.pipeline, small + 1}, func(st *sqlite.Stmt) error {
		n := st.ColumnInt(0)
		w.large, w.room = n > small, max(small-n, small/2)
		return nil
	})
	return t.check(err)
}

// look takes a key into the sample.
func (t *tx) look(w *spread, key record.Key, first bool) error {
	if first {
		w.lo, w.hi = key, key
	}
	w.lo, w.hi = min(w.lo, key), max(w.hi, key)
	if w.writes < w.sample {
		return nil
	}
	size := t.store.bounds.sample
	w.sample += min(w.sample, maxSamples*size)
	most := denseRows * size
	_, err := t.one(itemDense, []any{w.pipeline, w.lo, w.hi, most + 1}, func(st *sqlite.Stmt) error {
		w.dense = st.ColumnInt(0) <= most
		return nil
	})
	return t.check(err)
}

// append notes that item gets a row at its end.
func (w *spread) append(key record.Key) {
	w.last, w.none = append(w.last[:0], key...), false
	w.growth.item++
	w.room--
}

// add notes that recent gets a row.
func (w *spread) add() {
	w.empty = false
	w.growth.recent++
}

// uncover removes the row of recent that stands in place of that in item.
func (t *tx) uncover(w *spread, key record.Key) error {
	if w.empty {
		return nil
	}
	return t.exec(recentDelete, w.pipeline, key)
}
