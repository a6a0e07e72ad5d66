package sql

import (
	"context"
	"errors"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// Write applies a batch in one durable transaction. What the database refuses
// is left out, the rest stands.
func (s *sink) Write(ctx context.Context, batch []record.Change) ([]connector.Outcome, error) {
	if s.env.ReadOnly {
		return nil, fmt.Errorf("write table %q: opened for reading only", s.config.Table)
	}
	if len(batch) == 0 {
		return nil, nil
	}
	out := make([]connector.Outcome, len(batch))
	late := map[record.Key]bool{}
	done, err := s.apply(ctx, batch, out, late)
	if err == nil && len(late) > 0 && len(batch) > 1 {
		err = s.rejoin(ctx, batch, out, late)
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return out[:done], err
}

// apply applies batch and returns how many of its changes, from the first,
// have an outcome that stands. Constraints that are only checked at the commit
// refuse the whole transaction; halves of the batch then find the changes that
// are at fault, whose keys go into late.
func (s *sink) apply(ctx context.Context, batch []record.Change, out []connector.Outcome, late map[record.Key]bool) (int, error) {
	err := s.transact(ctx, batch, out)
	var refused *sql.Error
	switch {
	case err == nil:
		return len(batch), nil
	case !errors.As(err, &refused) || !refused.Refused:
		return 0, err
	case len(batch) == 1:
		out[0] = connector.Outcome{Status: connector.Refused, Message: refused.Message}
		late[batch[0].Key] = true
		return 1, nil
	}
	half := len(batch) / 2
	clear(out)
	n, err := s.apply(ctx, batch[:half], out[:half], late)
	if err != nil {
		return n, err
	}
	m, err := s.apply(ctx, batch[half:], out[half:], late)
	return half + m, err
}

// maxRepeats bounds how often a transaction is made again.
const maxRepeats = 6

// transact applies batch in one transaction, again when the database says that
// it may be repeated: applying a change twice is as applying it once.
func (s *sink) transact(ctx context.Context, batch []record.Change, out []connector.Outcome) error {
	return sql.Repeat(ctx, maxRepeats, func() error {
		clear(out)
		return s.transactOnce(ctx, batch, out)
	})
}

// transactOnce applies batch in one transaction. A refusal that ended the
// transaction (a trigger may) starts it again without the refused change. A
// refusal that it returns is that of the commit.
func (s *sink) transactOnce(ctx context.Context, batch []record.Change, out []connector.Outcome) error {
	w := &writing{batch: batch, out: out}
	for again := true; again; {
		if err := s.begin(ctx, batch); err != nil {
			return err
		}
		err := s.changes(w)
		if again = errors.Is(err, errLost); err != nil && !again {
			s.conn.Rollback()
			return err
		}
	}
	if err := s.conn.Commit(); err != nil {
		return err
	}
	if !s.conn.Current() {
		return fmt.Errorf("write table %q: the database file was replaced or removed while it was written to", s.config.Table)
	}
	return nil
}

func (s *sink) begin(ctx context.Context, batch []record.Change) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	if err := s.conn.Begin(ctx, true); err != nil {
		return err
	}
	if err := s.prepare(batch); err != nil {
		s.table = nil
		s.conn.Rollback()
		return unrefused(err)
	}
	return nil
}

// unrefused keeps an error that stops the sink from being taken for that of
// one change.
func unrefused(err error) error {
	var e *sql.Error
	if errors.As(err, &e) && e.Refused {
		return errors.New(err.Error())
	}
	return err
}

// changes applies each change that is not refused for good yet, and then what
// waited for others.
func (s *sink) changes(w *writing) error {
	for _, r := range w.waiting {
		w.out[r.at] = connector.Outcome{}
	}
	w.waiting = w.waiting[:0]
	var places []int
	for i := range w.batch {
		if w.out[i].Status != connector.Refused {
			places = append(places, i)
		}
	}
	if err := s.all(w, places); err != nil {
		return err
	}
	if len(w.waiting) == 0 {
		return nil
	}
	return s.settle(w)
}

func (s *sink) change(c *record.Change) (connector.Outcome, error) {
	switch {
	case c.Op == record.Delete:
		return s.remove(c)
	case c.Ref != nil:
		return s.adopt(c)
	case c.Op == record.Create:
		return s.insert(c)
	}
	return s.update(c)
}
