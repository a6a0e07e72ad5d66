package engine

import (
	"context"
	"fmt"
	"strings"

	"koppel/engine/state"
)

// move carries state over to new addresses, as moved blocks say.
func (s *session) move(ctx context.Context) error {
	for _, m := range s.Project.Moved {
		if err := s.moveInbox(ctx, m); err != nil {
			return fmt.Errorf("move the inbox of %s to %s: %w", m.From, m.To, err)
		}
		err := s.Store.Update(ctx, func(tx state.Tx) error {
			if isPipeline(m.From) {
				_, from, err := tx.Pipeline(m.From)
				if err != nil || !from {
					return err
				}
				if free, err := makeRoom(tx, m.To); err != nil || !free {
					return err
				}
				return tx.RenamePipeline(m.From, m.To)
			}
			if strings.HasPrefix(m.From, "sink.") {
				return tx.RenameSink(m.From, m.To)
			}
			_, from, err := tx.Source(m.From)
			if err != nil || !from {
				return err
			}
			if _, to, err := tx.Source(m.To); err != nil || to {
				return err
			}
			return tx.RenameSource(m.From, m.To)
		})
		if err != nil {
			return fmt.Errorf("move the state of %s to %s: %w", m.From, m.To, err)
		}
	}
	return nil
}

// makeRoom tells whether an address is free to take another's state over. A
// row of a pipeline that never delivered anything gives way.
func makeRoom(tx state.Tx, address string) (bool, error) {
	row, known, err := tx.Pipeline(address)
	if err != nil || !known {
		return err == nil, err
	}
	items, err := tx.CountItems(row.ID)
	if err != nil {
		return false, err
	}
	flies, err := anyFlight(tx, row.ID)
	if err != nil || flies || len(items) > 0 || len(row.Fingerprint) > 0 || row.SinkIdentity != "" {
		return false, err
	}
	return true, tx.DropPipeline(row.ID)
}
