package http

import (
	"bytes"
	"context"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// A lookFor says what find is to tell of a create.
type lookFor int

const (
	nothing  lookFor = iota
	whether          // whether it is there after all
	inTheWay         // what stands in its way, after a 409
)

// A writing is a batch on its way.
type writing struct {
	batch []record.Change
	out   []connector.Outcome
	looks []lookFor
}

// lost says that nobody knows what became of a change.
func (s *sink) lost(c *record.Change, words string) (connector.Outcome, lookFor, error) {
	look := nothing
	if c.Op == record.Create && s.config.Find != nil {
		look = whether
	}
	return connector.Outcome{Status: connector.Unknown, Message: words}, look, nil
}

// settle looks up what find may tell, one by one and when all answers are
// known: a record that another change has just made is not taken for this one.
func (s *sink) settle(ctx context.Context, w *writing) error {
	for i, look := range w.looks {
		if look == nothing {
			continue
		}
		found, err := s.look(ctx, &w.batch[i])
		if err != nil || found.Untold {
			continue // it stays as it is
		}
		switch look {
		case whether:
			err = s.settleLost(w, i, found)
		case inTheWay:
			err = s.settleConflict(ctx, w, i, found)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settleLost takes a record that is found for the one whose answer was lost.
// That it is not there yet proves nothing: the call may still be under way.
func (s *sink) settleLost(w *writing, i int, found connector.Found) error {
	if found.N != 1 {
		return nil
	}
	holder, err := w.holder(i, found.Answer)
	if err == nil && holder == "" {
		w.out[i] = connector.Outcome{Answer: found.Answer}
	}
	return err
}

// settleConflict takes over the record that stands in the way of a create, if
// it is the one that is meant: the next run compares it.
func (s *sink) settleConflict(ctx context.Context, w *writing, i int, found connector.Found) error {
	out := &w.out[i]
	switch {
	case found.N > 1:
		out.Message = fmt.Sprintf("%s; find gives %d records that could be this one", out.Message, found.N)
		return nil
	case found.N == 0:
		out.Message += "; find gives no such record"
		return nil
	}
	holder, err := w.holder(i, found.Answer)
	switch {
	case err != nil:
		return err
	case holder != "":
		out.Message = fmt.Sprintf("%s; the record that find gives belongs to %s", out.Message, holder)
		return nil
	case s.config.Update == nil:
		*out = connector.Outcome{Answer: found.Answer}
		return nil
	}
	// It stands there as somebody else left it.
	update := w.batch[i]
	update.Op, update.Answer, update.Fields = record.Update, found.Answer, fieldsOf(s.sent(update.After))
	if *out, _, err = s.one(ctx, &update); err == nil && out.Status == connector.Applied {
		out.Answer = found.Answer
	}
	return err
}

// holder is the key of the other record that an answer belongs to; empty: none.
func (w *writing) holder(i int, answer []byte) (record.Key, error) {
	if len(answer) <= len(`{}`) {
		return "", nil
	}
	for j := range w.out {
		if j != i && w.out[j].Status == connector.Applied && bytes.Equal(w.out[j].Answer, answer) {
			return w.batch[j].Key, nil
		}
	}
	if w.batch[i].Holder == nil {
		return "", nil
	}
	return w.batch[i].Holder(answer)
}

func fieldsOf(body []byte) (names []string) {
	record.Members(body, func(name string, _ []byte) bool {
		names = append(names, name)
		return true
	})
	return names
}
