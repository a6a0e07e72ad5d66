package serve

import (
	"context"
	"time"

	"koppel/engine"
	"koppel/engine/change"
	"koppel/engine/state"
)

// Waiting of what was triggered and failed as a whole: first, and at most.
const failedFirst, failedMost = time.Minute, time.Hour

// rest says when what a run left is to be looked at again: a pipeline without a
// schedule is started by what arrives, and nothing may arrive for long. left is
// after how many runs of this kind in a row. Zero: it left nothing, or its
// schedule sees to it.
func (s *Service) rest(ctx context.Context, p *engine.Pipeline, r *engine.PipelineResult, left int) time.Time {
	if p.Schedule != nil || r == nil || r.Status == "skipped" {
		return time.Time{}
	}
	now, after := s.now(), change.Backoff(left+1)
	if r.Err != nil {
		return now.Add(min(failedFirst<<min(left, 10), failedMost))
	}
	var at time.Time
	err := s.opts.Store.View(ctx, func(v state.View) error {
		known, found, err := v.Pipeline(p.Address)
		if err == nil && found {
			at, err = due(v, known.ID, now.Add(after))
		}
		return err
	})
	unclean := r.Status != "succeeded" || r.Counts.Waiting > 0
	if err != nil || at.IsZero() && unclean {
		return now.Add(after)
	}
	return at
}

// due gives the first time at which something that is open is to be tried, and
// zero when nothing is. What is tried at every run is tried at the time else.
func due(v state.View, pipeline int64, otherwise time.Time) (time.Time, error) {
	var first time.Time
	for o, err := range v.Open(pipeline) {
		if err != nil {
			return first, err
		}
		switch o.Reason {
		case state.Rejected, state.Dismissed, state.Undone, state.Protected, state.InDoubt:
			continue // until a person decides, or the record changes
		}
		at := o.Due
		if at.IsZero() {
			at = otherwise
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first, nil
}
