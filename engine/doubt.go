package engine

import (
	"context"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
)

// resolveDoubt asks the target about calls whose answer was lost: a record
// that is there was delivered, one that is not is planned again. What can't be
// asked stays open and is never sent again blindly.
func (s *session) resolveDoubt(ctx context.Context, p *Pipeline) error {
	var row state.Pipeline
	var doubts []*state.Open
	err := s.Store.View(ctx, func(v state.View) (err error) {
		if row, _, err = v.Pipeline(p.Address); err != nil {
			return err
		}
		for o, err := range v.Open(row.ID) {
			if err != nil {
				return err
			}
			if o.Reason == state.InDoubt {
				c := *o
				c.After = cloneBytes(o.After)
				doubts = append(doubts, &c)
			}
		}
		return nil
	})
	if err != nil || len(doubts) == 0 || p.Into == "" {
		return err
	}
	sink := s.Project.Sinks[p.Into]
	if sink == nil {
		return nil
	}
	env := s.env()
	env.Shape = p.shape()
	target, err := sink.Open(ctx, env)
	if err != nil {
		return fmt.Errorf("open %s: %w", p.Into, err)
	}
	if c, ok := target.(interface{ Close() error }); ok {
		defer c.Close()
	}
	finder, ok := target.(connector.Finder)
	if !ok {
		return nil
	}
	changes := make([]record.Change, len(doubts))
	for i, o := range doubts {
		changes[i] = record.Change{Op: o.Op, Key: o.Key, After: o.After, Order: o.Order}
	}
	found, err := finder.Find(ctx, changes)
	if err != nil {
		return fmt.Errorf("ask %s about %d calls whose answer was lost: %w", p.Into, len(doubts), err)
	}
	return s.Store.Update(ctx, func(tx state.Tx) error {
		for i, f := range found {
			if err := s.settleDoubt(tx, p, row.ID, doubts[i], f); err != nil {
				return err
			}
		}
		return nil
	})
}

// settleDoubt remembers what the target showed about one call.
func (s *session) settleDoubt(tx state.Tx, p *Pipeline, pipeline int64, o *state.Open, f connector.Found) error {
	switch f.N {
	case 0:
		return tx.DropOpen(pipeline, o.Key)
	case 1:
	default:
		o.Note = fmt.Sprintf("%d records at the target could be this one", f.N)
		return tx.PutOpen(pipeline, o)
	}
	rules := record.Rules{}
	for _, field := range p.Fields {
		rules[field.Name] = field.Compare
	}
	hash, err := s.Store.Hasher().Record(o.After, rules)
	if err != nil {
		return err
	}
	it := &state.Item{Key: o.Key, Mapped: hash, Status: state.Delivered, Born: o.Run, Run: o.Run,
		Src: o.Src, HasSrc: o.HasSrc, Answer: f.Answer, Body: o.After}
	if err := tx.PutItem(pipeline, it); err != nil {
		return err
	}
	return tx.DropOpen(pipeline, o.Key)
}
