package serve

import (
	"context"
	"maps"
	"slices"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/state"
)

// How often subscriptions are looked at: when all is well, when something is
// not, and how often the clocks are.
const (
	askEvery = time.Hour
	askSoon  = time.Minute
	lookOver = time.Minute
)

// A subscriber is a source that has a system tell of changes.
type subscriber struct {
	connector.Subscriber
	source, connection string
	readers            []string // pipelines of which it wakes

	// Guarded by reception.mu:
	disturbed bool // something befell the subscriptions
	ran       bool // a pipeline of readers, since the configuration came into force

	// Of the goroutine that keeps the subscriptions:
	asked  bool
	parts  []string  // that it was asked about last
	at     time.Time // when that was, or it began; of the wall
	since  time.Time // the same of the clock that never jumps
	again  time.Duration
	failed int // rounds in a row
}

// noticed lists the sources of whose changes a connection can be asked to tell,
// as far as a pipeline reads them, by address.
func noticed(p *engine.Project, connection string) []string {
	var list []string
	for address, src := range p.Sources {
		if src.Noticed == connection && connection != "" && slices.ContainsFunc(readers(p, address), func(name string) bool { return p.Pipelines[name].Enabled }) {
			list = append(list, address)
		}
	}
	slices.Sort(list)
	return list
}

// woken lists the pipelines that a notice of a connection starts, by address.
func woken(p *engine.Project, connection string) []string {
	names := map[string]bool{}
	for _, address := range noticed(p, connection) {
		for _, name := range readers(p, address) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// subscribe takes a source among those that have a system tell of changes. What
// has changed so far was told to nobody, so its pipelines run.
func (r *reception) subscribe(p *engine.Project, src *engine.Source, opened any) {
	of, ok := opened.(connector.Subscriber)
	if src.Subscribes == "" || !ok {
		return
	}
	s := &subscriber{Subscriber: of, source: src.Address, connection: src.Subscribes, readers: woken(p, src.Subscribes), at: r.s.now(), since: time.Now()}
	r.subscribers = append(r.subscribers, s)
	of.Disturbed(func() {
		r.mu.Lock()
		s.disturbed = true
		r.mu.Unlock()
		r.poke()
	})
	r.s.Trigger(s.readers...)
}

// leave has the subscriptions of those removed that are configured no more.
func (r *reception) leave(p *engine.Project, old []*subscriber) {
	for _, s := range old {
		if src := p.Sources[s.source]; src == nil || src.Subscribes != s.connection {
			r.leaving = append(r.leaving, s)
		}
	}
	r.poke()
}

// poke has the subscriptions looked at soon.
func (r *reception) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// RunStarted is none of its business.
func (r *reception) RunStarted(Started) {}

// RunEnded looks whether there are other partitions now.
func (r *reception) RunEnded(e Ended) {
	r.mu.Lock()
	reads := false
	for _, s := range r.subscribers {
		if e.Pipeline != nil && slices.Contains(s.readers, e.Pipeline.Address) {
			s.ran, reads = true, true
		}
	}
	r.mu.Unlock()
	if reads {
		r.poke()
	}
}

// keep keeps the subscriptions of all configurations, until ctx ends.
func (r *reception) keep(ctx context.Context) {
	for {
		r.mu.Lock()
		project, now, leaving := r.project, slices.Clone(r.subscribers), r.leaving
		r.leaving = nil
		r.mu.Unlock()
		for _, s := range leaving {
			if _, err := s.Subscribe(ctx, nil); err != nil && ctx.Err() == nil {
				r.s.log.Warn("subscriptions could not be removed; they end by themselves within days", "source", s.source, "error", err.Error())
			}
		}
		for _, s := range now {
			r.see(ctx, project, s)
		}
		var tick <-chan time.Time
		stop := func() bool { return true }
		if len(now) > 0 {
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

// see has a subscriber asked where its partitions have changed, its time has
// come, or it was disturbed. It begins once a run has told which partitions there
// are now, or none could soon.
func (r *reception) see(ctx context.Context, p *dsl.Project, s *subscriber) {
	parts, err := r.parts(ctx, p.Project, s.connection)
	if err != nil {
		if ctx.Err() == nil {
			r.s.log.Error("what is subscribed to can't be read from the state", "source", s.source, "error", err.Error())
		}
		return
	}
	if !r.due(s, parts) {
		return
	}
	out, err := s.Subscribe(ctx, parts)
	if ctx.Err() != nil {
		return
	}
	s.asked, s.parts, s.at, s.since = true, parts, r.s.now(), time.Now()
	if err != nil || out.Failed > 0 {
		s.again = min(askSoon<<min(s.failed, 10), askEvery)
		s.failed++
	} else {
		s.again, s.failed = askEvery, 0
	}
	if err != nil {
		r.s.log.Warn("the subscriptions of a source could not be kept; it is tried again", "source", s.source, "after", s.again.String(), "error", err.Error())
		return
	}
	if out.Fresh > 0 {
		r.s.log.Info("a source has subscribed", "source", s.source, "fresh", out.Fresh, "active", out.Active, "failed", out.Failed)
	}
	switch {
	case out.Missed:
		r.s.log.Info("notices were lost; all is read", "source", s.source)
		r.s.trigger(true, s.readers)
	case out.Fresh > 0:
		r.s.Trigger(s.readers...)
	}
}

// due tells whether a subscriber is to be asked now.
func (r *reception) due(s *subscriber, parts []string) bool {
	r.mu.Lock()
	disturbed, ran := s.disturbed, s.ran
	s.disturbed = false
	r.mu.Unlock()
	wall, passed := r.s.now().Sub(s.at), time.Since(s.since)
	switch {
	case disturbed:
		return true
	case !s.asked:
		return ran || passed >= lookOver
	}
	return !slices.Equal(parts, s.parts) || passed >= s.again || wall >= s.again || wall < 0
}

// parts lists the partitions that are known of the sources of a connection.
func (r *reception) parts(ctx context.Context, p *engine.Project, connection string) ([]string, error) {
	names := map[string]bool{}
	err := r.s.opts.Store.View(ctx, func(v state.View) error {
		for _, address := range noticed(p, connection) {
			src, there, err := v.Source(address)
			if err != nil || !there {
				if err != nil {
					return err
				}
				continue
			}
			parts, err := v.Parts(src.ID)
			if err != nil {
				return err
			}
			for _, part := range parts {
				if part.Name != "" {
					names[part.Name] = true
				}
			}
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names)), err
}

// unread takes what nobody reads: it only wakes.
type unread struct{ connector.Inbox }

func (unread) Put(_ context.Context, events []connector.Event) ([]bool, error) {
	fresh := make([]bool, len(events))
	for i := range fresh {
		fresh[i] = true
	}
	return fresh, nil
}
