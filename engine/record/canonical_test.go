package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
)

func TestAppendBody(t *testing.T) {
	tests := []struct{ name, in, body, canonical string }{
		{"sorted", `{"a":1,"b":[]}`, `{"a":1,"b":[]}`, `{"a":1,"b":[]}`},
		{"members", ` { "b" : 1 , "a" : { "d":2 , "c":[ 3 , {"f":4,"e":5} ] } } `, `{"a":{"c":[3,{"e":5,"f":4}],"d":2},"b":1}`, `{"a":{"c":[3,{"e":5,"f":4}],"d":2},"b":1}`},
		{"escapes", `["\u0061\/\u000a\u001F\u00e9\ud83d\ude00\"<>&"]`, "[\"a/\\n\\u001f\u00e9\U0001F600\\\"<>&\"]", "[\"a/\\n\\u001f\u00e9\U0001F600\\\"<>&\"]"},
		{"order of unescaped names", `{"\u0062":1,"a":2,"\"":3,"!":4}`, `{"!":4,"\"":3,"a":2,"b":1}`, `{"!":4,"\"":3,"a":2,"b":1}`},
		{"order by bytes", "{\"\U0001F600\":1,\"\uffff\":2}", "{\"\uffff\":2,\"\U0001F600\":1}", "{\"\uffff\":2,\"\U0001F600\":1}"},
		{"numbers", `[1e3,12.50,-0,-0.0,1E-2,7.0,100]`, `[1000,12.50,0,0.0,0.01,7.0,100]`, `[1000,12.5,0,0,0.01,7,100]`},
		{"scalar", ` "x" `, `"x"`, `"x"`},
		{"empty", `{"b":{},"a":[ ]}`, `{"a":[],"b":{}}`, `{"a":[],"b":{}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body, err := record.AppendBody([]byte("·"), []byte(tt.in))
			if diff := cmp.Diff("·"+tt.body, string(body)); diff != "" || err != nil {
				t.Errorf("AppendBody: %v (-want +got)\n%s", err, diff)
			}
			canonical, err := record.AppendCanonical([]byte("·"), []byte(tt.in))
			if diff := cmp.Diff("·"+tt.canonical, string(canonical)); diff != "" || err != nil {
				t.Errorf("AppendCanonical: %v (-want +got)\n%s", err, diff)
			}
		})
	}
	for _, in := range []string{``, `{"a":1,"a":2}`, `{"a":1}x`, "\"\xff\"", `["\ud800"]`} {
		got, err := record.AppendBody([]byte("·"), []byte(in))
		if se := (*record.SyntaxError)(nil); !errors.As(err, &se) || string(got) != "·" {
			t.Errorf("AppendBody(%q) = %q, %v, want a SyntaxError", in, got, err)
		}
	}
}

func TestNumberForms(t *testing.T) {
	zeros := strings.Repeat("0", 399)
	tests := []struct{ in, plain, canonical string }{
		{"0", "0", "0"},
		{"-0", "0", "0"},
		{"-0.00", "0.00", "0"},
		{"0e9", "0", "0"},
		{"-0.00e-9", "0", "0"},
		{"-7", "-7", "-7"},
		{"9007199254740993", "9007199254740993", "9007199254740993"},
		{"12.50", "12.50", "12.5"},
		{"1.50e1", "15.0", "15"},
		{"1.50e3", "1500", "1500"},
		{"0.012e2", "1.2", "1.2"},
		{"-0.12E-1", "-0.012", "-0.012"},
		{"1e+3", "1000", "1000"},
		{"1e399", "1" + zeros, "1" + zeros},
		{"1e400", "1e400", "1e400"},
		{"1" + zeros + "0", "1" + zeros + "0", "1e400"},
		{"-120.0e450", "-1.200e452", "-1.2e452"},
		{"1e-400", "0." + zeros + "1", "0." + zeros + "1"},
		{"1e-401", "1e-401", "1e-401"},
		{"12e99999999999999999999", "1.2e100000000000000000000", "1.2e100000000000000000000"},
		{"0.1e-0099999999999999999999", "1e-100000000000000000000", "1e-100000000000000000000"},
	}
	for _, tt := range tests {
		plain, canonical := record.AppendNumber(nil, []byte(tt.in)), record.AppendCanonicalNumber(nil, []byte(tt.in))
		if diff := cmp.Diff([]string{tt.plain, tt.canonical}, []string{string(plain), string(canonical)}); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.in, diff)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-0.0", "12.50", "1e3", "-1.25E-2", "1e400", "123456789012345678901234567890.5e-30"} {
		f.Add(s, "12.5")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, okX := rat(a)
		y, okY := rat(b)
		if !okX || !okY {
			return
		}
		for name, form := range map[string]func(dst, lit []byte) []byte{"AppendNumber": record.AppendNumber, "AppendCanonicalNumber": record.AppendCanonicalNumber} {
			got := form(nil, []byte(a))
			if z, ok := rat(string(got)); !ok || z.Cmp(x) != 0 {
				t.Fatalf("%s(%s) = %s", name, a, got)
			}
			if again := form(nil, got); !bytes.Equal(again, got) {
				t.Fatalf("%s(%s) = %s, and of that %s", name, a, got, again)
			}
		}
		ca, cb := record.AppendCanonicalNumber(nil, []byte(a)), record.AppendCanonicalNumber(nil, []byte(b))
		if bytes.Equal(ca, cb) != (x.Cmp(y) == 0) {
			t.Fatalf("%s and %s have the canonical forms %s and %s", a, b, ca, cb)
		}
	})
}

// rat reads a JSON number whose exponent is not too large to compute with.
func rat(s string) (*big.Rat, bool) {
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 5 {
		return nil, false
	}
	if !json.Valid([]byte(s)) || strings.Trim(s, "0123456789+-.eE") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// equal compares decoded values: numbers by value.
func equal(a, b []byte) bool {
	decode := func(in []byte) (v any) {
		dec := json.NewDecoder(bytes.NewReader(in))
		dec.UseNumber()
		if dec.Decode(&v) != nil {
			return math.NaN()
		}
		return v
	}
	return cmp.Equal(decode(a), decode(b), cmp.Comparer(func(x, y json.Number) bool {
		p, okP := rat(string(x))
		q, okQ := rat(string(y))
		return okP && okQ && p.Cmp(q) == 0 || x == y
	}))
}

func TestCanonicalIsOneFormOfEqualValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := []byte(drawJSON(t, 3)), []byte(drawJSON(t, 3))
		checkCanonical(t, a, b)
		body, err := record.AppendBody(nil, a)
		if err != nil {
			return
		}
		// What is encoded from decoded values is the body form too.
		encoded, err := record.Append(nil, record.DecodeTrusted(a))
		if err != nil || !bytes.Equal(encoded, body) {
			t.Fatalf("Append(Decode(%q)) = %q, %v, want %q", a, encoded, err, body)
		}
	})
}

func checkCanonical(t interface{ Fatalf(string, ...any) }, a, b []byte) {
	ca, errA := record.AppendCanonical(nil, a)
	if (errA == nil) != strict(a, record.DefaultLimits().Depth) {
		t.Fatalf("AppendCanonical(%q): %v", a, errA)
	}
	cb, errB := record.AppendCanonical(nil, b)
	if errA != nil || errB != nil {
		return
	}
	if again, err := record.AppendCanonical(nil, ca); err != nil || !bytes.Equal(again, ca) {
		t.Fatalf("AppendCanonical(%q) = %q, and of that %q, %v", a, ca, again, err)
	}
	if !equal(a, ca) {
		t.Fatalf("AppendCanonical(%q) = %q, another value", a, ca)
	}
	if equal(a, b) != bytes.Equal(ca, cb) {
		t.Fatalf("%q and %q have the canonical forms %q and %q", a, b, ca, cb)
	}
	body, err := record.AppendBody(nil, a)
	if err != nil || !equal(a, body) {
		t.Fatalf("AppendBody(%q) = %q, %v", a, body, err)
	}
	if of, err := record.AppendCanonical(nil, body); err != nil || !bytes.Equal(of, ca) {
		t.Fatalf("the canonical form of the body %q is %q, %v, want %q", body, of, err, ca)
	}
}

var longExponent = regexp.MustCompile(`[eE][+-]?[0-9]{4}`)

func FuzzCanonical(f *testing.F) {
	f.Add([]byte(`{"b":1.0,"a":[true,null]}`), []byte(`{"a":[true,null],"b":1}`))
	f.Add([]byte(`{"\u0062":"\u00e9"}`), []byte(`{"b":"é"}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		// The reference computes with no exponents beyond a thousand.
		if !longExponent.Match(a) && !longExponent.Match(b) {
			checkCanonical(t, a, b)
		}
	})
}
