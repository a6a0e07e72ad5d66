package spool_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/spool"
)

func find(t testing.TB, r *spool.TableReader, key string) (got []string) {
	t.Helper()
	if err := r.Find([]byte(key), func(p []byte) bool { got = append(got, string(p)); return true }); err != nil {
		t.Fatal(err)
	}
	return got
}

func tableOf(t testing.TB, s *spool.Sorter) *spool.Table {
	t.Helper()
	table, err := s.Table(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestTableFindsWhatWasAdded(t *testing.T) {
	dirs := map[bool]*spool.Dir{false: open(t, false), true: open(t, true)}
	key := rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "a\x00", "same start, 1", "same start, 2", "same start", strings.Repeat("long", 9000)}),
		rapid.StringN(0, 3, -1),
	)
	payload := rapid.OneOf(rapid.StringN(0, 30, -1), rapid.Just(strings.Repeat("much", 3000)))
	rapid.Check(t, func(rt *rapid.T) {
		s := dirs[rapid.Bool().Draw(rt, "seal")].Sorter(rapid.SampledFrom([]int{0, 500, 1 << 20}).Draw(rt, "mem"))
		s.OnceWritten(rapid.SampledFrom([]int{0, 100, 1 << 20}).Draw(rt, "later"))
		want := map[string][]string{}
		for range rapid.IntRange(0, 200).Draw(rt, "n") {
			k, p := key.Draw(rt, "key"), payload.Draw(rt, "payload")
			want[k] = append(want[k], p)
			if err := s.Add([]byte(k), []byte(p)); err != nil {
				rt.Fatal(err)
			}
		}
		table := tableOf(t, s)
		r := table.Reader()
		for _, k := range slices.Concat(slices.Sorted(mapKeys(want)), rapid.SliceOfN(key, 0, 20).Draw(rt, "others")) {
			if diff := cmp.Diff(want[k], find(t, r, k)); diff != "" {
				rt.Fatalf("%q (-want +got)\n%s", k, diff)
			}
			if len(want[k]) > 0 {
				n := 0
				if err := r.Find([]byte(k), func([]byte) bool { n++; return false }); err != nil || n != 1 {
					rt.Fatalf("stopped at the first: %d seen, %v", n, err)
				}
			}
		}
		for range 2 {
			if err := table.Close(); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

func mapKeys(m map[string][]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// numbered is a sorter of n entries, spilled when mem is small.
func numbered(t testing.TB, d *spool.Dir, n, mem, size int) *spool.Sorter {
	t.Helper()
	s := d.Sorter(mem)
	payload := make([]byte, size)
	for i := range n {
		k := uint32(i) * 2654435761 // a permutation
		binary.BigEndian.PutUint32(payload, k)
		if err := s.Add(fmt.Appendf(nil, "%010d", k), payload); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestReadersOfOneTableDoNotMix(t *testing.T) {
	for _, seal := range []bool{false, true} {
		table := tableOf(t, numbered(t, open(t, seal), 5000, 10_000, 50))
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				r := table.Reader()
				for i := w; i < 5000; i += 2 {
					k := uint32(i) * 2654435761
					seen := 0
					err := r.Find(fmt.Appendf(nil, "%010d", k), func(p []byte) bool {
						if seen++; binary.BigEndian.Uint32(p) != k {
							t.Errorf("%d: another's payload", k)
						}
						return true
					})
					if err != nil || seen != 1 {
						t.Errorf("%d: %d found, %v", k, seen, err)
					}
				}
			})
		}
		wg.Wait()
	}
}

// Keys so long that the index of all blocks would be larger than it may be.
func TestTableBoundsItsIndex(t *testing.T) {
	s := open(t, false).Sorter(100_000)
	long := strings.Repeat("k", 40_000)
	for i := range 700 {
		if err := s.Add(fmt.Appendf(nil, "%s%05d", long, i), fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	table := tableOf(t, s)
	if held := table.Held(); held > 9<<20 {
		t.Errorf("the index holds %d bytes", held)
	}
	r := table.Reader()
	for _, i := range []int{0, 1, 2, 3, 211, 698, 699} {
		if diff := cmp.Diff([]string{fmt.Sprint(i)}, find(t, r, fmt.Sprintf("%s%05d", long, i))); diff != "" {
			t.Error(diff)
		}
	}
	if got := find(t, r, long); got != nil {
		t.Errorf("found %q", got)
	}
}

func TestWritingATableEndsWithItsContext(t *testing.T) {
	s := numbered(t, open(t, false), 5000, 10_000, 50)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Table(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}

func TestClosedDirEndsItsTables(t *testing.T) {
	d, err := spool.Open(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	r := tableOf(t, numbered(t, d, 5000, 10_000, 50)).Reader()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Find([]byte("0000000000"), func([]byte) bool { return true }); err == nil {
		t.Error("found something in a removed file")
	}
}

func BenchmarkTable(b *testing.B) {
	const n, size = 1_000_000, 250
	for _, c := range []struct {
		name string
		mem  int
		seal bool
	}{{"memory", 1 << 30, false}, {"disk", 64 << 20, false}, {"sealed", 64 << 20, true}} {
		table := tableOf(b, numbered(b, open(b, c.seal), n, c.mem, size))
		b.Run(c.name, func(b *testing.B) {
			r := table.Reader()
			random := rand.New(rand.NewPCG(1, 2))
			var key []byte
			for b.Loop() {
				key = fmt.Appendf(key[:0], "%010d", uint32(random.IntN(n))*2654435761)
				found := false
				if err := r.Find(key, func([]byte) bool { found = true; return true }); err != nil || !found {
					b.Fatal(found, err)
				}
			}
		})
		if err := table.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
