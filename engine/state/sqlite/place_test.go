package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

// uses are the ways to use a state, each of which must refuse one that is not in
// its place.
func uses(t *testing.T, s *sqlite.Store) map[string]func() error {
	return map[string]func() error{
		"write": func() error { return s.Update(t.Context(), func(state.Tx) error { return nil }) },
		"read":  func() error { return s.View(t.Context(), func(state.View) error { return nil }) },
		"lock": func() error {
			unlock, err := s.Lock(t.Context(), []string{"a"}, 0, "a test")
			if err == nil {
				unlock()
			}
			return err
		},
		"deliver": func() error {
			_, err := s.Inbox().Put(t.Context(), "a", []state.Event{event("1", `{"n":1}`)})
			return err
		},
		"take": func() error { return s.Inbox().Since(t.Context(), "a", 0, func(*state.Event) error { return nil }) },
	}
}

// A state whose folder is moved away while it is in use takes nothing more, as
// nobody would find it, until the folder is back.
func TestMovedAway(t *testing.T) {
	dir := t.TempDir()
	folder, away := filepath.Join(dir, "state"), filepath.Join(dir, "away")
	s := open(t, sqlite.Options{Now: then, Path: filepath.Join(folder, "state.db")})
	defer s.Close()
	check := func(want string) {
		t.Helper()
		for name, use := range uses(t, s) {
			if err := use(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	check("")
	move(folder, away)
	check(filepath.Join(folder, "state.db") + " is not there any more; put it back")
	if _, err := os.Stat(folder); err == nil {
		t.Error("the folder was made anew")
	}
	other := open(t, sqlite.Options{Now: then, Path: filepath.Join(folder, "state.db")})
	check("is another file than the one that was opened; restart koppel")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	move(away, folder)
	check("")
}
