package webhook

import (
	"context"
	"fmt"
	"maps"
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
	// justMade is how long ago one was made or renewed that a process which begins
	// leaves as it is.
	justMade = 10 * time.Minute
	// apart is how much two clocks may differ. A subscription that lives longer
	// than one can was made before the clock went back.
	apart = time.Hour
	// mostChanges are under way at once; those that wait do not count.
	mostChanges = 4
	// changeWait bounds one, with all pauses that Graph asks for.
	changeWait = 2 * time.Minute
)

// Tell names who is told of what comes.
func (r *receiver) Tell(l connector.Listener) { r.listener = l }

// Succeed takes over what an earlier receiver knows of the same subscriptions.
func (r *receiver) Succeed(before connector.Subscriber) {
	if b, ok := before.(*receiver); ok {
		r.standing = b.standing
		if r.config.Auth.ClientState == b.config.Auth.ClientState {
			r.proven = b.proven
		}
	}
}

// Subscribe makes, renews and removes subscriptions at Graph until there is one
// for the calendar of each mailbox.
func (r *receiver) Subscribe(ctx context.Context, mailboxes []string) (connector.Subscriptions, error) {
	client, err := graph.For(ctx, r.config.Auth.Connection)
	if err != nil {
		return connector.Subscriptions{}, err
	}
	again := r.standing.take()
	there, err := client.Subscriptions(ctx)
	if err != nil {
		r.standing.giveBack(again)
		return connector.Subscriptions{}, err
	}
	round := &subscribing{r: r, client: client, now: r.env.Now(), again: again, turns: make(chan struct{}, mostChanges)}
	round.sort(there, mailboxes)
	for _, l := range round.late {
		r.heed(ctx, l)
	}
	round.run(ctx)
	slices.Sort(round.out.Fresh)
	return round.out, ctx.Err()
}

// A subscribing is one round of making things right.
type subscribing struct {
	r      *receiver
	client *graph.Client
	now    time.Time
	first  bool // of this process
	again  map[string]bool
	turns  chan struct{}

	wanted []string                      // resources
	parts  map[string][]string           // mailboxes, by resource, folded
	have   map[string]graph.Subscription // by resource, folded
	excess []graph.Subscription
	late   []late

	mu  sync.Mutex
	out connector.Subscriptions
}

// A late is what came of a subscription before it was known to be ours.
type late struct {
	parts []string
	lost  bool // that notifications were lost; else that something changed
}

// heed tells what came too early.
func (r *receiver) heed(ctx context.Context, l late) {
	if r.listener == nil {
		return
	}
	if !l.lost {
		r.listener.Changed(l.parts)
	} else if err := r.listener.Lost(ctx, l.parts); err != nil {
		r.env.Log.Error("that notifications were lost could not be kept", "source", r.env.Block, "error", err.Error())
	}
}

// fold makes resources alike that mean the same.
func fold(resource string) string {
	if plain, err := url.PathUnescape(resource); err == nil {
		resource = plain
	}
	return strings.ToLower(strings.Trim(resource, "/"))
}

// sort finds which subscriptions stay. Only those that lead here are ours: the
// application may have others.
func (w *subscribing) sort(there []graph.Subscription, mailboxes []string) {
	w.have, w.parts = map[string]graph.Subscription{}, map[string][]string{}
	for _, m := range mailboxes {
		resource := graph.Events(m)
		if w.parts[fold(resource)] == nil {
			w.wanted = append(w.wanted, resource)
		}
		w.parts[fold(resource)] = append(w.parts[fold(resource)], m)
	}
	slices.Sort(w.wanted)
	known := w.r.standing
	known.mu.Lock()
	defer known.mu.Unlock()
	w.first = !known.listed
	made, kept := known.made, map[string]bool{}
	known.made, known.listed = map[string]string{}, true
	for _, s := range there {
		if kept[s.ID] {
			continue // listed again, as the list may change while it is read
		}
		name, here := made[s.ID] // Graph may spell things otherwise
		if here {
			known.made[s.ID] = name
		} else {
			name = fold(s.Resource)
		}
		w.place(s, name, here, known.stale[s.ID], kept)
	}
	w.r.proven.keep(kept)
	known.kept, known.parts = kept, map[string][]string{}
	maps.DeleteFunc(known.stale, func(id string, _ bool) bool { return !kept[id] })
	for name, s := range w.have {
		known.parts[s.ID] = w.parts[name]
		if lost, waits := known.unknown[s.ID]; waits {
			w.late = append(w.late, late{w.parts[name], lost})
			delete(known.unknown, s.ID)
		}
	}
	known.keepProblems(w.wanted)
}

// place finds the place of one subscription, to the resource of that name. here:
// it was made by this process.
func (w *subscribing) place(s graph.Subscription, name string, here, stale bool, kept map[string]bool) {
	place, query := address(w.r.config.Auth.URL)
	at, with := address(s.URL)
	if !here && at != place {
		return
	}
	kept[s.ID] = true
	before, twice := w.have[name]
	switch {
	case !here && with != query || w.parts[name] == nil || stale:
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
	each := func(resource string, do func(context.Context) (time.Time, error)) {
		select {
		case w.turns <- struct{}{}:
		case <-ctx.Done():
			return
		}
		all.Go(func() {
			inner, cancel := context.WithTimeout(ctx, changeWait)
			defer cancel()
			until, err := do(inner)
			<-w.turns
			w.note(ctx, resource, until, err)
		})
	}
	for _, s := range w.excess {
		each("", func(ctx context.Context) (time.Time, error) {
			return time.Time{}, w.client.Unsubscribe(ctx, s.ID, w.waiting)
		})
	}
	for _, resource := range w.wanted {
		each(resource, func(ctx context.Context) (time.Time, error) { return w.keep(ctx, resource) })
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

// keep sees to the subscription to one resource, and gives when it ends.
func (w *subscribing) keep(ctx context.Context, resource string) (time.Time, error) {
	s, there := w.have[fold(resource)]
	until := w.now.Add(lifetime)
	if there {
		if !w.renews(s) {
			return s.Expires, nil
		}
		granted, err := w.client.Renew(ctx, s.ID, until, w.waiting)
		if _, status := graph.ProblemOf(err); status != http.StatusNotFound {
			if err != nil && w.again[s.ID] {
				w.r.standing.giveBack(map[string]bool{s.ID: true})
			}
			return granted, err
		}
	}
	made, err := w.client.Subscribe(ctx, graph.Subscription{Resource: resource, URL: w.r.config.Auth.URL, Expires: until}, w.r.config.Auth.ClientState, w.waiting)
	if err != nil {
		return until, err
	}
	parts := w.parts[fold(resource)]
	w.r.proven.add(made.ID)
	if waits, lost := w.r.standing.add(made.ID, fold(resource), parts); waits {
		w.r.heed(ctx, late{parts, lost})
	}
	w.mu.Lock()
	w.out.Fresh = append(w.out.Fresh, parts...)
	w.mu.Unlock()
	return made.Expires, nil
}

// renews tells whether a subscription is to be renewed. The first time all are
// that were not just now: Graph may have wanted it while nobody listened.
func (w *subscribing) renews(s graph.Subscription) bool {
	left, least := s.Expires.Sub(w.now), renewFrom
	if w.first {
		least = lifetime - justMade
	}
	return left < least || left > lifetime+apart || w.again[s.ID]
}

// note counts, and logs what could not be had, once for as long as it stays so.
// An empty resource is that of a subscription that was to end.
func (w *subscribing) note(ctx context.Context, resource string, until time.Time, err error) {
	if ctx.Err() != nil {
		return
	}
	text := ""
	if err != nil {
		p, status := graph.ProblemOf(err)
		text = fmt.Sprint(status, " ", p.Code)
	}
	w.mu.Lock()
	switch {
	case err != nil:
		w.out.Failed++
		w.out.Problem = err.Error()
	case resource != "":
		w.out.Active++
		if w.out.Until.IsZero() || until.Before(w.out.Until) {
			w.out.Until = until
		}
	}
	w.mu.Unlock()
	if w.r.standing.told(resource, text) && w.r.env.Log != nil {
		w.r.env.Log.Warn("a change of a subscription was refused; it is tried again", "source", w.r.env.Block, "resource", resource, "error", err.Error())
	}
}
