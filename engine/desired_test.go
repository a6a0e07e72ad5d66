package engine

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// What is desired comes back as it was, whether or not its source record has the
// same key, and what is cut is nothing.
func TestDesiredEncoding(t *testing.T) {
	text := rapid.String()
	hash := rapid.Custom(func(t *rapid.T) record.Hash {
		return record.Hash(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "hash"))
	})
	rapid.Check(t, func(t *rapid.T) {
		want := desired{
			key: record.Key(text.Draw(t, "key")), fate: fate(rapid.IntRange(0, int(fateAhead)).Draw(t, "fate")),
			src: state.SourceRef{Part: text.Draw(t, "part"), Key: record.Key(text.Draw(t, "source key"))}, order: rapid.Uint64().Draw(t, "order"),
			raw: hash.Draw(t, "raw"), mapped: hash.Draw(t, "mapped"), body: []byte(text.Draw(t, "body")),
			field: text.Draw(t, "field"), code: text.Draw(t, "code"), note: text.Draw(t, "note"),
		}
		if rapid.Bool().Draw(t, "same key") {
			want.src.Key = want.key
		}
		if rapid.Bool().Draw(t, "upstream") {
			want.upstream = []plan.Expectation{{Pipeline: text.Draw(t, "pipeline"), Key: want.key, Hash: want.raw}}
		}
		b := want.encode(nil)
		var got desired
		if err := got.decode(want.key, b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(desired{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if err := got.decode(want.key, b[:cut]); !errors.Is(err, errCodec) {
			t.Fatalf("%d of %d bytes: %v", cut, len(b), err)
		}
	})
}

// A block copies what it keeps, tells nil from empty, and is full when what it
// keeps is large.
func TestSubjectBlock(t *testing.T) {
	var b subjectBlock
	if b.keep(nil) != nil || b.keep([]byte{}) == nil {
		t.Error("nil and empty are not kept apart")
	}
	text := []byte("first")
	first := b.keep(text)
	copy(text, "other")
	for range 3 {
		b.keep(make([]byte, lookBytes/4))
	}
	if string(first) != "first" || b.full() {
		t.Errorf("%q, full %v", first, b.full())
	}
	b.keep(make([]byte, lookBytes/4))
	if !b.full() {
		t.Error("a block with a megabyte goes on")
	}
}
