package engine

import (
	"context"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
)

// markHolders gives found rows, of which the target tells no keys, the key of
// the other item that holds their answer.
func (s *session) markHolders(ctx context.Context, pipeline int64, changes []record.Change, found []connector.Found) error {
	rows := map[string][]int{}
	for i := range found {
		if f := &found[i]; f.N == 1 && f.Key == "" && tellsApart(f.Answer) && changes[i].Op == record.Create {
			rows[string(f.Answer)] = append(rows[string(f.Answer)], i)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return s.Store.View(ctx, func(v state.View) error {
		for it, err := range v.Items(pipeline, "") {
			if err != nil {
				return err
			}
			for _, i := range rows[string(it.Answer)] {
				if holds(it) && it.Key != changes[i].Key {
					found[i].Key = it.Key
				}
			}
		}
		return nil
	})
}

// tellsApart tells whether an answer is more than an empty object.
func tellsApart(answer []byte) bool { return len(answer) > 2 }

// holds tells whether an item stands at the target.
func holds(it *state.Item) bool { return it.Status != state.Out && it.Status != state.Expired }

// holder finds the other item that holds an answer.
func (w *work) holder(ctx context.Context, own record.Key) func(answer []byte) (record.Key, error) {
	return func(answer []byte) (record.Key, error) {
		found := []connector.Found{{N: 1, Answer: answer}}
		err := w.s.markHolders(ctx, w.row.ID, []record.Change{{Op: record.Create, Key: own}}, found)
		return found[0].Key, err
	}
}

// unheld makes of rows that were found for creates whose answers were lost what
// they prove: one that another item holds is not this record, and of one that
// is found for several nobody knows whose it is.
func (s *session) unheld(ctx context.Context, pipeline int64, changes []record.Change, found []connector.Found) error {
	if err := s.markHolders(ctx, pipeline, changes, found); err != nil {
		return err
	}
	first := map[string]int{}
	for i := range found {
		f := &found[i]
		switch {
		case changes[i].Op != record.Create || f.N != 1:
		case f.Key != "" && f.Key != changes[i].Key:
			*f = connector.Found{}
		case f.Key == "" && tellsApart(f.Answer):
			j, twice := first[string(f.Answer)]
			if first[string(f.Answer)] = i; twice {
				f.Untold, found[j].Untold = true, true
			}
		}
	}
	return nil
}
