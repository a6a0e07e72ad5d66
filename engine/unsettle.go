package engine

import (
	"bytes"
	"context"

	"koppel/engine/plan"
	"koppel/engine/state"
)

// unsettled is the fingerprint of a pipeline whose items were made under more
// than one configuration, or beside more than one right side or date. It is
// like no other, so everything is mapped again.
var unsettled = []byte{0}

// unsettle notes, before anything is applied, that the items will not all be
// of the configuration that is remembered until a whole run has settled it.
// Otherwise what a run that was cut off or incomplete delivered under a new
// mapping would count as unchanged once the old one is back.
func (w *work) unsettle(ctx context.Context) error {
	return w.s.Store.Update(ctx, func(tx state.Tx) error {
		row, known, err := tx.Pipeline(w.p.Address)
		if err != nil || !known || len(row.Fingerprint) == 0 || bytes.Equal(row.Fingerprint, unsettled) {
			return err
		}
		same := bytes.Equal(row.Fingerprint, w.header.Fingerprint) && (!w.header.ReadsDay || row.Day == w.header.Day)
		for _, pos := range w.header.Positions {
			if same && len(pos.Digest) > 0 {
				same, err = sameDigest(tx, row.ID, pos)
			}
			if err != nil {
				return err
			}
		}
		if same {
			return nil
		}
		row.Fingerprint = unsettled
		_, err = tx.PutPipeline(row)
		return err
	})
}

// sameDigest tells whether a right side is as it was when the pipeline looked
// last.
func sameDigest(v state.View, pipeline int64, pos plan.Position) (bool, error) {
	src, known, err := v.Source(pos.Source)
	if err != nil || !known {
		return false, err
	}
	stored, ok, err := v.Position(pipeline, src.ID)
	return ok && sameRows(stored.Digest, pos.Digest), err
}
