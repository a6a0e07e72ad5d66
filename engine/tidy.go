package engine

import (
	"context"

	"koppel/engine/record"
	"koppel/engine/state"
)

// settleReads remembers the counts of what was read without a mirror, for
// complete_when, and drops tombstones that every reader has passed.
func (s *session) settleReads(ctx context.Context) error {
	return s.Store.Update(ctx, func(tx state.Tx) error {
		for address, r := range s.reads {
			src := s.Project.Sources[address]
			if r == nil || s.mirrored(src) || !r.complete() {
				continue
			}
			id, err := s.putSource(tx, src)
			if err != nil {
				return err
			}
			if err := putParts(tx, id, r.planParts(), s); err != nil {
				return err
			}
		}
		for address := range s.mirrors {
			if err := s.dropTombstones(tx, address); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropTombstones removes from a mirror what is gone, once every pipeline that
// reads it has passed and no open key rests on it.
func (s *session) dropTombstones(tx state.Tx, address string) error {
	src, known, err := tx.Source(address)
	if err != nil || !known {
		return err
	}
	passed := src.Seq
	open := map[string]bool{}
	for _, p := range s.Project.Pipelines {
		if p.From != address {
			continue
		}
		row, _, err := tx.Pipeline(p.Address)
		if err != nil {
			return err
		}
		pos, ok, err := tx.Position(row.ID, src.ID)
		if err != nil {
			return err
		}
		if !ok {
			return nil // a reader that has not looked yet
		}
		passed = min(passed, pos.Seq)
		for o, err := range tx.Open(row.ID) {
			if err != nil {
				return err
			}
			open[string(refKey(refOf(o)))] = true
		}
	}
	return tx.DropTombstones(src.ID, passed, func(part string, key record.Key) bool {
		return open[string(partKey(part, key))]
	})
}
