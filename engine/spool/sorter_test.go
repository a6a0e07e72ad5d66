package spool_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/spool"
)

type pair struct{ Key, Payload string }

func open(t testing.TB, seal bool) *spool.Dir {
	t.Helper()
	d, err := spool.Open(t.TempDir(), seal)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func collect(s *spool.Sorter) ([]pair, error) { return collectFrom(s.Sort()) }

func collectFrom(it *spool.Iter, err error) ([]pair, error) {
	if err != nil {
		return nil, err
	}
	var got []pair
	for it.Next() {
		got = append(got, pair{string(it.Key()), string(it.Payload())})
	}
	return got, errors.Join(it.Err(), it.Close())
}

func TestSorterIsAStableSort(t *testing.T) {
	dirs := map[bool]*spool.Dir{false: open(t, false), true: open(t, true)}
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "a\x00", "same start, 1", "same start, 2", strings.Repeat("long", 9000)}),
		rapid.StringN(0, 30, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pair {
			return pair{text.Draw(t, "key"), text.Draw(t, "payload")}
		}), 0, 300).Draw(t, "entries")
		s := dirs[rapid.Bool().Draw(t, "seal")].Sorter(rapid.SampledFrom([]int{0, 60, 500, 5000, 1 << 20}).Draw(t, "mem"))
		for _, e := range entries {
			if err := s.Add([]byte(e.Key), []byte(e.Payload)); err != nil {
				t.Fatal(err)
			}
		}
		if s.Len() != len(entries) {
			t.Fatalf("Len = %d, want %d", s.Len(), len(entries))
		}
		slices.SortStableFunc(entries, func(a, b pair) int { return strings.Compare(a.Key, b.Key) })
		for _, sorted := range []func() (*spool.Iter, error){s.Sort, s.Sort, s.Drain} {
			got, err := collectFrom(sorted())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, entries) {
				t.Fatalf("(-want +got)\n%s", cmp.Diff(entries, got))
			}
		}
		if _, err := s.Sort(); err == nil {
			t.Fatal("a sorter that was drained is read again")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestSorterOrder sorts in memory, in some runs, and in so many runs that they
// are merged in more than one pass.
func TestSorterOrder(t *testing.T) {
	const n = 10_000
	for _, mem := range []int{1 << 20, 50_000, 1} {
		t.Run(fmt.Sprint("mem ", mem), func(t *testing.T) {
			s := open(t, false).Sorter(mem)
			for i := range n {
				var payload [8]byte
				binary.BigEndian.PutUint64(payload[:], uint64(i))
				if err := s.Add(fmt.Appendf(nil, "key %03d, of %05d", i*7919%500, i*7919%4000), payload[:]); err != nil {
					t.Fatal(err)
				}
			}
			got, err := collect(s)
			if err != nil || len(got) != n {
				t.Fatalf("%d entries, %v, want %d", len(got), err, n)
			}
			if !slices.IsSortedFunc(got, func(a, b pair) int { return strings.Compare(a.Key+a.Payload, b.Key+b.Payload) }) {
				t.Error("not in the order of keys, and then of adding")
			}
		})
	}
}

// TestSorterLosesNoRun lets the run fail that is written while nothing is added
// any more: Sort must know of it.
func TestSorterLosesNoRun(t *testing.T) {
	d := open(t, false)
	s := d.Sorter(1000)
	cause := errors.New("stopped by the test")
	for i := 0; len(filesOf(t, d)) == 0; i++ {
		if err := s.Add(fmt.Append(nil, i), []byte("payload")); err != nil {
			t.Fatal(err)
		}
	}
	d.Interrupt(cause)
	if err := s.Add([]byte("last"), nil); err != nil && !errors.Is(err, cause) {
		t.Fatal(err)
	}
	if _, err := s.Sort(); !errors.Is(err, cause) {
		t.Errorf("Sort says %v after a run that could not be written", err)
	}
}

func TestSorterStaysInMemory(t *testing.T) {
	d := open(t, false)
	s := d.Sorter(1 << 20)
	for i := range 1000 {
		if err := s.Add(fmt.Append(nil, i), []byte("payload")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := collect(s); err != nil {
		t.Fatal(err)
	}
	if files := filesOf(t, d); len(files) > 0 {
		t.Errorf("%d files were written", len(files))
	}
	if err := s.Add([]byte("k"), nil); err == nil {
		t.Error("Add after Sort says nothing")
	}
}

func TestSorterShortFile(t *testing.T) {
	d := open(t, false)
	s := d.Sorter(1000)
	for i := range 1000 {
		if err := s.Add(fmt.Append(nil, i), []byte("payload")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Sort(); err != nil {
		t.Fatal(err)
	}
	files := names(t, d.Path())
	if len(files) != 1 {
		t.Fatal(files)
	}
	name := files[0]
	if err := os.Truncate(filepath.Join(d.Path(), name), 5000); err != nil {
		t.Fatal(err)
	}
	_, err := collect(s)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(fmt.Sprint(err), name) || strings.Contains(fmt.Sprint(err), d.Path()) {
		t.Errorf("got %v, want a short read of %s", err, name)
	}
}

// filesOf reads all files of a spool.
func filesOf(t *testing.T, d *spool.Dir) [][]byte {
	t.Helper()
	var all [][]byte
	entries, err := os.ReadDir(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(d.Path(), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func TestSealHidesPlainText(t *testing.T) {
	for _, seal := range []bool{false, true} {
		t.Run(fmt.Sprint("seal ", seal), func(t *testing.T) {
			d := open(t, seal)
			s, l := d.Sorter(10_000), d.Log()
			secret := []byte("canary-4711")
			for i := range 200_000 {
				if i < 5000 {
					if err := s.Add(fmt.Append(nil, i), secret); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := l.Append(secret); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := collect(s); err != nil {
				t.Fatal(err)
			}
			files := filesOf(t, d)
			if len(files) != 2 {
				t.Fatalf("%d files, want one of the sorter and one of the log", len(files))
			}
			for _, f := range files {
				if bytes.Contains(f, secret) == seal {
					t.Errorf("plain text in a file of %d bytes: %v", len(f), !seal)
				}
				// A repeated key stream would show as repeated blocks.
				if seal && bytes.Count(f, f[:16]) > 1 {
					t.Error("a block of the file repeats")
				}
			}
		})
	}
}

func BenchmarkSorter(b *testing.B) {
	const n = 1_000_000
	for _, size := range []int{70, 400} {
		for _, seal := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dB/seal=%v", size, seal), func(b *testing.B) {
				b.SetBytes(int64(n * size))
				b.ReportAllocs()
				for b.Loop() {
					sortOnce(b, n, size, seal)
				}
			})
		}
	}
}

// sortOnce sorts n entries with keys like UUIDs within 32 MiB.
func sortOnce(b *testing.B, n, size int, seal bool) {
	d, err := spool.Open(b.TempDir(), seal)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	s, rng := d.Sorter(32<<20), rand.New(rand.NewPCG(1, 2))
	payload, key := make([]byte, size-36), make([]byte, 0, 36)
	for range n {
		key = fmt.Appendf(key[:0], "%016x-%016x-00", rng.Uint64(), rng.Uint64())
		if err := s.Add(key, payload); err != nil {
			b.Fatal(err)
		}
	}
	it, err := s.Sort()
	if err != nil {
		b.Fatal(err)
	}
	count := 0
	for it.Next() {
		count++
	}
	if it.Err() != nil || count != n {
		b.Fatal(count, it.Err())
	}
}

func TestSorterCannotWrite(t *testing.T) {
	d := open(t, false)
	s, l := d.Sorter(100), d.Log()
	if err := os.RemoveAll(d.Path()); err != nil {
		t.Fatal(err)
	}
	var added, appended error
	for i := 0; i < 100 && (added == nil || appended == nil); i++ {
		added = s.Add(fmt.Append(nil, i), []byte("payload"))
		_, appended = l.Append(make([]byte, 1<<19))
	}
	for _, err := range []error{added, appended} {
		if !errors.Is(err, os.ErrNotExist) || strings.Contains(fmt.Sprint(err), d.Path()) {
			t.Errorf("got %v, want an error with the base name", err)
		}
	}
	if it, err := s.Sort(); err == nil {
		t.Errorf("Sort gives %v after an entry was lost", it)
	}
}
