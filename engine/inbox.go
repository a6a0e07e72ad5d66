package engine

import (
	"context"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/mapping"
	"koppel/engine/record"
	"koppel/engine/state"
)

// Inbox is the inbox of one source: what is delivered there is read by the runs
// of the pipelines that read the source.
func Inbox(store state.Store, source string) connector.Inbox {
	return sourceInbox{store.Inbox(), source}
}

type sourceInbox struct {
	in     state.Inbox
	source string
}

func (b sourceInbox) ID(ctx context.Context) (string, uint64, error) { return b.in.ID(ctx) }

func (b sourceInbox) Put(ctx context.Context, events []connector.Event) ([]bool, error) {
	list := make([]state.Event, len(events))
	for i, e := range events {
		list[i] = state.Event{ID: e.ID, At: e.At, Body: e.Body}
	}
	return b.in.Put(ctx, b.source, list)
}

func (b sourceInbox) Since(ctx context.Context, after uint64, yield func(uint64, []byte) error) error {
	return b.in.Since(ctx, b.source, after, func(e *state.Event) error { return yield(e.Seq, e.Body) })
}

func (b sourceInbox) Take(ctx context.Context, upTo uint64) error {
	return b.in.Take(ctx, b.source, upTo)
}

// InboxCounts tells, by source, what waits in an inbox: a run drops what the one
// before it has read, which waits for nobody.
func InboxCounts(ctx context.Context, store state.Store) (map[string]state.InboxCount, error) {
	in := store.Inbox()
	counts, err := in.Counts(ctx)
	if err != nil || len(counts) == 0 {
		return counts, err
	}
	id, last, err := in.ID(ctx)
	if err != nil {
		return nil, err
	}
	places := map[string]uint64{}
	err = store.View(ctx, func(v state.View) error {
		for address := range counts {
			row, known, err := v.Source(address)
			if err != nil {
				return err
			}
			if !known {
				continue
			}
			parts, err := v.Parts(row.ID)
			if err != nil {
				return err
			}
			for _, p := range parts {
				places[address] = connector.InboxPlace(p.Cursor, id, last)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for address, c := range counts {
		if c.Waiting == 0 || places[address] == 0 {
			continue
		}
		c.Waiting, c.Bytes, c.Oldest = 0, 0, time.Time{}
		err := in.Since(ctx, address, places[address], func(e *state.Event) error {
			if c.Waiting == 0 {
				c.Oldest = e.At
			}
			c.Waiting, c.Bytes = c.Waiting+1, c.Bytes+int64(len(e.Body))
			return nil
		})
		if err != nil {
			return nil, err
		}
		counts[address] = c
	}
	return counts, nil
}

// moveInbox carries what was delivered to a source over to the address that a
// moved block gives it, before its state follows: that is done again as long as
// the state is at the old address.
func (s *session) moveInbox(ctx context.Context, m Move) error {
	taken := false
	err := s.Store.View(ctx, func(v state.View) (err error) {
		_, taken, err = v.Source(m.To)
		return err
	})
	if err != nil || taken || isPipeline(m.From) || s.Project.Sources[m.To] == nil || !s.Project.Sources[m.To].Event {
		return err
	}
	return s.Store.Inbox().Rename(ctx, m.From, m.To)
}

// eraseInboxes drops the deliveries that carry the keys of an erased record.
func (x *erasing) eraseInboxes(ctx context.Context) error {
	for address, refs := range x.mirrors {
		src := x.e.Project.Sources[address]
		if src == nil || !src.Event {
			continue
		}
		tree, slots := record.NewTree(), []int{}
		for _, path := range src.Key {
			slots = append(slots, tree.Want(strings.Split(path, ".")...))
		}
		scan := record.NewScanner(tree, record.Limits{})
		err := x.e.Store.Inbox().Erase(ctx, address, func(e *state.Event) bool {
			if scan.Scan(e.Body) != nil {
				return false
			}
			key, err := mapping.SlotKey(scan, slots)
			return err == nil && refs[state.SourceRef{Key: key}]
		})
		if err != nil {
			return err
		}
	}
	return nil
}
