package engine

import (
	"context"
	"fmt"
	"slices"

	"koppel/engine/change"
	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// A folding is what two keys come to that the target can't tell apart.
type folding byte

const (
	foldCollides folding = iota + 1 // several desired records claim one row
	foldTakes                       // the record takes over another item's row
	foldGives                       // the item's row goes over to another record
	foldHands                       // the same, of an item that is proven to go
)

// folder is the sink where it compares keys more loosely than bytes; nil: it
// does not. A sink that can't tell stops the pipeline: a delete could meet the
// row of another record.
func (w *work) folder() (connector.Folder, error) {
	folder, ok := w.sink.(connector.Folder)
	if !ok {
		return nil, nil
	}
	if f, ok := w.sink.(interface{ Folding() (bool, error) }); ok {
		folds, err := f.Folding()
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", w.p.Into, err)
		}
		if !folds {
			return nil, nil
		}
	}
	return folder, nil
}

// foldKeys finds keys that differ for us and are one for the target: a delete
// of the one would remove the row of the other.
func (w *work) foldKeys(ctx context.Context) error {
	folder, err := w.folder()
	if err != nil || folder == nil {
		return err
	}
	byFold := w.s.spool.Sorter(sortMemory)
	add := func(mark byte, key record.Key) error {
		return byFold.Add([]byte(folder.Fold(key)), append([]byte{mark}, key...))
	}
	err = eachOf(w.desired, func(key, payload []byte) error {
		var d desired
		if err := d.decode(record.Key(key), payload); err != nil || d.fate != fateMapped {
			return err
		}
		return add('d', d.key)
	})
	if err != nil {
		return err
	}
	err = w.s.Store.View(ctx, func(v state.View) error {
		next, stop := pullKeys(w.extra)
		defer stop()
		gone, more := next()
		for it, err := range v.ItemsLight(w.row.ID) {
			if err != nil {
				return err
			}
			for more && string(gone) < string(it.Key) {
				gone, more = next()
			}
			mark := byte('i')
			if more && string(gone) == string(it.Key) {
				mark = 'g' // nothing desired stands for it any more
			}
			if it.Status == state.Out {
				continue
			}
			if err := add(mark, it.Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.judgeFolds(byFold)
}

// judgeFolds looks at each group of keys that fold to the same.
func (w *work) judgeFolds(byFold *spool.Sorter) error {
	w.folds = w.s.spool.Sorter(sortMemory)
	var fold string
	var wanted, standing, held []record.Key
	end := func() error {
		for _, k := range standing {
			// An item that no record of this run stands for and that is not
			// absent either belongs to a record that was not looked at.
			if len(wanted) > 0 && !slices.Contains(wanted, k) {
				wanted = append(wanted, k)
			}
		}
		err := w.judgeFold(wanted, held)
		wanted, standing, held = wanted[:0], standing[:0], held[:0]
		return err
	}
	err := eachOf(byFold, func(key, payload []byte) error {
		if string(key) != fold {
			if err := end(); err != nil {
				return err
			}
			fold = string(key)
		}
		switch k := record.Key(payload[1:]); payload[0] {
		case 'd':
			wanted = append(wanted, k)
		case 'i':
			standing = append(standing, k)
		default:
			held = append(held, k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return end()
}

func (w *work) judgeFold(wanted, held []record.Key) error {
	mark := func(k record.Key, f folding) error { return w.folds.Add([]byte(k), []byte{byte(f)}) }
	if len(wanted) == 0 {
		return nil
	}
	if len(wanted) > 1 {
		for _, k := range wanted {
			if err := mark(k, foldCollides); err != nil {
				return err
			}
		}
		return nil
	}
	for _, k := range held {
		if k == wanted[0] {
			continue
		}
		if err := mark(k, foldGives); err != nil {
			return err
		}
		if err := mark(wanted[0], foldTakes); err != nil {
			return err
		}
	}
	return nil
}

// applyFold changes the verdict on a key that the target can't tell from
// another.
func (w *work) applyFold(s *subject, v *change.Verdict) {
	switch s.fold {
	case foldCollides:
		if v.Op != 0 {
			w.setAside(s, v, "duplicate_key", fmt.Sprintf("the target can't tell the key %s from that of another record", ShowKey(s.in.Key)))
		}
	case foldTakes:
		if v.Op == record.Create || v.Op == record.Update && v.Cause == record.CauseAdopted {
			v.Cause = record.CauseKey
		}
	case foldGives:
		if v.Op == record.Delete || v.Op == record.Disable {
			v.Op, v.Remember, v.Outcome = 0, change.Drop, change.Silent
			v.Cause = record.CauseKey
		}
	case foldHands:
		v.Op, v.Remember, v.Outcome, v.Cause = 0, change.Drop, change.Silent, record.CauseKey
		v.Open, v.OpenOp, v.Clear, v.Warning = "", 0, s.in.Open != nil, ""
	}
}
