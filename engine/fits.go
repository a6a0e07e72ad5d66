package engine

import (
	"context"
	"fmt"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// checkEntry says why an entry no longer fits what stands now; empty: it fits.
func (w *work) checkEntry(ctx context.Context, e *plan.Entry) (why string, err error) {
	err = w.s.Store.View(ctx, func(v state.View) error {
		it, err := v.Item(w.row.ID, e.Key)
		if err != nil {
			return err
		}
		if w.s.resumed && w.done(e, it) {
			why = doneAlready
			return nil
		}
		if why, err = w.inDoubt(v, e); err != nil || why != "" {
			return err
		}
		switch {
		case w.s.resumed && it != nil && it.Status == state.Unsure && it.Run == w.s.runID:
			// The first part of the plan may have applied it, and nothing else did.
		case e.Had && it == nil:
			why = "the record was removed since the plan was made"
		case !e.Had && it != nil:
			why = "the record was created since the plan was made"
		case e.Had && it.Mapped != e.Expect && e.Expect != (record.Hash{}):
			why = "the record was changed since the plan was made"
		}
		if why != "" {
			return nil
		}
		if why, err = w.unapproved(v, e); err != nil || why != "" {
			return err
		}
		if why, err = w.laterRead(v, e); err != nil || why != "" {
			return err
		}
		why, err = w.upstreamMoved(v, e)
		return err
	})
	return why, err
}

// doneAlready marks entries that the first part of a resumed plan applied.
const doneAlready = "\x00done"

// done tells whether an entry was applied before the application was cut off.
func (w *work) done(e *plan.Entry, it *state.Item) bool {
	if e.Op == record.Delete && !e.Item {
		return it == nil
	}
	if e.Op == 0 && e.Drop {
		return it == nil
	}
	same := it != nil && it.Mapped == e.Mapped && it.Status == state.Status(e.Status)
	return same && (it.Run == w.s.runID || e.Op == 0 && e.Item)
}

// inDoubt tells whether an earlier call for an entry's key was lost, so that
// another one could double it.
func (w *work) inDoubt(v state.View, e *plan.Entry) (string, error) {
	if e.Op == 0 {
		return "", nil
	}
	o, err := v.OpenKey(w.row.ID, e.Key)
	if err != nil || o == nil || o.Reason != state.InDoubt {
		return "", err
	}
	return "it is not known whether the target took an earlier change of the record", nil
}

// laterRead tells whether a later read has seen an entry's record otherwise,
// or, for a delete, has looked at its partition at all.
func (w *work) laterRead(v state.View, e *plan.Entry) (string, error) {
	if e.Op == 0 || w.s.header.Kind != "plan" {
		return "", nil
	}
	src := w.s.Project.Sources[w.p.From]
	if src == nil || !w.s.mirrored(src) {
		if e.Op != record.Delete && e.Op != record.Disable {
			return "", nil
		}
		return w.readSince(v)
	}
	if w.s.committed[src.Address] {
		return "", nil
	}
	return w.mirrorMoved(v, src.Address, e)
}

// mirrorMoved tells whether the mirror holds another record than the one that
// an entry rests on.
func (w *work) mirrorMoved(v state.View, source string, e *plan.Entry) (string, error) {
	const why = "a later read has seen the record otherwise"
	key := e.SrcKey
	if !e.HasSrc {
		key = e.Key
	}
	if w.s.otherwise[source][string(partKey(e.Part, key))] {
		return why, nil
	}
	row, _, err := v.Source(source)
	if err != nil {
		return "", err
	}
	m, err := v.MirrorRow(row.ID, e.Part, key)
	if err != nil || m == nil || m.Seq <= w.readUpTo(source) {
		return "", err
	}
	if m.Gone && e.Cause == record.CauseGone || !m.Gone && m.Hash == e.Raw {
		return "", nil
	}
	return why, nil
}

// readUpTo is the sequence at which the plan found a source's mirror.
func (w *work) readUpTo(source string) uint64 {
	for i := range w.s.header.Sources {
		if one := &w.s.header.Sources[i]; one.Address == source {
			return one.FromSeq
		}
	}
	return 0
}

// readSince tells whether the pipeline looked at its source again.
func (w *work) readSince(v state.View) (string, error) {
	for _, pos := range w.header.Positions {
		if pos.Source != w.p.From {
			continue
		}
		row, known, err := v.Source(pos.Source)
		if err != nil || !known {
			return "", err
		}
		stored, ok, err := v.Position(w.row.ID, row.ID)
		if err != nil || !ok {
			return "", err
		}
		if stored.Seq >= pos.Seq {
			return "the source was read again since the plan was made; plan again to delete", nil
		}
	}
	return "", nil
}

// upstreamMoved tells whether a record that the entry builds on is another one
// than the plan expected.
func (w *work) upstreamMoved(v state.View, e *plan.Entry) (string, error) {
	for _, u := range e.Upstream {
		row, _, err := v.Pipeline(u.Pipeline)
		if err != nil {
			return "", err
		}
		it, err := v.Item(row.ID, u.Key)
		if err != nil {
			return "", err
		}
		if it == nil || it.Mapped != u.Hash {
			return fmt.Sprintf("%s of %s is not as the plan expected it", u.Key, u.Pipeline), nil
		}
	}
	return "", nil
}
