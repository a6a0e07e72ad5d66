package engine

import (
	"context"
	"encoding/binary"
	"iter"

	"koppel/engine/change"
	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// inOrder yields the changes of a sink that keeps order in the order of the
// source, before what is only remembered.
func (w *work) inOrder() iter.Seq2[*plan.Entry, error] {
	return func(yield func(*plan.Entry, error) bool) {
		sorter := w.s.spool.Sorter(sortMemory)
		defer sorter.Close()
		for e, err := range w.entries() {
			if err == nil {
				at := binary.BigEndian.AppendUint64(nil, e.Order)
				err = sorter.Add(at, []byte(e.Key))
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
		stopped := false
		err := eachOf(sorter, func(_, key []byte) error {
			e, err := w.reader.Find(w.p.Address, record.Key(key))
			if err != nil || e == nil || stopped {
				return err
			}
			w.header.Mark(e)
			stopped = !yield(e, nil)
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// lane names the group of changes among which order matters.
func (w *work) lane(e *plan.Entry) string {
	if l, ok := w.sink.(connector.Laner); ok {
		return l.Lane(w.change(e))
	}
	return string(e.Key)
}

// applyInOrder applies the changes of a sink that keeps order: one by one
// within a lane, and none behind one that was refused or held.
func (w *work) applyInOrder(ctx context.Context) error {
	b := &changeBatch{w: w, started: w.s.Now()}
	inBatch := map[string]bool{}
	blocked, err := w.blockedLanes(ctx)
	if err != nil {
		return err
	}
	flush := func() error {
		lanes := make([]string, len(b.entries))
		keys := make([]record.Key, len(b.entries))
		for i := range b.entries {
			lanes[i], keys[i] = w.lane(&b.entries[i]), b.entries[i].Key
		}
		if err := b.flush(ctx); err != nil {
			return err
		}
		for i, lane := range lanes {
			if w.applied.refused[keys[i]] || w.applied.doubt[keys[i]] || w.applied.unsent[keys[i]] {
				blocked.add(lane, 0)
			}
		}
		clear(inBatch)
		return ctx.Err()
	}
	for e, err := range w.inOrder() {
		if err != nil {
			return err
		}
		if w.applied.stopped != nil {
			return nil
		}
		moved := w.applied.moved
		if fits, err := w.fits(ctx, e); err != nil || !fits {
			if err != nil {
				return err
			}
			if w.applied.moved > moved {
				blocked.add(w.lane(e), e.Order)
			}
			continue
		}
		lane := w.lane(e)
		if inBatch[lane] || b.full() {
			if err := flush(); err != nil {
				return err
			}
		}
		if e.Open == string(state.Held) || e.Op == 0 && e.Open != "" && e.OpenOp == 0 && e.After != nil {
			blocked.add(lane, e.Order)
		}
		if e.Op != 0 && blocked.holds(lane, e.Order) {
			w.applied.counts.Waiting++
			held := cloneEntry(e)
			held.Open, held.OpenOp, held.Op = string(state.Waiting), e.Op, 0
			held.Item, held.Clear, held.Drop = false, false, false
			held.Note = "an earlier change of its order is not applied"
			e = &held
		}
		if e.Op != 0 {
			inBatch[lane] = true
		}
		b.add(e)
	}
	return flush()
}

// lanes tells from which place in the source on a lane is blocked.
type lanes map[string]uint64

func (l lanes) add(lane string, from uint64) {
	if at, ok := l[lane]; !ok || from < at {
		l[lane] = from
	}
}

func (l lanes) holds(lane string, at uint64) bool {
	from, ok := l[lane]
	return ok && at >= from
}

// aside tells the reasons of open keys that are settled as far as anybody wants
// them to be: later changes do not wait for them.
func aside(r state.Reason) bool {
	switch r {
	case state.Grace, state.Protected, state.Dismissed, state.Rejected, state.Undone:
		return true
	}
	return false
}

// blockedLanes lists the lanes of changes that are open since earlier runs and
// that this plan does not apply.
func (w *work) blockedLanes(ctx context.Context) (lanes, error) {
	out := lanes{}
	err := w.s.Store.View(ctx, func(v state.View) error {
		for o, err := range v.Open(w.row.ID) {
			if err != nil {
				return err
			}
			if o.Op == 0 && o.After == nil || aside(o.Reason) {
				continue
			}
			e, err := w.reader.Find(w.p.Address, o.Key)
			if err != nil {
				return err
			}
			if e != nil && (e.Op != 0 || e.Clear) {
				continue // decided anew
			}
			it, err := v.Item(w.row.ID, o.Key)
			if err != nil {
				return err
			}
			open := plan.Entry{Key: o.Key, Op: o.Op, After: o.After}
			if it != nil {
				open.Before = it.Body
			}
			out.add(w.lane(&open), w.standingAt(o))
		}
		return nil
	})
	return out, err
}

// standingAt gives the place from which on an open key blocks its lane. Places
// in reads that are made anew each time tell nothing in the next one; when the
// present place is not known the whole lane is blocked.
func (w *work) standingAt(o *state.Open) uint64 {
	if src := w.s.Project.Sources[w.p.From]; src != nil && w.s.mirrored(src) {
		return o.Order
	}
	return w.places[o.Key]
}

// noteStanding remembers the place of a record whose key stays open.
func (w *work) noteStanding(s *subject, v *change.Verdict) {
	if !w.sinkTraits.Ordered || s.in.Open == nil || v.Op != 0 || !s.has {
		return
	}
	switch s.in.Want.Seen {
	case change.Mapped, change.FailedRecord, change.WaitingRecord:
		if w.places == nil {
			w.places = map[record.Key]uint64{}
		}
		w.places[s.in.Key] = s.d.order
	}
}
