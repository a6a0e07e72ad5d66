package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/dispatch"
	"koppel/engine/record"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

const address = "sink.webhook.a"

// A call is one message as a receiver got it.
type call struct {
	After   time.Duration // the beginning of the test
	ID      string
	Attempt int
}

// A world holds receivers, what they got, and the state that messages come from.
type world struct {
	t     testing.TB
	store state.Store
	start time.Time
	p     int64

	mu        sync.Mutex
	receivers []string
	answer    func(ctx context.Context, m connector.Message, attempt int) connector.Receipt
	calls     map[string][]call // by receiver
}

// newWorld is made inside of a bubble.
func newWorld(t testing.TB, receivers ...string) *world {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "state.db"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, store: s, start: time.Now(), receivers: receivers, calls: map[string][]call{}}
	w.answer = func(context.Context, connector.Message, int) connector.Receipt {
		return connector.Receipt{Delivered: true, Code: 200}
	}
	w.update(func(tx state.Tx) (err error) {
		w.p, err = tx.PutPipeline(state.Pipeline{Address: "pipeline.p"})
		return err
	})
	return w
}

func (w *world) update(fn func(state.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// put puts messages, each as receiver/key/rest.
func (w *world) put(receiver string, key record.Key, ids ...string) {
	w.t.Helper()
	w.update(func(tx state.Tx) error {
		for _, id := range ids {
			d := state.Delivery{ID: id, Pipeline: w.p, Key: key, Sink: address, Receiver: receiver, Topic: "t", Status: state.DeliveryPending,
				Created: time.Now(), Due: time.Now(), Body: []byte("{}")}
			if err := tx.PutDelivery(&d); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) delivery(id string) (d *state.Delivery, tries []state.Attempt) {
	w.t.Helper()
	err := w.store.View(context.Background(), func(v state.View) (err error) {
		if d, err = v.Delivery(id); err == nil && d != nil {
			tries, err = v.Attempts(d.Seq)
		}
		return err
	})
	if err != nil || d == nil {
		w.t.Fatalf("delivery %s: %v, %v", id, d, err)
	}
	return d, tries
}

// project has the world's sink; nil: no sink.
func (w *world) project(sinks bool) *engine.Project {
	p := &engine.Project{Location: time.UTC, Sinks: map[string]*engine.Sink{}}
	if sinks {
		p.Sinks[address] = &engine.Sink{Address: address, Open: func(context.Context, connector.Env) (connector.Sink, error) { return receivers{w}, nil }}
	}
	return p
}

func (w *world) dispatcher() *dispatch.Dispatcher {
	d := dispatch.New(w.store, w.project(true))
	d.Holder, d.PollEvery = "a test", time.Hour
	return d
}

// run runs a dispatcher until the returned function is called.
func (w *world) run(d *dispatch.Dispatcher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// receivers are the world's sink.
type receivers struct{ w *world }

func (receivers) Traits() connector.Traits { return connector.Traits{Outbox: true} }

func (receivers) Write(context.Context, []record.Change) ([]connector.Outcome, error) {
	return nil, errors.New("nothing is written here")
}

func (receivers) Headers(connector.Message, int) []connector.Param { return nil }

func (r receivers) Receivers() []string {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return r.w.receivers
}

func (r receivers) Send(ctx context.Context, m connector.Message, attempt int) connector.Receipt {
	w := r.w
	w.mu.Lock()
	w.calls[m.Receiver] = append(w.calls[m.Receiver], call{time.Since(w.start), m.ID, attempt})
	answer := w.answer
	w.mu.Unlock()
	return answer(ctx, m, attempt)
}

func (w *world) got(receiver string) []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[receiver]
}

func refused(context.Context, connector.Message, int) connector.Receipt {
	return connector.Receipt{Code: 503, Words: "not now"}
}

// TestRetryTable follows the table of retries to the minute. A message that
// fails holds back those of its key, until it is given up, and no others.
func TestRetryTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "x")
		w.answer = func(ctx context.Context, m connector.Message, n int) connector.Receipt {
			if m.ID == "bad" {
				return refused(ctx, m, n)
			}
			return connector.Receipt{Delivered: true, Code: 200}
		}
		w.put("x", "k", "bad", "behind")
		w.put("x", "l", "other")
		stop := w.run(w.dispatcher())
		time.Sleep(100 * time.Hour)
		stop()
		h := time.Hour
		want := map[string][]call{
			"bad":    {{0, "bad", 1}, {h, "bad", 2}, {3 * h, "bad", 3}, {9 * h, "bad", 4}, {33 * h, "bad", 5}},
			"behind": {{33 * h, "behind", 1}},
			"other":  {{0, "other", 1}},
		}
		got := map[string][]call{}
		for _, c := range w.got("x") {
			got[c.ID] = append(got[c.ID], c)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		d, tries := w.delivery("bad")
		if d.Status != state.DeliveryFailed || d.Code != 503 || !d.Ended.Equal(w.start.Add(33*h)) || len(tries) != 5 || tries[4].Words != "not now" {
			t.Errorf("given up: %+v, %+v", d, tries)
		}
		// Put in again by hand, it has the whole table before it, and its history.
		w.answer = refused
		d.Status, d.Due, d.Ended, d.Tries = state.DeliveryPending, time.Now(), time.Time{}, 0
		w.update(func(tx state.Tx) error { return tx.SetDelivery(d) })
		stop = w.run(w.dispatcher())
		time.Sleep(100 * time.Hour)
		stop()
		if _, tries := w.delivery("bad"); len(tries) != 10 || tries[9].N != 10 {
			t.Errorf("attempts: %+v", tries)
		}
	})
}

// TestAskedToWait: who asks to be left alone for longer than the table has it is
// left alone, for a day at most; each attempt is told of.
func TestAskedToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "x")
		h := time.Hour
		asks := []time.Duration{5 * h, h, 1000 * h, 0, h}
		w.answer = func(_ context.Context, _ connector.Message, n int) connector.Receipt {
			return connector.Receipt{Code: 429, After: asks[n-1]}
		}
		w.put("x", "k", "a")
		d := w.dispatcher()
		var told []string
		d.Attempted = func(sink, receiver string, r connector.Receipt) {
			w.mu.Lock()
			defer w.mu.Unlock()
			told = append(told, fmt.Sprint(sink, " ", receiver, " ", r.Code))
		}
		stop := w.run(d)
		time.Sleep(200 * h)
		stop()
		want := []call{{0, "a", 1}, {5 * h, "a", 2}, {7 * h, "a", 3}, {31 * h, "a", 4}, {55 * h, "a", 5}}
		if diff := cmp.Diff(want, w.got("x")); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(slices.Repeat([]string{address + " x 429"}, 5), told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// TestGone: who never wants it again is not asked again.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "x")
		w.answer = func(context.Context, connector.Message, int) connector.Receipt {
			return connector.Receipt{Code: 410, Final: true}
		}
		w.put("x", "k", "a")
		stop := w.run(w.dispatcher())
		time.Sleep(100 * time.Hour)
		stop()
		if d, _ := w.delivery("a"); d.Status != state.DeliveryFailed || len(w.got("x")) != 1 {
			t.Errorf("%+v after %v", d, w.got("x"))
		}
	})
}

// TestSlowReceiver: one that does not answer does not hold up another.
func TestSlowReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "slow", "x")
		w.answer = func(ctx context.Context, m connector.Message, _ int) connector.Receipt {
			if m.Receiver == "slow" {
				time.Sleep(time.Hour)
			}
			return connector.Receipt{Delivered: true}
		}
		for i := range 50 {
			w.put("slow", record.Key(fmt.Sprint(i)), fmt.Sprintf("s%d", i))
			w.put("x", record.Key(fmt.Sprint(i)), fmt.Sprintf("x%d", i))
		}
		stop := w.run(w.dispatcher())
		time.Sleep(time.Minute)
		if n, slow := len(w.got("x")), len(w.got("slow")); n != 50 || slow == 0 || slow > 10 {
			t.Errorf("%d sent, and %d to the slow one", n, slow)
		}
		time.Sleep(50 * time.Hour)
		stop()
		if n := len(w.got("slow")); n != 50 {
			t.Errorf("%d sent to the slow one", n)
		}
	})
}

// TestOneAtATime: two dispatchers on one state send nothing twice, and the
// second goes on when the first has stopped.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "x")
		stop := w.run(w.dispatcher())
		synctest.Wait()
		other := w.dispatcher()
		stopOther := w.run(other)
		if err := w.dispatcher().Drain(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		w.put("x", "k", "a")
		time.Sleep(2 * time.Hour)
		stop()
		w.put("x", "k", "b")
		time.Sleep(2 * time.Hour)
		stopOther()
		if calls := w.got("x"); len(calls) != 2 || calls[0].ID != "a" || calls[1].ID != "b" {
			t.Errorf("calls %+v", calls)
		}
	})
}

// TestRemovedReceiver: its messages are stopped at once, with their history.
func TestRemovedReceiver(t *testing.T) {
	for _, whole := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "x", "y")
			w.answer = refused
			w.put("x", "k", "a", "b")
			d := w.dispatcher()
			stop := w.run(d)
			time.Sleep(time.Minute)
			w.mu.Lock()
			w.receivers = []string{"y"}
			w.mu.Unlock()
			d.Reload(w.project(!whole))
			synctest.Wait()
			stop()
			first, tries := w.delivery("a")
			second, _ := w.delivery("b")
			if first.Status != state.DeliveryStopped || second.Status != state.DeliveryStopped || len(tries) != 1 || len(w.got("x")) != 1 {
				t.Errorf("%+v, %+v, %v", first, second, w.got("x"))
			}
		})
	}
}

// TestDrain sends what is due once, and ends in time though a receiver hangs.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "x", "hangs", "refuses")
		w.answer = func(ctx context.Context, m connector.Message, n int) connector.Receipt {
			switch m.Receiver {
			case "hangs":
				<-ctx.Done()
				return connector.Receipt{Unsent: true}
			case "refuses":
				return refused(ctx, m, n)
			}
			return connector.Receipt{Delivered: true}
		}
		for i := range 20 {
			w.put("x", "k", fmt.Sprintf("x%d", i))
		}
		w.put("refuses", "k", "r1", "r2")
		if err := w.dispatcher().Drain(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(w.start); took != 0 || len(w.got("x")) != 20 || len(w.got("refuses")) != 1 {
			t.Errorf("%v, %d to x, %v", took, len(w.got("x")), w.got("refuses"))
		}
		w.put("hangs", "k", "h")
		if err := w.dispatcher().Drain(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(w.start); took < time.Minute || took > 2*time.Minute {
			t.Errorf("it took %v", took)
		}
		if d, tries := w.delivery("h"); d.Status != state.DeliveryPending || len(tries) != 0 {
			t.Errorf("%+v, %+v", d, tries)
		}
	})
}

// failingStore can't remember for a while.
type failingStore struct {
	state.Store
	mu   sync.Mutex
	left int
}

func (s *failingStore) Update(ctx context.Context, fn func(state.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left > 0 {
		s.left--
		return errors.New("the disk is full")
	}
	return s.Store.Update(ctx, fn)
}

// TestUnremembered: while outcomes can't be stored nothing is sent, and what was
// sent is not sent again.
func TestUnremembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "x")
		w.put("x", "k", "a", "b")
		store := &failingStore{Store: w.store, left: 5}
		d := dispatch.New(store, w.project(true))
		stop := w.run(d)
		time.Sleep(time.Hour)
		stop()
		if calls := w.got("x"); len(calls) != 2 || calls[0].ID != "a" || calls[1].ID != "b" || store.left != 0 {
			t.Errorf("calls %+v, %d", calls, store.left)
		}
	})
}
