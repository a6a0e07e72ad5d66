package plan

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/engine/record"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const people = "pipeline.people"

// gcm seals as a state does: a fresh nonce, then AES-GCM.
func gcm(t testing.TB, key string) Seal {
	t.Helper()
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return Seal{
		Seal:   func(b []byte) ([]byte, error) { return aead.Seal(nil, nil, b, nil), nil },
		Unseal: func(b []byte) ([]byte, error) { return aead.Open(nil, nil, b, nil) },
	}
}

func seals(t testing.TB) map[string]Seal {
	return map[string]Seal{"clear": {}, "sealed": gcm(t, "0123456789abcdef")}
}

func sample(i int) *Entry {
	return &Entry{
		Key: record.Key(fmt.Sprintf("%08d", i)), Op: record.Update, Cause: record.CauseSource,
		Before: fmt.Appendf(nil, `{"name":"Testpersoon %d"}`, i), After: fmt.Appendf(nil, `{"name":"Proefpersoon %d"}`, i),
		Fields: []string{"name"}, Had: true, Item: true, Mapped: record.Hash{1, byte(i)},
	}
}

// write makes a plan of n sample entries and one source row.
func write(t testing.TB, path string, seal Seal, n int) {
	t.Helper()
	w, err := Create(path, seal)
	must(t, err)
	must(t, w.BeginSource("source.afas_get.people"))
	must(t, w.SourceRow(&SourceRow{Part: "a", Key: "k", Lo: "2026-01-01", Body: []byte(`{"a":1}`)}))
	must(t, w.BeginPipeline(people))
	for i := range n {
		must(t, w.Entry(sample(i)))
	}
	must(t, w.BeginPipeline("pipeline.empty"))
	must(t, w.Close(&Header{ID: "01JD", Kind: "plan", Clock: time.Unix(1, 0).UTC()}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read opens a plan, reads everything and tells how many entries it saw.
func read(path string, seal Seal) (int, error) {
	r, err := Open(path, seal)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if err := r.Verify(); err != nil {
		return 0, err
	}
	n := 0
	for _, err := range r.Entries(people) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func TestReadsWhatWasWritten(t *testing.T) {
	for name, seal := range seals(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "people.plan")
			const n = 20_000
			write(t, path, seal, n)
			r, err := Open(path, seal)
			must(t, err)
			defer r.Close()
			must(t, r.Verify())
			if blocks := len(r.section(pipelineSection, people).blocks); blocks < 3 {
				t.Fatalf("only %d blocks", blocks)
			}
			i := 0
			for e, err := range r.Entries(people) {
				must(t, err)
				if diff := cmp.Diff(sample(i), e); diff != "" {
					t.Fatalf("entry %d (-want +got):\n%s", i, diff)
				}
				i++
			}
			if i != n {
				t.Errorf("%d entries, want %d", i, n)
			}
			for row, err := range r.SourceRows("source.afas_get.people") {
				must(t, err)
				want := &SourceRow{Part: "a", Key: "k", Lo: "2026-01-01", Body: []byte(`{"a":1}`)}
				if diff := cmp.Diff(want, row); diff != "" {
					t.Errorf("row (-want +got):\n%s", diff)
				}
			}
			want := &Header{ID: "01JD", Kind: "plan", Clock: time.Unix(1, 0).UTC()}
			if diff := cmp.Diff(want, r.Header()); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			for range r.Entries("pipeline.none") {
				t.Error("a section that is not there has entries")
			}
		})
	}
}

func TestFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people.plan")
	const n = 20_000
	write(t, path, Seal{}, n)
	r, err := Open(path, Seal{})
	must(t, err)
	defer r.Close()
	wanted := []int{0, 1, n / 2, n - 1}
	for _, b := range r.section(pipelineSection, people).blocks {
		var i int
		_, err := fmt.Sscanf(string(b.first), "%d", &i)
		must(t, err)
		wanted = append(wanted, i)
		if i > 0 {
			wanted = append(wanted, i-1)
		}
	}
	for _, i := range wanted {
		e, err := r.Find(people, sample(i).Key)
		must(t, err)
		if diff := cmp.Diff(sample(i), e); diff != "" {
			t.Errorf("Find %d (-want +got):\n%s", i, diff)
		}
	}
	for _, key := range []record.Key{"", "0", "00000001x", "99999999"} {
		if e, err := r.Find(people, key); e != nil || err != nil {
			t.Errorf("Find %q = %v, %v; want nothing", key, e, err)
		}
	}
}

func TestEntriesUnderOneKeyStayTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people.plan")
	w, err := CreateSpool(path, Seal{})
	must(t, err)
	must(t, w.BeginPipeline(people))
	big := []byte(strings.Repeat("x", blockSize))
	for i, key := range []record.Key{"a", "b", "b", "b", "c"} {
		must(t, w.Entry(&Entry{Key: key, Order: uint64(i), After: big}))
	}
	must(t, w.Close(&Header{}))
	r, err := Open(path, Seal{})
	must(t, err)
	defer r.Close()
	e, err := r.Find(people, "b")
	must(t, err)
	if e == nil || e.Order != 1 {
		t.Errorf("Find gives %v, want the first entry under the key", e)
	}
}

func TestRoundTripOfAnyEntry(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(anyEntry), 0, 20).Draw(t, "entries")
		rows := rapid.SliceOfN(rapid.Custom(anyRow), 0, 20).Draw(t, "rows")
		path := filepath.Join(dir, "any.plan")
		w, err := Create(path, Seal{})
		noError(t, err)
		noError(t, w.BeginPipeline(people))
		for i := range entries {
			entries[i].Key = record.Key(fmt.Sprintf("%03d%s", i, entries[i].Key))
			noError(t, w.Entry(&entries[i]))
		}
		noError(t, w.BeginSource("source.any"))
		for i := range rows {
			noError(t, w.SourceRow(&rows[i]))
		}
		noError(t, w.Close(&Header{}))
		r, err := Open(path, Seal{})
		noError(t, err)
		defer r.Close()
		i := 0
		for e, err := range r.Entries(people) {
			noError(t, err)
			if diff := cmp.Diff(&entries[i], e); diff != "" {
				t.Fatalf("entry (-want +got):\n%s", diff)
			}
			i++
		}
		j := 0
		for row, err := range r.SourceRows("source.any") {
			noError(t, err)
			if diff := cmp.Diff(&rows[j], row); diff != "" {
				t.Fatalf("row (-want +got):\n%s", diff)
			}
			j++
		}
		if i != len(entries) || j != len(rows) {
			t.Fatalf("%d entries and %d rows, want %d and %d", i, j, len(entries), len(rows))
		}
	})
}

func noError(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// anyBytes draws nil, empty and other bytes.
func anyBytes(t *rapid.T) []byte {
	return rapid.OneOf(rapid.Just([]byte(nil)), rapid.Just([]byte{}), rapid.SliceOf(rapid.Byte())).Draw(t, "bytes")
}

func anyHash(t *rapid.T) (h record.Hash) {
	if rapid.Bool().Draw(t, "hashed") {
		copy(h[:], rapid.SliceOfN(rapid.Byte(), len(h), len(h)).Draw(t, "hash"))
	}
	return h
}

func anyTime(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "timed") {
		return time.Unix(rapid.Int64Range(-1e11, 1e11).Draw(t, "sec"), rapid.Int64Range(0, 999_999_999).Draw(t, "nsec")).UTC()
	}
	return time.Time{}
}

func anyEntry(t *rapid.T) Entry {
	text, flag := rapid.String(), rapid.Bool()
	e := Entry{
		Key: record.Key(text.Draw(t, "key")), Op: record.Op(rapid.Byte().Draw(t, "op")),
		Cause: record.Cause(text.Draw(t, "cause")), Before: anyBytes(t), After: anyBytes(t),
		Fields: rapid.OneOf(rapid.Just([]string(nil)), rapid.SliceOf(text)).Draw(t, "fields"),
		Ref:    anyBytes(t), Order: rapid.Uint64().Draw(t, "order"), Lane: text.Draw(t, "lane"),
		Had: flag.Draw(t, "had"), Expect: anyHash(t), Item: flag.Draw(t, "item"), Raw: anyHash(t), Mapped: anyHash(t),
		Status: rapid.Byte().Draw(t, "status"), HasSrc: flag.Draw(t, "hasSrc"), SrcPart: text.Draw(t, "srcPart"),
		SrcKey: record.Key(text.Draw(t, "srcKey")), Part: text.Draw(t, "part"), Seq: rapid.Uint64().Draw(t, "seq"),
		Open: text.Draw(t, "open"), OpenOp: record.Op(rapid.Byte().Draw(t, "openOp")), Since: anyTime(t), Due: anyTime(t),
		Attempts: rapid.Int().Draw(t, "attempts"), Note: text.Draw(t, "note"), Code: text.Draw(t, "code"),
		Touch: flag.Draw(t, "touch"), Stranger: flag.Draw(t, "stranger"),
		Field: text.Draw(t, "field"), Clear: flag.Draw(t, "clear"), Approved: flag.Draw(t, "approved"), Drop: flag.Draw(t, "drop"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "upstream") {
		e.Upstream = append(e.Upstream, Expectation{text.Draw(t, "pipeline"), record.Key(text.Draw(t, "upKey")), anyHash(t)})
	}
	return e
}

func anyRow(t *rapid.T) SourceRow {
	text := rapid.String()
	return SourceRow{
		Part: text.Draw(t, "part"), Key: record.Key(text.Draw(t, "key")), Hash: anyHash(t), Lo: text.Draw(t, "lo"),
		Hi: text.Draw(t, "hi"), Gone: rapid.Bool().Draw(t, "gone"), Reason: text.Draw(t, "reason"), Body: anyBytes(t),
	}
}

func TestWriterMisuse(t *testing.T) {
	tests := map[string]func(w *Writer) error{
		"entry outside a section": func(w *Writer) error { return w.Entry(sample(1)) },
		"row in a pipeline":       func(w *Writer) error { return errors.Join(w.BeginPipeline(people), w.SourceRow(&SourceRow{})) },
		"entry in a source":       func(w *Writer) error { return errors.Join(w.BeginSource("s"), w.Entry(sample(1))) },
		"section twice":           func(w *Writer) error { return errors.Join(w.BeginPipeline(people), w.BeginPipeline(people)) },
		"keys out of order": func(w *Writer) error {
			return errors.Join(w.BeginPipeline(people), w.Entry(sample(2)), w.Entry(sample(1)))
		},
		"entry after it was closed": func(w *Writer) error {
			return errors.Join(w.BeginPipeline(people), w.Close(&Header{}), w.Entry(sample(1)))
		},
	}
	for name, use := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := Create(filepath.Join(dir, "people.plan"), Seal{})
			must(t, err)
			if use(w) == nil {
				t.Error("no error")
			}
			must(t, w.Abandon())
		})
	}
}

// TestBlockThatCannotBeWritten lets the last block fail, which is written while
// nothing is added any more.
func TestBlockThatCannotBeWritten(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "people.plan"), Seal{})
	must(t, err)
	must(t, w.BeginPipeline(people))
	must(t, w.Entry(sample(1)))
	must(t, w.file.Close())
	if err := w.Close(&Header{}); err == nil {
		t.Error("a plan without its block was closed without an error")
	}
}

func TestAbandonedPlanLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "people.plan"), Seal{})
	must(t, err)
	must(t, w.BeginPipeline(people))
	must(t, w.Entry(sample(1)))
	must(t, w.Abandon())
	must(t, w.Abandon())
	if err := w.Close(&Header{}); err == nil {
		t.Error("an abandoned plan can be closed")
	}
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestModeAndReplacement(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people.plan")
	const earlier = magic + "earlier"
	must(t, os.WriteFile(path, []byte(earlier), 0o644))
	w, err := Create(path, Seal{})
	must(t, err)
	if b, err := os.ReadFile(path); err != nil || string(b) != earlier {
		t.Errorf("the earlier file is gone before Close: %q, %v", b, err)
	}
	must(t, w.Close(&Header{}))
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
}

func TestSealedPlanShowsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people.plan")
	write(t, path, seals(t)["sealed"], 100)
	b, err := os.ReadFile(path)
	must(t, err)
	for _, word := range []string{"persoon", people, "01JD", "00000007"} {
		if strings.Contains(string(b), word) {
			t.Errorf("%q is in the file", word)
		}
	}
}

func TestNewID(t *testing.T) {
	id, err := NewID(time.UnixMilli(1469918176385), strings.NewReader(strings.Repeat("\xff", 10)))
	must(t, err)
	if want := "01ARYZ6S41" + "ZZZZZZZZZZZZZZZZ"; id != want {
		t.Errorf("id %s, want %s", id, want)
	}
	if _, err := NewID(time.UnixMilli(0), strings.NewReader("short")); err == nil {
		t.Error("no error when there is too little randomness")
	}
	a, err := NewID(time.UnixMilli(1000), rand.Reader)
	must(t, err)
	b, err := NewID(time.UnixMilli(1001), rand.Reader)
	must(t, err)
	if a >= b {
		t.Errorf("%s made before %s does not sort before it", a, b)
	}
}
