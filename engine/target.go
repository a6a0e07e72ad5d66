package engine

import (
	"context"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// listTarget reads the target's rows, sorted by key, where the pipeline or the
// user asks for it.
func (w *work) listTarget(ctx context.Context) error {
	if !w.looksAtTarget() || w.sink == nil {
		return nil
	}
	lister, ok := w.sink.(connector.Lister)
	if !ok {
		if w.s.opts.Refresh && !w.p.Deletes.Target {
			w.warn("no_refresh", w.p.Into+" can't be read, so drift is not seen")
			return nil
		}
		return fmt.Errorf("%s can't list what stands at the target, so scope = \"target\" does not work with it", w.p.Into)
	}
	w.target = w.s.spool.Sorter(sortMemory)
	err := lister.List(ctx, func(row connector.Row) error {
		key := row.Key
		if key == "" {
			key = strangerKey(row.Ref)
		}
		w.targetRows++
		return w.target.Add([]byte(key), putBytes(putBytes(nil, row.Ref), row.Body))
	})
	if err != nil {
		return fmt.Errorf("read the target of %s: %w", w.p.Into, err)
	}
	return nil
}

// strangerMark starts the keys of rows that carry no key of ours. It is no
// UTF-8, so no item has such a key, and it sorts behind all that have.
const strangerMark = "\xff"

func strangerKey(ref []byte) record.Key { return record.Key(strangerMark + string(ref)) }

// matchTarget finds, before anything is deleted, the rows that records without
// an item will adopt: under scope = "target" they are no strangers, and an item
// that goes may hand its row over.
func (w *work) matchTarget(ctx context.Context) error {
	m, ok := w.sink.(connector.Matcher)
	if !ok || !m.Matching() {
		return nil
	}
	giving, err := w.giving(ctx)
	if err != nil || w.target == nil && giving.Len() == 0 {
		return err
	}
	w.matched = w.s.spool.Sorter(sortMemory)
	refs := w.s.spool.Sorter(sortMemory)
	var batch []record.Change
	flush := func() error {
		found, err := m.Match(ctx, batch)
		if err == nil {
			err = w.markTaken(ctx, batch, found)
		}
		if err != nil {
			return fmt.Errorf("look for earlier rows in %s: %w", w.p.Into, err)
		}
		for i, f := range found {
			if f.N == 0 {
				continue
			}
			if err := refs.Add(f.Ref, nil); err != nil {
				return err
			}
			if err := w.matched.Add([]byte(batch[i].Key), encodeFound(f)); err != nil {
				return err
			}
		}
		batch = batch[:0]
		return nil
	}
	err = w.unmatched(ctx, func(d *desired) error {
		batch = append(batch, record.Change{Op: record.Create, Key: d.key, After: cloneBytes(d.body)})
		if len(batch) < lookSize {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = w.takeOver(giving)
	}
	if err != nil || w.target == nil {
		return err
	}
	return w.withoutRows(refs)
}

// unmatched yields the desired records that have neither an item nor a row
// under their key.
func (w *work) unmatched(ctx context.Context, yield func(*desired) error) error {
	target := w.target
	if target == nil {
		target = w.s.spool.Sorter(sortMemory)
	}
	rows, stop := pullKeys(target)
	defer stop()
	row, more := rows()
	return w.s.Store.View(ctx, func(v state.View) error {
		items := newPuller(v.ItemsLight(w.row.ID), func(it *state.Item) record.Key { return it.Key })
		defer items.stop()
		return eachOf(w.desired, func(key, payload []byte) error {
			var d desired
			if err := d.decode(record.Key(key), payload); err != nil || d.fate != fateMapped {
				return err
			}
			for more && string(row) < string(key) {
				row, more = rows()
			}
			if more && string(row) == string(key) {
				return nil
			}
			it, err := items.at(d.key)
			if err != nil || it != nil && it.Status != state.Out && it.Status != state.Unsure {
				return err
			}
			return yield(&d)
		})
	})
}

// withoutRows takes the rows with the given handles out of the listed target.
func (w *work) withoutRows(refs *spool.Sorter) error {
	if refs.Len() == 0 {
		return nil
	}
	byRef := w.s.spool.Sorter(sortMemory)
	err := eachOf(w.target, func(key, payload []byte) error {
		d := decoder{b: payload}
		ref := d.bytes()
		return byRef.Add(ref, append(putBytes(nil, key), payload...))
	})
	if err != nil {
		return err
	}
	w.target = w.s.spool.Sorter(sortMemory)
	next, stop := pullKeys(refs)
	defer stop()
	taken, more := next()
	return eachOf(byRef, func(ref, payload []byte) error {
		for more && string(taken) < string(ref) {
			taken, more = next()
		}
		if more && string(taken) == string(ref) {
			return nil
		}
		d := decoder{b: payload}
		key := d.bytes()
		return w.target.Add(key, d.b)
	})
}

func encodeFound(f connector.Found) []byte {
	b := putUint(nil, uint64(f.N))
	b = putBytes(b, f.Ref)
	b = putBytes(b, f.Key)
	return putBytes(b, f.Row)
}

func decodeFound(b []byte) (f connector.Found) {
	d := decoder{b: b}
	f.N, f.Ref, f.Key, f.Row = int(d.uint()), d.bytes(), record.Key(d.bytes()), d.bytes()
	return f
}
