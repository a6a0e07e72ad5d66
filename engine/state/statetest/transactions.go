package statetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
	"koppel/engine/state"
)

func testTransactions(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	putItems(t, s, id, someItems()[:1])
	stop := errors.New("stop")
	err := s.Update(t.Context(), func(tx state.Tx) error {
		for _, err := range []error{
			tx.PutItem(id, &state.Item{Key: "new"}),
			tx.PutOpen(id, &state.Open{Key: "new"}),
			tx.DropItem(id, someItems()[0].Key),
		} {
			if err != nil {
				return err
			}
		}
		if it, err := tx.Item(id, "new"); it == nil || err != nil {
			t.Errorf("a transaction does not see its own item: %v", err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("Update = %v, want the function's error", err)
	}
	checkItems(t, s, id, someItems()[:1])

	func() {
		defer func() {
			if recover() == nil {
				t.Error("Update swallowed a panic")
			}
		}()
		_ = s.Update(t.Context(), func(tx state.Tx) error {
			if err := tx.DropPipeline(id); err != nil {
				return err
			}
			panic("stop")
		})
	}()
	checkItems(t, s, id, someItems()[:1])

	err = s.Update(t.Context(), func(tx state.Tx) error {
		_, _ = tx.PutPipeline(state.Pipeline{Address: "pipeline.p"}) // taken
		return tx.DropItem(id, someItems()[0].Key)
	})
	if err == nil {
		t.Error("Update returned nil though a write in it failed")
	}
	checkItems(t, s, id, someItems()[:1])
}

func testSnapshots(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	items := someItems()
	putItems(t, s, id, items)
	view(t, s, func(v state.View) error {
		next, stop := iter.Pull2(v.Items(id, ""))
		defer stop()
		if _, err, ok := next(); err != nil || !ok {
			return fmt.Errorf("first item: %v, %w", ok, err)
		}
		for range 3 {
			update(t, s, func(tx state.Tx) error {
				for _, it := range items[1:] {
					if err := tx.DropItem(id, it.Key); err != nil {
						return err
					}
				}
				return nil
			})
			// Views inside a View, more than any pool keeps.
			if err := nested(t, s, 12, func(v state.View) error {
				n := 0
				for _, err := range v.ItemsLight(id) {
					if err != nil {
						return err
					}
					n++
				}
				if n != 1 {
					t.Errorf("a later View sees %d items, want 1", n)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		seen := 1
		for it, err, ok := next(); ok; it, err, ok = next() {
			if err != nil {
				return err
			}
			if diff := cmp.Diff(items[seen], *it); diff != "" {
				t.Errorf("snapshot, item %d (-want +got):\n%s", seen, diff)
			}
			seen++
		}
		if seen != len(items) {
			t.Errorf("the snapshot lost items: %d, want %d", seen, len(items))
		}
		return nil
	})
}

// nested runs fn in the innermost of n Views.
func nested(t failer, s state.Store, n int, fn func(state.View) error) error {
	return s.View(ctx(t), func(v state.View) error {
		if n == 1 {
			return fn(v)
		}
		return nested(t, s, n-1, fn)
	})
}

func testIteration(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	items := someItems()
	putItems(t, s, id, items)
	var kept state.View
	var next func() (*state.Item, error, bool)
	view(t, s, func(v state.View) error {
		pairs := 0
		for _, err := range v.ItemsLight(id) {
			if err != nil {
				return err
			}
			for _, err := range v.ItemsLight(id) {
				if err != nil {
					return err
				}
				pairs++
			}
		}
		if want := len(items) * len(items); pairs != want {
			t.Errorf("nested iteration gave %d pairs, want %d", pairs, want)
		}
		for range v.Items(id, "") {
			break
		}
		kept = v
		var stop func()
		next, stop = iter.Pull2(v.Items(id, ""))
		t.Cleanup(stop)
		_, err, _ := next()
		return err
	})
	if _, err, ok := next(); ok && err == nil {
		t.Error("an iterator goes on after its View")
	}
	if _, err := kept.Pipelines(); err == nil {
		t.Error("a View can be used after its function")
	}
	var keys []record.Key
	update(t, s, func(tx state.Tx) error {
		for it, err := range tx.Items(id, "") {
			if err != nil {
				return err
			}
			keys = append(keys, it.Key)
			if err := tx.DropItem(id, it.Key); err != nil {
				return err
			}
		}
		return nil
	})
	for i, it := range items {
		if i >= len(keys) || keys[i] != it.Key {
			t.Fatalf("keys seen while dropping: %q", keys)
		}
	}
	checkItems(t, s, id, nil)
}

// testConcurrency counts with several writers while readers look on: no count
// is lost, and no reader sees a half transaction.
func testConcurrency(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	const writers, rounds = 4, 25
	counter := func(tx state.Tx, key record.Key) error {
		it, err := tx.Item(id, key)
		if err != nil {
			return err
		}
		if it == nil {
			it = &state.Item{Key: key}
		}
		it.Run++
		return tx.PutItem(id, it)
	}
	errs := make(chan error, 2*writers)
	for range writers {
		go func() {
			var err error
			for range rounds {
				err = errors.Join(err, s.Update(t.Context(), func(tx state.Tx) error {
					return errors.Join(counter(tx, "a"), counter(tx, "b"))
				}))
			}
			errs <- err
		}()
		go func() {
			var err error
			for range rounds {
				err = errors.Join(err, s.View(t.Context(), func(v state.View) error { return equalRuns(v, id) }))
			}
			errs <- err
		}()
	}
	for range 2 * writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, it := range dump(t, s, id, 0).Items {
		if it.Run != writers*rounds {
			t.Errorf("item %s was counted %d times, want %d", it.Key, it.Run, writers*rounds)
		}
	}
}

// equalRuns checks that all items carry the same run.
func equalRuns(v state.View, id int64) error {
	items, err := collect(v.Items(id, ""), cloneItem)
	for _, it := range items {
		if it.Run != items[0].Run {
			return fmt.Errorf("a snapshot has items of the runs %d and %d", items[0].Run, it.Run)
		}
	}
	return err
}

func testCancel(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	items := someItems()
	putItems(t, s, id, items)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Update(stopped, func(state.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	if err := s.View(stopped, func(state.View) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v, want context.Canceled", err)
	}
	during, cancel := context.WithCancel(t.Context())
	err := s.Update(during, func(tx state.Tx) error {
		if err := tx.DropPipeline(id); err != nil {
			return err
		}
		cancel()
		return during.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	// A writer that waits for another one gives up with its context.
	waiting, cancel := context.WithCancel(t.Context())
	update(t, s, func(state.Tx) error {
		cancel()
		if err := s.Update(waiting, func(state.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting Update = %v, want context.Canceled", err)
		}
		return nil
	})
	checkItems(t, s, id, items)
}
