package engine

import (
	"context"
	"fmt"

	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// foldTarget brings rows of the target under the keys of ours that the target
// can't tell from theirs: such a row is no stranger, and deleting it would
// remove what a record delivered.
func (w *work) foldTarget(ctx context.Context) error {
	if w.target == nil {
		return nil
	}
	folder, err := w.folder()
	if err != nil || folder == nil {
		return err
	}
	ours := w.s.spool.Sorter(sortMemory)
	if err := w.eachClaim(ctx, func(key record.Key) error { return ours.Add([]byte(key), nil) }); err != nil {
		return err
	}
	byFold := w.s.spool.Sorter(sortMemory)
	strange := 0
	err = w.eachRow(ours, func(key, payload []byte, known bool) error {
		if known {
			return nil
		}
		strange++
		return byFold.Add([]byte(folder.Fold(record.Key(key))), append(append([]byte{'r'}, putBytes(nil, key)...), payload...))
	})
	if err != nil || strange == 0 {
		return err
	}
	err = w.eachClaim(ctx, func(key record.Key) error {
		return byFold.Add([]byte(folder.Fold(key)), append([]byte{'k'}, key...))
	})
	if err != nil {
		return err
	}
	rows := w.s.spool.Sorter(sortMemory)
	err = w.eachRow(ours, func(key, payload []byte, known bool) error {
		if !known {
			return nil
		}
		return rows.Add(key, payload)
	})
	if err != nil {
		return err
	}
	if err := rekey(byFold, rows); err != nil {
		return fmt.Errorf("fold the keys of %s: %w", w.p.Into, err)
	}
	w.target = rows
	return nil
}

// eachClaim yields the keys that records and items claim, some more than once.
func (w *work) eachClaim(ctx context.Context, yield func(record.Key) error) error {
	err := eachOf(w.desired, func(key, payload []byte) error {
		var d desired
		if err := d.decode(record.Key(key), payload); err != nil || d.fate != fateMapped {
			return err
		}
		return yield(d.key)
	})
	if err != nil {
		return err
	}
	return w.s.Store.View(ctx, func(v state.View) error {
		for it, err := range v.ItemsLight(w.row.ID) {
			if err != nil {
				return err
			}
			if it.Status == state.Out {
				continue
			}
			if err := yield(it.Key); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachRow yields the target's rows in key order, and whether ours has the key.
func (w *work) eachRow(ours *spool.Sorter, yield func(key, payload []byte, known bool) error) error {
	next, stop := pullKeys(ours)
	defer stop()
	k, more := next()
	return eachOf(w.target, func(key, payload []byte) error {
		for more && string(k) < string(key) {
			k, more = next()
		}
		return yield(key, payload, more && string(k) == string(key))
	})
}

// rekey puts the rows of byFold into rows: under the one key of ours that folds
// to the same, under their own where there is none, and not at all where
// several do.
func rekey(byFold, rows *spool.Sorter) error {
	type row struct{ key, payload []byte }
	var fold string
	var strange []row
	claims := map[string]bool{}
	end := func() error {
		for _, r := range strange {
			key := r.key
			for k := range claims {
				key = []byte(k)
			}
			if len(claims) > 1 {
				continue
			}
			if err := rows.Add(key, r.payload); err != nil {
				return err
			}
		}
		strange = strange[:0]
		clear(claims)
		return nil
	}
	err := eachOf(byFold, func(key, payload []byte) error {
		if string(key) != fold {
			if err := end(); err != nil {
				return err
			}
			fold = string(key)
		}
		if payload[0] == 'k' {
			claims[string(payload[1:])] = true
			return nil
		}
		d := decoder{b: cloneBytes(payload[1:])}
		own := d.bytes()
		strange = append(strange, row{own, d.b})
		return nil
	})
	if err != nil {
		return err
	}
	return end()
}
