// Package console is the JSON API of the service, under /api/v1: the verbs of
// the command line that an operator needs, with the same JSON objects, for
// programs that have a token.
package console

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/state"
	"koppel/internal/serve"
)

// A Service is what the API needs of the service that it belongs to.
type Service interface {
	// Project is the configuration in force.
	Project() *dsl.Project
	// Status tells what the service does now.
	Status() serve.Status
	// Observers are told of the runs that the API starts, too.
	Observers() []serve.Observer
}

// Options say what an API works with.
type Options struct {
	Service Service
	// Store is the project's state, open for writing.
	Store state.Store
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Log is told of each request, without its query; nil: nobody is.
	Log     *slog.Logger
	Version string
	// TempDir is where plans and runs make their folders of temporary files,
	// PlanDir where saved plans are kept.
	TempDir, PlanDir string
	// Holder names this process to others that wait for its locks.
	Holder string
	// Calls is told of each request to a system that runs of the API make; nil:
	// nobody listens.
	Calls func(connector.Call)
}

// Bounds of one API.
const (
	maxRequests = 64               // at once, all kinds together
	maxJobs     = 2                // plans, explanations and runs at once
	maxBody     = 1 << 20          // bytes of a request
	readWait    = 15 * time.Second // for the body of a request
	writeWait   = 5 * time.Minute  // for a whole answer
)

// An API answers requests under /api/v1. It is an http.Handler, safe for
// concurrent use.
type API struct {
	opts     Options
	routes   *http.ServeMux
	requests chan struct{} // one for each request that is answered
	jobs     chan struct{} // one for each plan or run

	// Runs outlive the requests that start them.
	life context.Context
	end  context.CancelFunc
	runs sync.WaitGroup

	mu   sync.Mutex
	used map[string]time.Time // when the use of a token was remembered last, by name
}

// New makes an API. Runs that it starts go on until they are done or Close is
// called.
func New(o Options) *API {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{opts: o, requests: make(chan struct{}, maxRequests), jobs: make(chan struct{}, maxJobs), used: map[string]time.Time{}}
	a.life, a.end = context.WithCancel(context.Background())
	a.routes = http.NewServeMux()
	for _, op := range operations() {
		a.routes.Handle(op.method+" "+root+op.path, a.handle(op))
	}
	return a
}

// Close has the runs that the API started stop between two batches, and waits
// for them.
func (a *API) Close() {
	a.mu.Lock()
	a.end()
	a.mu.Unlock()
	a.runs.Wait()
}

// beside does something that Close waits for; false: the API is closed.
func (a *API) beside(f func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.life.Err() != nil {
		return false
	}
	a.runs.Go(f)
	return true
}

// Serve closes the API when ctx ends; for serve.Service.Background.
func (a *API) Serve(ctx context.Context) {
	<-ctx.Done()
	a.Close()
}

// engine makes an engine for one request, under the configuration in force.
func (a *API) engine(p *dsl.Project, who string) *engine.Engine {
	return &engine.Engine{
		Project: p.Project, Store: a.opts.Store, Now: a.opts.Now, Log: a.opts.Log.With("token", who), Version: a.opts.Version, TempDir: a.opts.TempDir,
		Holder: a.opts.Holder + " for the API, token " + who, Calls: a.opts.Calls,
	}
}
