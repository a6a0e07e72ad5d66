// Package dispatch sends the messages that sinks left in the state, to each
// receiver in its order, again and again until they are taken or given up.
package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/state"
)

// Waits gives how long after a failed attempt the next one follows at least; a
// message that failed once more than there are waits is given up.
func Waits() []time.Duration {
	return []time.Duration{time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour}
}

const (
	lockName = "deliveries"
	// perReceiver is how many messages of one receiver are under way at most.
	perReceiver = 4
	// pause is how long a receiver is left alone when its messages could not even
	// be tried, and pollEvery how often the state is looked at for what others
	// have put there.
	pause     = 30 * time.Second
	pollEvery = 2 * time.Second
	// rememberWait bounds how long the outcome of an attempt may take to be
	// stored while the dispatcher stops.
	rememberWait = 10 * time.Second
	// grace is what attempts get that are under way when the dispatcher stops.
	grace = 5 * time.Second
)

// A Dispatcher sends what is due. One of them works on a state at a time.
type Dispatcher struct {
	Store state.Store
	Now   func() time.Time
	Log   *slog.Logger // nil: nobody is told
	// Holder names this process to others that wait for its locks.
	Holder  string
	TempDir string // where sinks find room for temporary files
	// PollEvery is how often the state is looked at for what other processes put
	// there; 0: 2 s.
	PollEvery time.Duration
	// Attempted is told of each attempt, by several goroutines at once; nil: nobody
	// listens.
	Attempted func(sink, receiver string, r connector.Receipt)

	changed chan struct{} // holds one token when there may be more to do

	mu        sync.Mutex
	project   *engine.Project
	unsettled []outcome // that could not be remembered
}

// New makes a dispatcher of the sinks of a project.
func New(store state.Store, project *engine.Project) *Dispatcher {
	return &Dispatcher{Store: store, Now: time.Now, project: project, changed: make(chan struct{}, 1)}
}

// Reload has it go on with the sinks of another project.
func (d *Dispatcher) Reload(p *engine.Project) {
	d.mu.Lock()
	d.project = p
	d.mu.Unlock()
	d.Wake()
}

// Wake has it look at once whether there is more to do.
func (d *Dispatcher) Wake() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *Dispatcher) poll() time.Duration { return cmp.Or(d.PollEvery, pollEvery) }

func (d *Dispatcher) current() *engine.Project {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.project
}

// Run sends until ctx ends. While another process has the deliveries it waits.
func (d *Dispatcher) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		unlock, err := d.Store.Lock(ctx, []string{lockName}, 0, d.Holder)
		var locked *state.LockedError
		if err == nil {
			err = d.serve(ctx)
			unlock()
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.As(err, &locked) {
			d.warn("deliveries stand still for a moment", "error", err)
		}
		d.wait(ctx, d.poll())
	}
	return nil
}

// Drain sends what is due, and returns when nothing is left that can be sent
// now, or when limit is over. Where another process has the deliveries it
// leaves them to that.
func (d *Dispatcher) Drain(ctx context.Context, limit time.Duration) error {
	unlock, err := d.Store.Lock(ctx, []string{lockName}, 0, d.Holder)
	var locked *state.LockedError
	if errors.As(err, &locked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	w, err := d.open(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = w.work(bounded, true)
	return errors.Join(err, w.close())
}

// serve works until ctx ends or another project is to be served.
func (d *Dispatcher) serve(ctx context.Context) error {
	for ctx.Err() == nil {
		w, err := d.open(ctx)
		if err != nil {
			return err
		}
		if err := errors.Join(w.work(ctx, false), w.close()); err != nil {
			return err
		}
	}
	return nil
}

// wait waits, or until there may be more to do.
func (d *Dispatcher) wait(ctx context.Context, long time.Duration) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-d.changed:
	case <-timer.C:
	}
}

func (d *Dispatcher) warn(message string, args ...any) {
	if d.Log != nil {
		d.Log.Warn(message, args...)
	}
}

// A worker sends the messages of one project.
type worker struct {
	d       *Dispatcher
	project *engine.Project
	engine  *engine.Engine

	sinks map[string]*opened // by address

	mu    sync.Mutex
	lines map[queue]*line
}

// A queue names a receiver.
type queue struct{ sink, receiver string }

// An opened sink, or why it could not be opened.
type opened struct {
	courier   connector.Courier
	receivers []string
	err       error
	again     time.Time // when it is tried once more
}

// A line is what is under way to one receiver.
type line struct {
	busy  map[int64]bool // by sequence
	until time.Time      // it is left alone
}

// open makes a worker of the project as it is now, and carries over what stands
// under earlier addresses.
func (d *Dispatcher) open(ctx context.Context) (*worker, error) {
	p := d.current()
	w := &worker{d: d, project: p, sinks: map[string]*opened{}, lines: map[queue]*line{},
		engine: &engine.Engine{Project: p, Store: d.Store, Now: d.Now, Log: d.Log}}
	moves := slices.DeleteFunc(slices.Clone(p.Moved), func(m engine.Move) bool { return p.Sinks[m.To] == nil })
	if len(moves) == 0 {
		return w, nil
	}
	return w, d.Store.Update(ctx, func(tx state.Tx) error {
		for _, m := range moves {
			if err := tx.RenameSink(m.From, m.To); err != nil {
				return fmt.Errorf("move the deliveries of %s to %s: %w", m.From, m.To, err)
			}
		}
		return nil
	})
}

func (w *worker) close() error {
	var errs []error
	for _, o := range w.sinks {
		if c, ok := o.courier.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
