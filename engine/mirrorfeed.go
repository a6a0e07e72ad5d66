package engine

import (
	"context"
	"iter"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// outside tells on which side of the window a record lies that reaches from lo
// to hi: -1 past, 1 future, 0 inside or unknown. One that lasts touches no side
// with its end alone.
func (w *Window) outside(lo, hi string, clock time.Time) int {
	if w == nil || lo == "" {
		return 0
	}
	from, to := w.bounds(clock)
	lo, hi = comparable(w.moment(lo)), comparable(w.moment(hi))
	lasts := hi > lo
	if from != "" && (hi < comparable(from) || lasts && hi == comparable(from)) {
		return -1
	}
	if to != "" && (lo > comparable(to) || lasts && lo == comparable(to)) {
		return 1
	}
	return 0
}

// moment gives a time of the wall clock in the window's zone its offset. Where
// the wall shows a time twice it is one of both.
func (w *Window) moment(at string) string {
	if w.Zone == nil {
		return at
	}
	text := strings.TrimSuffix(at, "Z")
	for _, layout := range wallLayouts() {
		if t, err := time.ParseInLocation(layout, text, w.Zone); err == nil {
			return t.Format(time.RFC3339Nano)
		}
	}
	return at
}

// wallLayouts are the forms of ISO dates and date-times without an offset.
func wallLayouts() []string {
	return []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly}
}

// comparable brings ISO dates and date-times with any offset to one form that
// compares as text.
func comparable(at string) string {
	for _, layout := range append([]string{time.RFC3339Nano}, wallLayouts()...) {
		if t, err := time.Parse(layout, at); err == nil {
			return t.UTC().Format("2006-01-02T15:04:05.000000000")
		}
	}
	return at
}

// all gives the whole mirror as records, the session's own changes included.
func (s *session) mirrorAll(ctx context.Context, m *mirror) (*records, error) {
	r := s.mirrorRecords(m)
	err := s.Store.View(ctx, func(v state.View) error {
		var stored iter.Seq2[*state.MirrorRow, error] = func(func(*state.MirrorRow, error) bool) {}
		if m.known.known {
			stored = v.Mirror(m.known.row.ID)
		}
		return s.overlaid(m, stored, func(row *state.MirrorRow) error { return s.feedRow(m, r, row) })
	})
	return r, err
}

// overlaid merges stored rows in (part, key) order with the changes on top.
func (s *session) overlaid(m *mirror, stored iter.Seq2[*state.MirrorRow, error], yield func(*state.MirrorRow) error) error {
	next, stop := iter.Pull2(stored)
	defer stop()
	row, err, more := next()
	if err != nil {
		return err
	}
	err = m.overlayRows(func(over *plan.SourceRow) error {
		at := string(partKey(over.Part, over.Key))
		for more && string(partKey(row.Part, row.Key)) < at {
			if err := yield(row); err != nil {
				return err
			}
			if row, err, more = next(); err != nil {
				return err
			}
		}
		if more && string(partKey(row.Part, row.Key)) == at {
			if row, err, more = next(); err != nil {
				return err
			}
		}
		return yield(m.rowOf(over))
	})
	for err == nil && more {
		if err = yield(row); err == nil {
			row, err, more = next()
		}
	}
	return err
}

func (m *mirror) rowOf(over *plan.SourceRow) *state.MirrorRow {
	return &state.MirrorRow{Part: over.Part, Key: over.Key, Seq: m.fromSeq + over.Order, Epoch: m.epoch, Hash: over.Hash,
		Lo: over.Lo, Hi: over.Hi, Gone: over.Gone, Reason: over.Reason, Body: over.Body}
}

// mirrorSince gives only the records that changed after a sequence, and those
// that the given references name.
func (s *session) mirrorSince(ctx context.Context, m *mirror, since uint64, also []state.SourceRef) (*records, error) {
	r := s.mirrorRecords(m)
	r.delta = true
	given := map[string]bool{}
	feed := func(row *state.MirrorRow) error {
		at := string(partKey(row.Part, row.Key))
		if given[at] {
			return nil
		}
		given[at] = true
		return s.feedRow(m, r, row)
	}
	err := m.overlayRows(func(over *plan.SourceRow) error { return feed(m.rowOf(over)) })
	if err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(v state.View) error {
		row, known, err := v.Source(m.src.Address)
		if err != nil || !known {
			return err
		}
		for moved, err := range v.MirrorSince(row.ID, since) {
			if err != nil {
				return err
			}
			if err := feed(moved); err != nil {
				return err
			}
			if !moved.Gone {
				continue
			}
			if err := m.elsewhere(v, row.ID, moved, feed); err != nil {
				return err
			}
		}
		for _, ref := range also {
			moved, err := v.MirrorRow(row.ID, ref.Part, ref.Key)
			if err != nil {
				return err
			}
			if moved == nil {
				moved = &state.MirrorRow{Part: ref.Part, Key: ref.Key, Gone: true}
			}
			if err := feed(moved); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

// elsewhere yields the rows of a record that is gone from one partition and
// stands in others: it is not gone.
func (m *mirror) elsewhere(v state.View, source int64, gone *state.MirrorRow, yield func(*state.MirrorRow) error) error {
	part, key := gone.Part, gone.Key
	for name := range m.known.parts {
		if name == part {
			continue
		}
		row, err := v.MirrorRow(source, name, key)
		if err != nil {
			return err
		}
		if row == nil || row.Gone {
			continue
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

// mirrorRecords makes the empty set, with what is proven of each partition: a
// mirror proves absence only after a complete full read under the present
// configuration.
func (s *session) mirrorRecords(m *mirror) *records {
	r := s.newRecords(m.src.Title)
	r.seq, r.mirrored, r.events = m.seq, true, m.src.Event
	r.listed = m.read == nil || m.read.listed
	for name, stored := range m.known.parts {
		p := r.part(name)
		p.complete = m.known.same && !stored.FullAt.IsZero() || m.src.Event
		p.count = stored.Count
	}
	if m.read == nil {
		return r
	}
	for name, read := range m.read.parts {
		p := r.part(name)
		p.mode, p.from, p.to, p.err = read.mode, read.from, read.to, read.err
		p.problem, p.gone, p.count, p.unread = read.problem, read.gone, read.count, read.unread
		switch {
		case !read.complete:
			p.complete = false
		case m.src.Event, read.mode == connector.Full:
			p.complete = true
		}
	}
	r.problems, r.failed, r.held = m.read.problems, m.read.failed, m.read.held
	r.unkeyed, r.unjudged = m.read.unkeyed, m.read.unjudged
	return r
}

func (s *session) feedRow(m *mirror, r *records, row *state.MirrorRow) error {
	e := entry{key: row.Key, raw: row.Hash, order: row.Seq}
	p, dropped := r.part(row.Part), m.dropped(row.Part)
	side := m.side(row, s.clock)
	if dropped && (row.Gone || side != 0) {
		p.gone = true // and this is what is left of it
	}
	switch {
	case row.Gone:
		e.seen = seenGone
		return r.add(p, &e, nil)
	case row.Epoch != m.epoch && (side == 0 || !p.complete && !p.gone), dropped && m.src.Window != nil && side == 0:
		e.seen = seenOutdated
	case side < 0:
		e.seen = seenExpired
	case side > 0:
		e.seen = seenAhead
	}
	return r.add(p, &e, row.Body)
}

// dropped tells whether a partition that the mirror has rows of was once found
// to be gone, and is not named by the read either.
func (m *mirror) dropped(part string) bool {
	_, known := m.known.parts[part]
	return !known && (m.read == nil || m.read.parts[part] == nil)
}

// side tells on which side of the source's window a row lies, as the window is
// now: its field may be another one than when the row was read.
func (m *mirror) side(row *state.MirrorRow, clock time.Time) int {
	if m.src.Window == nil || row.Gone {
		return 0
	}
	lo, hi := extent(m.src.Window, row.Body)
	return m.src.Window.outside(lo, hi, clock)
}

// sourceRef names a record by its partition.
func (r *records) sourceRef(e *entry) state.SourceRef {
	return state.SourceRef{Part: r.names[e.part], Key: record.Key(e.key)}
}
