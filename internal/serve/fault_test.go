package serve

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

// check lets time pass and compares the runs with those that are wanted.
func (w *world) check(until string, want ...string) {
	w.t.Helper()
	w.until(until)
	if diff := cmp.Diff(want, w.ran()); diff != "" {
		w.t.Fatalf("until %s (-want +got):\n%s\n%s", until, diff, w.logged())
	}
}

func (w *world) logs(text string, times int) {
	w.t.Helper()
	if n := strings.Count(w.logged(), text); n != times {
		w.t.Errorf("the log says %q %d times, not %d:\n%s", text, n, times, w.logged())
	}
}

// restart ends the service and starts another on the same state.
func (w *world) restart(standstill time.Duration) {
	w.t.Helper()
	w.stop()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(standstill)
	w.openState()
	w.start()
}

func TestMissedWhileNobodyServed(t *testing.T) {
	for _, c := range []struct {
		missed string
		want   []string
	}{
		{"run_once", []string{"10:20:00 a missed"}},
		{"skip", nil},
	} {
		t.Run(c.missed, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, monday, pipe("a", "0s", cronAt("0 * * * *", `missed = "`+c.missed+`"`)))
				w.start()
				w.check("2026-03-02T06:20:00Z", "06:00:00 a schedule")
				w.restart(4 * time.Hour)
				w.check("2026-03-02T10:30:00Z", c.want...)
				w.check("2026-03-02T11:30:00Z", "11:00:00 a schedule")
				w.restart(0)
				w.check("2026-03-02T11:40:00Z")
			})
		})
	}
}

// A run that the end of the process cut off is made again after the start.
func TestStoppedRunIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, pipe("a", "10m", cronAt("0 6 * * *", "")))
		w.start()
		w.until("2026-03-02T06:05:00Z")
		w.stop()
		if got := w.ran(); len(got) != 1 || !strings.HasPrefix(got[0], "06:00:00 a schedule (") {
			t.Fatalf("the run that was stopped: %q", got)
		}
		w.restart(time.Minute)
		w.check("2026-03-02T07:00:00Z", "06:06:00 a missed")
	})
}

// A pipeline that somebody runs by hand is waited for, and said so once.
func TestLockedByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, pipe("a", "0s", cronAt("0 6,7 * * *", "")))
		w.start()
		w.until("2026-03-02T05:50:00Z")
		unlock, err := w.store.Lock(t.Context(), []string{"pipeline.a"}, 0, "koppel run (pid 7)")
		if err != nil {
			t.Fatal(err)
		}
		w.check("2026-03-02T07:30:00Z")
		if why := w.why("a"); why != "pipeline.a is locked by koppel run (pid 7)" {
			t.Errorf("it waits because %q", why)
		}
		w.logs("a run can't begin yet", 1)
		unlock()
		w.until("2026-03-02T07:31:00Z")
		if got := w.ran(); len(got) != 1 {
			t.Errorf("after the lock was free: %q", got)
		}
		w.check("2026-03-02T10:00:00Z")
	})
}

func TestSecondServiceIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, pipe("a", "0s", ""))
		w.start()
		p, err := w.load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		other, err := New(Options{Project: p, Store: w.store})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "serve is locked by the service") {
			t.Errorf("a second service: %v", err)
		}
	})
}

func TestClockJumps(t *testing.T) {
	for _, c := range []struct {
		name  string
		jump  time.Duration
		until string // after it, by the new clock
		want  []string
		then  string
		later []string
	}{
		{"forward", 50 * time.Hour, "2026-03-04T08:35:00Z", []string{"08:31:00 a missed"}, "2026-03-04T09:10:00Z", []string{"09:00:00 a schedule"}},
		{"years forward", 20 * 365 * 24 * time.Hour, "2046-02-25T06:35:00Z", []string{"06:31:00 a missed"}, "2046-02-25T07:10:00Z", []string{"07:00:00 a schedule"}},
		{"back", -50 * time.Hour, "2026-02-28T04:35:00Z", nil, "2026-02-28T05:10:00Z", []string{"05:00:00 a schedule"}},
		{"an hour back", -time.Hour, "2026-03-02T05:35:00Z", nil, "2026-03-02T06:10:00Z", []string{"06:00:00 a schedule"}},
		{"a little back", -20 * time.Second, "2026-03-02T06:35:00Z", nil, "2026-03-02T07:10:00Z", []string{"07:00:00 a schedule"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, monday, pipe("a", "0s", cronAt("0 * * * *", "")))
				w.start()
				w.check("2026-03-02T06:30:30Z", "06:00:00 a schedule")
				w.jump(c.jump)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				w.check(c.until, c.want...)
				w.check(c.then, c.later...)
			})
		})
	}
}

// A state that can't be written is told once, and waited for.
func TestStateFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, pipe("a", "0s", cronAt("0 6,9 * * *", "")))
		w.start()
		w.until("2026-03-02T05:50:00Z")
		full := &fullStore{Store: w.store}
		w.Service.mu.Lock()
		w.current.engine.Store = full
		w.Service.mu.Unlock()
		w.check("2026-03-02T06:30:00Z", "06:00:00 a schedule (database or disk is full)")
		w.logs("a run can't begin yet", 1)
		full.free()
		w.until("2026-03-02T06:31:00Z")
		if got := w.ran(); len(got) != 1 || !strings.HasSuffix(got[0], " a schedule") {
			t.Errorf("after there was room again: %q", got)
		}
		w.check("2026-03-02T08:00:00Z")
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, pipe("a", "30m", cronAt("0 6,9 * * *", "")))
		w.watch = true
		w.start()
		w.until("2026-03-02T06:10:00Z")
		w.write("pipeline {")
		w.until("2026-03-02T06:11:00Z")
		w.logs("the new configuration is refused", 1)
		if w.Status().Refused == nil {
			t.Error("the status does not say that the configuration was refused")
		}
		w.write(pipe("b", "0s", cronAt("20 6 * * *", "")) + pipe("a", "5m", cronAt("0 6,8 * * *", "")))
		w.until("2026-03-02T06:12:00Z")
		w.logs("a new configuration is in force", 1)
		// The run that went on ends under the configuration that it began with.
		w.check("2026-03-02T07:00:00Z", "06:00:00 a schedule", "06:20:00 b schedule")
		w.write(pipe("b", "0s", cronAt("20 6 * * *", "")))
		w.check("2026-03-02T10:00:00Z")
		w.logs("a new configuration is in force", 2)
	})
}

func TestReloadNeedsTheSameState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, pipe("a", "0s", ""))
		w.start()
		for _, more := range []string{
			"koppel {\n  state \"sqlite\" {\n    path = \"elsewhere.db\"\n  }\n}",
			"variable \"token\" {\n  default = \"x\"\n  sensitive = true\n}",
		} {
			w.write(pipe("a", "0s", "") + more)
			if err := w.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "restart koppel serve") {
				t.Errorf("with %s: %v", more, err)
			}
		}
	})
}

// What was triggered and fails is tried again, as no schedule does so; what is
// triggered meanwhile does not wait for that.
func TestTriggeredRunFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, strings.Replace(pipe("a", "0s", ""), "takes", "refuse = true\n  takes", 1)+
			pipe("b", "0s", cronAt("2 6 * * *", "")+"after = [pipeline.a]"))
		w.start()
		w.until("2026-03-02T06:00:00Z")
		w.Trigger("pipeline.a")
		why := " (read source.slow.a: " + errRefused.Error() + ")"
		w.check("2026-03-02T06:04:00Z", "06:00:00 a trigger"+why, "06:01:00 a retry"+why, "06:02:00 b schedule", "06:03:00 a retry"+why)
		w.write(pipe("a", "0s", ""))
		if err := w.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Trigger("pipeline.a")
		w.check("2026-03-02T12:00:00Z", "06:04:00 a trigger")
	})
}

// A fullStore is a state that can't be written until there is room.
type fullStore struct {
	*sqlite.Store
	mu   sync.Mutex
	room bool
}

// Update fails while there is no room.
func (s *fullStore) Update(ctx context.Context, fn func(state.Tx) error) error {
	s.mu.Lock()
	room := s.room
	s.mu.Unlock()
	if !room {
		return errors.New("database or disk is full")
	}
	return s.Store.Update(ctx, fn)
}

func (s *fullStore) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = true
}
