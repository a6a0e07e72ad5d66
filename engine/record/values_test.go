package record_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
)

func TestDecode(t *testing.T) {
	in := ` {"n":[0,-0,-7,1e3,9223372036854775807,9223372036854775808,100000000000000000000,0.1,1.50,12.5,-2.5e-1,0.10E-400,0.1000000000000000055,1e400,
		1234567890.1234567],"t":["a\u00e9\n",""],"b":[true,false,null],"o":{"":{}},"e":[]} `
	want := map[string]any{
		"n": []any{
			0, 0, -7, 1000, math.MaxInt64, json.Number("9223372036854775808"), 1e20, 0.1, json.Number("1.50"), 12.5, -0.25, json.Number("1.0e-401"),
			json.Number("0.1000000000000000055"), json.Number("1e400"), 1234567890.1234567,
		},
		"t": []any{"aé\n", ""},
		"b": []any{true, false, nil},
		"o": map[string]any{"": map[string]any{}},
		"e": []any{},
	}
	got, err := record.Decode([]byte(in))
	if diff := cmp.Diff(any(want), got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if got, err := record.Decode([]byte(`{"a":1,"a":1}`)); err == nil {
		t.Errorf("a duplicate member gives %v", got)
	}
}

func TestAppend(t *testing.T) {
	type code string
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	var none *int
	seven := 7
	tests := []struct {
		name string
		in   any
		want string // empty: an error
	}{
		{"nil", nil, `null`},
		{"bool", true, `true`},
		{"integers", []any{1, int64(math.MinInt64), uint64(math.MaxUint64), int8(-3), huge}, `[1,-9223372036854775808,18446744073709551615,-3,123456789012345678901234567890]`},
		{"floats", []any{0.1, 1e21, 1e-7, math.Copysign(0, -1), float32(0.1), -2.0}, `[0.1,1000000000000000000000,0.0000001,0,0.1,-2]`},
		{"numbers", []json.Number{"1E2", "12.50", "1e500"}, `[100,12.50,1e500]`},
		{"text", "a\"\\<&>\u2028\x01é", "\"a\\\"\\\\<&>\u2028\\u0001é\""},
		{"map", map[string]any{"b": []any{}, "a": map[string]string{"y": "1", "x": "2"}}, `{"a":{"x":"2","y":"1"},"b":[]}`},
		{"rare", []any{code("c"), []string{"a"}, map[code]int{"z": 1, "a": 2}, [2]bool{true}, none, &seven}, `["c",["a"],{"a":2,"z":1},[true,false],null,7]`},
		{"NaN", []any{math.NaN()}, ``},
		{"infinite", math.Inf(-1), ``},
		{"no number", json.Number("0x10"), ``},
		{"empty number", json.Number(""), ``},
		{"no UTF-8", "a\xff", ``},
		{"no UTF-8 in a name", map[string]any{"a\xff": 1}, ``},
		{"function", func() {}, ``},
		{"map by number", map[int]string{1: "a"}, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := record.Append([]byte("·"), tt.in)
			if (err == nil) != (tt.want != "") {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff("·"+tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAppendFloatNeverHasAnExponent(t *testing.T) {
	for _, f := range []float64{math.MaxFloat64, -math.SmallestNonzeroFloat64, 2.2250738585072014e-308, 1e22} {
		got, err := record.Append(nil, f)
		if err != nil || strings.ContainsAny(string(got), "eE") {
			t.Errorf("Append(%g) = %s, %v", f, got, err)
		}
		if back := record.DecodeTrusted(got); back != f {
			t.Errorf("Append(%g) = %s, and back %v", f, got, back)
		}
	}
}

func TestAppendStringReplacesInvalidUTF8(t *testing.T) {
	if got := string(record.AppendString(nil, []byte("a\xc3(\xff\xed\xa0\x80é"))); got != "\"a\ufffd(\ufffd\ufffd\ufffd\ufffdé\"" {
		t.Errorf("got %q", got)
	}
}

func TestKindAndText(t *testing.T) {
	tests := []struct {
		raw  string
		kind record.Kind
		text string
		ok   bool
	}{
		{``, record.Absent, "", false},
		{`null`, record.Null, "", false},
		{`true`, record.Bool, "true", true},
		{`false`, record.Bool, "false", true},
		{`-1.50`, record.Number, "-1.5", true},
		{`7.0`, record.Number, "7", true},
		{`"\u0061\n"`, record.String, "a\n", true},
		{`""`, record.String, "", true},
		{`[1]`, record.List, "", false},
		{`{}`, record.Object, "", false},
	}
	for _, tt := range tests {
		text, ok := record.Text([]byte(tt.raw))
		if kind := record.KindOf([]byte(tt.raw)); kind != tt.kind || text != tt.text || ok != tt.ok {
			t.Errorf("%s: %v, %q, %v, want %v, %q, %v", tt.raw, kind, text, ok, tt.kind, tt.text, tt.ok)
		}
	}
}

func TestMembers(t *testing.T) {
	body := []byte(` { "b" : {"x":[1,"]}"]} , "\u0061\"" : "q\\" , "" : -1.5,"c":null } `)
	type member struct{ Name, Raw string }
	var got []member
	record.Members(body, func(name string, raw []byte) bool {
		got = append(got, member{name, string(raw)})
		return name != ""
	})
	want := []member{{"b", `{"x":[1,"]}"]}`}, {`a"`, `"q\\"`}, {"", "-1.5"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Members (-want +got)\n%s", diff)
	}
	for name, want := range map[string]string{"b": `{"x":[1,"]}"]}`, `a"`: `"q\\"`, "c": "null", "x": "", "d": ""} {
		if got := record.Member(body, name); string(got) != want || (got == nil) != (want == "") {
			t.Errorf("Member(%q) = %q, want %q", name, got, want)
		}
	}
	if got := record.Member([]byte(`["b"]`), "b"); got != nil {
		t.Errorf("a list has the member %q", got)
	}
}
