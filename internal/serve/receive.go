package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
)

// A reception is what is mounted for the sources of one configuration to which
// others deliver.
type reception struct {
	s  *Service
	mu sync.Mutex
	at map[string]io.Closer // by path; nil: nothing is to be closed

	wake        chan struct{} // holds one token when subscriptions are to be looked at
	project     *dsl.Project
	subscribers []*subscriber
	leaving     []*subscriber // of sources that are configured no more
	losses      []*loss
	running     map[int64]string // the pipelines that run, by the number of the run
}

// Receive mounts the sources to which others deliver, now and with each new
// configuration, and starts the pipelines that read them when something arrives.
// What waits in their inboxes since an earlier process starts them too. It is
// called once, before Run.
func (s *Service) Receive() {
	r := &reception{s: s, at: map[string]io.Closer{}, wake: make(chan struct{}, 1), running: map[int64]string{}}
	s.subscriptions = r.statuses
	s.OnReload(r.install)
	s.Observe(r)
	s.Background(r.keep)
	s.Background(r.tidy)
}

func (r *reception) install(p *dsl.Project) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.at
	r.at = map[string]io.Closer{}
	old := r.subscribers
	r.project, r.subscribers = p, nil
	counts, err := r.s.opts.Store.Inbox().Counts(context.Background())
	if err != nil {
		r.s.log.Error("the inbox can't be read", "error", err)
	}
	for _, src := range received(p.Project) {
		h, err := r.open(p.Project, src)
		if err != nil {
			r.s.log.Error("a source can't be delivered to", "source", src.Address, "path", src.Path, "error", err)
			h = closedDoor{}
		}
		start := r.subscribe(p.Project, src, h, old)
		if err := r.s.Route(src.Path, h); err != nil {
			r.s.log.Error("a source can't be delivered to", "source", src.Address, "path", src.Path, "error", err)
			continue
		}
		r.at[src.Path], _ = h.(io.Closer)
		r.s.Trigger(start...)
		if counts[src.Address].Waiting > 0 {
			r.s.Trigger(readers(p.Project, src.Address)...)
		}
	}
	r.leave(p.Project, old)
	for path, closer := range before {
		if _, still := r.at[path]; !still {
			_ = r.s.Route(path, nil) // takes away what was mounted
		}
		if closer != nil {
			_ = closer.Close() // it has nothing to say any more
		}
	}
}

// open opens a source as what it is delivered to.
func (r *reception) open(p *engine.Project, src *engine.Source) (http.Handler, error) {
	names := readers(p, src.Address)
	inbox := engine.Inbox(r.s.opts.Store, src.Address)
	if src.Subscribes != "" && len(names) == 0 {
		inbox = unread{inbox}
	}
	opened, err := src.Open(context.Background(), connector.Env{
		Block: src.Address, Dir: p.Dir, Now: r.s.now, Log: r.s.log, Key: src.Key, Calls: r.s.opts.Calls,
		Inbox: arrivals{inbox, func() { r.s.Trigger(names...) }},
	})
	if err != nil {
		return nil, err
	}
	h, ok := opened.(http.Handler)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the kind %s takes no deliveries", src.Kind), closed(opened))
	}
	return h, nil
}

func closed(opened connector.Source) error {
	if c, ok := opened.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// received lists the sources to which others deliver, by address.
func received(p *engine.Project) []*engine.Source {
	var list []*engine.Source
	for _, src := range p.Sources {
		if src.Path != "" {
			list = append(list, src)
		}
	}
	slices.SortFunc(list, func(a, b *engine.Source) int { return cmp.Compare(a.Address, b.Address) })
	return list
}

// readers lists the pipelines that read a source, by address.
func readers(p *engine.Project, source string) []string {
	var list []string
	for address, pipeline := range p.Pipelines {
		if slices.Contains(p.Inputs(pipeline), source) {
			list = append(list, address)
		}
	}
	slices.SortFunc(list, strings.Compare)
	return list
}

// arrivals tells of what is fresh in an inbox, once it is durable.
type arrivals struct {
	connector.Inbox
	arrived func()
}

func (a arrivals) Put(ctx context.Context, events []connector.Event) ([]bool, error) {
	fresh, err := a.Inbox.Put(ctx, events)
	if slices.Contains(fresh, true) {
		a.arrived()
	}
	return fresh, err
}

// closedDoor answers for a source that can't be opened: the sender tries again.
type closedDoor struct{}

func (closedDoor) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "60")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, "{\"error\":\"nothing can be taken in now; send it again later\"}\n") // the sender is gone otherwise
}
