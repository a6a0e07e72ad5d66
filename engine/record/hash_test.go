package record_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
)

var rules = record.Rules{"list": record.Unordered, "text": record.Fold, "any": record.Fold}

func TestDiffer(t *testing.T) {
	tests := []struct {
		name, a, b string
		want       []string
	}{
		{"same bytes", `{"a":1}`, `{"a":1}`, nil},
		{"same value", `{"a":1.0,"b":"é"}`, `{"b":"\u00e9", "a":1}`, nil},
		{"absent and null", `{"a":null}`, `{}`, []string{"a"}},
		{"null and empty", `{"a":null,"b":[]}`, `{"a":"","b":null}`, []string{"a", "b"}},
		{"all of a new one", ``, `{"b":1,"a":2}`, []string{"a", "b"}},
		{"all of an old one", `{"b":1,"a":2}`, ``, []string{"a", "b"}},
		{"some", `{"a":1,"c":3,"d":4,"e":{"x":1}}`, `{"a":1,"b":2,"d":5,"e":{"x":2}}`, []string{"b", "c", "d", "e"}},
		{"escaped names", `{"q\"":1}`, `{"q\u0022":2}`, []string{`q"`}},
		{"order of a list", `{"list":[1,{"b":1,"a":2},1]}`, `{"list":[{"a":2,"b":1},1,1.0]}`, nil},
		{"number of elements", `{"list":[1,1,2]}`, `{"list":[1,2,2]}`, []string{"list"}},
		{"order without a rule", `{"other":[1,2]}`, `{"other":[2,1]}`, []string{"other"}},
		{"order inside of elements", `{"list":[[1,2]]}`, `{"list":[[2,1]]}`, []string{"list"}},
		{"case", `{"text":" Straße ÉK\t"}`, `{"text":"STRAßE é\u212a"}`, nil},
		{"inner white space", `{"text":"a  b"}`, `{"text":"a b"}`, []string{"text"}},
		{"case of other kinds", `{"any":["A"],"text":null}`, `{"any":["a"],"text":""}`, []string{"any", "text"}},
		{"case without a rule", `{"other":"A"}`, `{"other":"a"}`, []string{"other"}},
	}
	h := record.NewHasher([]byte("key"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := record.Differ([]byte(tt.a), []byte(tt.b), rules)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Fatalf("%v (-want +got)\n%s", err, diff)
			}
			if tt.a == "" || tt.b == "" {
				return
			}
			a, errA := h.Record([]byte(tt.a), rules)
			b, errB := h.Record([]byte(tt.b), rules)
			if (a == b) != (tt.want == nil) || errA != nil || errB != nil {
				t.Errorf("equal hashes: %v, %v, %v", a == b, errA, errB)
			}
		})
	}
	for _, in := range []string{`{"a":1,"a":1}`, `[1]`, `x`} {
		if got, err := record.Differ([]byte(`{}`), []byte(in), nil); err == nil {
			t.Errorf("%s differs in %v", in, got)
		}
	}
}

func TestHasherBytes(t *testing.T) {
	key, text := []byte("key"), []byte("text")
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	h := record.NewHasher(key)
	for range 2 {
		if got := h.Bytes(text); got != record.Hash(mac.Sum(nil)[:16]) {
			t.Errorf("HMAC is %x", got)
		}
	}
	// The reference value of XXH3 of 128 bits for no bytes, in canonical order.
	want := record.Hash{0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8, 0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f}
	if got := record.NewHasher(nil).Bytes(nil); got != want {
		t.Errorf("xxh3 of nothing is %x", got)
	}
}

func TestRecordHashIsThatOfTheCanonicalForm(t *testing.T) {
	h := record.NewHasher(nil)
	rapid.Check(t, func(t *rapid.T) {
		in := []byte(drawJSON(t, 3))
		want, err := record.AppendCanonical(nil, in)
		got, hashErr := h.Record(in, rules)
		if (err == nil) != (hashErr == nil) {
			t.Fatalf("Record(%q): %v, AppendCanonical: %v", in, hashErr, err)
		}
		if err == nil && got != h.Bytes(want) {
			t.Fatalf("Record(%q) is not the hash of %q", in, want)
		}
		if again, err := h.Record(want, nil); hashErr == nil && (err != nil || again != got) {
			t.Fatalf("the canonical form %q has another hash, %v", want, err)
		}
	})
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := record.NewHasher(nil)
	body, err := record.AppendCanonical(nil, []byte(people(1)[0]))
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(body)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := h.Record(body, nil); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Record allocates %v times", n)
	}
	if !bytes.Equal(before, body) {
		t.Error("Record has changed the body")
	}
}
