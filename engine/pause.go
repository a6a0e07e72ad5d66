package engine

import (
	"context"

	"koppel/engine/plan"
	"koppel/engine/state"
)

// SetPaused pauses pipelines, or resumes them, and remembers who did so and
// why. What is paused is left alone by schedules and webhooks; its state stays
// as it is. It gives the addresses of those that were not so before. An address
// that never ran is remembered from now on.
func (e *Engine) SetPaused(ctx context.Context, addresses []string, paused bool, who, reason string) ([]string, error) {
	var changed []string
	kind, words := KindResume, "resumed by "+who
	if paused {
		kind, words = KindPause, "paused by "+who
	}
	if reason != "" {
		words += ": " + reason
	}
	err := e.Store.Update(ctx, func(tx state.Tx) error {
		changed = nil
		for _, address := range addresses {
			row, err := e.rowOf(tx, address)
			if err != nil {
				return err
			}
			if row.Paused == paused {
				continue
			}
			row.Paused = paused
			if _, err := tx.PutPipeline(row); err != nil {
				return err
			}
			if _, err := e.noteProblems(tx, kind, address, []plan.Problem{{Code: kind, Message: words}}); err != nil {
				return err
			}
			changed = append(changed, address)
		}
		return nil
	})
	return changed, err
}

// Paused tells which pipelines are paused, by their addresses, those too of
// which the state stands under an earlier one.
func (e *Engine) Paused(ctx context.Context) (map[string]bool, error) {
	paused := map[string]bool{}
	err := e.Store.View(ctx, func(v state.View) error {
		rows, err := v.Pipelines()
		known := map[string]bool{}
		for _, row := range rows {
			paused[row.Address] = row.Paused
			known[row.Address] = true
		}
		if err != nil || len(e.Project.Moved) == 0 {
			return err
		}
		for address := range e.Project.Pipelines {
			if row, err := e.rowOf(v, address); err != nil {
				return err
			} else if known[row.Address] {
				paused[address] = row.Paused
			}
		}
		return nil
	})
	return paused, err
}

// rowOf gives what is remembered of an address: under an earlier one, where a
// moved block says so and no run has moved it yet. What is not remembered comes
// without ID.
func (e *Engine) rowOf(v state.View, address string) (state.Pipeline, error) {
	seen := map[string]bool{}
	for at := address; !seen[at]; {
		seen[at] = true
		for _, m := range e.Project.Moved {
			if m.To != at || seen[m.From] {
				continue
			}
			row, known, err := v.Pipeline(m.From)
			if err != nil || known {
				return row, err
			}
			at = m.From
			break
		}
	}
	row, _, err := v.Pipeline(address)
	row.Address = address
	return row, err
}
