// Package statetest holds the tests that every state.Store passes.
package statetest

import (
	"bytes"
	"iter"
	"testing"
	"time"

	"koppel/engine/record"
	"koppel/engine/state"
)

// Exercise runs the tests. open opens the state that belongs to t: an empty
// one at first, and after a Close the same one again. It ends the test when
// that fails.
func Exercise(t *testing.T, open func(t *testing.T) state.Store) {
	for _, area := range []struct {
		name string
		test func(*testing.T, opener)
	}{
		{"addresses", testAddresses},
		{"drop", testDrop},
		{"items", testItems},
		{"items of a source record", testItemsOf},
		{"large items", testLargeItems},
		{"open keys", testOpen},
		{"flights", testFlights},
		{"deliveries", testDeliveries},
		{"ends of deliveries", testDeliveryEnds},
		{"order of deliveries", testDeliveryOrder},
		{"parts", testParts},
		{"mirror", testMirror},
		{"tombstones", testTombstones},
		{"changes", testChanges},
		{"deleted birth", testDeletedBirth},
		{"deletes", testDeletes},
		{"runs", testRuns},
		{"plans", testPlans},
		{"prune", testPrune},
		{"held reads", testHeldReads},
		{"tokens", testTokens},
		{"erase", testErase},
		{"transactions", testTransactions},
		{"snapshots", testSnapshots},
		{"iteration", testIteration},
		{"concurrency", testConcurrency},
		{"cancel", testCancel},
		{"locks", testLocks},
		{"lock waits", testLockWaits},
		{"seal", testSeal},
		{"rekey", testRekey},
		{"transfer", testTransfer},
		{"damaged import", testDamagedImport},
		{"backup", testBackup},
		{"model", testModel},
	} {
		t.Run(area.name, func(t *testing.T) { area.test(t, open) })
	}
}

type opener func(*testing.T) state.Store

// start opens a state that is closed when the test ends.
func (o opener) start(t *testing.T) state.Store {
	t.Helper()
	s := o(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// failer is what the tests need of testing.T and rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// update runs fn in a transaction that must succeed.
func update(t failer, s state.Store, fn func(tx state.Tx) error) {
	t.Helper()
	if err := s.Update(ctx(t), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// view runs fn on a snapshot, and fn must succeed.
func view(t failer, s state.Store, fn func(v state.View) error) {
	t.Helper()
	if err := s.View(ctx(t), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// collect gives copies of what an iterator yields.
func collect[T any](seq iter.Seq2[*T, error], clone func(T) T) ([]T, error) {
	var all []T
	for row, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, clone(*row))
	}
	return all, nil
}

func cloneItem(it state.Item) state.Item {
	it.Answer, it.Body = bytes.Clone(it.Answer), bytes.Clone(it.Body)
	return it
}

func cloneOpen(o state.Open) state.Open {
	o.After = bytes.Clone(o.After)
	return o
}

func cloneMirror(r state.MirrorRow) state.MirrorRow {
	r.Body = bytes.Clone(r.Body)
	return r
}

func cloneChange(c state.Change) state.Change {
	c.Before, c.After = bytes.Clone(c.Before), bytes.Clone(c.After)
	return c
}

func cloneRun(r state.Run) state.Run {
	r.Counts, r.Problems = bytes.Clone(r.Counts), bytes.Clone(r.Problems)
	return r
}

// hash gives a hash of which every byte is different.
func hash(first byte) (h record.Hash) {
	for i := range h {
		h[i] = first + byte(i)*7
	}
	return h
}

// at gives a time that every back end keeps whole.
func at(minutes int) time.Time {
	return time.Date(2026, 3, 29, 0, minutes, 0, 123e6, time.UTC)
}

// pipeline puts a pipeline and gives its id.
func pipeline(t failer, s state.Store, address string) (id int64) {
	t.Helper()
	update(t, s, func(tx state.Tx) (err error) {
		id, err = tx.PutPipeline(state.Pipeline{Address: address})
		return err
	})
	return id
}

// source puts a source and gives its id.
func source(t failer, s state.Store, address string) (id int64) {
	t.Helper()
	update(t, s, func(tx state.Tx) (err error) {
		id, err = tx.PutSource(state.Source{Address: address})
		return err
	})
	return id
}
