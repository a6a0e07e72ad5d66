package view

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"plain text, één", "plain text, één"},
		{"a\x1b[31mb", `a\u001b[31mb`},
		{"a\nb\tc\r", `a\nb\tc\r`},
		{"a\u202eb\u200fc", `a\u202eb\u200fc`},
		{"a\u009bb", `a\u009bb`},
		{"\xff", `\ufffd`},
	} {
		if got := Clean(test.in); got != test.want {
			t.Errorf("Clean(%q) = %q, want %q", test.in, got, test.want)
		}
	}
	if got := CleanLines("a\nb\x07"); got != "a\nb"+`\u0007` {
		t.Errorf("CleanLines: %q", got)
	}
}

func TestCleanIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, r := range Clean(string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))) {
			if r != ' ' && (!unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Fatalf("%q stays", r)
			}
		}
	})
}

func TestShorten(t *testing.T) {
	for _, test := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"é́x", 2, "é́x"},
	} {
		if got := Shorten(test.in, test.n); got != test.want {
			t.Errorf("Shorten(%q, %d) = %q, want %q", test.in, test.n, got, test.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s, n := rapid.String().Draw(t, "text"), rapid.IntRange(1, 20).Draw(t, "columns")
		got := Shorten(s, n)
		if columns(got) > n {
			t.Fatalf("%q has %d columns", got, columns(got))
		}
		if cut, ok := strings.CutSuffix(got, "…"); got != s && !(ok && strings.HasPrefix(s, cut)) {
			t.Fatalf("%q is no beginning of %q", got, s)
		}
	})
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestShowValue(t *testing.T) {
	for _, test := range []struct{ raw, want string }{
		{`null`, "(none)"}, {``, "(none)"}, {`""`, `""`}, {`"a\u001b"`, `"a\u001b"`}, {`"say \"x\""`, `"say \"x\""`}, {`12.50`, "12.50"},
		{`[1,{"a":true}]`, `[1,{"a":true}]`}, {`"` + strings.Repeat("x", 80) + `"`, `"` + strings.Repeat("x", 57) + `…"`},
	} {
		if got := showValue([]byte(test.raw), "(none)"); got != test.want {
			t.Errorf("showValue(%s) = %s, want %s", test.raw, got, test.want)
		}
	}
}
