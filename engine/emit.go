package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"koppel/engine/change"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A tally counts what happens on the way to a plan.
type tally struct {
	read, failed, waiting, skipped, protected, held int64
	refused                                         int64 // set aside by the target
	create, update, remove, disable                 int64
	// approved changes of each kind pass the guards.
	approvedCreate, approvedUpdate, approvedRemove, approvedDisable int64
	unchanged                                                       int64
	strangers                                                       int64
	// delivered and out are items of those statuses that were looked at.
	delivered, out int64
	// noDeletes says why the run deletes nothing; empty: it may.
	noDeletes string
	// unread: the read tells nothing of some items, though it is complete: their
	// partition was neither read nor said to be gone.
	unread bool
	// neverItems counts records that failed and are no items.
	neverItems int64
	// dismissed counts those of failed that somebody dismissed.
	dismissed int64
}

// countBase counts what shares of the guards count against: the items that
// were delivered inside complete partitions, or the rows of the target.
func (w *work) countBase(ctx context.Context) error {
	if w.p.Deletes.Target && w.target != nil {
		w.guardBase = w.targetRows
		return nil
	}
	if err := w.countItems(ctx); err != nil {
		return err
	}
	if w.records.complete() {
		w.guardBase = int64(w.counted[state.Delivered] + w.counted[state.Unsure])
		return nil
	}
	return w.s.Store.View(ctx, func(v state.View) error {
		for it, err := range v.ItemsLight(w.row.ID) {
			if err != nil {
				return err
			}
			if (it.Status == state.Delivered || it.Status == state.Unsure) && w.records.proves(srcOf(it).Part) {
				w.guardBase++
			}
		}
		return nil
	})
}

// countItems counts the items by status, unless the index pass did.
func (w *work) countItems(ctx context.Context) error {
	if w.counted != nil {
		return nil
	}
	return w.s.Store.View(ctx, func(v state.View) (err error) {
		w.counted, err = v.CountItems(w.row.ID)
		return err
	})
}

// emit counts a verdict and spools what must be done.
func (w *work) emit(s *subject, v *change.Verdict, yield func(*plan.Entry) error) error {
	w.count(s, v)
	if v.Warning != "" {
		w.warn("protect", fmt.Sprintf("%s: %s", ShowKey(s.in.Key), v.Warning))
	}
	w.noteStanding(s, v)
	if v.Idle() {
		return nil
	}
	e := w.entry(s, v) // until the next one
	w.countChange(e)
	return yield(e)
}

// count adds a verdict to what the plan reports.
func (w *work) count(s *subject, v *change.Verdict) {
	t := &w.tally
	if s.in.Item != nil {
		switch s.in.Item.Status {
		case change.Delivered:
			t.delivered++
		case change.Out:
			t.out++
		}
		t.unread = t.unread || s.in.Want.Seen == change.Absent && !s.in.Want.Complete
	} else if s.d.fate == fateFailed {
		t.neverItems++
	}
	switch v.Outcome {
	case change.UnchangedRecord:
		if s.in.Want.Seen == change.Mapped || s.in.Item != nil && s.in.Item.Status == change.Delivered {
			t.unchanged++
		}
	case change.Silent:
		// Not proven gone: it stays as it is.
		if s.fold != foldGives && s.fold != foldHands && s.d.fate == fateGone && s.in.Item != nil && s.in.Item.Status == change.Delivered {
			t.unchanged++
		}
	case change.ProtectedRow:
		t.protected++
	case change.HeldChange:
		t.held++
	case change.WaitingChange, change.Pending:
		if s.d.fate != fateWaiting {
			t.waiting++
		}
		w.sayWithheld(s, v)
	case change.FailedChange:
		w.countFailed(s, v)
	case change.Aside:
		w.countAside(s)
	}
}

func (w *work) countAside(s *subject) {
	switch {
	case s.in.Open == nil:
	case s.in.Open.Reason == change.InDoubt:
		w.tally.refused++
		w.problem(ShowKey(s.in.Key), "", "in_doubt", "it is not known whether the target took it: "+s.in.Open.Note)
	case s.in.Open.Reason == change.Dismissed && s.has && s.d.fate == fateFailed:
		// It was taken for a failure before it was known that somebody dismissed it.
		w.tally.dismissed++
		is := plan.Problem{Key: ShowKey(s.in.Key), Field: s.d.field, Code: s.d.code, Message: s.d.note}
		if i := slices.Index(w.header.Problems, is); i >= 0 {
			w.header.Problems = slices.Delete(w.header.Problems, i, i+1)
		}
	}
}

// sayWithheld tells of a removal that waits because this run makes none.
func (w *work) sayWithheld(s *subject, v *change.Verdict) {
	op, cause := v.OpenOp, v.Cause
	if o := s.in.Open; v.Open == "" && o != nil {
		op, cause = o.Op, o.Cause
	}
	if w.tally.noDeletes == "" || v.Outcome != change.WaitingChange || op != record.Delete && op != record.Disable {
		return
	}
	w.problem(ShowKey(s.in.Key), "", "withheld", fmt.Sprintf("its %s (%s) waits: %s", op, cause, w.tally.noDeletes))
}

func (w *work) countFailed(s *subject, v *change.Verdict) {
	if s.has && s.d.fate == fateFailed {
		return // counted where it failed
	}
	if s.in.Open != nil && s.in.Open.Reason == change.Refused && v.Open == "" {
		w.tally.refused++
		w.problem(ShowKey(s.in.Key), "", "refused", s.in.Open.Note+" (tried again later)")
		return
	}
	w.tally.failed++
	if o := s.in.Open; v.Open == "" && o != nil { // it stands as it was
		w.problem(ShowKey(s.in.Key), o.Field, o.Code, o.Note)
		return
	}
	w.problem(ShowKey(s.in.Key), v.Field, v.Code, v.Note)
}

// entry makes the plan's entry of a verdict.
func (w *work) entry(s *subject, v *change.Verdict) *plan.Entry {
	e := &w.planned
	*e = plan.Entry{
		Key: s.in.Key, Op: v.Op, Cause: v.Cause, Before: v.Before, After: v.After, Fields: v.Fields, Ref: v.Ref,
		Order: s.d.order, Had: v.Had, Expect: v.Expect, Raw: v.Raw, Mapped: v.Mapped, Status: byte(v.Status),
		HasSrc: v.Src.Has, SrcPart: v.Src.Part, SrcKey: v.Src.Key, Part: s.d.src.Part, Seq: w.records.seq,
		Open: string(v.Open), OpenOp: v.OpenOp, Since: v.Since, Due: v.Due, Attempts: v.Attempts, Note: v.Note,
		Code: v.Code, Field: v.Field, Clear: v.Clear, Approved: v.Approved, Upstream: s.d.upstream,
	}
	switch v.Remember {
	case change.Put:
		e.Item = true
	case change.Touch:
		e.Touch = true
	case change.Drop:
		e.Drop = v.Op == 0
	}
	if o := s.in.Open; e.Open != "" && e.OpenOp == 0 && e.After == nil && o != nil && w.sinkTraits.Ordered {
		e.After = o.After // tells its lane until it is known what it is now
	}
	e.Stranger = v.Foreign && v.Op != 0
	if e.Open != "" && !e.HasSrc && s.has && s.d.src != (state.SourceRef{Key: s.in.Key}) {
		e.HasSrc, e.SrcPart, e.SrcKey = true, s.d.src.Part, s.d.src.Key
	}
	return e
}

// setAside turns a change into a failure of its record.
func (w *work) setAside(s *subject, v *change.Verdict, code, message string) {
	v.Hold(change.Failed, w.s.clock)
	v.Code, v.Note = code, message
}

// holds tells whether an item stands under a key.
func (w *work) holds(key record.Key) bool {
	found := false
	_ = w.s.Store.View(context.Background(), func(v state.View) error {
		it, err := v.Item(w.row.ID, key)
		found = it != nil
		return err
	})
	return found
}

// judgeGuards holds the pipeline's guards against what was counted.
func (w *work) judgeGuards(of int64) {
	t, g := &w.tally, w.p.Guard
	held := w.heldUnseen()
	guards := change.Guards{Creates: g.Creates, Updates: g.Updates, Deletes: g.Deletes}
	judged := guards.Judge(change.Tally{
		Creates: t.create - t.approvedCreate + held.create, Updates: t.update - t.approvedUpdate + held.update,
		Deletes: t.remove + t.disable - t.approvedRemove - t.approvedDisable + held.remove, Recent: w.recentDeletes(), Of: of,
	})
	for _, j := range judged {
		w.header.Guards = append(w.header.Guards, plan.Guard{Op: j.Op, Limit: j.Limit.String(), Count: j.Count, Of: j.Of, Tripped: j.Tripped})
	}
}

// heldUnseen counts what is held and not looked at, when a run looks at one
// key only: else a series of small runs would slip under the guard.
func (w *work) heldUnseen() (t tally) {
	if w.only == "" {
		return t
	}
	_ = w.s.Store.View(context.Background(), func(v state.View) error {
		for o, err := range v.Open(w.row.ID) {
			if err != nil {
				return err
			}
			if o.Reason != state.Held || !w.drops(o.Key) {
				continue
			}
			switch o.Op {
			case record.Create:
				t.create++
			case record.Update:
				t.update++
			default:
				t.remove++
			}
		}
		return nil
	})
	return t
}

// recentDeletes counts the deletes of the last 24 hours that nobody approved.
func (w *work) recentDeletes() int64 {
	var n int
	_ = w.s.Store.View(context.Background(), func(v state.View) (err error) {
		n, err = v.Deletes(w.row.ID, w.s.clock.Add(-24*time.Hour))
		return err
	})
	return int64(n)
}

// judgeErrors stops a pipeline when more records failed before the sink than
// its errors block allows.
func (w *work) judgeErrors() {
	all := w.allRecords()
	failed := w.tally.failed - w.tally.dismissed
	if change.ErrorsExceeded(w.p.Errors, failed, all) {
		w.header.Blocked = fmt.Sprintf("%d of %s failed, more than errors { max = %s } allows; nothing was written",
			failed, counted(all, "record"), w.p.Errors)
	}
}

// allRecords counts the records that the pipeline stands for: those that were
// read and, where a read tells changes only, those that are remembered. What
// was mapped is no measure: of records that stay as they are it is only those
// that failed.
func (w *work) allRecords() int64 {
	all := max(w.tally.read, w.header.Read)
	if !w.everything {
		items := w.tally.neverItems
		for _, n := range w.counted {
			items += int64(n)
		}
		all = max(all, items)
	}
	return all
}

// finishHeader puts what was counted into the plan's header.
func (w *work) finishHeader() {
	h, t := w.header, &w.tally
	if !h.Whole {
		h.Counts = plan.Counts{Create: t.create, Update: t.update, Delete: t.remove, Disable: t.disable,
			Unchanged: t.unchanged, Skipped: t.skipped, Protected: t.protected, Held: t.held, Waiting: t.waiting,
			Failed: t.failed - t.dismissed + t.refused}
		if !w.everything {
			h.Counts.Unchanged += int64(w.counted[state.Delivered]) - t.delivered
			h.Counts.Skipped += int64(w.counted[state.Out]) - t.out
		}
	}
	// What nobody read is still as an earlier program made it.
	h.LookAgain = t.noDeletes != "" || t.unread && h.Complete && w.again()
	if w.tally.failed+w.tally.waiting > 0 && t.strangers > 0 {
		h.KeepStrangers = "rows that are no items stay while records fail or wait"
	}
	w.holdTripped()
	if h.Blocked != "" {
		h.Counts.Create, h.Counts.Update, h.Counts.Delete, h.Counts.Disable = 0, 0, 0, 0
	}
	if h.KeepStrangers != "" && h.Counts.Delete >= t.strangers {
		h.Counts.Delete -= t.strangers
		h.Counts.Waiting += t.strangers
	}
	h.Positions = append(h.Positions, w.positionsNow()...)
	for _, part := range w.records.planParts() {
		if part.Complete && !w.based[part.Name] {
			h.Based = append(h.Based, part.Name)
		}
	}
}

// holdTripped moves what a tripped guard holds from its kind to held.
func (w *work) holdTripped() {
	t, c := &w.tally, &w.header.Counts
	for _, g := range w.header.Guards {
		if !g.Tripped {
			continue
		}
		switch g.Op {
		case record.Create:
			c.Held, c.Create = c.Held+t.create-t.approvedCreate, t.approvedCreate
		case record.Update:
			c.Held, c.Update = c.Held+t.update-t.approvedUpdate, t.approvedUpdate
		case record.Delete:
			c.Held += t.remove + t.disable - t.approvedRemove - t.approvedDisable
			c.Delete, c.Disable = t.approvedRemove, t.approvedDisable
		}
		if g.Op == record.Create && t.strangers > 0 {
			w.header.KeepStrangers = "rows that are no items stay while creates are held"
		}
	}
}

// judgedAll tells whether nothing that was looked at in a mirror was left
// without a verdict: otherwise it must be looked at again, for the mirror does
// not tell of it twice.
func (w *work) judgedAll() bool {
	return w.tally.noDeletes == "" && (w.header.Complete || !w.everything)
}

// positionsNow gives the positions that count once the plan is applied.
func (w *work) positionsNow() []plan.Position {
	seq := w.records.seq
	src := w.s.Project.Sources[w.p.From]
	if src == nil || !w.s.mirrored(src) {
		// Without a mirror the position counts this pipeline's own reads.
		seq = w.positions[w.p.From].Seq + 1
	}
	var list []plan.Position
	if src == nil || !w.s.mirrored(src) || w.judgedAll() {
		list = append(list, plan.Position{Source: w.p.From, Seq: seq})
	}
	for _, j := range w.joins {
		if j.complete {
			list = append(list, plan.Position{Source: joinPosition(j.join), Digest: j.mark.bytes()})
		}
	}
	return list
}
