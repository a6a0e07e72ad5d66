package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/spool"
)

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	return got
}

func TestCleanRemovesDeadRunsOnly(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "not", "there yet")
	if err := spool.Clean(parent); err != nil {
		t.Fatal(err)
	}
	living, err := spool.Open(parent, false)
	if err != nil {
		t.Fatal(err)
	}
	if mode, err := os.Stat(living.Path()); err != nil || mode.Mode().Perm() != 0o700 {
		t.Errorf("folder %v, %v, want mode 0700", mode.Mode(), err)
	}
	before := names(t, parent)
	for _, name := range []string{"spool-dead.lock", "keep.lock", "keep"} {
		if err := os.WriteFile(filepath.Join(parent, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(parent, "spool-dead", "runs-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := spool.Clean(parent); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]string{"keep", "keep.lock"}, before...), names(t, parent)); diff != "" {
		t.Errorf("after Clean (-want +got)\n%s", diff)
	}
	if err := living.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"keep", "keep.lock"}, names(t, parent)); diff != "" {
		t.Errorf("after Close (-want +got)\n%s", diff)
	}
}

// TestOpenWhileCleaning opens folders as fast as others clean up.
func TestOpenWhileCleaning(t *testing.T) {
	parent := t.TempDir()
	done, cleaned := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-done:
				cleaned <- nil
				return
			default:
				if err := spool.Clean(parent); err != nil {
					cleaned <- err
					return
				}
			}
		}
	}()
	for range 300 {
		d, err := spool.Open(parent, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(d.Path()); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	if err := <-cleaned; err != nil {
		t.Fatal(err)
	}
}

func TestLogGivesBackWhatWasAppended(t *testing.T) {
	dirs := map[bool]*spool.Dir{false: open(t, false), true: open(t, true)}
	rapid.Check(t, func(t *rapid.T) {
		l := dirs[rapid.Bool().Draw(t, "seal")].Log()
		var want []byte
		size := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 1<<19), rapid.Just(1<<20+1))
		for i, n := range rapid.SliceOfN(size, 0, 12).Draw(t, "sizes") {
			b := bytes.Repeat(fmt.Appendf(nil, "%d,", i), n/2)
			off, err := l.Append(b)
			if err != nil || off != int64(len(want)) {
				t.Fatalf("Append at %d, %v, want %d", off, err, len(want))
			}
			want = append(want, b...)
		}
		if l.Size() != int64(len(want)) {
			t.Fatalf("Size = %d, want %d", l.Size(), len(want))
		}
		for range 5 {
			off := rapid.IntRange(0, len(want)).Draw(t, "off")
			n := rapid.IntRange(0, len(want)-off).Draw(t, "n")
			got, err := l.ReadAt(int64(off), n, []byte("·"))
			if err != nil || !bytes.Equal(got[2:], want[off:off+n]) {
				t.Fatalf("ReadAt(%d, %d): %v, or other bytes", off, n, err)
			}
		}
		if _, err := l.ReadAt(1, len(want), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("reading beyond the end: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSmallLogStaysInMemory(t *testing.T) {
	d := open(t, false)
	l := d.Log()
	if _, err := l.Append(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if got := names(t, d.Path()); len(got) > 0 {
		t.Errorf("files %v", got)
	}
}

// TestInterrupt: what is on disk is given up, in the middle of reading it too.
func TestInterrupt(t *testing.T) {
	d, err := spool.Open(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s := d.Sorter(1 << 10)
	for i := range 100_000 {
		if err := s.Add(fmt.Appendf(nil, "%06d", i), make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	it, err := s.Sort()
	if err != nil || !it.Next() {
		t.Fatal(err, it.Err())
	}
	cause := errors.New("enough")
	d.Interrupt(cause)
	d.Interrupt(errors.New("again"))
	n := 0
	for it.Next() {
		n++
	}
	if !errors.Is(it.Err(), cause) || n > 50_000 {
		t.Errorf("%d entries were read on, then: %v", n, it.Err())
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
