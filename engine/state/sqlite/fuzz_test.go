package sqlite_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"

	"koppel/engine/record"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

func fuzzKey() []byte { return bytes.Repeat([]byte("fuzz"), 8) }

// damage changes a file's bytes: each four bytes of plan are a place and a
// mask; a mask of 0 cuts the file there.
func damage(file, plan []byte) []byte {
	file = bytes.Clone(file)
	for ; len(plan) >= 4 && len(file) > 0; plan = plan[4:] {
		at := int(binary.BigEndian.Uint32(plan)>>8) % len(file)
		if mask := plan[3]; mask != 0 {
			file[at] ^= mask
		} else {
			file = file[:at]
		}
	}
	return file
}

// putApart puts some of the items that fill put once more, so that they have
// rows in both tables.
func putApart(f *testing.F, opts sqlite.Options, n int) {
	f.Helper()
	s, err := sqlite.OpenSmall(f.Context(), opts)
	if err != nil {
		f.Fatal(err)
	}
	err = s.Update(f.Context(), func(tx state.Tx) error {
		for i := 3; i < n; i += 13 {
			if err := tx.PutItem(1, benchItem(i, 100)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.Close()); err != nil {
		f.Fatal(err)
	}
}

// FuzzOpenDamaged opens damaged states: the outcome is an error or what was
// stored, and never a body that was not stored under that key when sealed.
func FuzzOpenDamaged(f *testing.F) {
	const n = 40
	var files [2][]byte
	for i, seal := range []bool{false, true} {
		opts := sqlite.Options{Seal: seal, Key: fuzzKey()}
		opts.Path = filled(f, n, opts)
		putApart(f, opts, n)
		files[i] = read(f, opts.Path)
	}
	want := map[record.Key][]byte{}
	for i := range n {
		it := benchItem(i, 100)
		want[it.Key] = it.Body
	}
	f.Add(false, []byte{0, 0, 20, 1})
	f.Add(true, []byte{0, 0, 20, 0})
	f.Add(true, []byte{0, 32, 20, 0x80, 1, 0, 0, 7})
	f.Add(true, []byte{0, 0x40, 0, 0xff, 1, 0, 0, 7})
	f.Fuzz(func(t *testing.T, seal bool, plan []byte) {
		file := files[0]
		if seal {
			file = files[1]
		}
		path := filepath.Join(t.TempDir(), "state.db")
		write(t, path, damage(file, plan))
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Key: fuzzKey()})
		if err != nil {
			return
		}
		err = s.View(t.Context(), func(v state.View) error {
			all, err := v.Pipelines()
			if err != nil {
				return err
			}
			for _, p := range all {
				for it, err := range v.Items(p.ID, "") {
					if err != nil {
						return err
					}
					if seal && !bytes.Equal(it.Body, want[it.Key]) {
						t.Errorf("item %q has the body %q", it.Key, it.Body)
					}
				}
			}
			return nil
		})
		if err != nil && err.Error() == "" {
			t.Error("an error says nothing")
		}
		_ = s.Update(t.Context(), func(tx state.Tx) error {
			return tx.PutItem(1, &state.Item{Key: "new", Body: []byte("{}")})
		})
		_ = s.Close()
	})
}

// FuzzImport imports anything: a refused text changes nothing, and what was
// taken can be exported.
func FuzzImport(f *testing.F) {
	for _, seal := range []bool{false, true} {
		s := open(f, sqlite.Options{Path: filepath.Join(f.TempDir(), "state.db"), Seal: seal, Key: fuzzKey()})
		fill(f, s, 2, 10)
		var out bytes.Buffer
		if err := errors.Join(s.Export(f.Context(), &out), s.Close()); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	f.Add([]byte(`{"format_version":1,"schema":2,"sealed":false}` + "\n" + `{"end":0}`))
	f.Add([]byte(`{"format_version":1,"schema":2,"sealed":true}` + "\n" + `{"table":"meta","row":{"name":"seal","value":"AAAA"}}` + "\n" + `{"end":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := open(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "state.db"), Key: fuzzKey()})
		defer s.Close()
		fill(t, s, 3, 10)
		if err := s.Import(t.Context(), bytes.NewReader(text)); err != nil {
			if n := countItems(t, s); n != 3 {
				t.Errorf("a refused import (%v) left %d items", err, n)
			}
			return
		}
		var out bytes.Buffer
		if err := s.Export(t.Context(), &out); err != nil {
			t.Errorf("Export after Import: %v", err)
		}
		if err := s.Import(t.Context(), &out); err != nil {
			t.Errorf("Import of that export: %v", err)
		}
	})
}

// FuzzUnseal opens anything: nothing that Seal did not make.
func FuzzUnseal(f *testing.F) {
	s := open(f, sqlite.Options{Path: filepath.Join(f.TempDir(), "state.db"), Seal: true, Key: fuzzKey()})
	f.Cleanup(func() { s.Close() })
	sealed, err := s.Seal([]byte("plan"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:len(sealed)-1])
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := s.Unseal(b)
		if err == nil && string(plain) != "plan" {
			t.Errorf("Unseal of foreign bytes = %q", plain)
		}
		if err != nil && !errors.Is(err, state.ErrKey) {
			t.Errorf("Unseal = %v, want state.ErrKey", err)
		}
	})
}
