package webhook

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

// Bounds of the subscriptions at Graph.
const (
	// lifetime is how long one is asked to live: less than the seven days that
	// Graph allows, so that what nobody renews ends soon.
	lifetime = 72 * time.Hour
	// renewFrom is how much of it must be left.
	renewFrom = lifetime / 2
	// apart is how much two clocks may differ. A subscription that lives longer
	// than one can was made before the clock went back.
	apart = time.Hour
	// mostChanges are under way at once; those that wait do not count.
	mostChanges = 4
	// changeWait bounds one, with all pauses that Graph asks for.
	changeWait = 2 * time.Minute
)

// A standing is what a receiver knows of its subscriptions.
type standing struct {
	mu      sync.Mutex
	call    func()
	missed  bool              // notices were lost
	again   map[string]bool   // ids to be renewed, whenever they expire
	made    map[string]string // the resource of those that were made here, by id
	problem map[string]string // what was said last of a resource
	kept    map[string]bool   // ids that stood when Graph was asked last
	stale   map[string]bool   // ids of those that repeat another secret than ours
}

// Disturbed has f called when Graph tells that something befell a subscription.
func (r *receiver) Disturbed(f func()) {
	r.standing.mu.Lock()
	defer r.standing.mu.Unlock()
	r.standing.call = f
}

// disturb takes in what befell a subscription
// (learn.microsoft.com/graph/change-notifications-lifecycle-events). One that was
// removed is missed by itself.
func (r *receiver) disturb(event, id string) {
	s := &r.standing
	s.mu.Lock()
	switch event {
	case "missed":
		s.missed = true
	case "reauthorizationRequired":
		put(&s.again, id)
	}
	call := s.call
	s.mu.Unlock()
	if call != nil {
		call()
	}
}

// mistrust takes in that a notification of a subscription did not repeat our
// secret. When the subscription is ours it was made with an earlier secret, which
// Graph does not let be changed. Nobody else knows its id.
func (r *receiver) mistrust(id string) {
	s := &r.standing
	s.mu.Lock()
	news := s.kept[id] && !s.stale[id]
	if news {
		put(&s.stale, id)
	}
	call := s.call
	s.mu.Unlock()
	if news && call != nil {
		call()
	}
}

// put adds to a set, which is made by the first that is put in.
func put(set *map[string]bool, id string) {
	if *set == nil {
		*set = map[string]bool{}
	}
	(*set)[id] = true
}

// Subscribe makes, renews and removes subscriptions at Graph until there is one
// for the calendar of each mailbox.
func (r *receiver) Subscribe(ctx context.Context, mailboxes []string) (connector.Subscriptions, error) {
	client, err := graph.For(ctx, r.config.Auth.Connection)
	if err != nil {
		return connector.Subscriptions{}, err
	}
	s := &r.standing
	s.mu.Lock()
	again, missed := s.again, s.missed
	s.again, s.missed = nil, false
	s.mu.Unlock()
	there, err := client.Subscriptions(ctx)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.missed = s.missed || missed
		for id := range again {
			put(&s.again, id)
		}
		return connector.Subscriptions{}, err
	}
	round := &subscribing{r: r, client: client, now: r.env.Now(), again: again, turns: make(chan struct{}, mostChanges)}
	round.out.Missed = missed
	round.sort(there, mailboxes)
	round.run(ctx)
	return round.out, ctx.Err()
}

// A subscribing is one round of making things right.
type subscribing struct {
	r      *receiver
	client *graph.Client
	now    time.Time
	again  map[string]bool
	turns  chan struct{}

	wanted []string                      // resources
	have   map[string]graph.Subscription // by resource, in small letters
	excess []graph.Subscription

	mu  sync.Mutex
	out connector.Subscriptions
}

// fold makes resources alike that mean the same.
func fold(resource string) string { return strings.ToLower(strings.Trim(resource, "/")) }

// sort finds which subscriptions stay. Only those that lead here are ours: the
// application may have others.
func (w *subscribing) sort(there []graph.Subscription, mailboxes []string) {
	w.have = map[string]graph.Subscription{}
	wanted := map[string]bool{}
	for _, m := range mailboxes {
		if resource := graph.Events(m); !wanted[fold(resource)] {
			wanted[fold(resource)] = true
			w.wanted = append(w.wanted, resource)
		}
	}
	known := &w.r.standing
	known.mu.Lock()
	defer known.mu.Unlock()
	made, kept, stale := map[string]string{}, map[string]bool{}, map[string]bool{}
	place, query := address(w.r.config.Auth.URL)
	for _, s := range there {
		at, with := address(s.URL)
		name, here := known.made[s.ID] // Graph may spell things otherwise
		if !here {
			name = fold(s.Resource)
		}
		if !here && at != place {
			continue
		}
		twin := kept[s.ID]
		if here {
			made[s.ID] = name
		}
		if kept[s.ID] = true; known.stale[s.ID] {
			stale[s.ID] = true
		}
		before, twice := w.have[name]
		switch {
		case twin: // listed again, as the list may change while it is read
		case !here && with != query || !wanted[name] || stale[s.ID]:
			w.excess = append(w.excess, s)
		case twice && before.Expires.After(s.Expires):
			w.excess = append(w.excess, s)
		case twice:
			w.excess = append(w.excess, before)
			w.have[name] = s
		default:
			w.have[name] = s
		}
	}
	slices.Sort(w.wanted)
	known.made, known.kept, known.stale = made, kept, stale
}

// address parts the address of notifications from its query, so that one that is
// spelled otherwise is the same.
func address(text string) (place, query string) {
	u, err := url.Parse(text)
	if err != nil {
		return text, ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Scheme+"://"+u.Host), ":443") + u.EscapedPath(), u.RawQuery
}

// run makes all changes, some at once.
func (w *subscribing) run(ctx context.Context) {
	var all sync.WaitGroup
	each := func(resource string, do func(context.Context) error) {
		select {
		case w.turns <- struct{}{}:
		case <-ctx.Done():
			return
		}
		all.Go(func() {
			inner, cancel := context.WithTimeout(ctx, changeWait)
			defer cancel()
			err := do(inner)
			<-w.turns
			w.note(ctx, resource, err)
		})
	}
	for _, s := range w.excess {
		each("", func(ctx context.Context) error { return w.client.Unsubscribe(ctx, s.ID, w.waiting) })
	}
	for _, resource := range w.wanted {
		each(resource, func(ctx context.Context) error { return w.keep(ctx, resource) })
	}
	all.Wait()
}

// waiting gives the turn of a mailbox to another while it is throttled.
func (w *subscribing) waiting(pause func() error) error {
	<-w.turns
	err := pause()
	w.turns <- struct{}{} // those that have one end, also when all is over
	return err
}

// keep sees to the subscription to one resource.
func (w *subscribing) keep(ctx context.Context, resource string) error {
	s, there := w.have[fold(resource)]
	until := w.now.Add(lifetime)
	if there {
		left := s.Expires.Sub(w.now)
		if left >= renewFrom && left <= lifetime+apart && !w.again[s.ID] {
			return nil
		}
		err := w.client.Renew(ctx, s.ID, until, w.waiting)
		if _, status := graph.ProblemOf(err); status != http.StatusNotFound {
			w.renewed(s.ID, err)
			return err
		}
	}
	made, err := w.client.Subscribe(ctx, graph.Subscription{Resource: resource, URL: w.r.config.Auth.URL, Expires: until}, w.r.config.Auth.ClientState, w.waiting)
	if err != nil {
		return err
	}
	known := &w.r.standing
	known.mu.Lock()
	known.made[made.ID] = fold(resource)
	known.kept[made.ID] = true
	known.mu.Unlock()
	w.mu.Lock()
	w.out.Fresh++
	w.mu.Unlock()
	return nil
}

// renewed remembers what Graph wants renewed and could not be.
func (w *subscribing) renewed(id string, err error) {
	if err == nil || !w.again[id] {
		return
	}
	w.r.standing.mu.Lock()
	defer w.r.standing.mu.Unlock()
	put(&w.r.standing.again, id)
}

// note counts, and logs what could not be had, once for as long as it stays so.
func (w *subscribing) note(ctx context.Context, resource string, err error) {
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	switch {
	case resource == "" && err == nil:
	case err != nil:
		w.out.Failed++
	default:
		w.out.Active++
	}
	w.mu.Unlock()
	known, text := &w.r.standing, ""
	if err != nil {
		p, status := graph.ProblemOf(err)
		text = fmt.Sprint(status, " ", p.Code)
	}
	known.mu.Lock()
	news := text != "" && known.problem[resource] != text
	switch {
	case text == "":
		delete(known.problem, resource)
	case known.problem == nil:
		known.problem = map[string]string{resource: text}
	default:
		known.problem[resource] = text
	}
	known.mu.Unlock()
	if news && w.r.env.Log != nil {
		w.r.env.Log.Warn("a change of a subscription was refused; it is tried again", "source", w.r.env.Block, "resource", resource, "error", err.Error())
	}
}
