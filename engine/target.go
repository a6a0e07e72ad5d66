package engine

import (
	"context"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
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

// strangerKey stands for a row of the target that carries no key of ours: no
// item has such a key, for its first part is empty.
func strangerKey(ref []byte) record.Key {
	return record.Key(append([]byte{0, 0, 0}, ref...))
}
