package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"koppel/engine/state"
)

// An IdentityError says that the state of a pipeline belongs to another
// target, or a target's to another address. Nothing was done.
type IdentityError struct{ Message, Hint string }

func (e *IdentityError) Error() string { return e.Message + "; " + e.Hint }

// place gives the identity of a target as it is kept: paths below the project
// folder are relative to it, so that the folder can be moved as a whole. That
// holds where the state moves along; elsewhere two copies of a project, each
// with targets of its own, might share it.
func (e *Engine) place(identity string) string {
	dir, err := filepath.Abs(e.Project.Dir)
	if err != nil {
		return identity
	}
	kept := e.Project.State.Path
	if !filepath.IsAbs(kept) {
		kept = filepath.Join(dir, kept)
	}
	base := strings.TrimSuffix(filepath.ToSlash(dir), "/") + "/"
	if identity = filepath.ToSlash(identity); !strings.HasPrefix(filepath.ToSlash(kept), base) || !strings.HasPrefix(identity, base) {
		return identity
	}
	return "./" + identity[len(base):]
}

// checkIdentity refuses to compare what was delivered to one target with
// another.
func (w *work) checkIdentity(ctx context.Context) error {
	id := w.header.SinkIdentity
	if w.known && w.row.SinkIdentity != "" && w.row.SinkIdentity != id {
		return &IdentityError{
			Message: fmt.Sprintf("%s delivered to %s until now, and is configured to deliver to %s", w.p.Address, w.row.SinkIdentity, id),
			Hint:    fmt.Sprintf("use `koppel state reset %s` to start over with the new target, or `koppel state mv` if the state belongs to another pipeline", w.p.Name),
		}
	}
	if id == "" {
		return nil
	}
	return w.s.Store.View(ctx, func(v state.View) error {
		rows, err := v.Pipelines()
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Address == w.p.Address || w.s.place(row.SinkIdentity) != id {
				continue
			}
			if w.sinkTraits.Outbox && (w.s.Project.Pipelines[row.Address] != nil || row.SinkAddress != w.p.Into) {
				continue // messages are no rows that two could both own
			}
			if w.s.Project.Pipelines[row.Address] != nil {
				return &IdentityError{
					Message: fmt.Sprintf("%s and %s deliver to the same target, %s", row.Address, w.p.Address, id),
					Hint:    "give each its own rows = { … } or its own table",
				}
			}
			if w.known && w.row.SinkIdentity != "" {
				continue
			}
			return &IdentityError{
				Message: fmt.Sprintf("%s, which is no longer configured, delivered to %s", row.Address, id),
				Hint: fmt.Sprintf("add a block moved { from = %s, to = %s } to carry its state over, or `koppel retire %s` first",
					row.Address, w.p.Address, row.Address),
			}
		}
		return nil
	})
}

// Orphans lists the addresses that the state knows and the project does not.
func (e *Engine) Orphans(ctx context.Context) ([]state.Pipeline, error) {
	moved := map[string]bool{}
	for _, m := range e.Project.Moved {
		moved[m.From] = true
	}
	var list []state.Pipeline
	err := e.Store.View(ctx, func(v state.View) error {
		rows, err := v.Pipelines()
		for _, row := range rows {
			if e.Project.Pipelines[row.Address] == nil && !moved[row.Address] && !isRetired(row) {
				list = append(list, row)
			}
		}
		return err
	})
	return list, err
}

// isRetired tells whether a pipeline holds on to no target: it was retired, or
// never delivered anything.
func isRetired(row state.Pipeline) bool { return row.SinkIdentity == "" && len(row.Fingerprint) == 0 }
