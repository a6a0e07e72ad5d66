package engine

import (
	"context"
	"time"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// lostAnswer is what is noted of a call that may have reached the target.
const lostAnswer = "the answer to an earlier call was lost"

// landAll makes of what a dead run left in flight what is known of it, so that
// the comparison decides about it anew. The caller holds the pipeline's lock.
func landAll(tx state.Tx, pipeline int64, now time.Time) error {
	var flights []state.Flight
	for f, err := range tx.Flights(pipeline) {
		if err != nil {
			return err
		}
		flights = append(flights, *f)
	}
	for i := range flights {
		f := &flights[i]
		for j := range f.Flown {
			if err := landOne(tx, pipeline, f, &f.Flown[j], now); err != nil {
				return err
			}
		}
		if err := tx.DropFlight(pipeline, f.Batch); err != nil {
			return err
		}
	}
	return nil
}

func landOne(tx state.Tx, pipeline int64, f *state.Flight, one *state.Flown, now time.Time) error {
	it, err := tx.Item(pipeline, one.Key)
	if err != nil {
		return err
	}
	o, err := tx.OpenKey(pipeline, one.Key)
	if err != nil {
		return err
	}
	if it = landed(f, one, it); it != nil {
		if err := tx.PutItem(pipeline, it); err != nil {
			return err
		}
	}
	if o = landedOpen(f, one, o, now); o != nil {
		return tx.PutOpen(pipeline, o)
	}
	return nil
}

// landed is what is known of an item, nil when there was none, once a change
// of it was in flight; nil: as much as before.
func landed(f *state.Flight, one *state.Flown, it *state.Item) *state.Item {
	if f.Asked && (it == nil || one.Op == record.Delete) {
		return nil // the target is asked, or found to have a row that matches
	}
	if it == nil {
		return &state.Item{Key: one.Key, Status: state.Unsure, Born: f.Run, Run: f.Run, HasSrc: one.HasSrc, Src: one.Src}
	}
	c := *it
	c.Raw, c.Mapped, c.Run = record.Hash{}, record.Hash{}, f.Run
	if c.Status == state.Out || one.Op == record.Create || one.Op == record.Update {
		// It comes from there by now, and absence is judged there.
		c.HasSrc, c.Src = one.HasSrc, one.Src
	}
	if c.Status == state.Out || one.Op == record.Delete || one.Op == record.Create {
		c.Body = nil
	}
	c.Status = state.Unsure
	return &c
}

// landedOpen is the open key of a change that was in flight, so that its
// source record is looked at again; nil: one is open already.
func landedOpen(f *state.Flight, one *state.Flown, o *state.Open, now time.Time) *state.Open {
	asked := f.Asked && one.Op == record.Delete
	if o != nil && !asked {
		return nil
	}
	out := &state.Open{Key: one.Key, Reason: state.Waiting, Op: one.Op, Since: now, HasSrc: one.HasSrc, Src: one.Src,
		Note: lostAnswer, Run: f.Run}
	if asked {
		out.Reason = state.InDoubt
	}
	switch one.Op {
	case record.Create:
		out.Cause = record.CauseNew
	case record.Update:
		out.Cause = record.CauseSource
	default:
		out.Cause = record.CauseGone
	}
	return out
}

// landFlights does so for the pipelines at some addresses.
func (e *Engine) landFlights(ctx context.Context, addresses ...string) error {
	inFlight := map[int64]bool{}
	err := e.Store.View(ctx, func(v state.View) error {
		for _, address := range addresses {
			row, known, err := v.Pipeline(address)
			if err != nil {
				return err
			}
			if !known {
				continue
			}
			if inFlight[row.ID], err = anyFlight(v, row.ID); err != nil {
				return err
			}
		}
		return nil
	})
	for id, any := range inFlight {
		if err != nil {
			return err
		}
		if any {
			err = e.Store.Update(ctx, func(tx state.Tx) error { return landAll(tx, id, e.Now()) })
		}
	}
	return err
}

// landAllFlights does so for everything that is remembered.
func (e *Engine) landAllFlights(ctx context.Context) error {
	var addresses []string
	err := e.Store.View(ctx, func(v state.View) error {
		rows, err := v.Pipelines()
		for _, row := range rows {
			addresses = append(addresses, row.Address)
		}
		return err
	})
	if err != nil {
		return err
	}
	return e.landFlights(ctx, addresses...)
}

// anyFlight tells whether something of a pipeline is in flight.
func anyFlight(v state.View, pipeline int64) (bool, error) {
	for _, err := range v.Flights(pipeline) {
		return err == nil, err
	}
	return false, nil
}

// flies tells whether a change must be in flight before it is sent: what the
// target is given beside the state, and would be forgotten by a crash. A create
// that can't be repeated is journalled by its open key instead.
func (w *work) flies(e *plan.Entry) bool {
	return e.Op != 0 && !w.journals(e.Op)
}

// journals tells whether a change can't be repeated safely, so that it is
// noted by its open key before it is sent.
func (w *work) journals(op record.Op) bool { return journals(w.sinkTraits, op) }

func journals(t connector.Traits, op record.Op) bool {
	return t.Journalled && (op == record.Create || t.Additive && (op == record.Update || op == record.Delete))
}

// flying tells whether the changes to the target have flights at all. What an
// Appender wrote and the state does not know of is cut off again, and an outbox
// is part of the state.
func (w *work) flying() bool {
	_, grows := w.sink.(connector.Appender)
	return w.sink != nil && !grows && !w.whole() && !w.sinkTraits.Outbox
}

// flight makes the flight of those entries, and of them those that are left,
// that must have one; nil: none must.
func (w *work) flight(batch int64, entries []plan.Entry, left func(i int) bool) *state.Flight {
	if !w.flying() {
		return nil
	}
	f := &state.Flight{Batch: batch, Run: w.s.runID, Asked: w.sinkTraits.Journalled, Flown: w.flown[:0]}
	for i := range entries {
		if e := &entries[i]; w.flies(e) && left(i) {
			f.Flown = append(f.Flown, state.Flown{Key: e.Key, Op: e.Op, HasSrc: e.HasSrc, Src: state.SourceRef{Part: e.SrcPart, Key: e.SrcKey}})
		}
	}
	w.flown = f.Flown
	if len(f.Flown) == 0 {
		return nil
	}
	return f
}

// flightOf numbers the flight of a load, once, and makes it; nil: it needs
// none.
func (w *work) flightOf(l *load) *state.Flight {
	if l.batch == 0 {
		l.batch = w.batches + 1
	}
	f := w.flight(l.batch, l.entries, func(int) bool { return true })
	if f == nil {
		l.batch = 0
	} else {
		w.batches = max(w.batches, l.batch)
	}
	return f
}
