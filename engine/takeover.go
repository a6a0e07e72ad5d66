package engine

import (
	"context"

	"koppel/engine/change"
	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// giving lists the keys of items that are proven to go: a record without an item
// that matches the row of one takes it over. Somebody whose account was made anew
// keeps the row, with what only the target knows.
func (w *work) giving(ctx context.Context) (*spool.Sorter, error) {
	keys := w.s.spool.Sorter(sortMemory)
	// Where nothing may be deleted, nobody is proven to go.
	if w.s.opts.Baseline || w.s.opts.Key != "" || w.tally.noDeletes != "" {
		return keys, nil
	}
	var d desired
	err := eachOf(w.extra, func(key, payload []byte) error {
		if err := d.decode(record.Key(key), payload); err != nil {
			return err
		}
		switch seen, complete := w.absentSeen(&d); seen {
		case change.Absent, change.Tombstone, change.Withdrawn, change.KeyChanged, change.Filtered:
			if complete {
				return keys.Add(key, nil)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return keys, w.s.Store.View(ctx, func(v state.View) error {
		return eachOf(w.desired, func(key, payload []byte) error {
			if err := d.decode(record.Key(key), payload); err != nil || d.fate != fateGone && d.fate != fateFiltered {
				return err
			}
			it, err := v.Item(w.row.ID, d.key)
			if err != nil || it == nil {
				return err
			}
			if moved, err := w.moved(&subject{d: d, has: true}, it); err != nil || moved {
				return err // it stands in another partition
			}
			return keys.Add(key, nil)
		})
	})
}

// takeOver marks the items that hand their rows over, and the records that take
// them. A row that several records match goes to none.
func (w *work) takeOver(giving *spool.Sorter) error {
	if giving.Len() == 0 || w.matched.Len() == 0 {
		return nil
	}
	byOwner := w.s.spool.Sorter(sortMemory)
	err := eachOf(w.matched, func(key, payload []byte) error {
		if f := decodeFound(payload); f.N == 1 && f.Key != "" && string(f.Key) != string(key) {
			return byOwner.Add([]byte(f.Key), key)
		}
		return nil
	})
	if err != nil || byOwner.Len() == 0 {
		return err
	}
	if w.folds == nil {
		w.folds = w.s.spool.Sorter(sortMemory)
	}
	next, stop := pullKeys(giving)
	defer stop()
	gone, more := next()
	var owner, taker record.Key
	takers := 0
	end := func() error {
		for more && string(gone) < string(owner) {
			gone, more = next()
		}
		if takers != 1 || !more || string(gone) != string(owner) {
			return nil
		}
		return w.handOver(owner, taker)
	}
	err = eachOf(byOwner, func(key, payload []byte) error {
		if string(key) != string(owner) {
			if err := end(); err != nil {
				return err
			}
			owner, takers = record.Key(cloneBytes(key)), 0
		}
		taker = record.Key(cloneBytes(payload))
		takers++
		return nil
	})
	if err != nil {
		return err
	}
	return end()
}

// handOver marks an item and the record that takes its row.
func (w *work) handOver(owner, taker record.Key) error {
	stands := false
	err := w.s.Store.View(context.Background(), func(v state.View) error {
		it, err := v.Item(w.row.ID, owner)
		stands = it != nil && (it.Status == state.Delivered || it.Status == state.Disabled || it.Status == state.Kept)
		return err
	})
	if err != nil || !stands {
		return err
	}
	if err := w.folds.Add([]byte(owner), []byte{byte(foldHands)}); err != nil {
		return err
	}
	return w.folds.Add([]byte(taker), []byte{byte(foldTakes)})
}
