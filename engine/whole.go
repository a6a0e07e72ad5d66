package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
)

// compareWhole compares the set of records that a replacing sink should hold
// with the set that it was given last. Such a sink keeps no items: there is
// one digest and one count.
func (w *work) compareWhole(ctx context.Context) error {
	if err := w.resolveTwice(); err != nil {
		return err
	}
	kept, err := w.keptWhole()
	if err != nil {
		return err
	}
	w.header.Digest, w.header.Written = w.set.digest(), w.set.count
	stands, err := w.stands(ctx)
	if err != nil {
		return err
	}
	same := stands && bytes.Equal(kept.Digest, w.header.Digest) || w.remembers(kept)
	w.countWhole(w.set.count, kept.Count, same)
	w.header.Blocked = w.wholeBlocked()
	if w.header.Blocked == "" && w.only != "" && !same {
		w.header.Blocked = "the set is replaced as a whole, which a run of one key does not do; run it without --key"
	}
	approved, err := w.approvedWhole(ctx)
	if err != nil {
		return err
	}
	// No approval lets a set through that may not be replaced.
	if !approved && w.header.Blocked == "" {
		w.judgeGuards(kept.Count)
	}
	w.finishHeader()
	return nil
}

// keptWhole gives what is remembered of the set that was delivered last.
func (w *work) keptWhole() (kept keptShape, err error) {
	if len(w.row.Shape) > 0 {
		if err = json.Unmarshal(w.row.Shape, &kept); err != nil {
			err = fmt.Errorf("read what is remembered of %s: %w", w.p.Address, err)
		}
	}
	return kept, err
}

// remembers tells whether this run takes the set for delivered and writes
// nothing: a baseline, asked for or by first_run, whose set is one for all
// partitions.
func (w *work) remembers(kept keptShape) bool {
	return w.s.opts.Baseline || w.p.FirstRun == "baseline" && len(kept.Digest) == 0
}

// resolveTwice reports records that claim the same key.
func (w *work) resolveTwice() error {
	if w.identity {
		return nil
	}
	return w.resolveCollisions(context.Background())
}

// countWhole says how the set differs from the last one, as far as counts
// tell: which records differ is not known.
func (w *work) countWhole(now, before int64, same bool) {
	c := &w.header.Counts
	c.Skipped = w.tally.skipped
	c.Failed, c.Waiting = w.tally.failed, w.tally.waiting
	switch {
	case same:
		c.Unchanged = now
	case now >= before:
		c.Create, c.Update = now-before, before
	default:
		c.Delete, c.Update = before-now, now
	}
	w.tally.create, w.tally.update, w.tally.remove = c.Create, c.Update, c.Delete
}

// wholeBlocked says why a whole set may not be replaced; empty: it may.
func (w *work) wholeBlocked() string {
	switch {
	case !w.header.Complete:
		return "the set is replaced only when everything was read, and " + w.records.whyIncomplete()
	case w.tally.failed > 0:
		return fmt.Sprintf("the set is replaced only when no record failed, and %d did", w.tally.failed)
	case w.tally.waiting > 0:
		return fmt.Sprintf("the set is replaced only when no record waits, and %d do", w.tally.waiting)
	}
	return ""
}

// replace hands the whole set to the sink, when it differs and nothing stands
// against it.
func (w *work) replace(ctx context.Context) (err error) {
	c := &w.applied.counts
	h := w.header
	if h.Blocked != "" || w.wholeSame() {
		return nil
	}
	if w.withheld, err = w.holdWhole(ctx); w.withheld || err != nil {
		return err
	}
	if w.set == nil {
		if err := w.savedSet(ctx); err != nil {
			return err
		}
	}
	if err := w.set.deliver(ctx); err != nil {
		return fmt.Errorf("write to %s: %w", w.p.Into, err)
	}
	c.Created, c.Updated, c.Deleted = h.Counts.Create, h.Counts.Update, h.Counts.Delete
	w.replaced = true
	return w.s.Store.Update(ctx, func(tx state.Tx) error { return tx.DropOpen(w.row.ID, wholeKey) })
}

// wholeKey is the key under which a whole set is open while a guard holds it.
const wholeKey record.Key = "whole set"

// holdWhole opens the set when a guard is tripped and nobody approved exactly
// this set.
func (w *work) holdWhole(ctx context.Context) (bool, error) {
	var n int64
	limit := ""
	for _, g := range w.header.Guards {
		if g.Tripped {
			n, limit = n+g.Count, g.Limit
		}
	}
	if n == 0 {
		return false, nil
	}
	w.applied.counts.Held += n
	w.header.Counts.Held = 0
	o := &state.Open{Key: wholeKey, Reason: state.Held, Op: record.Delete, Since: w.s.clock, After: w.header.Digest, Run: w.s.runID,
		Note: fmt.Sprintf("the set changes by %s, more than %s", counted(n, "record"), limit)}
	return true, w.s.Store.Update(ctx, func(tx state.Tx) error { return tx.PutOpen(w.row.ID, o) })
}

// approvedWhole tells whether someone approved exactly this set.
func (w *work) approvedWhole(ctx context.Context) (approved bool, err error) {
	err = w.s.Store.View(ctx, func(v state.View) error {
		o, err := v.OpenKey(w.row.ID, wholeKey)
		if err != nil || o == nil {
			return err
		}
		approved = o.ApprovedAt(w.s.Now()) && bytes.Equal(o.After, w.header.Digest)
		return nil
	})
	return approved, err
}

// wholeNow gives the digest and count of the set that the target holds once
// this run is over.
func (w *work) wholeNow(row state.Pipeline) ([]byte, int64) {
	var kept keptShape
	if w.replaced || !w.withheld && w.header.Blocked == "" && w.wholeSame() {
		return w.header.Digest, w.header.Written
	}
	if len(row.Shape) > 0 && json.Unmarshal(row.Shape, &kept) != nil {
		return nil, 0 // the next run replaces the set, whatever it was
	}
	return kept.Digest, kept.Count
}

// wholeSame tells whether the target holds this very set already.
func (w *work) wholeSame() bool {
	c := w.header.Counts
	return c.Create+c.Update+c.Delete+c.Held == 0 && (c.Unchanged > 0 || w.header.Written > 0 || w.known && w.row.SinkIdentity != "")
}

// stands tells whether the set that was delivered last is still there.
func (w *work) stands(ctx context.Context) (bool, error) {
	if t, ok := w.sink.(connector.Standing); ok {
		return t.Stands(ctx)
	}
	return true, nil
}
