package sqlite

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"koppel/engine/state"
)

// powerless makes file permissions count for this test, also when root runs it.
func powerless(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if os.Geteuid() != 0 {
		return
	}
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
}

func TestFolderThatCantBeWritten(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // the test's folder has one of the test above it
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	opts := Options{Path: filepath.Join(dir, "a b?c", "state.db")}
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx state.Tx) error {
		_, err := tx.PutPipeline(state.Pipeline{Address: "pipeline.p"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{filepath.Dir(opts.Path): 0o555, opts.Path: 0o444} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := os.Chmod(filepath.Dir(opts.Path), 0o755); err != nil {
			t.Error(err)
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		powerless(t)
		reading := opts
		reading.ReadOnly = true
		if got := addresses(t, reading); !slices.Equal(got, []string{"pipeline.p"}) {
			t.Errorf("pipelines %q", got)
		}
		reading.Path = filepath.Join(filepath.Dir(opts.Path), "none.db")
		if got := addresses(t, reading); len(got) > 0 {
			t.Errorf("a state that is not there holds %q", got)
		}
		for _, path := range []string{opts.Path, reading.Path} {
			if _, err := Open(t.Context(), Options{Path: path}); err == nil || !strings.Contains(err.Error(), path+" can't be written; make") {
				t.Errorf("opening %s for writing: %v", path, err)
			}
		}
	}()
	<-done
}

// addresses reads the pipelines of a state, on two connections.
func addresses(t *testing.T, opts Options) (list []string) {
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Error(err)
		return nil
	}
	err = s.View(t.Context(), func(state.View) error {
		return s.View(t.Context(), func(v state.View) error {
			rows, err := v.Pipelines()
			for _, row := range rows {
				list = append(list, row.Address)
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return list
}
