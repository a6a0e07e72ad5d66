package engine

import (
	"context"
	"fmt"
	"slices"

	"koppel/engine/change"
	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// maxRefusalsRow is how many refusals in a row stop a sink.
const maxRefusalsRow = 50

// applied is what became of a pipeline's changes.
type applied struct {
	counts    RunCounts
	refused   map[record.Key]bool // in this run
	doubt     map[record.Key]bool // their answers were lost
	unsent    map[record.Key]bool // left to the next run
	row       int                 // refusals since the last success
	refusal   error               // says that those were too many
	stopped   error               // why the sink was left alone
	unapplied int64               // creates and adoptions that were not applied
	moved     int64               // changes of a saved plan that no longer fit
}

// A phase is one pass over a pipeline's entries.
type phase int

const (
	upserts phase = iota // creates, updates, and what is only remembered
	deletes
	retries // what was refused in this run, once more
)

func (ph phase) takes(w *work, e *plan.Entry) bool {
	remove := e.Op == record.Delete || e.Op == record.Disable
	switch ph {
	case upserts:
		return !remove
	case deletes:
		return remove
	}
	return e.Op != 0 && w.applied.refused[e.Key]
}

// apply carries out one phase, batch by batch. Between batches it stops when
// ctx ends; what was applied stays applied and remembered.
func (w *work) apply(ctx context.Context, ph phase) error {
	if w.traits().Ordered {
		if ph != upserts {
			return nil
		}
		return w.applyInOrder(ctx)
	}
	b := &changeBatch{w: w, started: w.s.Now(), beside: ph == upserts && w.besides()}
	err := w.applyBatches(ctx, ph, b)
	if saveErr := b.end(ctx); err == nil {
		err = saveErr
	}
	return err
}

// retry tries what was refused as long as the target takes some of it: one
// change may wait for another that stands behind it.
func (w *work) retry(ctx context.Context, ph phase) error {
	for left := len(w.applied.refused); left > 0 && w.applied.stopped == nil; {
		if err := w.apply(ctx, ph); err != nil {
			return err
		}
		before := left
		if left = len(w.applied.refused); left == before {
			break
		}
	}
	if w.applied.stopped == nil {
		w.applied.stopped = w.applied.refusal
	}
	return nil
}

func (w *work) applyBatches(ctx context.Context, ph phase, b *changeBatch) error {
	if ph == deletes && !w.removes {
		return nil // the entries need not be read again
	}
	for e, err := range w.entries() {
		if err != nil {
			return err
		}
		if w.applied.stopped != nil {
			return nil
		}
		if !ph.takes(w, e) {
			w.removes = w.removes || ph == upserts
			continue
		}
		if fits, err := w.fits(ctx, e); err != nil || !fits {
			if err != nil {
				return err
			}
			continue
		}
		if e.Stranger && w.applied.unapplied > 0 {
			w.applied.counts.Waiting++
			continue
		}
		b.add(e)
		if !b.full() {
			continue
		}
		if err := b.flush(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	return b.drain(ctx)
}

// fits checks an entry of a saved plan against the state as it stands.
func (w *work) fits(ctx context.Context, e *plan.Entry) (bool, error) {
	if w.check == nil {
		return true, nil
	}
	why, err := w.check(ctx, e)
	if err != nil || why == "" {
		return err == nil, err
	}
	if why == doneAlready {
		w.applied.counts.add(e.Op)
		return false, nil
	}
	w.applied.moved++
	w.problem(ShowKey(e.Key), "", "moved", why)
	return false, nil
}

// write sends the changes of the entries to the sink; outcomes stand in the
// places of the entries. Without a sink everything is applied.
func (w *work) write(ctx context.Context, entries []plan.Entry) ([]*connector.Outcome, error) {
	outcomes := make([]*connector.Outcome, len(entries))
	changes, places := slices.Grow(w.changes[:0], len(entries)), make([]int, 0, len(entries))
	defer func() { w.changes = changes[:0] }()
	for i := range entries {
		e := &entries[i]
		if e.Op == 0 {
			continue
		}
		if w.sink == nil {
			outcomes[i] = &connector.Outcome{}
			continue
		}
		c := w.change(e)
		if t := w.sinkTraits; (t.Answers || t.Journalled) && (e.Op == record.Create || e.Op == record.Update) {
			c.Holder = w.holder(ctx, e.Key)
		}
		changes = append(changes, c)
		places = append(places, i)
	}
	if len(changes) == 0 {
		return outcomes, nil
	}
	if err := w.resumeAppend(ctx); err != nil {
		return outcomes, err
	}
	if err := w.addAnswers(ctx, changes); err != nil {
		return outcomes, err
	}
	results, err := w.sink.Write(ctx, changes)
	for i := range results {
		outcomes[places[i]] = &results[i]
	}
	if err == nil && len(results) < len(changes) {
		err = fmt.Errorf("%s said nothing of %s", w.p.Into, counted(int64(len(changes)-len(results)), "change"))
	}
	if err != nil {
		err = fmt.Errorf("write to %s: %w", w.p.Into, w.maskedErr(err, entries))
	}
	return outcomes, err
}

// change makes what the sink gets of an entry.
func (w *work) change(e *plan.Entry) record.Change {
	c := record.Change{Op: e.Op, Cause: e.Cause, Key: e.Key, Before: e.Before, After: e.After, Fields: e.Fields,
		Ref: e.Ref, Order: e.Order, Lane: e.Lane}
	if w.p.Deletes.Protect && (e.Op == record.Delete || e.Op == record.Disable) {
		c.Protect = func(row []byte) bool {
			protected, _ := w.protects(row)
			return protected
		}
	}
	return c
}

// protects judges a row of the target.
func (w *work) protects(row []byte) (bool, string) {
	if w.protect == nil {
		w.protect = w.p.Program.Evaluator(w.s.consts())
	}
	return w.protect.Protect(row)
}

// launch notes, before the calls, which changes may be at the target from then
// on: what can't be repeated safely one by one, the others as a flight.
func (w *work) launch(ctx context.Context, l *load) error {
	f := w.flightOf(l)
	once := false
	for i := range l.entries {
		once = once || w.journals(l.entries[i].Op)
	}
	intents := once && w.sink != nil
	if f == nil && !intents {
		return nil
	}
	return w.s.Store.Update(ctx, func(tx state.Tx) error {
		for i := range l.entries {
			e := &l.entries[i]
			if !intents || !w.journals(e.Op) {
				continue
			}
			o := w.openOf(e, state.InDoubt)
			o.Op, o.After, o.Note = e.Op, e.After, "the call was begun and its answer is not known"
			if err := tx.PutOpen(w.row.ID, o); err != nil {
				return err
			}
		}
		if f == nil {
			return nil
		}
		return tx.PutFlight(w.row.ID, f)
	})
}

// remember writes what became of a load into the state, in one transaction,
// takes its flight back, and makes that of the next one durable. After an
// error, what it counted is to be taken back.
func (w *work) remember(ctx context.Context, p *pendingLoad) error {
	var next *load
	if p.written == nil {
		if next = <-p.next; next == nil || w.flightOf(next) == nil {
			return nil
		}
	}
	err := w.s.Store.Update(ctx, func(tx state.Tx) error {
		if p.written != nil {
			if err := w.rememberLoad(tx, p.written); err != nil {
				return err
			}
			next = <-p.next
		}
		if next == nil {
			return nil
		}
		if f := w.flightOf(next); f != nil {
			return tx.PutFlight(w.row.ID, f)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remember what was delivered: %w", err)
	}
	return nil
}

// rememberLoad writes what became of a load. Of what the sink said nothing of,
// it stays in flight: it may be at the target.
func (w *work) rememberLoad(tx state.Tx, l *load) error {
	for i := range l.entries {
		if err := w.rememberOne(tx, &l.entries[i], l.outcomes[i]); err != nil {
			return err
		}
	}
	if err := w.storeMark(tx); err != nil || l.batch == 0 {
		return err
	}
	if f := w.flight(l.batch, l.entries, func(i int) bool { return l.outcomes[i] == nil }); f != nil {
		return tx.PutFlight(w.row.ID, f)
	}
	return tx.DropFlight(w.row.ID, l.batch)
}

func (w *work) rememberOne(tx state.Tx, e *plan.Entry, out *connector.Outcome) error {
	switch {
	case e.Op == 0:
		return w.note(tx, e)
	case out == nil:
		w.unapplied(e)
		return nil
	case out.Status == connector.Applied:
		if err := w.s.post(tx, w.row.ID, e.Key, w.p.Into, out.Messages); err != nil {
			return err
		}
		return w.delivered(tx, e, out.Answer)
	case out.Status == connector.Protected:
		w.applied.counts.Protected++
		o := w.openOf(e, state.Protected)
		return tx.PutOpen(w.row.ID, o)
	case out.Status == connector.NotSent:
		return w.notSent(tx, e, w.masked(out.Message, *e))
	case out.Status == connector.Unknown:
		w.unapplied(e)
		w.applied.counts.Failed++
		if w.applied.doubt == nil {
			w.applied.doubt = map[record.Key]bool{}
		}
		w.applied.doubt[e.Key] = true
		o := w.openOf(e, state.InDoubt)
		o.Note = w.masked(out.Message, *e)
		w.problem(ShowKey(e.Key), "", "in_doubt", o.Note)
		return tx.PutOpen(w.row.ID, o)
	}
	return w.refuse(tx, e, w.masked(out.Message, *e), out.Later)
}

// notSent leaves a change to the next run. Its intent is taken back.
func (w *work) notSent(tx state.Tx, e *plan.Entry, message string) error {
	w.unapplied(e)
	w.applied.counts.Waiting++
	if w.applied.unsent == nil {
		w.applied.unsent = map[record.Key]bool{}
	}
	w.applied.unsent[e.Key] = true
	w.problem(ShowKey(e.Key), "", "not_sent", message)
	o := w.openOf(e, state.Waiting)
	o.Op, o.Note = e.Op, message
	if err := w.stayApproved(tx, o, e); err != nil {
		return err
	}
	return tx.PutOpen(w.row.ID, o)
}

func (w *work) unapplied(e *plan.Entry) {
	if e.Op == record.Create || e.Op == record.Update && (e.Cause == record.CauseAdopted || e.Cause == record.CauseKey) {
		w.applied.unapplied++
	}
}

// note remembers an entry that changes nothing at the target.
func (w *work) note(tx state.Tx, e *plan.Entry) error {
	if e.Open != "" {
		o := w.openOf(e, state.Reason(e.Open))
		o.Op = e.OpenOp
		if o.Reason == state.Waiting {
			if err := w.stayApproved(tx, o, e); err != nil {
				return err
			}
		}
		if err := tx.PutOpen(w.row.ID, o); err != nil {
			return err
		}
	}
	if e.Clear {
		if err := tx.DropOpen(w.row.ID, e.Key); err != nil {
			return err
		}
	}
	if e.Drop {
		return tx.DropItem(w.row.ID, e.Key)
	}
	if e.Touch {
		return tx.TouchItem(w.row.ID, &state.Item{Key: e.Key, Raw: e.Raw, Status: state.Status(e.Status), HasSrc: e.HasSrc,
			Src: state.SourceRef{Part: e.SrcPart, Key: e.SrcKey}})
	}
	if !e.Item {
		return nil
	}
	return w.putItem(tx, e, nil, false)
}

// delivered remembers a change that the target took.
func (w *work) delivered(tx state.Tx, e *plan.Entry, answer []byte) error {
	w.applied.row, w.applied.refusal = 0, nil
	if w.applied.refused[e.Key] {
		delete(w.applied.refused, e.Key)
		w.applied.counts.Failed--
		w.settled(ShowKey(e.Key))
	}
	w.applied.counts.add(e.Op)
	if e.Clear || w.traits().Journalled {
		if err := tx.DropOpen(w.row.ID, e.Key); err != nil {
			return err
		}
	}
	if err := w.audit(tx, e); err != nil {
		return err
	}
	if w.undo {
		if err := w.leaveUndone(tx, e); err != nil {
			return err
		}
	}
	if e.Op == record.Delete && !e.Item {
		return tx.DropItem(w.row.ID, e.Key)
	}
	return w.putItem(tx, e, answer, true)
}

// settled takes back the report of a refusal, once the target took the change.
func (w *work) settled(key string) {
	w.header.Problems = slices.DeleteFunc(w.header.Problems, func(p plan.Problem) bool {
		return p.Key == key && p.Code == "refused"
	})
}

// audit writes the trail of a change. A create is the item's Born, unless an
// item stood there before.
func (w *work) audit(tx state.Tx, e *plan.Entry) error {
	if e.Op == record.Create && !e.Had {
		return nil
	}
	return tx.PutChange(&state.Change{Pipeline: w.row.ID, Key: e.Key, Run: w.s.runID, Op: e.Op, Cause: e.Cause,
		Approved: e.Approved, Before: e.Before})
}

// putItem writes the item that an entry leaves behind.
func (w *work) putItem(tx state.Tx, e *plan.Entry, answer []byte, changed bool) error {
	it := &state.Item{Key: e.Key, Raw: e.Raw, Mapped: e.Mapped, Status: state.Status(e.Status), Born: w.s.runID,
		Run: w.s.runID, HasSrc: e.HasSrc, Src: state.SourceRef{Part: e.SrcPart, Key: e.SrcKey}, Answer: answer, Body: e.After}
	if it.Status == state.Out {
		it.Body = nil // nothing stands at the target
	}
	if e.Had {
		old, err := tx.Item(w.row.ID, e.Key)
		if err != nil {
			return err
		}
		if old != nil {
			it.Born = old.Born
			if answer == nil {
				it.Answer = old.Answer
			}
			if !changed {
				it.Run = old.Run
			}
		}
	}
	return tx.PutItem(w.row.ID, it)
}

// openOf makes the open key that an entry leaves behind.
func (w *work) openOf(e *plan.Entry, reason state.Reason) *state.Open {
	o := &state.Open{Key: e.Key, Reason: reason, Op: e.Op, Cause: e.Cause, Since: e.Since, Due: e.Due, Order: e.Order,
		Attempts: e.Attempts, Before: e.Expect, After: e.After, HasSrc: e.HasSrc,
		Src: state.SourceRef{Part: e.SrcPart, Key: e.SrcKey}, Code: e.Code, Field: e.Field, Note: e.Note, Run: w.s.runID}
	if o.Since.IsZero() {
		o.Since = w.s.clock
	}
	return o
}

// refuse sets a change aside that the target said no to, with its own words.
// One that may be taken later stops the sink only when all was tried.
func (w *work) refuse(tx state.Tx, e *plan.Entry, message string, later bool) error {
	w.unapplied(e)
	if w.applied.refused == nil {
		w.applied.refused = map[record.Key]bool{}
	}
	first := !w.applied.refused[e.Key]
	w.applied.refused[e.Key] = true
	if first {
		w.applied.counts.Failed++
		w.problem(ShowKey(e.Key), "", "refused", message)
	}
	if w.applied.row++; w.applied.row >= maxRefusalsRow {
		w.applied.refusal = fmt.Errorf("%s refused %d changes in a row, the last with: %s", w.p.Into, w.applied.row, message)
		if !later {
			w.applied.stopped = w.applied.refusal
		}
	}
	o := w.openOf(e, state.Refused)
	o.Note = message
	o.Attempts++ // one run counts once, though it may try twice
	o.Due = w.s.clock.Add(change.Backoff(o.Attempts))
	return tx.PutOpen(w.row.ID, o)
}
