package engine_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/engine/record"
	"koppel/engine/state/sqlite"
)

// A crash is the moment at which a process dies, with what is on disk then.
// The process of the test goes on; what it does after that moment is undone.
type crash struct {
	at    int  // calls of Write up to then
	early bool // the state is the one at the beginning of that call
	after int  // changes of that call that the target took; less than 0: all

	file string // where the state is copied to
	copy func(path string) error
	err  error
	rows map[string]string
	keys map[string]record.Key
}

// writing is told of each call of Write, and of each change in it.
func (c *crash) writing(w *world, changes int, begins bool) {
	if c == nil || c.at <= 0 {
		return
	}
	if begins && c.early && c.at == 1 && changes == 0 {
		c.err = c.copy(c.file)
	}
	if c.at == 1 && (changes == c.after || !begins) && c.rows == nil {
		c.rows, c.keys = maps.Clone(w.rows), maps.Clone(w.keys)
	}
	if !begins {
		if c.at--; c.at == 0 && !c.early {
			c.err = c.copy(c.file)
		}
	}
}

// arm makes the next run, or what comes in its place, one that dies.
func (s *stage) arm(c *crash) {
	s.files++
	c.file = filepath.Join(s.dir, fmt.Sprintf("crash-%d.db", s.files))
	c.copy = func(path string) error { return s.store.Backup(context.Background(), path) }
	s.crash = c
}

// die puts back what was on disk when the process died. false: it did not get
// that far.
func (s *stage) die() bool {
	s.t.Helper()
	c := s.crash
	s.crash = nil
	if c.err != nil {
		s.t.Fatalf("copy the state: %v", c.err)
	}
	if c.at > 0 {
		os.Remove(c.file)
		return false
	}
	if err := s.store.Close(); err != nil {
		s.t.Fatalf("close the state: %v", err)
	}
	path := filepath.Join(s.dir, "state.db")
	for _, end := range []string{"-wal", "-shm"} {
		os.Remove(path + end)
	}
	if err := os.Rename(c.file, path); err != nil {
		s.t.Fatalf("put the state back: %v", err)
	}
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Now: s.eng.Now})
	if err != nil {
		s.t.Fatalf("open the state: %v", err)
	}
	s.store, s.eng.Store = store, store
	s.rows, s.keys = c.rows, c.keys
	s.t.Logf("died: target %v", showRows(s.rows))
	return true
}

func anyCrash(t *rapid.T) *crash {
	return &crash{at: rapid.IntRange(1, 5).Draw(t, "crash at"), early: rapid.Bool().Draw(t, "early"), after: rapid.IntRange(-1, 3).Draw(t, "after")}
}

// resume goes on with the plan that was cut off.
func (s *stage) resume() {
	s.t.Helper()
	res, err := s.eng.Apply(context.Background(), filepath.Join(s.dir, "a.plan"))
	if err != nil {
		s.t.Fatalf("resume: %v", err)
	}
	s.now = s.now.Add(1e9)
	one := &res.Pipelines[0]
	s.t.Logf("resume: %s, %s; err %v, problems %v", one.Status, counts(one.Counts), one.Err, one.Problems)
}

// crashed runs until the process dies.
func (s *stage) crashed(c *crash, saved bool) bool {
	s.t.Helper()
	s.arm(c)
	if saved {
		s.saved()
	} else {
		s.run(engine.Options{})
	}
	return s.die()
}
