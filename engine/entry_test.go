package engine

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
)

// An entry comes back as it was, and what is cut is no entry.
func TestEntryEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := entry{
			key:     record.Key(rapid.String().Draw(t, "key")),
			part:    rapid.Uint64().Draw(t, "part"),
			gen:     rapid.Uint64().Draw(t, "gen"),
			seen:    rapid.SampledFrom([]seen{seenPut, seenGone, seenExpired, seenOutdated, seenAhead, seenUnsure}).Draw(t, "seen"),
			raw:     record.Hash(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "raw")),
			offset:  rapid.Int64Range(0, math.MaxInt64).Draw(t, "offset"),
			length:  rapid.IntRange(0, record.DefaultLimits().Size).Draw(t, "length"),
			order:   rapid.Uint64().Draw(t, "order"),
			planned: rapid.Bool().Draw(t, "planned"),
		}
		b := want.encode(nil)
		var got entry
		if err := got.decode([]byte(want.key), b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if err := got.decode([]byte(want.key), b[:cut]); !errors.Is(err, errCodec) {
			t.Fatalf("%d of %d bytes: %v", cut, len(b), err)
		}
	})
}
