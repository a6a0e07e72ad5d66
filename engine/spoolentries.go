package engine

import (
	"context"
	"errors"
	"fmt"

	"koppel/engine/change"
	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// spoolEntries writes the entries that fill yields, in key order, to the
// session's folder and opens them for reading.
func (w *work) spoolEntries(fill func(yield func(*plan.Entry) error) error) (err error) {
	w.s.files++
	path := w.s.scratch(fmt.Sprintf("entries-%d", w.s.files))
	out, err := plan.CreateSpool(path, w.s.seal())
	if err != nil {
		return err
	}
	if err := out.BeginPipeline(w.p.Address); err != nil {
		return errors.Join(err, out.Abandon())
	}
	if err := fill(out.Entry); err != nil {
		return errors.Join(err, out.Abandon())
	}
	if w.records != nil {
		w.finish()
	} else {
		w.finishBare()
	}
	header := *w.s.header
	header.Pipelines = []plan.Pipeline{*w.header}
	if err := out.Close(&header); err != nil {
		return err
	}
	w.reader, err = plan.Open(path, w.s.seal())
	return err
}

// finish judges the whole once every key was counted.
func (w *work) finish() {
	w.judgeErrors()
	w.judgeGuards(w.guardBase)
	w.finishHeader()
}

// finishBare does so for plans that read nothing.
func (w *work) finishBare() {
	t := &w.tally
	w.judgeGuards(w.guardBase)
	w.header.Counts = plan.Counts{Create: t.create, Update: t.update, Delete: t.remove, Disable: t.disable}
	w.holdTripped()
}

// countChange counts a change that is to be applied.
func (w *work) countChange(e *plan.Entry) {
	t := &w.tally
	switch e.Op {
	case record.Create:
		t.create++
		if e.Approved {
			t.approvedCreate++
		}
	case record.Update:
		t.update++
		if e.Approved {
			t.approvedUpdate++
		}
	case record.Delete:
		t.remove++
		if e.Approved {
			t.approvedRemove++
		}
	case record.Disable:
		t.disable++
		if e.Approved {
			t.approvedDisable++
		}
	}
	if e.Stranger && e.Op != 0 {
		t.strangers++
	}
}

// openSaved opens a pipeline's state and sink for a saved plan.
func (w *work) openSaved(ctx context.Context) error {
	err := w.s.Store.View(ctx, func(v state.View) (err error) {
		w.row, w.known, err = v.Pipeline(w.p.Address)
		return err
	})
	if err != nil {
		return err
	}
	w.rules = record.Rules{}
	for _, f := range w.p.Fields {
		w.rules[f.Name] = f.Compare
	}
	if err := w.unsettle(ctx); err != nil {
		return err
	}
	return w.openSink(ctx)
}

// recheckGuard holds deletes that were under the guard when the plan was made
// and, with what was deleted since, are not any more.
func (w *work) recheckGuard() {
	recent := w.recentDeletes() - w.ownDeletes()
	for i := range w.header.Guards {
		g := &w.header.Guards[i]
		if g.Op != record.Delete || w.p.Guard.Deletes == nil {
			continue
		}
		planned := w.header.Counts.Delete + w.header.Counts.Disable
		if planned > 0 && w.deletesTrip(planned+recent, g.Of) {
			g.Tripped = true
		}
	}
}

// ownDeletes counts those that the first part of a resumed plan made: they are
// among the planned ones.
func (w *work) ownDeletes() (n int64) {
	if !w.s.resumed {
		return 0
	}
	_ = w.s.Store.View(context.Background(), func(v state.View) error {
		for c, err := range v.ChangesOf(w.s.runID, w.row.ID) {
			if err != nil {
				return err
			}
			if (c.Op == record.Delete || c.Op == record.Disable) && !c.Approved {
				n++
			}
		}
		return nil
	})
	return n
}

// deletesTrip tells whether n deletes are more than the guard lets pass.
func (w *work) deletesTrip(n, of int64) bool {
	guards := change.Guards{Deletes: w.p.Guard.Deletes}
	for _, j := range guards.Judge(change.Tally{Deletes: n, Of: of}) {
		return j.Tripped
	}
	return false
}

var _ connector.Reader = (*reader)(nil)
