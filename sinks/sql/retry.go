package sql

import (
	"context"
	"errors"
	"slices"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// A writing is the writing of a batch in one transaction.
type writing struct {
	batch []record.Change
	out   []connector.Outcome
	// waiting are the changes that a constraint over several rows refused:
	// another change of the batch may make room for them.
	waiting []refusal
	tries   int // how many more of them may be made
	// plain: values are not exchanged, since that ended the transaction.
	plain bool
}

// A refusal is the last refusal of the change at a place in the batch.
type refusal struct {
	at  int
	err *sql.Error
}

// errLost says that a refusal ended the transaction.
var errLost = errors.New("a refusal ended the transaction")

// attempt applies the change at a place and notes its outcome. It answers
// with the refusal when the change may be tried again.
func (s *sink) attempt(w *writing, at int) (*sql.Error, error) {
	o, err := s.change(&w.batch[at])
	var refused *sql.Error
	switch {
	case err == nil:
		w.out[at] = o
		return nil, nil
	case !errors.As(err, &refused) || !refused.Refused:
		return nil, err
	}
	w.out[at] = connector.Outcome{Status: connector.Refused, Message: refused.Message, Later: refused.Constraint != sql.NoConstraint}
	if !s.conn.Active() {
		return nil, errLost
	}
	if refused.Constraint == sql.NoConstraint {
		return nil, nil
	}
	return refused, nil
}

// A pass that applies less than one in eagerShare of what waits leaves the
// rest to an exchange. Without an exchange, all passes together try each
// waiting change patience times at most, and startTries more: a chain that lies
// crosswise in a long batch would take the square of its length.
const (
	eagerShare = 4
	patience   = 8
	startTries = 4096
)

// settle tries again what waits, for as long as that helps.
func (s *sink) settle(w *writing) error {
	w.waiting = lastOfKey(w.batch, w.waiting)
	w.tries = startTries + patience*len(w.waiting)
	for range maxExchanges {
		n := len(w.waiting)
		if err := s.passes(w, eagerShare); err != nil || len(w.waiting) == 0 {
			return err
		}
		if !w.plain && slices.ContainsFunc(w.waiting, unique) {
			if err := s.exchange(w); err != nil || len(w.waiting) == 0 {
				return err
			}
		}
		if len(w.waiting) == n {
			return nil
		}
		if err := s.passes(w, len(w.waiting)); err != nil || len(w.waiting) == 0 {
			return err
		}
	}
	return nil
}

func unique(r refusal) bool { return r.err.Constraint == sql.Unique }

// passes tries what waits again and again, turning the order round each time,
// until a pass applies less than one in share of it.
func (s *sink) passes(w *writing, share int) error {
	for len(w.waiting) > 0 && w.tries > 0 {
		n := len(w.waiting)
		w.tries -= n
		slices.Reverse(w.waiting)
		if err := s.pass(w); err != nil {
			return err
		}
		if applied := n - len(w.waiting); applied == 0 || applied*share < n {
			break
		}
	}
	return nil
}

func (s *sink) pass(w *writing) error {
	again := w.waiting
	w.waiting = make([]refusal, 0, len(again))
	for i, r := range again {
		refused, err := s.attempt(w, r.at)
		if err != nil {
			w.waiting = append(w.waiting, again[i+1:]...)
			return err
		}
		if refused != nil {
			w.waiting = append(w.waiting, refusal{r.at, refused})
		}
	}
	return nil
}

// lastOfKey leaves out the changes that a later one of the same key has
// overtaken.
func lastOfKey(batch []record.Change, waiting []refusal) []refusal {
	last := make(map[record.Key]int, len(batch))
	for i := range batch {
		last[batch[i].Key] = i
	}
	return slices.DeleteFunc(waiting, func(r refusal) bool { return last[batch[r.at].Key] != r.at })
}

// rejoin tries once more, together, what was refused while the batch was
// written in parts: first what a part refused while it was written, so that
// what only the commit refuses does not part it again.
func (s *sink) rejoin(ctx context.Context, batch []record.Change, out []connector.Outcome, late map[record.Key]bool) error {
	var refused []refusal
	for i := range out {
		if out[i].Status == connector.Refused {
			refused = append(refused, refusal{at: i})
		}
	}
	refused = lastOfKey(batch, refused)
	for _, atCommit := range []bool{false, true} {
		var part []record.Change
		var places []int
		for _, r := range refused {
			if late[batch[r.at].Key] == atCommit {
				part, places = append(part, batch[r.at]), append(places, r.at)
			}
		}
		if len(part) == 0 || atCommit && len(refused) == len(batch) {
			continue
		}
		results := make([]connector.Outcome, len(part))
		n, err := s.apply(ctx, part, results, map[record.Key]bool{})
		for i, o := range results[:n] {
			out[places[i]] = o
		}
		if err != nil {
			return err
		}
	}
	return nil
}
