package engine

import (
	"context"

	"koppel/engine/record"
	"koppel/engine/state"
)

// addAnswers adds what the target answered to those of the records earlier.
func (w *work) addAnswers(ctx context.Context, changes []record.Change) error {
	if !w.sinkTraits.Answers && !w.sinkTraits.Journalled {
		return nil
	}
	return w.s.Store.View(context.WithoutCancel(ctx), func(v state.View) error {
		for i := range changes {
			it, err := v.Item(w.row.ID, changes[i].Key)
			if err != nil {
				return err
			}
			if it != nil {
				changes[i].Answer = cloneBytes(it.Answer)
			}
		}
		return nil
	})
}
