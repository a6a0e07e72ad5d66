package sqlite

import (
	"iter"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
)

const (
	mirrorColumns = "SELECT part, key, seq, epoch, hash, lo, hi, gone, reason, body FROM mirror WHERE source = ?"
	mirrorReplace = "INSERT OR REPLACE INTO mirror (source, part, key, seq, epoch, hash, lo, hi, gone, reason, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	mirrorDelete  = "DELETE FROM mirror WHERE source = ? AND part = ? AND key = ?"
)

// A mirrorScan reads rows of the table mirror into memory that it uses again.
type mirrorScan struct {
	v      *view
	source int64
	keys   slab
	body   []byte
}

func (s *mirrorScan) row(st *sqlite.Stmt, r *state.MirrorRow) (err error) {
	part := st.ColumnText(0)
	*r = state.MirrorRow{
		Part:   part,
		Key:    s.keys.key(st, 1),
		Seq:    uint64(st.ColumnInt64(2)),
		Epoch:  st.ColumnInt64(3),
		Lo:     st.ColumnText(5),
		Hi:     st.ColumnText(6),
		Gone:   st.ColumnBool(7),
		Reason: st.ColumnText(8),
	}
	var ok bool
	if r.Hash, ok = columnHash(st, 4); !ok {
		return damaged("mirror", r.Key, "its hash has a wrong length")
	}
	if s.body, err = s.v.unpack(s.body[:0], st, 9, "mirror", s.source, part, string(r.Key)); err != nil {
		return err
	}
	if len(s.body) > 0 {
		r.Body = s.body
	}
	return nil
}

// Mirror yields a source's rows, tombstones too, in (part, key) order.
func (v *view) Mirror(source int64) iter.Seq2[*state.MirrorRow, error] {
	s := &mirrorScan{v: v, source: source}
	return rows(v, mirrorColumns+" ORDER BY part, key", []any{source}, s.row)
}

// MirrorSince yields the rows with a higher sequence, in sequence order.
func (v *view) MirrorSince(source int64, seq uint64) iter.Seq2[*state.MirrorRow, error] {
	s := &mirrorScan{v: v, source: source}
	return rows(v, mirrorColumns+" AND seq > ? ORDER BY seq, part, key", []any{source, seq}, s.row)
}

// MirrorRow gives one row, nil when there is none.
func (v *view) MirrorRow(source int64, part string, key record.Key) (*state.MirrorRow, error) {
	s := &mirrorScan{v: v, source: source}
	var r state.MirrorRow
	found, err := v.one(mirrorColumns+" AND part = ? AND key = ?", []any{source, part, key}, func(st *sqlite.Stmt) error {
		return s.row(st, &r)
	})
	if err != nil || !found {
		return nil, err
	}
	return &r, nil
}

// PutMirror inserts or replaces a row.
func (t *tx) PutMirror(source int64, r *state.MirrorRow) error {
	body := t.pack("mirror", source, []string{r.Part, string(r.Key)}, r.Body)
	return t.exec(mirrorReplace, source, r.Part, r.Key, r.Seq, r.Epoch, known(r.Hash), r.Lo, r.Hi, r.Gone, r.Reason, body)
}

// known gives the bytes of a hash, nil for the zero hash.
func known(h record.Hash) []byte {
	if h == (record.Hash{}) {
		return nil
	}
	return h[:]
}

// A tombstone is what DropTombstones must know of a row.
type tombstone struct {
	seq  uint64
	part string
	key  record.Key
}

const (
	tombstoneFirst = "SELECT seq, part, key FROM mirror WHERE source = ? AND gone = 1 AND seq <= ? ORDER BY seq, part, key LIMIT 1000"
	tombstoneNext  = "SELECT seq, part, key FROM mirror WHERE source = ? AND gone = 1 AND seq <= ? AND (seq, part, key) > (?, ?, ?) ORDER BY seq, part, key LIMIT 1000"
)

// DropTombstones removes gone rows up to a sequence, but for the kept keys.
func (t *tx) DropTombstones(source int64, upTo uint64, keep func(part string, key record.Key) bool) error {
	scan := func(st *sqlite.Stmt, r *tombstone) error {
		*r = tombstone{seq: uint64(st.ColumnInt64(0)), part: st.ColumnText(1), key: columnKey(st, 2)}
		return nil
	}
	gone, err := list(&t.view, tombstoneFirst, []any{source, upTo}, scan)
	for len(gone) > 0 && err == nil {
		for _, r := range gone {
			if keep != nil && keep(r.part, r.key) {
				continue
			}
			if err := t.exec(mirrorDelete, source, r.part, r.key); err != nil {
				return err
			}
		}
		last := gone[len(gone)-1]
		gone, err = list(&t.view, tombstoneNext, []any{source, upTo, last.seq, last.part, last.key}, scan)
	}
	return err
}

// DropMirror removes all rows of a source.
func (t *tx) DropMirror(source int64) error {
	return t.exec("DELETE FROM mirror WHERE source = ?", source)
}
