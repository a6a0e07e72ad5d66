package engine

import (
	"context"
	"fmt"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
)

// resolveDoubt settles the calls whose answer was lost, so that the comparison
// decides about them anew. The target is asked where it can be; what can be
// repeated needs no answer. A create that can be neither asked about nor
// repeated stays open and is never sent again blindly.
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
	found, err := s.findDoubts(ctx, target, row.ID, doubts)
	if err != nil {
		return fmt.Errorf("ask %s about %d calls whose answer was lost: %w", p.Into, len(doubts), err)
	}
	traits := target.Traits()
	return s.Store.Update(ctx, func(tx state.Tx) error {
		for i, o := range doubts {
			if err := s.settleDoubt(tx, p, row.ID, o, found[i], traits); err != nil {
				return err
			}
		}
		return nil
	})
}

// findDoubts looks the calls up at the target; nil for those of which it can't
// tell anything.
func (s *session) findDoubts(ctx context.Context, target connector.Sink, pipeline int64, doubts []*state.Open) ([]*connector.Found, error) {
	all := make([]*connector.Found, len(doubts))
	finder, ok := target.(connector.Finder)
	if !ok {
		return all, nil
	}
	changes := make([]record.Change, len(doubts))
	err := s.Store.View(ctx, func(v state.View) error {
		for i, o := range doubts {
			changes[i] = record.Change{Op: o.Op, Key: o.Key, After: o.After, Order: o.Order}
			it, err := v.Item(pipeline, o.Key)
			if err != nil {
				return err
			}
			if it != nil {
				changes[i].Before, changes[i].Answer = cloneBytes(it.Body), cloneBytes(it.Answer)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	found, err := finder.Find(ctx, changes)
	if err == nil {
		err = s.unheld(ctx, pipeline, changes, found)
	}
	if err != nil {
		return nil, err
	}
	for i := range found {
		if !found[i].Untold {
			all[i] = &found[i]
		}
	}
	return all, nil
}

// settleDoubt remembers what is known of one call. The key stays open, as
// waiting, until it was compared again: its source may have moved meanwhile.
func (s *session) settleDoubt(tx state.Tx, p *Pipeline, pipeline int64, o *state.Open, f *connector.Found, traits connector.Traits) error {
	switch {
	case f != nil && f.N > 1:
		o.Note = fmt.Sprintf("%d records at the target could be this one", f.N)
		return tx.PutOpen(pipeline, o)
	case f == nil && journals(traits, o.Op):
		return nil
	}
	created := o.Op != record.Delete && journals(traits, o.Op)
	it, err := tx.Item(pipeline, o.Key)
	if err != nil {
		return err
	}
	switch stands := f != nil && f.N == 1; {
	case created && stands && it != nil && it.Status == state.Unsure:
		// The row may be what an earlier call left behind.
		c := *it
		if c.Run = o.Run; c.Body == nil {
			c.Body = []byte("{}")
		}
		if f.Answer != nil {
			c.Answer = f.Answer
		}
		err = tx.PutItem(pipeline, &c)
	case created && stands:
		err = s.settleCreate(tx, p, pipeline, o, it, f)
	case created && f != nil:
	case o.Op == record.Delete && f != nil && f.N == 0 && it != nil:
		err = tx.DropItem(pipeline, o.Key)
	case o.Op == record.Delete && f != nil:
	case o.Op == record.Delete && traits.Journalled && it != nil:
		// Nobody can tell whether the row is gone. When it is wanted again it is
		// updated: a create might double it.
		c := *it
		c.Raw, c.Mapped, c.Run, c.Status = record.Hash{}, record.Hash{}, o.Run, state.Unsure
		err = tx.PutItem(pipeline, &c)
	default:
		flown := state.Flown{Key: o.Key, Op: o.Op, HasSrc: o.HasSrc, Src: o.Src}
		if it = landed(&state.Flight{Run: o.Run, Asked: traits.Journalled}, &flown, it); it != nil {
			err = tx.PutItem(pipeline, it)
		}
	}
	if err != nil {
		return err
	}
	o.Reason, o.Due, o.Note = state.Waiting, time.Time{}, lostAnswer
	return tx.PutOpen(pipeline, o)
}

// settleCreate remembers a record that the target turned out to have taken.
func (s *session) settleCreate(tx state.Tx, p *Pipeline, pipeline int64, o *state.Open, old *state.Item, f *connector.Found) error {
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
	if old != nil {
		it.Born = old.Born
	}
	return tx.PutItem(pipeline, it)
}
