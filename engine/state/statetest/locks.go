package statetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"koppel/engine/state"
)

func testLocks(t *testing.T, open opener) {
	s := open.start(t)
	lock := func(names ...string) (func(), error) {
		return s.Lock(t.Context(), names, 0, "process 7 on host example.com, run 12")
	}
	refused := func(want string, names ...string) {
		t.Helper()
		_, err := lock(names...)
		var busy *state.LockedError
		if !errors.As(err, &busy) {
			t.Fatalf("Lock %q = %v, want a *state.LockedError", names, err)
		}
		if busy.Name != want || busy.Holder != "process 7 on host example.com, run 12" {
			t.Errorf("Lock %q says %+v, want the name %s and the holder", names, busy, want)
		}
	}
	unlock, err := lock(`pipeline.a["é/.."]`, "b", "b")
	if err != nil {
		t.Fatal(err)
	}
	refused(`pipeline.a["é/.."]`, `pipeline.a["é/.."]`)
	// All or none: c and a were free and stay so.
	refused("b", "c", "b", "a")
	other, err := lock("c", "a")
	if err != nil {
		t.Fatalf("locks of a refused call are not free: %v", err)
	}
	other()
	unlock()
	unlock()
	again, err := lock("b")
	if err != nil {
		t.Fatal(err)
	}
	unlock() // of the earlier call: frees nothing
	refused("b", "b")
	again()
	none, err := lock()
	if err != nil {
		t.Fatal(err)
	}
	none()
}

func testLockWaits(t *testing.T, open opener) {
	s := open.start(t)
	unlock, err := s.Lock(t.Context(), []string{"a"}, 0, "first")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Lock(short, []string{"a"}, time.Hour, "second"); !errors.Is(err, context.Canceled) {
		t.Errorf("Lock = %v, want context.Canceled", err)
	}
	if _, err := s.Lock(t.Context(), []string{"a"}, time.Millisecond, "second"); err == nil {
		t.Error("Lock gave a held lock")
	}
	type result struct {
		unlock func()
		err    error
	}
	got := make(chan result)
	go func() {
		u, err := s.Lock(t.Context(), []string{"a"}, time.Hour, "third")
		got <- result{u, err}
	}()
	unlock()
	r := <-got
	if r.err != nil {
		t.Fatalf("Lock after the holder's unlock: %v", r.err)
	}
	r.unlock()
}
