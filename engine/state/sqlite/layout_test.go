package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
)

// TestLayout holds that a body comes back byte for byte, whatever it is.
func TestLayout(t *testing.T) {
	bodies := []string{
		`{"a":1}`, `{"a":1,"b":"x","c":null,"d":[1,{"e":"}"}],"f":{},"g":-1.50e3,"h":true}`, `{"a":"q\"\\","b":"é\u0000"}`,
		`{"":""}`, `{"a":1,"a":2}`, `{"a":"` + strings.Repeat("long ", 100) + `"}`, `{"a":[[],"]"],"b":"{"}`, `{"a": 1}`, `{"a":1 }`,
	}
	for _, body := range bodies {
		names, ok := appendNames(nil, []byte(body))
		if !ok {
			t.Errorf("%s has no layout", body)
			continue
		}
		l := newLayout(7, string(names))
		stored, ok := l.encode(nil, []byte(body))
		if !ok {
			t.Errorf("%s does not fit its layout %q", body, names)
			continue
		}
		got, ok := l.decode(nil, stored[2:])
		if !ok || string(got) != body {
			t.Errorf("%s came back as %s", body, got)
		}
	}
	for _, body := range []string{
		``, `{`, `{}`, `[]`, `"a"`, `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1}}`, `{"a":1,}`, `{"a":"}`, `{"a\n":1}`, ` {"a":1}`, `{"a" :1}`, `{"a":[}`, `{"a":1}x`,
	} {
		if names, ok := appendNames(nil, []byte(body)); ok {
			t.Errorf("%s has the layout %q", body, names)
		}
	}
}

// FuzzLayout reads bodies and what may stand in place of them.
func FuzzLayout(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":"x"}`), []byte(`{"a":[2,"}"],"b":null}`), []byte{2, '1', 3, 'x'})
	f.Add([]byte(`{"":"\\"}`), []byte("\x00\x01"), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, first, body, stored []byte) {
		names, ok := appendNames(nil, first)
		if !ok {
			return
		}
		l := newLayout(1, string(names))
		for _, b := range [][]byte{first, body} {
			if stored, ok := l.encode(nil, b); ok {
				if got, ok := l.decode(nil, stored[2:]); !ok || !bytes.Equal(got, b) {
					t.Errorf("%q came back as %q", b, got)
				}
			}
		}
		l.decode(nil, stored) // it ends
	})
}

// TestLayoutsKeepBodies puts bodies of all forms and reads them back, also
// after the file was closed, exported and sealed.
func TestLayoutsKeepBodies(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		opts := Options{Path: filepath.Join(dir, "state.db"), Seal: rapid.Bool().Draw(rt, "seal"), Key: bytes.Repeat([]byte("k"), 32)}
		s, err := Open(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		names := rapid.SampledFrom([]string{`"name"`, `"a","b"`, `"x"`, `"phone","e-mail"`})
		want := map[record.Key]string{}
		for range rapid.IntRange(1, 4).Draw(rt, "transactions") {
			form, n := names.Draw(rt, "names"), rapid.IntRange(1, 2*commonNames).Draw(rt, "items")
			if rapid.IntRange(0, 3).Draw(rt, "other") == 0 {
				form = ""
			}
			err := s.Update(t.Context(), func(tx state.Tx) error {
				for range n {
					key := record.Key(fmt.Sprint(rapid.IntRange(0, 50).Draw(rt, "key")))
					want[key] = anyBody(rt, form)
					if err := tx.PutItem(1, &state.Item{Key: key, Answer: []byte("a"), Body: []byte(want[key])}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		check := func(what string) {
			if diff := cmp.Diff(want, bodies(rt, s)); diff != "" {
				rt.Fatalf("%s (-want +got):\n%s", what, diff)
			}
		}
		check("at once")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		opts.Seal = true
		if s, err = Open(t.Context(), opts); err != nil {
			t.Fatal(err)
		}
		check("sealed")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// anyBody draws an object of the members that form lists, and with none of them
// something else.
func anyBody(rt *rapid.T, form string) string {
	if form == "" {
		return rapid.StringMatching(`[\x00\x01{x]?[a-z]{0,3}`).Draw(rt, "body")
	}
	values := rapid.SampledFrom([]string{`1`, `"é\""`, `[1,{"a":"]"}]`, `null`, `{}`, ` 1`})
	var members []string
	for name := range strings.SplitSeq(form, ",") {
		members = append(members, name+":"+values.Draw(rt, "value"))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// bodies reads those of all items, each in both ways.
func bodies(rt *rapid.T, s *Store) map[record.Key]string {
	got := map[record.Key]string{}
	err := s.View(context.Background(), func(v state.View) error {
		for it, err := range v.Items(1, "") {
			if err != nil {
				return err
			}
			got[it.Key] = string(it.Body)
			if one, err := v.Item(1, it.Key); err != nil || !bytes.Equal(one.Body, it.Body) || string(one.Answer) != "a" {
				return fmt.Errorf("item %s: %v, %v", it.Key, one, err)
			}
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
	return got
}

// putNamed puts n items whose bodies have a member of that name.
func putNamed(t *testing.T, s *Store, pipeline int64, name string, n int) {
	t.Helper()
	err := s.Update(t.Context(), func(tx state.Tx) error {
		for i := range n {
			it := &state.Item{Key: record.Key(fmt.Sprintf("%s-%03d", name, i)), Body: fmt.Appendf(nil, `{"%s":%d}`, name, i)}
			if err := tx.PutItem(pipeline, it); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// layoutsIn are the names of all layouts as the table has them.
func layoutsIn(t *testing.T, s *Store) (names []string) {
	t.Helper()
	err := s.View(t.Context(), func(v state.View) error {
		return v.(*view).c.each("SELECT names FROM layout ORDER BY pipeline, id", nil, func(st *sqlite.Stmt) error {
			names = append(names, string(columnBytes(st, 0)))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestLayoutIsCommon holds that names which few items have stand nowhere but
// in these, that there are not too many, and that they go with their pipeline.
func TestLayoutIsCommon(t *testing.T) {
	s := openRecent(t, filepath.Join(t.TempDir(), "state.db"), steps)
	defer s.Close()
	var id int64
	err := s.Update(t.Context(), func(tx state.Tx) (err error) {
		id, err = tx.PutPipeline(state.Pipeline{Address: "pipeline.q"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	putNamed(t, s, id, "jan@example.org", commonNames-1)
	putNamed(t, s, id, "jan@example.org", commonNames-1)
	putNamed(t, s, id, "many", commonNames)
	putNamed(t, s, id, "many", 2*commonNames)
	if diff := cmp.Diff([]string{"many"}, layoutsIn(t, s)); diff != "" {
		t.Errorf("layouts (-want +got):\n%s", diff)
	}
	for i := range maxLayouts + 3 {
		putNamed(t, s, id, fmt.Sprint("n", i), commonNames)
	}
	if n := len(layoutsIn(t, s)); n != maxLayouts {
		t.Errorf("%d layouts, want %d", n, maxLayouts)
	}
	if err := s.Update(t.Context(), func(tx state.Tx) error { return tx.DropPipeline(id) }); err != nil {
		t.Fatal(err)
	}
	if names := layoutsIn(t, s); len(names) > 0 {
		t.Errorf("left: %q", names)
	}
}

// TestEraseLayout holds that names go with the last item that has them.
func TestEraseLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openRecent(t, path, steps)
	for _, name := range []string{"first", "jan@example.org", "last"} {
		putNamed(t, s, 1, name, commonNames+1)
	}
	err := s.Update(t.Context(), func(tx state.Tx) error {
		for i := range commonNames + 1 {
			if err := tx.Erase(1, record.Key(fmt.Sprintf("jan@example.org-%03d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	putNamed(t, s, 1, "new", commonNames+1)
	if diff := cmp.Diff([]string{"first", "last", "new"}, layoutsIn(t, s)); diff != "" {
		t.Errorf("layouts (-want +got):\n%s", diff)
	}
	err = s.View(t.Context(), func(v state.View) error {
		for it, err := range v.Items(1, "") {
			if err != nil || !strings.HasPrefix(string(it.Body), `{"`+string(it.Key[:len(it.Key)-4])+`":`) {
				t.Errorf("%s, %v", it.Body, err)
			}
		}
		return nil
	})
	if closeErr := s.Close(); err != nil || closeErr != nil {
		t.Fatal(err, closeErr)
	}
	if file, err := os.ReadFile(path); err != nil || bytes.Contains(file, []byte("jan@")) {
		t.Errorf("erased names are in the file, %v", err)
	}
}

// TestLayoutsAreSealed holds that the names are as unreadable as the bodies.
func TestLayoutsAreSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	for _, seal := range []bool{false, true} {
		s, err := Open(t.Context(), Options{Path: path, Seal: seal})
		if err != nil {
			t.Fatal(err)
		}
		if !seal {
			if err := s.Update(t.Context(), func(tx state.Tx) error {
				_, err := tx.PutPipeline(state.Pipeline{Address: "pipeline.p"})
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		putNamed(t, s, 1, fmt.Sprint("canary", seal), 2*commonNames)
		if got := len(layoutsIn(t, s)); got != map[bool]int{false: 1, true: 2}[seal] {
			t.Errorf("%d layouts", got)
		}
		var out bytes.Buffer
		if err := s.Export(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		if err := s.Import(t.Context(), bytes.NewReader(out.Bytes())); err != nil {
			t.Fatal(err)
		}
		err = s.View(t.Context(), func(v state.View) error {
			it, err := v.Item(1, "canaryfalse-063")
			if err != nil || string(it.Body) != `{"canaryfalse":63}` {
				t.Errorf("%+v, %v", it, err)
			}
			return err
		})
		if closeErr := s.Close(); err != nil || closeErr != nil {
			t.Fatal(err, closeErr)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file, []byte("canarytrue\"")) || bytes.Contains(file, []byte("canaryfalse\"")) {
		t.Error("a sealed state shows names of members")
	}
}

// TestDamagedLayout gives errors, and no body.
func TestDamagedLayout(t *testing.T) {
	s := openRecent(t, filepath.Join(t.TempDir(), "state.db"), steps)
	defer s.Close()
	putNamed(t, s, 1, "name", 2*commonNames)
	for _, damage := range []string{
		"UPDATE item SET body = x'0000' WHERE key = x'" + fmt.Sprintf("%x", "name-063") + "'",
		"UPDATE item SET body = x'00000109' WHERE key = x'" + fmt.Sprintf("%x", "name-063") + "'",
		"DELETE FROM layout",
	} {
		if err := s.writer.exec(damage); err != nil {
			t.Fatal(err)
		}
		err := s.View(t.Context(), func(v state.View) error {
			it, err := v.Item(1, "name-063")
			if err == nil {
				t.Errorf("%s: %s", damage, it.Body)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLayoutsOfAnOlderState reads bodies that were put before there were any.
func TestLayoutsOfAnOlderState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openRecent(t, path, steps[:3])
	body := []byte(`{"old":1}`)
	stored := append(binary.AppendUvarint(nil, 0), body...)
	err := s.writer.exec("INSERT INTO item (pipeline, key, hash, status, born, run, body) VALUES (1, ?, zeroblob(32), 0, 1, 1, ?)", blob("k"), blob(stored))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Open(context.Background(), Options{Path: path}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(v state.View) error {
		it, err := v.Item(1, "k")
		if err != nil || !bytes.Equal(it.Body, body) {
			t.Errorf("%+v, %v", it, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
