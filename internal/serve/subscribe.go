package serve

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/state"
)

// A subscriber is a source that has a system tell of changes. It is the Listener
// of what it opened.
type subscriber struct {
	connector.Subscriber
	r                         *reception
	source, connection, place string
	readers                   []string // pipelines that it starts

	// Guarded by reception.mu:
	disturbed bool                // something befell the subscriptions
	ran       bool                // a pipeline of readers, since the process began
	reads     map[string][]string // the pipelines that read a part; nil: not known yet
	round     round
}

// A round says what came of asking a subscriber last.
type round struct {
	asked  bool
	parts  []string  // that it was asked about
	at     time.Time // when that was, or it began; of the wall
	since  time.Time // the same of the clock that never jumps
	again  time.Duration
	failed int // rounds in a row
	out    connector.Subscriptions
	err    error // the system could not be asked
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

// woken lists the pipelines that notices of a connection start, by address.
func woken(p *engine.Project, connection string) []string {
	names := map[string]bool{}
	for _, address := range noticed(p, connection) {
		for _, name := range readers(p, address) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// subscribe takes a source among those that have a system tell of changes, and
// gives the pipelines to start: what has changed so far was told to nobody, and
// the partitions may be others now. One that takes the place of another goes on
// from there. r.mu is held.
func (r *reception) subscribe(p *engine.Project, src *engine.Source, opened any, old []*subscriber) []string {
	of, ok := opened.(connector.Subscriber)
	if src.Subscribes == "" || !ok {
		return nil
	}
	s := &subscriber{
		Subscriber: of, r: r, source: src.Address, connection: src.Subscribes, place: src.NoticesAt, readers: woken(p, src.Subscribes),
		round: round{at: r.s.now(), since: time.Now()},
	}
	if i := slices.IndexFunc(old, s.same); i >= 0 {
		before := old[i]
		of.Succeed(before.Subscriber)
		s.ran, s.round, s.disturbed = before.ran, before.round, true
	}
	of.Tell(s)
	r.subscribers = append(r.subscribers, s)
	return s.readers
}

// same tells whether another asks the same system for notices to the same place.
func (s *subscriber) same(other *subscriber) bool {
	return s.connection == other.connection && s.place == other.place
}

// leave has the subscriptions of those removed that are configured no more. r.mu
// is held.
func (r *reception) leave(p *engine.Project, old []*subscriber) {
	for _, s := range old {
		s.round.failed, s.round.again = 0, 0
		r.leaving = append(r.leaving, s)
	}
	r.leaving = slices.DeleteFunc(r.leaving, func(s *subscriber) bool {
		for _, src := range p.Sources {
			if src.Subscribes == s.connection && src.NoticesAt == s.place {
				return true
			}
		}
		return false
	})
	r.poke()
}

// poke has the subscriptions looked at soon.
func (r *reception) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Disturbed has the subscriptions looked at soon.
func (s *subscriber) Disturbed() {
	s.r.mu.Lock()
	s.disturbed = true
	s.r.mu.Unlock()
	s.r.poke()
}

// Changed starts the pipelines that read parts.
func (s *subscriber) Changed(parts []string) { s.r.s.Trigger(s.reading(parts)...) }

// reading lists the pipelines that read any of parts, by address.
func (s *subscriber) reading(parts []string) []string {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if len(parts) == 0 || s.reads == nil {
		return s.readers
	}
	names := map[string]bool{}
	for _, part := range parts {
		for _, name := range s.reads[part] {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// A loss is of notices about parts of the sources of a connection.
type loss struct {
	connection string
	parts      []string // none: all
	// runs are those that had begun before, and may remember how far they read.
	runs map[int64]bool
}

// Lost has parts read whole by the next run of each pipeline that reads them:
// how far they were read is forgotten, in the state, so also by processes to come.
func (s *subscriber) Lost(ctx context.Context, parts []string) error {
	r, names := s.r, s.reading(parts)
	l := &loss{connection: s.connection, parts: parts}
	r.mu.Lock()
	p, before := r.project, r.going(names)
	r.mu.Unlock()
	if err := r.forget(ctx, p.Project, l); err != nil {
		return fmt.Errorf("have read whole what notices were lost of: %w", err)
	}
	r.mu.Lock()
	l.runs = r.going(names)
	if len(l.runs) > 0 {
		r.losses = append(r.losses, l)
	}
	maps.DeleteFunc(before, func(id int64, _ bool) bool { return l.runs[id] })
	r.mu.Unlock()
	if len(before) > 0 { // those ended, perhaps since
		if err := r.forget(ctx, p.Project, l); err != nil {
			return fmt.Errorf("have read whole what notices were lost of: %w", err)
		}
	}
	r.s.log.Info("notices were lost; what they were about is read whole", "source", s.source, "parts", len(parts))
	r.s.Trigger(names...)
	return nil
}

// going gives the runs of pipelines that go on. r.mu is held.
func (r *reception) going(names []string) map[int64]bool {
	ids := map[int64]bool{}
	for id, name := range r.running {
		if slices.Contains(names, name) {
			ids[id] = true
		}
	}
	return ids
}

// forget forgets how far the parts of a loss were read.
func (r *reception) forget(ctx context.Context, p *engine.Project, l *loss) error {
	return r.s.opts.Store.Update(ctx, func(tx state.Tx) error {
		for _, address := range noticed(p, l.connection) {
			src, there, err := tx.Source(address)
			if err != nil {
				return err
			}
			if !there {
				continue
			}
			list, err := tx.Parts(src.ID)
			if err != nil {
				return err
			}
			for _, part := range list {
				if len(part.Cursor) == 0 || len(l.parts) > 0 && !slices.Contains(l.parts, part.Name) {
					continue
				}
				part.Cursor = nil
				if err := tx.PutPart(part); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// RunStarted notes which runs go on.
func (r *reception) RunStarted(s Started) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running[s.RunID] = s.Pipeline.Address
}

// RunEnded looks whether there are other partitions now, and what a run did not
// know that began before notices were lost.
func (r *reception) RunEnded(e Ended) {
	if e.RunID == 0 {
		return
	}
	r.mu.Lock()
	delete(r.running, e.RunID)
	reads := false
	for _, s := range r.subscribers {
		if slices.Contains(s.readers, e.Pipeline.Address) {
			s.ran, reads = true, true
		}
	}
	var late []*loss
	for _, l := range r.losses {
		if l.runs[e.RunID] {
			late = append(late, l)
			delete(l.runs, e.RunID)
		}
	}
	r.losses = slices.DeleteFunc(r.losses, func(l *loss) bool { return len(l.runs) == 0 })
	p := r.project
	r.mu.Unlock()
	for _, l := range late {
		if err := r.forget(context.Background(), p.Project, l); err != nil {
			r.s.log.Error("what notices were lost of could not be marked to be read whole", "pipeline", e.Pipeline.Name, "error", err.Error())
		}
	}
	if reads {
		r.poke()
	}
}

// parts lists the partitions that are known of the sources of a connection, and
// the pipelines that read each.
func (r *reception) parts(ctx context.Context, p *dsl.Project, connection string) (map[string][]string, error) {
	reads := map[string][]string{}
	err := r.s.opts.Store.View(ctx, func(v state.View) error {
		for _, address := range noticed(p.Project, connection) {
			src, there, err := v.Source(address)
			if err != nil {
				return err
			}
			if !there {
				continue
			}
			parts, err := v.Parts(src.ID)
			if err != nil {
				return err
			}
			for _, part := range parts {
				if part.Name != "" {
					reads[part.Name] = append(reads[part.Name], readers(p.Project, address)...)
				}
			}
		}
		return nil
	})
	return reads, err
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
