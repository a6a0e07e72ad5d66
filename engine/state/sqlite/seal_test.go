package sqlite_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/engine/record"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

const canary = "canary-2f81c0"

// putCanary puts the canary into every place whose bytes are sealed, and
// removes half of it again, so that free pages hold it too.
func putCanary(t *testing.T, s state.Store) {
	t.Helper()
	text := []byte(strings.Repeat(canary+" ", 40))
	err := s.Update(t.Context(), func(tx state.Tx) error {
		id, err := tx.PutPipeline(state.Pipeline{Address: "pipeline.p"})
		if err != nil {
			return err
		}
		src, err := tx.PutSource(state.Source{Address: "source.s"})
		if err != nil {
			return err
		}
		run, err := tx.BeginRun(state.Run{Pipeline: id, Problems: []byte(`[{"key":"0","message":"` + canary + `"}]`)})
		if err != nil {
			return err
		}
		for i := range 200 {
			key := record.Key(string(rune('0' + i)))
			err := errors.Join(
				tx.PutItem(id, &state.Item{Key: key, Raw: record.Hash{1}, Mapped: record.Hash{2}, Answer: text, Body: text}),
				tx.PutOpen(id, &state.Open{Key: key, Note: string(text), After: text}),
				tx.PutChange(&state.Change{Pipeline: id, Key: key, Run: run, Before: text, After: text}),
				tx.PutMirror(src, &state.MirrorRow{Key: key, Body: text}),
			)
			if err != nil {
				return err
			}
		}
		return errors.Join(
			tx.PutPart(state.Part{Source: src, Cursor: text}),
			tx.PutHeldRead(state.HeldRead{Source: src, Note: string(text)}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx state.Tx) error {
		for i := 1; i < 200; i += 2 {
			if err := tx.DropItem(1, record.Key(string(rune('0'+i)))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// holding names the files under dir that hold text.
func holding(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && bytes.Contains(read(t, path), []byte(text)) {
			found = append(found, d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSealLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, sqlite.Options{Path: path})
	putCanary(t, s)
	plain := s.Hasher().Bytes([]byte("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if holding(t, filepath.Dir(path), canary) == nil {
		t.Fatal("a clear state does not hold the canary: this test tests nothing")
	}

	s = open(t, sqlite.Options{Path: path, Seal: true})
	if found := holding(t, filepath.Dir(path), canary); found != nil {
		t.Errorf("clear text is left in %q while the state is open", found)
	}
	if s.Hasher().Bytes([]byte("x")) == plain {
		t.Error("the hashes of a sealed state have no key")
	}
	checkCanary(t, s, true)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found := holding(t, filepath.Dir(path), canary); found != nil {
		t.Errorf("clear text is left in %q", found)
	}

	// Sealed once, sealed for ever; also what is written later.
	s = open(t, sqlite.Options{Path: path})
	if !s.Sealed() {
		t.Error("opened without Seal, the state is not sealed")
	}
	err := s.Update(t.Context(), func(tx state.Tx) error {
		return tx.PutItem(1, &state.Item{Key: "later", Body: []byte(canary)})
	})
	if err != nil {
		t.Fatal(err)
	}
	if found := holding(t, filepath.Dir(path), canary); found != nil {
		t.Errorf("clear text was written to %q", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func checkCanary(t *testing.T, s state.Store, forgotten bool) {
	t.Helper()
	err := s.View(t.Context(), func(v state.View) error {
		n := 0
		for it, err := range v.Items(1, "") {
			if err != nil {
				return err
			}
			if !bytes.Contains(it.Body, []byte(canary)) || !bytes.Contains(it.Answer, []byte(canary)) {
				t.Errorf("item %q lost its body", it.Key)
			}
			if zero := it.Mapped == (record.Hash{}) && it.Raw == (record.Hash{}); zero != forgotten {
				t.Errorf("item %q has the hashes %x, %x", it.Key, it.Raw, it.Mapped)
			}
			n++
		}
		if n != 100 {
			t.Errorf("%d items, want 100", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEraseLeavesNothing(t *testing.T) {
	for _, seal := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "state.db")
		s := open(t, sqlite.Options{Path: path, Seal: seal})
		const person = "person-77ab"
		err := s.Update(t.Context(), func(tx state.Tx) error {
			id, err := tx.PutPipeline(state.Pipeline{Address: "pipeline.p"})
			if err != nil {
				return err
			}
			problems := []byte(`[{"key":"` + person + `","message":"of ` + person + `"},{"key":"other"}]`)
			return errors.Join(
				tx.PutItem(id, &state.Item{Key: person, Body: []byte(person)}),
				tx.PutItem(id, &state.Item{Key: "other"}),
				tx.PutChange(&state.Change{Pipeline: id, Key: person, Run: 1}),
				tx.PutRun(state.Run{ID: 1, Pipeline: id, Problems: problems}),
				tx.PutRun(state.Run{ID: 1, Problems: problems}),
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Update(t.Context(), func(tx state.Tx) error { return tx.Erase(1, person) }); err != nil {
			t.Fatal(err)
		}
		if found := holding(t, filepath.Dir(path), person); found != nil {
			t.Errorf("seal %v: the person is left in %q", seal, found)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEraseBesideView erases while a View keeps the old pages in use: the next
// Open makes good what could not be scrubbed.
func TestEraseBesideView(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, sqlite.Options{Path: path})
	putCanary(t, s)
	err := s.View(t.Context(), func(state.View) error {
		return s.Update(t.Context(), func(tx state.Tx) error {
			return errors.Join(tx.Erase(1, "0"), tx.DropPipeline(1), tx.DropSource(1))
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, sqlite.Options{Path: path})
	if found := holding(t, filepath.Dir(path), canary); found != nil {
		t.Errorf("erased text is left in %q", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestKeys(t *testing.T) {
	ctx := t.Context()
	key := bytes.Repeat([]byte("k"), 32)
	path := filled(t, 3, sqlite.Options{Seal: true, Key: key})
	dir := filepath.Dir(path)
	if _, err := os.Stat(filepath.Join(dir, "state.key")); err == nil {
		t.Error("a key file was made though the options give the key")
	}
	for _, c := range []struct {
		name   string
		opts   sqlite.Options
		saying string
	}{
		{"another key", sqlite.Options{Key: bytes.Repeat([]byte("x"), 32)}, "sealed under another"},
		{"no key", sqlite.Options{}, "state.key"},
		{"short key", sqlite.Options{Key: []byte("short")}, "16 or more"},
	} {
		for _, readOnly := range []bool{true, false} {
			c.opts.Path, c.opts.ReadOnly = path, readOnly
			if _, err := sqlite.Open(ctx, c.opts); !errors.Is(err, state.ErrKey) || !strings.Contains(err.Error(), c.saying) {
				t.Errorf("%s: Open = %v; want state.ErrKey, saying %q", c.name, err, c.saying)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "state.key")); err == nil {
		t.Error("a key file was made for a state that is sealed under another key")
	}
	write(t, filepath.Join(dir, "my.key"), []byte(hex.EncodeToString(key)+"\n"))
	s := open(t, sqlite.Options{Path: path, KeyFile: filepath.Join(dir, "my.key")})
	if n := countItems(t, s); n != 3 {
		t.Errorf("%d items, want 3", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRekeyFile(t *testing.T) {
	path := filled(t, 3, sqlite.Options{Seal: true})
	keyFile := filepath.Join(filepath.Dir(path), "state.key")
	was := read(t, keyFile)
	beside := open(t, sqlite.Options{Path: path, ReadOnly: true})
	s := open(t, sqlite.Options{Path: path})
	if err := s.Rekey(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	now := read(t, keyFile)
	if bytes.Equal(was, now) {
		t.Error("the key file holds the old key")
	}
	// Another process follows.
	if n := countItems(t, beside); n != 3 {
		t.Errorf("%d items beside, want 3", n)
	}
	if err := errors.Join(s.Close(), beside.Close()); err != nil {
		t.Fatal(err)
	}
	// Cut off between the commit and the change of the file, or before the
	// commit.
	for _, c := range []struct{ key, next []byte }{{was, now}, {now, was}} {
		write(t, keyFile, c.key)
		write(t, keyFile+".next", c.next)
		s = open(t, sqlite.Options{Path: path})
		if n := countItems(t, s); n != 3 {
			t.Errorf("%d items, want 3", n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, keyFile), now) {
			t.Error("the key file does not hold the key that fits")
		}
		if _, err := os.Stat(keyFile + ".next"); err == nil {
			t.Error("the next key was left behind")
		}
	}
}

// TestPlanKey seals a plan before the first run, as `plan --out` does.
func TestPlanKey(t *testing.T) {
	opts := sqlite.Options{Path: filepath.Join(t.TempDir(), "state.db"), Seal: true, ReadOnly: true}
	s := open(t, opts)
	hash := s.Hasher().Bytes([]byte("x"))
	plan, err := s.Seal([]byte("plan"))
	if err != nil {
		t.Fatal(err)
	}
	opts.ReadOnly = false
	w := open(t, opts)
	defer w.Close()
	if got, err := w.Unseal(plan); string(got) != "plan" || err != nil {
		t.Errorf("Unseal after the first run = %q, %v", got, err)
	}
	if w.Hasher().Bytes([]byte("x")) != hash {
		t.Error("the hashes of plan and run differ")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
