package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

// script runs SQL on a database file.
func script(t *testing.T, path, sql string) {
	t.Helper()
	c, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite|zombiezen.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqlitex.ExecuteScript(c, sql, nil), c.Close()); err != nil {
		t.Fatal(err)
	}
}

// filled makes a state with n items in a new folder and gives its path.
func filled(t testing.TB, n int, opts sqlite.Options) string {
	t.Helper()
	opts.Path = filepath.Join(t.TempDir(), "state.db")
	s := open(t, opts)
	fill(t, s, n, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return opts.Path
}

func countItems(t testing.TB, s state.Store) (n int) {
	t.Helper()
	err := s.View(t.Context(), func(v state.View) error {
		p, found, err := v.Pipeline("pipeline.p")
		if err != nil || !found {
			return err
		}
		for _, err := range v.Items(p.ID, "") {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(t *testing.T, path string)
		is     error
		saying string
	}{
		{"newer schema", func(t *testing.T, path string) { script(t, path, "PRAGMA user_version = 1000") }, state.ErrNewer, "schema is 1000"},
		{"another program's database", func(t *testing.T, path string) { script(t, path, "PRAGMA application_id = 7") }, nil, "another program"},
		{"unmarked database with tables", func(t *testing.T, path string) { script(t, path, "PRAGMA application_id = 0") }, nil, "another program"},
		{"no database", func(t *testing.T, path string) {
			write(t, path, []byte(strings.Repeat("no database\n", 1000)))
		}, state.ErrCorrupt, "damaged"},
		{"cut off", func(t *testing.T, path string) {
			if err := os.Truncate(path, 20_000); err != nil {
				t.Fatal(err)
			}
		}, state.ErrCorrupt, "damaged"},
		{"zeros", func(t *testing.T, path string) {
			b := read(t, path)
			clear(b[8192 : 8*8192])
			write(t, path, b)
		}, state.ErrCorrupt, "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filled(t, 1000, sqlite.Options{})
			c.spoil(t, path)
			before := read(t, path)
			for _, readOnly := range []bool{true, false} {
				s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, ReadOnly: readOnly})
				if err == nil {
					s.Close()
					t.Fatalf("Open (read only %v) gave no error", readOnly)
				}
				if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.saying) {
					t.Errorf("Open (read only %v) = %v; want %v, saying %q", readOnly, err, c.is, c.saying)
				}
			}
			if string(before) != string(read(t, path)) {
				t.Error("a refused file was changed")
			}
		})
	}
}

func TestReadOnlyMissing(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		path string
	}{
		{"no file", filepath.Join(dir, "none", "state.db")},
		{"no file in a folder", filepath.Join(dir, "state.db")},
	} {
		s := open(t, sqlite.Options{Path: c.path, ReadOnly: true, Seal: true})
		if n := countItems(t, s); n != 0 {
			t.Errorf("%s: %d items", c.name, n)
		}
		if !s.Sealed() {
			t.Errorf("%s: not sealed", c.name)
		}
		if err := s.Update(t.Context(), func(state.Tx) error { return nil }); err == nil {
			t.Errorf("%s: Update of a read-only state gave no error", c.name)
		}
		if _, err := s.Lock(t.Context(), []string{"a"}, 0, "me"); err == nil {
			t.Errorf("%s: Lock of a read-only state gave no error", c.name)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if names := names(t, dir); len(names) != 0 {
		t.Errorf("reading made files: %q", names)
	}
}

// TestSealMarkLost takes away what says that a state is sealed: its bytes must
// not pass for clear ones.
func TestSealMarkLost(t *testing.T) {
	for _, c := range []struct {
		sql  string
		seal bool
	}{
		{"DELETE FROM meta", true},
		{"PRAGMA application_id = 0x4b6f706c", true},
		{"PRAGMA application_id = 0x4b6f7053", false},
	} {
		path := filled(t, 3, sqlite.Options{Seal: c.seal})
		script(t, path, c.sql)
		for _, readOnly := range []bool{true, false} {
			if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, ReadOnly: readOnly}); !errors.Is(err, state.ErrCorrupt) {
				t.Errorf("%s: Open (read only %v) = %v, want state.ErrCorrupt", c.sql, readOnly, err)
			}
		}
	}
}

// TestReadOnlyBeside reads while another process's writer has uncheckpointed
// work, and after it is gone.
func TestReadOnlyBeside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	w := open(t, sqlite.Options{Path: path})
	fill(t, w, 10, 10)
	r := open(t, sqlite.Options{Path: path, ReadOnly: true})
	if n := countItems(t, r); n != 10 {
		t.Errorf("beside the writer: %d items, want 10", n)
	}
	fill2(t, w, 20)
	if n := countItems(t, r); n != 20 {
		t.Errorf("after a later transaction: %d items, want 20", n)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	r = open(t, sqlite.Options{Path: path, ReadOnly: true})
	if n := countItems(t, r); n != 20 {
		t.Errorf("after the writer: %d items, want 20", n)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("files left: %q", got)
	}
}

func fill2(t testing.TB, s state.Store, n int) {
	t.Helper()
	err := s.Update(t.Context(), func(tx state.Tx) error {
		p, _, err := tx.Pipeline("pipeline.p")
		if err != nil {
			return err
		}
		for i := range n {
			if err := tx.PutItem(p.ID, benchItem(i, 10)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s := open(t, sqlite.Options{Path: filepath.Join(dir, "state.db"), Seal: true})
	defer s.Close()
	fill(t, s, 1, 10)
	for _, name := range append(names(t, dir), ".") {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v: others can read it", name, info.Mode())
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestOpenThatIsStopped: whoever interrupts sees that, and no words of SQLite.
func TestOpenThatIsStopped(t *testing.T) {
	known := filled(t, 1, sqlite.Options{})
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for _, opts := range []sqlite.Options{{Path: known}, {Path: known, ReadOnly: true}, {Path: filepath.Join(t.TempDir(), "state.db")}} {
		s, err := sqlite.Open(stopped, opts)
		if err == nil {
			err = s.Close()
			t.Errorf("%+v: it was opened (%v)", opts, err)
			continue
		}
		if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "sqlite:") {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}
