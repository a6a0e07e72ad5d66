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
	if w.s.opts.Baseline || w.s.opts.Key != "" {
		return keys, nil
	}
	goes := func(key, payload []byte, seen func(*desired) (change.Seen, bool)) error {
		var d desired
		if err := d.decode(key, payload); err != nil {
			return err
		}
		switch fate, complete := seen(&d); fate {
		case change.Absent, change.Tombstone, change.Withdrawn, change.KeyChanged, change.Filtered:
			if complete {
				return keys.Add(key, nil)
			}
		}
		return nil
	}
	err := eachOf(w.extra, func(key, payload []byte) error { return goes(key, payload, w.absentSeen) })
	if err == nil {
		err = eachOf(w.desired, func(key, payload []byte) error {
			return goes(key, payload, func(d *desired) (change.Seen, bool) { return seenOf[d.fate], true })
		})
	}
	if err != nil {
		return nil, err
	}
	return keys, nil
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
