// Package serve keeps the pipelines of a project running for months: by their
// schedules, when something triggers them, one run of a pipeline at a time. What
// else a service has (webhooks, API, metrics) hangs on it: it is told of runs and
// of new configurations, and has its HTTP handlers mounted here.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"koppel/dsl"
	"koppel/engine/connector"
	"koppel/engine/state"
)

// Options say what a Service serves and with what.
type Options struct {
	// Project is the configuration to begin with.
	Project *dsl.Project
	// Load reads the configuration again. It may be called from any goroutine,
	// by one at a time. An error leaves the configuration in force as it is.
	Load func(context.Context) (*dsl.Project, error)
	// Store is the project's state, open for writing. It stays the caller's.
	Store state.Store
	// Now is the clock of the wall; nil: time.Now. It may jump.
	Now func() time.Time
	// Log is told what happens; nil: nobody is.
	Log     *slog.Logger
	Version string
	// TempDir is where runs make their folders of temporary files.
	TempDir string
	// Holder names this process to others that wait for its locks.
	Holder string
	// MaxRuns bounds how many pipelines run at once; 0: 4.
	MaxRuns int
	// Observers are told of runs, in this order.
	Observers []Observer
	// Calls is told of each request of the runs to a system, by several
	// goroutines at once; nil: nobody listens.
	Calls func(connector.Call)
	// Ready is called once, when Run has the state to itself; nil: nobody waits.
	Ready func()
	// Beat is called by the loop that starts runs each time that it has looked,
	// at least every BeatEvery (0: every minute): it is alive. Nil: nobody listens.
	Beat      func()
	BeatEvery time.Duration
	// Watch lists files, beside those of the project, that are looked at for
	// changes; a change loads the configuration again.
	Watch []string
	// NoWatch leaves files alone: only Reload loads.
	NoWatch bool
}

// maxRuns is how many pipelines run at once unless Options say otherwise.
const maxRuns = 4

// A Service runs pipelines until it is stopped. Its methods may be called from
// any goroutine, before Run and while it runs.
type Service struct {
	opts   Options
	now    func() time.Time
	log    *slog.Logger
	routes routes

	wake chan struct{} // holds one token when there may be something to start

	subscriptions func() []SubscriptionStatus // nil: there are none; set before Run

	loading sync.Mutex           // held while a configuration comes into force
	follow  []func(*dsl.Project) // guarded by loading

	mu         sync.Mutex
	current    *configuration
	jobs       map[string]*job // by address, of the configuration in force
	running    map[*job]bool   // also of addresses that are no longer configured
	background []func(context.Context)
	observers  []Observer
	runs       int // running now
	began      time.Time
	reloaded   time.Time
	refused    error // why the last reload did not come into force
	stopping   bool
	started    atomic.Bool
}

// New makes a service. It starts nothing yet.
func New(o Options) (*Service, error) {
	if o.Project == nil || o.Store == nil {
		return nil, errors.New("make a service: it needs a project and its state")
	}
	s := &Service{
		opts: o, log: o.Log, wake: make(chan struct{}, 1), jobs: map[string]*job{}, running: map[*job]bool{},
		observers: o.Observers,
	}
	clock := o.Now
	if clock == nil {
		clock = time.Now
	}
	s.now = func() time.Time { return clock().Round(0) } // of the wall alone, which may jump
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.opts.MaxRuns <= 0 {
		s.opts.MaxRuns = maxRuns
	}
	if err := s.install(o.Project); err != nil {
		return nil, err
	}
	return s, nil
}

// Observe adds an observer. It is told of runs that start from now on.
func (s *Service) Observe(o Observer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observers = append(s.observers[:len(s.observers):len(s.observers)], o)
}

// Observers lists those that are told of runs, for who starts runs beside the
// service and tells of them too.
func (s *Service) Observers() []Observer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.observers
}

// Project is the configuration in force.
func (s *Service) Project() *dsl.Project {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.project
}

// OnReload has f called with the configuration in force, before OnReload
// returns, and then with each one that replaces it, before the first run under
// it. Calls come one at a time. f must not call OnReload or Reload.
func (s *Service) OnReload(f func(*dsl.Project)) {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.follow = append(s.follow, f)
	f(s.Project())
}

// Background has f run while the service runs: from the beginning of Run until
// the service is stopped, which ends f's context. Run waits for f to return.
// It is called before Run.
func (s *Service) Background(f func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.background = append(s.background, f)
}

// serveLock is the lock that keeps a second service away from the same state.
const serveLock = "serve"

// Patience of the service with others, in its way down and up.
const (
	takeOver   = 10 * time.Second // an earlier service may take so long to stop
	httpDrain  = 5 * time.Second
	headerWait = 10 * time.Second
	readWait   = 30 * time.Second // for a whole request, unless its handler allows it another time
	answerWait = 2 * time.Minute  // so too for the answer
	idleWait   = 2 * time.Minute
)

// Run serves HTTP on l and runs pipelines until ctx ends; then it starts
// nothing more, lets what runs stop between two batches and returns nil. A
// *state.LockedError says that another service has the state. Run is called
// once; l is closed when it returns. A nil l serves no HTTP.
func (s *Service) Run(ctx context.Context, l net.Listener) error {
	if s.started.Swap(true) {
		return errors.New("run the service: it ran already")
	}
	if l != nil {
		defer l.Close()
	}
	unlock, err := s.opts.Store.Lock(ctx, []string{serveLock}, takeOver, s.opts.Holder)
	if err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	defer unlock()
	s.mu.Lock()
	s.began = s.now()
	background := s.background
	s.mu.Unlock()
	if s.opts.Ready != nil {
		s.opts.Ready()
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, f := range background {
		all.Go(func() { f(ctx) })
	}
	if s.opts.Load != nil && !s.opts.NoWatch {
		all.Go(func() { s.watch(ctx) })
	}
	if l != nil {
		all.Go(func() {
			if err := s.listen(ctx, l); err != nil {
				cancel(err)
			}
		})
	}
	s.schedule(ctx)
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// maxConnections is how many clients are connected at once; others wait until one
// is done, or cut off as it is too slow.
const maxConnections = 1024

// listen serves HTTP until ctx ends, and then answers what was asked before.
func (s *Service) listen(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: &s.routes, ReadHeaderTimeout: headerWait, ReadTimeout: readWait, WriteTimeout: answerWait, IdleTimeout: idleWait, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(netutil.LimitListener(l, maxConnections)) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), httpDrain)
	defer stop()
	if err := server.Shutdown(ending); err != nil {
		_ = server.Close()
	}
	<-failed
	return nil
}
