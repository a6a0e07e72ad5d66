package engine

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// mirrored tells whether the last known records of a source are kept.
func (e *Engine) mirrored(src *Source) bool {
	return src != nil && (src.Incremental != nil || src.Event || src.Snapshot || src.Window != nil)
}

// A mirror is one mirrored source in a session: what is stored, and on top of
// it the changes that this session read and, in a plan, did not store.
type mirror struct {
	src   *Source
	read  *records // nil with FromSnapshot
	known *sourceState
	epoch int64
	// overlay holds the changes in (part, key) order while they are not stored.
	overlay *spool.Sorter
	rows    int64
	last    uint64 // the highest place of a row in the read
	fromSeq uint64
	seq     uint64
}

// partKey sorts like the pair of a partition and a key; names of partitions
// hold no zero byte.
func partKey(part string, key record.Key) []byte {
	b := make([]byte, 0, len(part)+1+len(key))
	b = append(append(b, part...), 0)
	return append(b, key...)
}

// mirror reads a mirrored source and brings its mirror up to date: in the
// state when the session is live, in an overlay otherwise.
func (s *session) mirror(ctx context.Context, src *Source) (*mirror, error) {
	if m := s.mirrors[src.Address]; m != nil {
		return m, nil
	}
	var read *records
	var err error
	if !s.opts.FromSnapshot {
		if read, err = s.read(ctx, src); err != nil {
			return nil, err
		}
	}
	known, err := s.sourceState(ctx, src)
	if err != nil {
		return nil, err
	}
	m := &mirror{src: src, read: read, known: known, epoch: known.row.Epoch, fromSeq: known.row.Seq, seq: known.row.Seq}
	if read != nil {
		if known.known && !known.same {
			m.epoch++
		}
		if err := s.collect(ctx, m); err != nil {
			return nil, fmt.Errorf("update the mirror of %s: %w", src.Address, err)
		}
		m.seq += m.last
		if s.live {
			if err := s.storeMirror(ctx, m); err != nil {
				return nil, fmt.Errorf("update the mirror of %s: %w", src.Address, err)
			}
		}
	} else if !known.known {
		return nil, fmt.Errorf("%s has no snapshot yet: run it once with snapshot = true", src.Address)
	}
	s.mirrors[src.Address] = m
	return m, nil
}

// collect compares what was read with the mirror.
func (s *session) collect(ctx context.Context, m *mirror) error {
	m.overlay = s.spool.Sorter(sortMemory)
	byPart := s.spool.Sorter(sortMemory)
	var buf []byte
	err := m.read.byPlace(func(e *entry) error {
		if e.twice {
			return nil
		}
		buf = e.encode(buf[:0])
		return byPart.Add(partKey(m.read.names[e.part], e.key), buf)
	})
	if err != nil {
		return err
	}
	return s.Store.View(ctx, func(v state.View) error {
		if m.allDelta() {
			return s.collectDelta(v, m, byPart)
		}
		return s.collectFull(v, m, byPart)
	})
}

func (m *mirror) allDelta() bool {
	for _, p := range m.read.parts {
		if p.mode == connector.Full || p.gone {
			return false
		}
	}
	return true
}

// collectDelta looks up the few records that a delta brought.
func (s *session) collectDelta(v state.View, m *mirror, byPart *spool.Sorter) error {
	return m.eachEntry(byPart, func(e *entry) error {
		var row *state.MirrorRow
		if m.known.known {
			var err error
			if row, err = v.MirrorRow(m.known.row.ID, m.read.names[e.part], e.key); err != nil {
				return err
			}
		}
		return s.compareRow(m, e, row)
	})
}

// collectFull merges what was read with the whole mirror.
func (s *session) collectFull(v state.View, m *mirror, byPart *spool.Sorter) error {
	next, stop := iter.Pull2(v.Mirror(m.known.row.ID))
	defer stop()
	row, err, more := next()
	if err != nil {
		return err
	}
	pass := func(limit string, all bool) error {
		for more && (all || string(partKey(row.Part, row.Key)) < limit) {
			if err := s.absent(m, row); err != nil {
				return err
			}
			if row, err, more = next(); err != nil {
				return err
			}
		}
		return nil
	}
	err = m.eachEntry(byPart, func(e *entry) error {
		at := string(partKey(m.read.names[e.part], e.key))
		if err := pass(at, false); err != nil {
			return err
		}
		if more && string(partKey(row.Part, row.Key)) == at {
			if err := s.compareRow(m, e, row); err != nil {
				return err
			}
			row, err, more = next()
			return err
		}
		return s.compareRow(m, e, nil)
	})
	if err != nil {
		return err
	}
	return pass("", true)
}

func (m *mirror) eachEntry(byPart *spool.Sorter, yield func(*entry) error) error {
	it, err := byPart.Sort()
	if err != nil {
		return err
	}
	defer it.Close()
	var e entry
	for it.Next() {
		key := it.Key()
		i := strings.IndexByte(string(key), 0)
		if err := e.decode(key[i+1:], it.Payload()); err != nil {
			return err
		}
		if err := yield(&e); err != nil {
			return err
		}
	}
	return it.Err()
}

// compareRow notes a record that differs from its row in the mirror.
func (s *session) compareRow(m *mirror, e *entry, row *state.MirrorRow) error {
	part := m.read.names[e.part]
	if e.seen == seenGone {
		if row == nil || row.Gone {
			return nil
		}
		return m.put(&plan.SourceRow{Order: e.order + 1, Part: part, Key: e.key, Gone: true, Reason: "removed at the source"})
	}
	body, err := m.read.body(e, s.Store.Hasher(), nil)
	if err != nil {
		return err
	}
	hash := e.raw
	if row != nil && !row.Gone && !e.anew && m.read.parts[part].mode == connector.Delta {
		if body, err = mergeFields(row.Body, body); err != nil {
			return err
		}
		before, err := mergeFields(row.Body, []byte("{}"))
		if err != nil {
			return err
		}
		if bytes.Equal(before, body) && row.Epoch == m.epoch {
			return nil // told again, and nothing of it is new
		}
		hash = s.Store.Hasher().Bytes(body)
	}
	if row != nil && !row.Gone && row.Hash == hash && row.Epoch == m.epoch {
		return nil
	}
	out := plan.SourceRow{Order: e.order + 1, Part: part, Key: e.key, Hash: hash, Body: body}
	out.Lo, out.Hi = extent(m.src.Window, body)
	return m.put(&out)
}

// extent gives from when to when a record reaches, for a window to be judged on:
// a moment twice where it does not last.
func extent(w *Window, body []byte) (lo, hi string) {
	if w == nil {
		return "", ""
	}
	lo = timeAt(body, w.Field)
	if hi = timeAt(body, w.End); hi == "" {
		hi = lo
	}
	return lo, hi
}

// timeAt gives the text at a dotted path; empty: there is none.
func timeAt(body []byte, path string) string {
	if path == "" {
		return ""
	}
	raw := body
	for _, step := range strings.Split(path, ".") {
		if raw = record.Member(raw, step); raw == nil {
			return ""
		}
	}
	text, _ := record.Text(raw)
	return text
}

// absent notes a row of the mirror that a complete full read did not bring.
func (s *session) absent(m *mirror, row *state.MirrorRow) error {
	p := m.read.parts[row.Part]
	switch {
	case row.Gone:
		return nil
	case m.side(row, s.clock) != 0:
		return nil // absence means nothing outside of the interval that was read
	case p == nil && m.read.proves(row.Part), p != nil && p.gone:
		return m.putAbsent(row, "its partition is gone")
	case p == nil || !p.complete || p.unread || p.mode != connector.Full:
		return nil
	}
	return m.putAbsent(row, "absent from a complete read")
}

// putAbsent notes a tombstone behind all that was read.
func (m *mirror) putAbsent(row *state.MirrorRow, reason string) error {
	return m.put(&plan.SourceRow{Order: max(m.last, uint64(m.read.count)) + 1, Part: row.Part, Key: row.Key, Gone: true, Reason: reason})
}

// put notes a change. Rows get their sequence by their place in the read, so
// that sinks which keep order can tell which came first.
func (m *mirror) put(row *plan.SourceRow) error {
	m.rows++
	m.last = max(m.last, row.Order)
	return m.overlay.Add(partKey(row.Part, row.Key), encodeRow(nil, row))
}

func encodeRow(b []byte, r *plan.SourceRow) []byte {
	gone := byte(0)
	if r.Gone {
		gone = 1
	}
	b = putUint(b, r.Order)
	b = putBytes(b, r.Part)
	b = putBytes(b, r.Key)
	b = append(putHash(b, r.Hash), gone)
	b = putBytes(b, r.Lo)
	b = putBytes(b, r.Hi)
	b = putBytes(b, r.Reason)
	return putBytes(b, r.Body)
}

func decodeRow(b []byte, r *plan.SourceRow) error {
	d := decoder{b: b}
	*r = plan.SourceRow{Order: d.uint(), Part: string(d.bytes()), Key: record.Key(d.bytes()), Hash: d.hash(), Gone: d.byte() == 1,
		Lo: string(d.bytes()), Hi: string(d.bytes()), Reason: string(d.bytes()), Body: d.bytes()}
	return d.err
}

// overlayRows yields the changes that are not stored.
func (m *mirror) overlayRows(yield func(*plan.SourceRow) error) error {
	if m.overlay == nil {
		return nil
	}
	it, err := m.overlay.Sort()
	if err != nil {
		return err
	}
	defer it.Close()
	var row plan.SourceRow
	for it.Next() {
		if err := decodeRow(it.Payload(), &row); err != nil {
			return err
		}
		if err := yield(&row); err != nil {
			return err
		}
	}
	return it.Err()
}

// storeMirror commits the changes and the cursors in one transaction.
func (s *session) storeMirror(ctx context.Context, m *mirror) error {
	parts := m.read.planParts()
	err := s.Store.Update(ctx, func(tx state.Tx) error {
		return commitSource(tx, m.src, s, parts, m.overlayRows)
	})
	m.overlay = nil
	if err != nil {
		return err
	}
	m.known, err = s.sourceState(ctx, m.src)
	return err
}

// commitSource writes the changes of one read into the mirror, and the
// partitions' cursors.
func commitSource(tx state.Tx, src *Source, s *session, parts []plan.Part, rows func(func(*plan.SourceRow) error) error) error {
	id, err := s.putSource(tx, src)
	if err != nil {
		return err
	}
	row, _, err := tx.Source(src.Address)
	if err != nil {
		return err
	}
	base := row.Seq
	err = rows(func(r *plan.SourceRow) error {
		row.Seq = max(row.Seq, base+r.Order)
		return tx.PutMirror(id, &state.MirrorRow{Part: r.Part, Key: r.Key, Seq: base + r.Order, Epoch: row.Epoch, Hash: r.Hash,
			Lo: r.Lo, Hi: r.Hi, Gone: r.Gone, Reason: r.Reason, Body: r.Body})
	})
	if err != nil {
		return err
	}
	if _, err := tx.PutSource(row); err != nil {
		return err
	}
	return putParts(tx, id, parts, s)
}

// putParts remembers what was read of each partition.
func putParts(tx state.Tx, source int64, parts []plan.Part, s *session) error {
	known := map[string]state.Part{}
	list, err := tx.Parts(source)
	if err != nil {
		return err
	}
	for _, p := range list {
		known[p.Name] = p
	}
	for _, p := range parts {
		if p.Gone {
			if err := tx.DropPart(source, p.Name); err != nil {
				return err
			}
			continue
		}
		if !p.Complete {
			// That it was there is remembered, so that it can be gone.
			if _, before := known[p.Name]; !before && p.Problem != "" {
				if err := tx.PutPart(state.Part{Source: source, Name: p.Name}); err != nil {
					return err
				}
			}
			continue
		}
		row := known[p.Name]
		row.Source, row.Name, row.Cursor = source, p.Name, p.To
		if p.Full {
			row.FullAt, row.Count = s.header.Clock, p.Count
		}
		if err := tx.PutPart(row); err != nil {
			return err
		}
	}
	return nil
}

// mergeFields lays the members of a partial record over a full one: what is
// absent stays, null included is what the source says.
func mergeFields(base, over []byte) ([]byte, error) {
	v, err := record.Decode(base)
	if err != nil {
		return nil, fmt.Errorf("decode a mirrored record: %w", err)
	}
	w, err := record.Decode(over)
	if err != nil {
		return nil, err
	}
	merged, _ := v.(map[string]any)
	if merged == nil {
		merged = map[string]any{}
	}
	members, _ := w.(map[string]any)
	for name, value := range members {
		merged[name] = value
	}
	return record.Append(nil, merged)
}
