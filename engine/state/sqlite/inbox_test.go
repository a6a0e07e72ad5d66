package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

func then() time.Time { return time.UnixMilli(1_700_000_000_000) }

func event(id, body string) state.Event {
	return state.Event{ID: id, At: then(), Body: []byte(body)}
}

func put(t testing.TB, s *sqlite.Store, source string, events ...state.Event) []bool {
	t.Helper()
	fresh, err := s.Inbox().Put(t.Context(), source, events)
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func bodies(t testing.TB, s *sqlite.Store, source string, after uint64) (list []string, last uint64) {
	t.Helper()
	err := s.Inbox().Since(t.Context(), source, after, func(e *state.Event) error {
		if e.Seq <= last {
			t.Errorf("sequence %d follows %d", e.Seq, last)
		}
		list, last = append(list, string(e.Body)), e.Seq
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, last
}

func same(t testing.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What was put is there once, in order, whatever the id was before and whoever
// reads; what was taken is gone, and its id is known.
func TestInbox(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		t.Run(fmt.Sprintf("sealed %v", sealed), func(t *testing.T) {
			opts := sqlite.Options{Now: then, Path: filepath.Join(t.TempDir(), "state.db"), Seal: sealed}
			s := open(t, opts)
			if id, _, err := s.Inbox().ID(t.Context()); id != "" || err != nil {
				t.Fatalf("an inbox that was never used has the id %q (%v)", id, err)
			}
			same(t, []bool{true, false, true}, put(t, s, "a", event("1", `{"n":1}`), event("1", `{"n":0}`), event("2", `{"n":2}`)))
			same(t, []bool{true, false}, put(t, s, "b", event("1", `{"n":9}`), event("1", `{}`)))
			same(t, []bool{false, true}, put(t, s, "a", event("2", `{"n":0}`), event("3", `{"n":3}`)))
			list, last := bodies(t, s, "a", 0)
			same(t, []string{`{"n":1}`, `{"n":2}`, `{"n":3}`}, list)
			if err := s.Inbox().Take(t.Context(), "a", last-1); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(sqlite.InboxPath(opts.Path))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(raw), `{"n":3}`) == sealed {
				t.Errorf("the file shows the body: %v; sealed: %v", !sealed, sealed)
			}
			s = open(t, opts)
			defer s.Close()
			list, _ = bodies(t, s, "a", 0)
			same(t, []string{`{"n":3}`}, list)
			same(t, []bool{false}, put(t, s, "a", event("1", `{"n":0}`)))
			counts, err := s.Inbox().Counts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if c := counts["a"]; c.Waiting != 1 || c.IDs != 3 || c.Taken != last-1 {
				t.Errorf("counts %+v", c)
			}
		})
	}
}

// Calls at the same time share commits, and each learns what became of its own.
func TestInboxTogether(t *testing.T) {
	s := open(t, sqlite.Options{Now: then, Path: filepath.Join(t.TempDir(), "state.db")})
	defer s.Close()
	const callers, each = 16, 50
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh := 0
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				// Every event is sent by two callers.
				got, err := s.Inbox().Put(t.Context(), "a", []state.Event{event(fmt.Sprint(c/2, "-", i), `{}`)})
				if err != nil {
					t.Error(err)
					return
				}
				if got[0] {
					mu.Lock()
					fresh++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	list, _ := bodies(t, s, "a", 0)
	if want := callers / 2 * each; fresh != want || len(list) != want {
		t.Errorf("%d were fresh and %d are there, want %d", fresh, len(list), want)
	}
}

// An id is forgotten after thirty days, and not before.
func TestInboxForgetsIDs(t *testing.T) {
	now := then()
	s := open(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "state.db"), Now: func() time.Time { return now }})
	defer s.Close()
	at := func(id string) state.Event { return state.Event{ID: id, At: now, Body: []byte(`{}`)} }
	put(t, s, "a", at("1"))
	now = now.Add(state.KeptIDs)
	same(t, []bool{false}, put(t, s, "a", at("1")))
	now = now.Add(2 * time.Hour)
	put(t, s, "a", at("2"))
	same(t, []bool{true}, put(t, s, "a", at("1")))
}

// An inbox of another state, or of a later version, is refused and left as it is.
func TestInboxRefuses(t *testing.T) {
	dir := t.TempDir()
	opts := sqlite.Options{Now: then, Path: filepath.Join(dir, "state.db"), Seal: true}
	s := open(t, opts)
	put(t, s, "a", event("1", `{"n":1}`))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := sqlite.Options{Now: then, Path: filepath.Join(dir, "other", "state.db"), Seal: true}
	o := open(t, other)
	if err := os.Rename(sqlite.InboxPath(opts.Path), sqlite.InboxPath(other.Path)); err != nil {
		t.Fatal(err)
	}
	_, err := o.Inbox().Put(t.Context(), "a", []state.Event{event("2", `{}`)})
	if !errors.Is(err, state.ErrKey) {
		t.Errorf("an inbox of another state: %v", err)
	}
	for name, content := range map[string]string{"text": "no database at all, but long enough to be read as one: " + strings.Repeat("x", 200), "nothing": ""} {
		if err := os.WriteFile(sqlite.InboxPath(other.Path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := o.Inbox().Put(t.Context(), "a", []state.Event{event("2", `{}`)})
		if !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), "state.inbox.db") {
			t.Errorf("%s: %v", name, err)
		}
		if got, _ := os.ReadFile(sqlite.InboxPath(other.Path)); string(got) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

// A file that is taken away while it is in use is made anew: nothing is written
// where nobody finds it.
func TestInboxTakenAway(t *testing.T) {
	opts := sqlite.Options{Now: then, Path: filepath.Join(t.TempDir(), "state.db")}
	s := open(t, opts)
	defer s.Close()
	put(t, s, "a", event("1", `{"n":1}`))
	was, _, err := s.Inbox().ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(sqlite.InboxPath(opts.Path) + end); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "a", event("2", `{"n":2}`))
	list, _ := bodies(t, s, "a", 0)
	same(t, []string{`{"n":2}`}, list)
	if is, _, _ := s.Inbox().ID(t.Context()); is == was {
		t.Error("the new inbox has the id of the old one")
	}
}

// A state that is sealed later, or under a new key, keeps its inbox; other
// processes that have it open go on.
func TestInboxRekey(t *testing.T) {
	ctx := context.Background()
	opts := sqlite.Options{Now: then, Path: filepath.Join(t.TempDir(), "state.db")}
	s := open(t, opts)
	put(t, s, "a", event("1", `{"secret":"canary"}`))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opts.Seal = true
	s, serve := open(t, opts), open(t, opts)
	defer s.Close()
	defer serve.Close()
	put(t, serve, "a", event("2", `{"n":2}`))
	if err := s.Rekey(ctx, nil); err != nil {
		t.Fatal(err)
	}
	put(t, serve, "a", event("3", `{"n":3}`))
	list, _ := bodies(t, s, "a", 0)
	same(t, []string{`{"secret":"canary"}`, `{"n":2}`, `{"n":3}`}, list)
	for _, end := range []string{"", "-wal"} {
		raw, err := os.ReadFile(sqlite.InboxPath(opts.Path) + end)
		if err == nil && strings.Contains(string(raw), "canary") {
			t.Errorf("the body is clear in %s", filepath.Base(sqlite.InboxPath(opts.Path)+end))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, opts)
	defer s.Close()
	list, _ = bodies(t, s, "a", 0)
	same(t, 3, len(list))
}

// A copy goes on behind everything that its state may have taken, and keeps what
// was not taken.
func TestInboxBackup(t *testing.T) {
	dir := t.TempDir()
	s := open(t, sqlite.Options{Now: then, Path: filepath.Join(dir, "state.db")})
	defer s.Close()
	put(t, s, "a", event("1", `{"n":1}`))
	copied := filepath.Join(dir, "copy", "state.db")
	if err := os.Mkdir(filepath.Dir(copied), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", event("2", `{"n":2}`))
	_, last := bodies(t, s, "a", 0)
	c := open(t, sqlite.Options{Now: then, Path: copied})
	defer c.Close()
	put(t, c, "a", event("3", `{"n":3}`))
	list, _ := bodies(t, c, "a", 0)
	same(t, []string{`{"n":1}`, `{"n":3}`}, list)
	list, _ = bodies(t, c, "a", last)
	same(t, []string{`{"n":3}`}, list)
}

// Events move with their source, and go with it.
func TestInboxMoves(t *testing.T) {
	ctx := t.Context()
	s := open(t, sqlite.Options{Now: then, Path: filepath.Join(t.TempDir(), "state.db")})
	defer s.Close()
	put(t, s, "old", event("1", `{"n":1}`), event("2", `{"n":2}`))
	put(t, s, "new", event("2", `{"n":3}`))
	if err := s.Inbox().Rename(ctx, "old", "new"); err != nil {
		t.Fatal(err)
	}
	list, _ := bodies(t, s, "new", 0)
	same(t, []string{`{"n":1}`, `{"n":2}`, `{"n":3}`}, list)
	same(t, []bool{false}, put(t, s, "new", event("1", `{}`)))
	err := s.Inbox().Erase(ctx, "new", func(e *state.Event) bool { return string(e.Body) == `{"n":2}` })
	if err != nil {
		t.Fatal(err)
	}
	list, _ = bodies(t, s, "new", 0)
	same(t, []string{`{"n":1}`, `{"n":3}`}, list)
	if err := s.Inbox().Drop(ctx, "new"); err != nil {
		t.Fatal(err)
	}
	list, _ = bodies(t, s, "new", 0)
	same(t, 0, len(list))
	same(t, []bool{true}, put(t, s, "new", event("1", `{}`)))
}
