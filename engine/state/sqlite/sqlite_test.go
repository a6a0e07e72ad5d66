package sqlite_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"koppel/engine/state"
	"koppel/engine/state/sqlite"
	"koppel/engine/state/statetest"
)

// folders gives each test one folder, also when it opens its state again.
type folders struct{ byTest sync.Map }

func (f *folders) path(t *testing.T) string {
	if dir, ok := f.byTest.Load(t.Name()); ok {
		return filepath.Join(dir.(string), "state.db")
	}
	dir := t.TempDir()
	f.byTest.Store(t.Name(), dir)
	return filepath.Join(dir, "state.db")
}

func TestExercise(t *testing.T) {
	for _, c := range []struct {
		name string
		opts sqlite.Options
		open func(context.Context, sqlite.Options) (*sqlite.Store, error)
	}{
		{"clear", sqlite.Options{}, sqlite.Open},
		{"sealed, items move", sqlite.Options{Seal: true}, sqlite.OpenSmall},
	} {
		t.Run(c.name, func(t *testing.T) {
			var dirs folders
			statetest.Exercise(t, func(t *testing.T) state.Store {
				t.Helper()
				opts := c.opts
				opts.Path = dirs.path(t)
				s, err := c.open(t.Context(), opts)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

// open opens a state that the test must close.
func open(t testing.TB, opts sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
