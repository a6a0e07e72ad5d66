package serve

import (
	"context"
	"errors"
	"time"

	"koppel/engine/state"
)

// What is delivered to a source that no pipeline reads is dropped once it is as old
// as ids are kept; tidyEvery is how often that is looked at.
const tidyEvery = 12 * time.Hour

// tidy drops what nobody reads, until ctx ends.
func (r *reception) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if err := r.dropUnread(ctx); err != nil && ctx.Err() == nil {
			r.s.log.Warn("what no pipeline reads can't be dropped from the inbox", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

var errYoung = errors.New("what follows is younger")

func (r *reception) dropUnread(ctx context.Context) error {
	r.mu.Lock()
	p := r.project
	r.mu.Unlock()
	in, before := r.s.opts.Store.Inbox(), r.s.now().Add(-state.KeptIDs)
	counts, err := in.Counts(ctx)
	if err != nil {
		return err
	}
	for _, src := range received(p.Project) {
		c := counts[src.Address]
		if c.Waiting == 0 || !c.Oldest.Before(before) || len(readers(p.Project, src.Address)) > 0 {
			continue
		}
		last, dropped := uint64(0), 0
		err := in.Since(ctx, src.Address, 0, func(e *state.Event) error {
			if !e.At.Before(before) {
				return errYoung
			}
			last, dropped = e.Seq, dropped+1
			return nil
		})
		if err != nil && !errors.Is(err, errYoung) {
			return err
		}
		if err := in.Take(ctx, src.Address, last); err != nil {
			return err
		}
		r.s.log.Warn("deliveries that no pipeline reads were dropped, as they are older than 30 days", "source", src.Address, "deliveries", dropped)
	}
	return nil
}
