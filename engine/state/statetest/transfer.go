package statetest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/state"
)

func testSeal(t *testing.T, open opener) {
	s := open.start(t)
	for _, plain := range [][]byte{nil, []byte("canary in a plan")} {
		sealed, err := s.Seal(plain)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sealed, []byte("canary")) {
			t.Error("Seal shows the text")
		}
		again, err := s.Seal(plain)
		if err != nil || bytes.Equal(sealed, again) {
			t.Errorf("Seal gives the same bytes twice (%v)", err)
		}
		got, err := s.Unseal(sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("Unseal = %q, %v; want %q", got, err, plain)
		}
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			if _, err := s.Unseal(bad); !errors.Is(err, state.ErrKey) {
				t.Fatalf("Unseal with byte %d changed = %v, want state.ErrKey", i, err)
			}
		}
	}
}

func testRekey(t *testing.T, open opener) {
	s := open.start(t)
	id, src := pipeline(t, s, "pipeline.p"), source(t, s, "source.s")
	fillPipeline(t, s, id, src)
	fillSource(t, s, src)
	want := dump(t, s, id, src)
	plan, err := s.Seal([]byte("plan"))
	if err != nil {
		t.Fatal(err)
	}
	was := s.Hasher().Bytes([]byte("x"))
	if err := s.Rekey(t.Context(), bytes.Repeat([]byte("new key "), 4)); err != nil {
		t.Fatal(err)
	}
	if !s.Sealed() {
		t.Error("the state is not sealed after Rekey")
	}
	if s.Hasher().Bytes([]byte("x")) == was {
		t.Error("the hashes are the same after Rekey")
	}
	if _, err := s.Unseal(plan); !errors.Is(err, state.ErrKey) {
		t.Errorf("Unseal under another key = %v, want state.ErrKey", err)
	}
	if diff := cmp.Diff(want.forgetHashes(), dump(t, s, id, src)); diff != "" {
		t.Errorf("after Rekey (-want +got):\n%s", diff)
	}
}

func testTransfer(t *testing.T, open opener) {
	s := open.start(t)
	id, src := pipeline(t, s, `pipeline.p["é"]`), source(t, s, "source.s")
	fillPipeline(t, s, id, src)
	fillSource(t, s, src)
	putItems(t, s, id, someItems())
	putMirror(t, s, src, []state.MirrorRow{{Part: "no UTF-8: \xff", Key: "\x00\xff", Seq: 9, Body: []byte("{}")}})
	want := dump(t, s, id, src)
	var first, second bytes.Buffer
	if err := s.Export(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	// What is there at the time of the import goes.
	update(t, s, func(tx state.Tx) error { return tx.DropItem(id, "k") })
	fillPipeline(t, s, pipeline(t, s, "pipeline.q"), src)
	if err := s.Import(t.Context(), bytes.NewReader(first.Bytes())); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, dump(t, s, id, src)); diff != "" {
		t.Errorf("after Import (-want +got):\n%s", diff)
	}
	view(t, s, func(v state.View) error {
		all, err := v.Pipelines()
		if len(all) != 1 {
			t.Errorf("%d pipelines after Import, want 1", len(all))
		}
		return err
	})
	if err := s.Export(t.Context(), &second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.String(), second.String()); diff != "" {
		t.Errorf("second export (-first +second):\n%s", diff)
	}
}

func testDamagedImport(t *testing.T, open opener) {
	s := open.start(t)
	id, src := pipeline(t, s, "pipeline.p"), source(t, s, "source.s")
	fillPipeline(t, s, id, src)
	fillSource(t, s, src)
	want := dump(t, s, id, src)
	var out bytes.Buffer
	if err := s.Export(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	good := out.String()
	lines := strings.SplitAfter(good, "\n")
	for _, c := range []struct {
		name, text string
		is         error
	}{
		{"empty", "", state.ErrCorrupt},
		{"no header", strings.Join(lines[1:], ""), state.ErrCorrupt},
		{"cut", strings.Join(lines[:len(lines)-2], ""), state.ErrCorrupt},
		{"cut inside a line", good[:len(good)/2], state.ErrCorrupt},
		{"a row twice", lines[0] + lines[1] + good[len(lines[0]):], state.ErrCorrupt},
		{"a row too few", lines[0] + strings.Join(lines[2:], ""), state.ErrCorrupt},
		{"text after the end", good + lines[1], state.ErrCorrupt},
		{"newer format", strings.Replace(good, `"format_version":1`, `"format_version":2,"more":1`, 1), state.ErrNewer},
		{"newer schema", strings.Replace(good, `"schema":`, `"schema":1000`, 1), state.ErrNewer},
		{"unknown table", strings.Replace(good, `"table":"item"`, `"table":"sqlite_schema"`, 1), state.ErrCorrupt},
		{"wrong type", strings.Replace(good, `"status":0`, `"status":"x"`, 1), state.ErrCorrupt},
		{"unknown status", strings.Replace(good, `"status":0`, `"status":99`, 1), state.ErrCorrupt},
		{"owner that is not there", strings.Replace(good, `"pipeline":1`, `"pipeline":77`, 1), state.ErrCorrupt},
	} {
		err := s.Import(t.Context(), strings.NewReader(c.text))
		if c.text == good || !errors.Is(err, c.is) {
			t.Errorf("%s: Import = %v, want %v", c.name, err, c.is)
		}
		if diff := cmp.Diff(want, dump(t, s, id, src)); diff != "" {
			t.Fatalf("%s: a refused import changed the state (-want +got):\n%s", c.name, diff)
		}
	}
}

func testBackup(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	putItems(t, s, id, someItems())
	path := filepath.Join(t.TempDir(), "copy")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy is %v (%v); want a file with something in it, mode 0600", info, err)
	}
	if err := s.Backup(t.Context(), path); err == nil {
		t.Error("Backup wrote over a file")
	}
	checkItems(t, s, id, someItems())
}
