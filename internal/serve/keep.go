package serve

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"koppel/dsl"
)

// How often subscriptions are looked at: when all is well, when something is
// not, and how often the clocks are.
const (
	askEvery = time.Hour
	askSoon  = time.Minute
	lookOver = time.Minute
)

// mostFarewells is how often those that are configured no more are asked to
// remove their subscriptions, which end by themselves at last.
const mostFarewells = 8

// keep keeps the subscriptions of all configurations, until ctx ends.
func (r *reception) keep(ctx context.Context) {
	for {
		r.mu.Lock()
		project, now, leaving := r.project, slices.Clone(r.subscribers), slices.Clone(r.leaving)
		r.mu.Unlock()
		for _, s := range leaving {
			r.farewell(ctx, s)
		}
		for _, s := range now {
			r.see(ctx, project, s)
		}
		r.mu.Lock()
		any := len(r.subscribers)+len(r.leaving) > 0
		r.mu.Unlock()
		var tick <-chan time.Time
		stop := func() bool { return true }
		if any {
			timer := time.NewTimer(lookOver)
			tick, stop = timer.C, timer.Stop
		}
		select {
		case <-ctx.Done():
			stop()
			return
		case <-r.wake:
		case <-tick:
		}
		stop()
	}
}

// farewell removes the subscriptions of a subscriber that is configured no more.
func (r *reception) farewell(ctx context.Context, s *subscriber) {
	r.mu.Lock()
	wait := s.round.again > 0 && time.Since(s.round.since) < s.round.again || !slices.Contains(r.leaving, s)
	r.mu.Unlock()
	if wait {
		return
	}
	out, err := s.Subscribe(ctx, nil)
	if ctx.Err() != nil {
		return
	}
	if err == nil && out.Failed > 0 {
		err = errors.New(out.Problem)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.round.since, s.round.again = time.Now(), after(s.round.failed)
	s.round.failed++
	if err != nil && s.round.failed < mostFarewells {
		return
	}
	r.leaving = slices.DeleteFunc(r.leaving, func(other *subscriber) bool { return other == s })
	if err != nil {
		r.s.log.Warn("subscriptions could not be removed; they end by themselves within days", "source", s.source, "error", err.Error())
	}
}

// after is how long after so many rounds that failed the next one is.
func after(failed int) time.Duration { return min(askSoon<<min(failed, 10), askEvery) }

// see has a subscriber asked where its partitions have changed, its time has
// come, or it was disturbed. It begins once a run has told which partitions there
// are now, or none could soon.
func (r *reception) see(ctx context.Context, p *dsl.Project, s *subscriber) {
	reads, err := r.parts(ctx, p, s.connection)
	if err != nil {
		if ctx.Err() == nil {
			r.s.log.Error("what is subscribed to can't be read from the state", "source", s.source, "error", err.Error())
		}
		return
	}
	parts := slices.Sorted(maps.Keys(reads))
	if !r.due(s, parts, reads) {
		return
	}
	out, err := s.Subscribe(ctx, parts)
	if ctx.Err() != nil {
		return
	}
	now := round{asked: true, parts: parts, at: r.s.now(), since: time.Now(), again: askEvery, out: out, err: err}
	r.mu.Lock()
	switch {
	case err != nil || out.Failed > 0:
		now.again, now.failed = after(s.round.failed), s.round.failed+1
	case !out.Until.IsZero():
		now.again = min(askEvery, max(askSoon, out.Until.Sub(now.at)/2))
	}
	if err != nil {
		now.out = s.round.out // as far as anybody knows
	}
	s.round = now
	r.mu.Unlock()
	if err != nil {
		r.s.log.Warn("the subscriptions of a source could not be kept; it is tried again", "source", s.source, "after", now.again.String(), "error", err.Error())
		return
	}
	if len(out.Fresh) > 0 {
		r.s.log.Info("a source has subscribed", "source", s.source, "fresh", len(out.Fresh), "active", out.Active, "failed", out.Failed)
		s.Changed(out.Fresh)
	}
}

// due tells whether a subscriber is to be asked now.
func (r *reception) due(s *subscriber, parts []string, reads map[string][]string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	disturbed := s.disturbed
	s.disturbed, s.reads = false, reads
	last := &s.round
	wall, passed := r.s.now().Sub(last.at), time.Since(last.since)
	switch {
	case disturbed:
		return true
	case !last.asked:
		return s.ran || passed >= lookOver
	}
	return !slices.Equal(parts, last.parts) || passed >= last.again || wall >= last.again || wall < 0
}

// statuses tells how subscriptions stand, by source.
func (r *reception) statuses() []SubscriptionStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]SubscriptionStatus, 0, len(r.subscribers))
	for _, s := range r.subscribers {
		one := SubscriptionStatus{Source: s.source, Connection: s.connection, Wanted: len(s.round.parts), Active: s.round.out.Active,
			Failed: s.round.out.Failed, Expires: s.round.out.Until, Err: s.round.out.Problem}
		if s.round.asked {
			one.Asked = s.round.at
		}
		if s.round.err != nil {
			one.Err = s.round.err.Error()
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b SubscriptionStatus) int { return cmp.Compare(a.Source, b.Source) })
	return list
}
