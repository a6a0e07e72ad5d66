package engine

import (
	"context"

	"koppel/engine/state"
)

// A movedStore shows the state as it will be once the moved blocks were
// carried out, to those that may not write it.
type movedStore struct {
	state.Store
	pipelines, sources addresses
}

// addresses give the stored address by the one that it goes by now.
type addresses map[string]string

// move carries an address over, unless there is nothing or no room.
func (a addresses) move(from, to string, free func(stored string) bool) {
	stored, known := a[from]
	if !known {
		return
	}
	if taken, ok := a[to]; ok && !free(taken) {
		return
	}
	delete(a, from)
	a[to] = stored
}

// now gives the address that a stored one goes by.
func (a addresses) now() map[string]string {
	out := make(map[string]string, len(a))
	for address, stored := range a {
		out[stored] = address
	}
	return out
}

// withMoves gives the store to plan with. Without moved blocks it is the
// engine's own.
func (e *Engine) withMoves(ctx context.Context) (state.Store, error) {
	if len(e.Project.Moved) == 0 {
		return e.Store, nil
	}
	s := &movedStore{Store: e.Store, pipelines: addresses{}, sources: addresses{}}
	err := e.Store.View(ctx, func(v state.View) error {
		rows, err := v.Pipelines()
		if err != nil {
			return err
		}
		unused := map[string]bool{}
		for _, row := range rows {
			s.pipelines[row.Address] = row.Address
			items, err := v.CountItems(row.ID)
			if err != nil {
				return err
			}
			unused[row.Address] = len(items) == 0 && len(row.Fingerprint) == 0 && row.SinkIdentity == ""
		}
		sources, err := v.Sources()
		for _, row := range sources {
			s.sources[row.Address] = row.Address
		}
		for _, m := range e.Project.Moved {
			if isPipeline(m.From) {
				s.pipelines.move(m.From, m.To, func(stored string) bool { return unused[stored] })
				continue
			}
			s.sources.move(m.From, m.To, func(string) bool { return false })
		}
		return err
	})
	return s, err
}

// View reads under the addresses of the moved blocks.
func (s *movedStore) View(ctx context.Context, read func(state.View) error) error {
	return s.Store.View(ctx, func(v state.View) error { return read(movedView{View: v, s: s}) })
}

type movedView struct {
	state.View
	s *movedStore
}

func (v movedView) Pipeline(address string) (row state.Pipeline, known bool, err error) {
	stored, known := v.s.pipelines[address]
	if !known {
		return row, false, nil
	}
	row, known, err = v.View.Pipeline(stored)
	row.Address = address
	return row, known, err
}

func (v movedView) Pipelines() ([]state.Pipeline, error) {
	now := v.s.pipelines.now()
	rows, err := v.View.Pipelines()
	var list []state.Pipeline
	for _, row := range rows {
		if address, ok := now[row.Address]; ok {
			row.Address = address
			list = append(list, row)
		}
	}
	return list, err
}

func (v movedView) Source(address string) (row state.Source, known bool, err error) {
	stored, known := v.s.sources[address]
	if !known {
		return row, false, nil
	}
	row, known, err = v.View.Source(stored)
	row.Address = address
	return row, known, err
}

func (v movedView) Sources() ([]state.Source, error) {
	now := v.s.sources.now()
	rows, err := v.View.Sources()
	var list []state.Source
	for _, row := range rows {
		if address, ok := now[row.Address]; ok {
			row.Address = address
			list = append(list, row)
		}
	}
	return list, err
}
