package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/state"
)

// resumeAppend takes a target that only grows back to where the state saw it
// last, before the first write of a run.
func (w *work) resumeAppend(ctx context.Context) error {
	a, ok := w.sink.(connector.Appender)
	if !ok || w.appending {
		return nil
	}
	if err := a.Resume(ctx, w.mark(w.row)); err != nil {
		return fmt.Errorf("go on with %s: %w", w.p.Into, err)
	}
	w.appending = true
	return w.s.Store.Update(ctx, w.storeMark)
}

// mark is how far the target was written: by this run, or as remembered.
func (w *work) mark(row state.Pipeline) []byte {
	if a, ok := w.sink.(connector.Appender); ok && w.appending {
		return a.Mark()
	}
	var kept keptShape
	if json.Unmarshal(row.Shape, &kept) != nil {
		return nil
	}
	return kept.Mark
}

// storeMark remembers, with a batch, how far the target goes now.
func (w *work) storeMark(tx state.Tx) error {
	if !w.appending {
		return nil
	}
	row, _, err := tx.Pipeline(w.p.Address)
	if err != nil {
		return err
	}
	var kept keptShape
	if len(row.Shape) > 0 {
		if err := json.Unmarshal(row.Shape, &kept); err != nil {
			return fmt.Errorf("read what is remembered of %s: %w", w.p.Address, err)
		}
	}
	kept.Mark = w.mark(row)
	if row.Shape, err = json.Marshal(kept); err != nil {
		return err
	}
	_, err = tx.PutPipeline(row)
	return err
}
