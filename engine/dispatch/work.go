package dispatch

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"koppel/engine/connector"
	"koppel/engine/state"
)

// work sends until ctx ends, the project changes or, when it is to drain,
// nothing is left that can be sent now. Attempts that are under way are waited
// for.
func (w *worker) work(ctx context.Context, drain bool) error {
	var under sync.WaitGroup
	sending, cancel := graceful(ctx)
	defer cancel()
	ended := make(chan struct{}, 1)
	var err error
	for ctx.Err() == nil && w.d.current() == w.project {
		var begun int
		var next time.Time
		busy := w.busy() // what ends from here on may have made room for more
		if begun, next, err = w.begin(ctx, func(job func(context.Context)) {
			under.Go(func() {
				job(sending)
				select {
				case ended <- struct{}{}:
				default:
				}
			})
		}); err != nil {
			break
		}
		if drain && begun == 0 && !busy {
			break
		}
		w.rest(ctx, ended, next)
	}
	under.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// graceful is a context that ends a while after ctx does.
func graceful(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(out, func() { timer.Stop() })
	})
	return out, func() {
		stop()
		cancel()
	}
}

// rest waits until an attempt has ended, something is due, or somebody says
// that there may be more.
func (w *worker) rest(ctx context.Context, ended <-chan struct{}, next time.Time) {
	long := w.d.poll()
	if !next.IsZero() {
		long = min(long, max(next.Sub(w.d.Now()), time.Millisecond))
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-ended:
	case <-w.d.changed:
	case <-timer.C:
	}
}

func (w *worker) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lines {
		if len(l.busy) > 0 {
			return true
		}
	}
	return false
}

// begin begins attempts at what is due, and tells when something else is.
func (w *worker) begin(ctx context.Context, start func(func(context.Context))) (begun int, next time.Time, err error) {
	if err := w.d.settle(ctx); err != nil {
		return 0, next, err
	}
	var queues []state.Queue
	if err := w.d.Store.View(ctx, func(v state.View) (err error) {
		queues, err = v.Queues()
		return err
	}); err != nil {
		return 0, next, err
	}
	now := w.d.Now()
	soon := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, q := range queues {
		o, err := w.sink(ctx, q.Sink)
		if err != nil {
			return begun, next, err
		}
		switch {
		case o == nil || o.err == nil && !slices.Contains(o.receivers, q.Receiver):
			if err := w.stop(ctx, q); err != nil {
				return begun, next, err
			}
			continue
		case o.err != nil:
			soon(o.again)
			continue
		case q.Due.After(now):
			soon(q.Due)
			continue
		}
		n, free, err := w.beginLine(ctx, q, o.courier, start)
		if err != nil {
			return begun, next, err
		}
		if begun += n; n == 0 && !free.IsZero() {
			soon(free)
		}
	}
	return begun, next, nil
}

// stop ends what is pending for a receiver that is no longer configured.
func (w *worker) stop(ctx context.Context, q state.Queue) error {
	if w.d.current() != w.project {
		return nil // the new project decides
	}
	return w.d.Store.Update(ctx, func(tx state.Tx) error { return tx.StopDeliveries(q.Sink, q.Receiver, w.d.Now()) })
}

// beginLine begins attempts for one receiver. free is when it may be tried
// again, where it is left alone.
func (w *worker) beginLine(ctx context.Context, q state.Queue, c connector.Courier, start func(func(context.Context))) (n int, free time.Time, err error) {
	key := queue{q.Sink, q.Receiver}
	w.mu.Lock()
	l := w.lines[key]
	if l == nil {
		l = &line{busy: map[int64]bool{}}
		w.lines[key] = l
	}
	// What was under way before the state is read may have ended by the time it was
	// read, and stand there as it was.
	room, until, before := perReceiver-len(l.busy), l.until, maps.Clone(l.busy)
	w.mu.Unlock()
	now := w.d.Now()
	if until.After(now) {
		return 0, until, nil
	}
	if room <= 0 {
		return 0, free, nil
	}
	var list []state.Delivery
	if err := w.d.Store.View(ctx, func(v state.View) (err error) {
		// What is under way is due as well, and comes along.
		list, err = v.DueDeliveries(q.Sink, q.Receiver, now, perReceiver+room)
		return err
	}); err != nil {
		return 0, free, err
	}
	for i := range list {
		if before[list[i].Seq] || n == room {
			continue
		}
		w.mu.Lock()
		l.busy[list[i].Seq] = true
		w.mu.Unlock()
		n++
		start(func(ctx context.Context) { w.attempt(ctx, l, &list[i], c) })
	}
	return n, free, nil
}

// sink opens a sink, once; nil: it is not configured, or sends no messages.
func (w *worker) sink(ctx context.Context, address string) (*opened, error) {
	now := w.d.Now()
	if o := w.sinks[address]; o != nil && (o.err == nil || now.Before(o.again)) {
		return o, nil
	}
	configured := w.project.Sinks[address]
	if configured == nil {
		return nil, nil
	}
	o := &opened{again: now.Add(pause)}
	w.sinks[address] = o
	sink, err := configured.Open(ctx, w.engine.Outside(w.d.TempDir))
	if err != nil {
		o.err = err
		w.d.warn("messages wait: their sink can't be opened", "sink", address, "error", err)
		return o, nil
	}
	courier, ok := sink.(connector.Courier)
	if !ok {
		delete(w.sinks, address)
		return nil, nil
	}
	o.courier, o.receivers = courier, courier.Receivers()
	return o, nil
}
