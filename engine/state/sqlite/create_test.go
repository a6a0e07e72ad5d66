package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/engine/state"
)

// TestEmptyFileIsNoNewState: a state that lost its content is not taken for one
// that never had any, and what a crash leaves while a state is made is in
// nobody's way.
func TestEmptyFileIsNoNewState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path+newMark+"1", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(path + "*")
	if err != nil || len(names) != 1 {
		t.Errorf("files %q, %v", names, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state has mode %v, %v", info.Mode(), err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	for _, ro := range []bool{true, false} {
		_, err := Open(t.Context(), Options{Path: path, ReadOnly: ro})
		if !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), path+" has no content") {
			t.Errorf("read only %t: %v", ro, err)
		}
	}
}
