package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
)

func TestValid(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		name, in string
		offset   int // -1: valid
	}{
		{"object", `{"a":[1,-2.5e+3,"x",true,false,null,{}],"b":{"a":[]}}`, -1},
		{"white space", " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : \"\" } \n", -1},
		{"escapes", `"\"\\\/\b\f\n\r\t\u00e9\ud83d\uDE00"`, -1},
		{"same name at another depth", `{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, -1},
		{"empty", "", 0},
		{"blank", "  ", 2},
		{"two values", `{} {}`, 3},
		{"byte order mark", "\ufeff{}", 0},
		{"trailing comma", `{"a":1,}`, 7},
		{"trailing comma in a list", `[1,]`, 3},
		{"no comma", `{"a":1 "b":2}`, 7},
		{"no colon", `{"a" 1}`, 5},
		{"no value", `{"a":}`, 5},
		{"cut", `{"a":"x`, 5},
		{"cut escape", `"x\`, 2},
		{"bare name", `{a:1}`, 1},
		{"duplicate", `{"a":1,"b":2,"a":3}`, 13},
		{"duplicate after unescaping", `{"a":1,"\u0061":3}`, 7},
		{"duplicate in a list", `[{"x":{"b":1,"b":2}}]`, 13},
		{"lone high", `"\ud83d"`, 1},
		{"high and no low", `"\ud83d\u0041"`, 1},
		{"lone low", `"ab\ude00"`, 3},
		{"bad hex", `"\u00g0"`, 1},
		{"unknown escape", `"\x"`, 1},
		{"control character", "\"abcdefghi\x1f\"", 10},
		{"invalid UTF-8", "\"abcdefgh\xff\"", 9},
		{"overlong", "\"\xc0\x80\"", 1},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", 1},
		{"cut rune", "\"\xc3\"", 1},
		{"leading zero", `[01]`, 1},
		{"plus", `+1`, 0},
		{"no digits", `[1.]`, 1},
		{"no exponent", `1e`, 0},
		{"minus", `-`, 0},
		{"not a number", `NaN`, 0},
		{"cut word", `nul`, 0},
		{"depth 20", deep(20), -1},
		{"depth 21", deep(21), 20},
		{"size", `"` + strings.Repeat("x", 100) + `"`, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := record.Valid([]byte(tt.in), record.Limits{Depth: 20, Size: 100})
			got := -1
			if se := (*record.SyntaxError)(nil); errors.As(err, &se) {
				got = se.Offset
			}
			if got != tt.offset {
				t.Errorf("Valid(%q) = %v, want offset %d", tt.in, err, tt.offset)
			}
		})
	}
}

// wanted are the paths that the scanners of these tests look for.
var wanted = [][]string{{"a"}, {"b"}, {"b", "c"}, {"b", "a", "c"}, {}, {`q"`}, {"é", ""}, {"z\U0001F600"}, {"employeeNumber"}}

func newScanner() *record.Scanner {
	tree := record.NewTree()
	for i, path := range wanted {
		if slot := tree.Want(path...); slot != i {
			panic(fmt.Sprint("slot of ", path, " is ", slot))
		}
	}
	return record.NewScanner(tree, record.Limits{Depth: 20})
}

// checkScan compares a scan with the reference.
func checkScan(t interface {
	Helper()
	Fatalf(string, ...any)
}, s *record.Scanner, in []byte,
) {
	t.Helper()
	err := s.Scan(in)
	if ok := strict(in, 20); (err == nil) != ok {
		t.Fatalf("Scan(%q) = %v, reference says %v", in, err, ok)
	}
	for i, path := range wanted {
		var want []byte
		if err == nil {
			want = slot(in, path...)
		}
		if got := s.Slot(i); !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Fatalf("Scan(%q): slot %v = %q, want %q", in, path, got, want)
		}
	}
}

func TestTreeSameSlot(t *testing.T) {
	tree := record.NewTree()
	got := []int{tree.Want("a", "b"), tree.Want("a"), tree.Want(), tree.Want("a", "b"), tree.Want("b"), tree.Want()}
	if diff := cmp.Diff([]int{0, 1, 2, 0, 3, 2}, got); diff != "" {
		t.Error(diff)
	}
}

func TestScanNullOnTheWay(t *testing.T) {
	s := newScanner()
	for _, in := range []string{
		`{"b":{"c":1,"a":{"c":[2]}},"a":null}`, `{"b":null}`, `{"b":[{"c":1}]}`, `{"b":"c"}`, `{}`, `[{"a":1}]`, `"a"`, ` 7 `,
		`{"b":{"c":1,}}`, `{"\u0062":{"\u0063":"x"}}`,
	} {
		checkScan(t, s, []byte(in))
	}
}

func TestScanAgreesWithReference(t *testing.T) {
	s := newScanner() // one for all: what it has learned must not matter
	rapid.Check(t, func(t *rapid.T) {
		in := []byte(drawJSON(t, 3))
		if len(in) > 0 && rapid.IntRange(0, 4).Draw(t, "spoil") == 0 {
			in[rapid.IntRange(0, len(in)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("{}[]\",:\\u0 \n\x00\xc3e-.")).Draw(t, "byte")
		}
		checkScan(t, s, in)
	})
}

// TestScanManyNames crosses the bounds of what is learned.
func TestScanManyNames(t *testing.T) {
	s := newScanner()
	for round := range 4 {
		for _, n := range []int{10, 255, 256, 257, 5000} {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, `,"name %d of %d":{"x%d":[{"y":1}]}`, i, round, i)
			}
			in := "{" + b.String()[1:] + "}"
			if err := s.Scan([]byte(in)); err != nil {
				t.Fatalf("%d names: %v", n, err)
			}
			twice := in[:len(in)-1] + in[strings.LastIndex(in, `,"name`):]
			if err := s.Scan([]byte(twice)); err == nil {
				t.Fatalf("%d names: the last is there twice, and Scan says nothing", n)
			}
		}
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	s, in := newScanner(), []byte(people(1)[0])
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Scan(in); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Scan allocates %v times", n)
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[true,null],"a":{"c":"\ud83d\ude00"}},"é":{"":-1.5e3}}`))
	f.Add([]byte(`{"a":1,"\u0061":2}`))
	f.Add([]byte("[{\"b\":{\"c\":1}}, \"\xff\"]"))
	f.Add([]byte(people(1)[0]))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newScanner()
		checkScan(t, s, in)
		checkScan(t, s, in)
		if err := record.Valid(in, record.Limits{Depth: 20}); (err == nil) != strict(in, 20) {
			t.Fatalf("Valid(%q) = %v", in, err)
		}
	})
}

// TestScanTellsNamesApart changes every byte of known names of all lengths:
// names are compared in pieces.
func TestScanTellsNamesApart(t *testing.T) {
	for n := 1; n <= 40; n++ {
		name := strings.Repeat("abcdefgh", 5)[:n]
		for at := range n {
			other := name[:at] + "X" + name[at+1:]
			for _, tail := range []string{"", `,"and":"so on and on and on"`} {
				tree := record.NewTree()
				first, second := tree.Want(name), tree.Want("z", name)
				s := record.NewScanner(tree, record.Limits{})
				for _, tt := range []struct{ in, first, second string }{
					{`{"` + name + `":1,"z":{"` + name + `":2}` + tail + "}", "1", "2"},
					{`{"` + other + `":1,"z":{"` + other + `":2}` + tail + "}", "", ""},
					{`{"` + name + `":1,"z":{"` + name + ` ":2}` + tail + "}", "1", ""},
					{`{"` + name + `" :1,"z":{"` + name + `"` + "\n" + `: 2}` + tail + "}", "1", "2"},
				} {
					if err := s.Scan([]byte(tt.in)); err != nil {
						t.Fatalf("%s: %v", tt.in, err)
					}
					if a, b := string(s.Slot(first)), string(s.Slot(second)); a != tt.first || b != tt.second {
						t.Fatalf("%s: %q and %q, want %q and %q", tt.in, a, b, tt.first, tt.second)
					}
				}
			}
		}
	}
}

// TestScanFindsEveryByte puts every byte, and two that are no ASCII, at every
// place of texts of all lengths: texts are read in pieces.
func TestScanFindsEveryByte(t *testing.T) {
	s := newScanner()
	for n := range 36 {
		for at := range n {
			for c := range 256 {
				in := []byte(`{"a":"` + strings.Repeat("x", n) + `","b":1}`)
				in[6+at] = byte(c)
				checkScan(t, s, in)
			}
			checkScan(t, s, []byte(`{"a":"`+strings.Repeat("x", at)+"é€"+strings.Repeat("y", n-at)+`"}`))
		}
	}
}

// TestClean compares what is said of values with their body form.
func TestClean(t *testing.T) {
	s := newScanner()
	rapid.Check(t, func(t *rapid.T) {
		in := []byte(drawJSON(t, 3))
		if s.Scan(in) != nil {
			return
		}
		for i, path := range wanted {
			raw, kind, clean := s.Clean(i)
			if want := s.Slot(i); !bytes.Equal(raw, want) || kind != record.KindOf(want) {
				t.Fatalf("%s: %v is %q, %v; want %q", in, path, raw, kind, want)
			}
			if body, err := record.AppendBody(nil, raw); clean && (err != nil || !bytes.Equal(body, raw)) {
				t.Fatalf("%s: %v is said to be clean, and is %s, %v", in, path, body, err)
			}
			plain := kind == record.String && bytes.IndexByte(raw, '\\') < 0
			if plain && !clean {
				t.Fatalf("%s: %v is clean, and nothing says so", in, path)
			}
		}
	})
}
