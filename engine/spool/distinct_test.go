package spool_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"koppel/engine/spool"
)

func allDiffer(t interface{ Fatal(...any) }, s *spool.Distinct, numbers []uint64) bool {
	for _, n := range numbers {
		if err := s.Add(n); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.All()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDistinct(t *testing.T) {
	dirs := map[bool]*spool.Dir{false: open(t, false), true: open(t, true)}
	number := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 500), rapid.SampledFrom([]uint64{0, 1, math.MaxUint64 - 1, math.MaxUint64}),
		rapid.Map(rapid.Uint64Range(0, 20), func(n uint64) uint64 { return math.MaxUint64 / 20 * n }))
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(number, 0, 300).Draw(t, "numbers")
		if rapid.Bool().Draw(t, "differ") {
			numbers = rapid.SliceOfNDistinct(number, 0, 300, rapid.ID[uint64]).Draw(t, "distinct")
		}
		seen := map[uint64]bool{}
		for _, n := range numbers {
			seen[n] = true
		}
		mem := rapid.SampledFrom([]int{0, 16, 80, 400, 1 << 20}).Draw(t, "mem")
		got := allDiffer(t, dirs[rapid.Bool().Draw(t, "seal")].Distinct(mem), numbers)
		if want := len(seen) == len(numbers); got != want {
			t.Fatalf("%d numbers, %d of them different: %v, want %v", len(numbers), len(seen), got, want)
		}
	})
}

// TestDistinctOfMany compares a hundred thousand hashes in little memory, where
// one comes again far from the first.
func TestDistinctOfMany(t *testing.T) {
	d := open(t, false)
	random := rand.New(rand.NewPCG(1, 2))
	numbers := make([]uint64, 100_000)
	for i := range numbers {
		numbers[i] = random.Uint64()
	}
	for _, mem := range []int{64 << 10, 8 << 20} {
		if !allDiffer(t, d.Distinct(mem), numbers) {
			t.Errorf("in %d bytes: one comes again", mem)
		}
		if again := append(numbers[:len(numbers):len(numbers)], numbers[17]); allDiffer(t, d.Distinct(mem), again) {
			t.Errorf("in %d bytes: all differ", mem)
		}
	}
	if left := names(t, d.Path()); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

func BenchmarkDistinct(b *testing.B) {
	d := open(b, false)
	random := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		s := d.Distinct(4 << 20)
		for range 1_000_000 {
			if err := s.Add(random.Uint64()); err != nil {
				b.Fatal(err)
			}
		}
		if all, err := s.All(); err != nil || !all {
			b.Fatal(all, err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
