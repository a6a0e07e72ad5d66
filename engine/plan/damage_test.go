package plan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/zeebo/xxh3"
)

func problemOf(err error) string {
	var fe *FileError
	if errors.As(err, &fe) {
		return fe.Problem
	}
	return ""
}

func TestProblems(t *testing.T) {
	dir := t.TempDir()
	keys := seals(t)
	other := gcm(t, "fedcba9876543210")
	valid := map[string][]byte{}
	for name, seal := range keys {
		path := filepath.Join(dir, name)
		write(t, path, seal, 10_000)
		b, err := os.ReadFile(path)
		must(t, err)
		valid[name] = b
	}
	flip := func(b []byte, at int) []byte {
		b = append([]byte(nil), b...)
		b[at] ^= 0x10
		return b
	}
	newer := append([]byte(nil), valid["clear"]...)
	newer[len(magic)] = 3
	plain, sealed := valid["clear"], valid["sealed"]
	tests := []struct {
		name string
		file []byte
		seal Seal
		want string
	}{
		{"text", []byte("pipeline \"people\" {\n}\n"), Seal{}, "is not a koppel plan"},
		{"nothing", nil, Seal{}, "is truncated"},
		{"only the magic", plain[:5], Seal{}, "is truncated"},
		{"only the preamble", plain[:preambleSize], Seal{}, "is truncated"},
		{"half", plain[:len(plain)/2], Seal{}, "is truncated"},
		{"one byte short", plain[:len(plain)-1], Seal{}, "is truncated"},
		{"newer", newer, Seal{}, "was made by a newer version (format 3, this program knows up to 1)"},
		{"first block", flip(plain, preambleSize+3), Seal{}, "is damaged (block 1)"},
		{"second block", flip(plain, preambleSize+200), Seal{}, "is damaged (block 2)"},
		{"sealed block", flip(sealed, preambleSize+3), keys["sealed"], "is damaged (block 1)"},
		{"footer", flip(plain, len(plain)-trailerSize-3), Seal{}, "is damaged"},
		{"sealed footer", flip(sealed, len(sealed)-trailerSize-3), keys["sealed"], "is damaged"},
		{"other key", sealed, other, "is sealed under another state key"},
		{"no key", sealed, Seal{}, "is sealed under another state key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(dir, "test.plan")
			must(t, os.WriteFile(path, test.file, 0o600))
			_, err := read(path, test.seal)
			if got := problemOf(err); got != test.want {
				t.Errorf("problem %q (%v), want %q", got, err, test.want)
			}
			if err != nil && err.Error() != "test.plan "+test.want {
				t.Errorf("error %q does not name the file alone", err)
			}
		})
	}
}

func TestOpenMissing(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none.plan"), Seal{})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that the file does not exist", err)
	}
	if _, err := Open(t.TempDir(), Seal{}); problemOf(err) != notPlan {
		t.Errorf("a folder gives %v", err)
	}
}

// A flipped bit anywhere, and a cut anywhere, is found.
func TestEveryFlipAndCutIsFound(t *testing.T) {
	for name, seal := range seals(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "people.plan")
			write(t, path, seal, 30)
			valid, err := os.ReadFile(path)
			must(t, err)
			check := func(what string, at int, b []byte) {
				t.Helper()
				must(t, os.WriteFile(path, b, 0o600))
				if _, err := read(path, seal); problemOf(err) == "" {
					t.Fatalf("%s at %d of %d: %v, want a *FileError", what, at, len(valid), err)
				}
			}
			for i := range valid {
				b := append([]byte(nil), valid...)
				b[i] ^= 1 << (i % 8)
				check("flip", i, b)
				check("cut", i, valid[:i])
			}
			check("more", len(valid), append(append([]byte(nil), valid...), 0))
		})
	}
}

// Whoever can write the file but lacks the key can't exchange, drop or take
// over sealed parts, even with all checksums made right again.
func TestSealedPartsStayInPlace(t *testing.T) {
	dir := t.TempDir()
	seal := seals(t)["sealed"]
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	write(t, first, seal, 30)
	write(t, second, seal, 30)
	a, err := os.ReadFile(first)
	must(t, err)
	b, err := os.ReadFile(second)
	must(t, err)
	r, err := Open(second, seal)
	must(t, err)
	end := int(r.foot.sections[1].blocks[0].offset + r.foot.sections[1].blocks[0].stored)
	must(t, r.Close())

	mixed := append(append([]byte(nil), a[:end]...), b[end:]...)
	copy(mixed[:preambleSize], b[:preambleSize])
	path := filepath.Join(dir, "mixed.plan")
	must(t, os.WriteFile(path, mixed, 0o600))
	if _, err := read(path, seal); problemOf(err) != "is damaged (block 1)" {
		t.Errorf("blocks of another plan: %v", err)
	}

	// Without the checksum in the index, the binding alone must find it.
	r, err = Open(path, seal)
	must(t, err)
	defer r.Close()
	blk := r.foot.sections[1].blocks[0]
	blk.sum = xxh3.Hash(mixed[blk.offset : blk.offset+blk.stored])
	in := blockReader{r: r}
	if _, err := in.load(&blk); problemOf(err) != "is damaged (block 2)" {
		t.Errorf("a block of another plan under its own checksum: %v", err)
	}
	good, err := Open(second, seal)
	must(t, err)
	defer good.Close()
	blk = good.foot.sections[1].blocks[0]
	blk.number = 0
	in = blockReader{r: good}
	if _, err := in.load(&blk); problemOf(err) != "is damaged (block 1)" {
		t.Errorf("a block in another place: %v", err)
	}
}

// fix makes the checksum of the trailer right, so that mutations reach what
// lies behind it.
func fix(b []byte) []byte {
	b = append([]byte(nil), b...)
	if len(b) < preambleSize+trailerSize {
		return b
	}
	tail := b[len(b)-trailerSize:]
	n := binary.LittleEndian.Uint64(tail)
	if n > uint64(len(b)-preambleSize-trailerSize) {
		return b
	}
	foot := b[len(b)-trailerSize-int(n) : len(b)-trailerSize]
	binary.LittleEndian.PutUint64(tail[8:], footerSum(b[:preambleSize], foot))
	return b
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "seed.plan")
	for _, n := range []int{0, 3, 500} {
		write(f, path, Seal{}, n)
		b, err := os.ReadFile(path)
		must(f, err)
		f.Add(b, uint64(0), false)
		f.Add(b, uint64(7), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64, mutate bool) {
		if mutate && len(b) > 0 {
			b = bytes.Clone(b)
			rnd := rand.New(rand.NewPCG(seed, 0))
			for range 1 + rnd.IntN(4) {
				b[rnd.IntN(len(b))] = byte(rnd.Uint32())
			}
			b = fix(b)
		}
		r, err := newReader(bytes.NewReader(b), int64(len(b)), "fuzz.plan", Seal{})
		if err == nil {
			defer r.zstd.Close()
			err = r.Verify()
		}
		if err != nil && problemOf(err) == "" {
			t.Errorf("error %v, want a *FileError", err)
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add(appendEntry(nil, sample(3)))
	f.Add(appendEntry(nil, &Entry{Upstream: []Expectation{{Pipeline: "p", Key: "k"}}, Before: []byte{}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e, again Entry
		c := cursor{b: b}
		if !c.entry(&e) {
			return
		}
		c = cursor{b: appendEntry(nil, &e)}
		if !c.entry(&again) {
			t.Fatal("what was decoded can't be encoded and decoded again")
		}
		if string(appendEntry(nil, &again)) != string(appendEntry(nil, &e)) {
			t.Error("encoding an entry twice gives different bytes")
		}
	})
}
