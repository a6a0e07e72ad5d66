package engine

import (
	"context"

	"koppel/engine/change"
	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
)

// A lookBatch decides for many keys at a time, as the target must be asked
// about some: creates that may have an earlier row, and deletes of rows that
// may be protected.
type lookBatch struct {
	w        *work
	ctx      context.Context
	yield    func(*plan.Entry) error
	subjects []subject
	verdicts []change.Verdict
}

// lookSize is how many keys are decided at a time; fewer when what is known of
// them takes lookBytes.
const (
	lookSize  = 1000
	lookBytes = 1 << 20
)

// decide yields what must be done for the subjects of a block.
func (b *lookBatch) decide(block subjectBlock) error {
	b.subjects, b.verdicts = block.list, b.verdicts[:0]
	for i := range b.subjects {
		s := &b.subjects[i]
		v, err := b.w.decider.Decide(&s.in)
		if err != nil {
			return err
		}
		b.verdicts = append(b.verdicts, v)
		if s.found != nil && b.matches(i) {
			if err := b.again(i, *s.found); err != nil {
				return err
			}
		}
	}
	if err := b.lookUp(); err != nil {
		return err
	}
	for i := range b.subjects {
		s, v := &b.subjects[i], &b.verdicts[i]
		b.w.applyFold(s, v)
		if err := b.w.emit(s, v, b.yield); err != nil {
			return err
		}
	}
	return nil
}

// lookUp asks the target what only it can tell.
func (b *lookBatch) lookUp() error {
	if err := b.look(b.matches, func(m connector.Sink) lookFunc {
		if f, ok := m.(connector.Matcher); ok && b.w.matched == nil && f.Matching() {
			return f.Match
		}
		return nil
	}); err != nil {
		return err
	}
	return b.look(b.judges, func(m connector.Sink) lookFunc {
		if f, ok := m.(connector.Finder); ok {
			return f.Find
		}
		return nil
	})
}

type lookFunc = func(context.Context, []record.Change) ([]connector.Found, error)

func (b *lookBatch) matches(i int) bool {
	return b.verdicts[i].Op == record.Create && b.subjects[i].in.Row == nil
}

func (b *lookBatch) judges(i int) bool {
	op := b.verdicts[i].Op
	return b.w.p.Deletes.Protect && (op == record.Delete || op == record.Disable) && !b.subjects[i].in.Looked
}

// look asks the target about some of the keys and decides them again.
func (b *lookBatch) look(which func(int) bool, how func(connector.Sink) lookFunc) error {
	if b.w.sink == nil {
		return nil
	}
	ask := how(b.w.sink)
	if ask == nil {
		return nil
	}
	var places []int
	var changes []record.Change
	for i := range b.subjects {
		if which(i) {
			s, v := &b.subjects[i], &b.verdicts[i]
			places = append(places, i)
			changes = append(changes, record.Change{Op: v.Op, Key: s.in.Key, Before: v.Before, After: v.After, Ref: v.Ref})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	found, err := ask(b.ctx, changes)
	if err == nil {
		err = b.w.markTaken(b.ctx, changes, found)
	}
	if err != nil {
		return err
	}
	for n, f := range found {
		if err := b.again(places[n], f); err != nil {
			return err
		}
	}
	return nil
}

// markTaken gives found rows the key of the item that they belong to, where the
// target tells no keys but answers that tell rows apart: a row is never taken
// over from another item.
func (w *work) markTaken(ctx context.Context, changes []record.Change, found []connector.Found) error {
	return w.s.markHolders(ctx, w.row.ID, changes, found)
}

// again decides a key once more, with the row that was found.
func (b *lookBatch) again(i int, f connector.Found) (err error) {
	s, v := &b.subjects[i], &b.verdicts[i]
	switch {
	case f.N == 0:
		return nil
	case f.N > 1:
		b.w.setAside(s, v, "match_many", "several rows of the target match this record")
		return nil
	case v.Op == record.Create && f.Key != "" && f.Key != s.in.Key && s.fold != foldTakes && b.w.holds(f.Key):
		b.w.setAside(s, v, "match_taken", "the row that matches belongs to "+f.Key.String())
		return nil
	}
	s.in.Row = &change.Row{Ref: f.Ref, Body: f.Row, Matched: v.Op == record.Create && f.Key != s.in.Key}
	*v, err = b.w.decider.Decide(&s.in)
	return err
}
