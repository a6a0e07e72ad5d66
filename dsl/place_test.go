package dsl

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"pgregory.net/rapid"
)

// literalOf parses src as a file and returns the first argument of the call
// that is the value of its first attribute.
func literalOf(t interface{ Fatalf(string, ...any) }, src string) hclsyntax.Expression {
	file, diags := hclsyntax.ParseConfig([]byte(src), "a.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("parse %q: %v", src, diags)
	}
	for _, attr := range file.Body.(*hclsyntax.Body).Attributes {
		if attr.Name == "x" {
			return attr.Expr.(*hclsyntax.FunctionCallExpr).Args[0]
		}
	}
	t.Fatalf("no x in %q", src)
	return nil
}

func TestProgramTextPlaces(t *testing.T) {
	// The place of the mark @ in the value is asked for.
	tests := []struct {
		name, src, text string
		line, column    int
	}{
		{"quoted", `x = jq(".a @")`, ".a @", 1, 12},
		{"quoted in brackets", `x = jq((".a @"))`, ".a @", 1, 13},
		{"escaped quotes", `x = jq("\"a\" @")`, `"a" @`, 1, 15},
		{"escaped newline", `x = jq("a\n@")`, "a\n@", 1, 12},
		{"escaped letter", `x = jq("\u00e9@")`, "é@", 1, 15},
		{"escaped mark", `x = jq("a\u0040b")`, "a@b", 1, 10},
		{"escaped astral", `x = jq("\U0001f600@")`, "😀@", 1, 19},
		{"escaped interpolation", `x = jq("$${a}@")`, "${a}@", 1, 14},
		{"escaped directive", `x = jq("%%{a}@")`, "%{a}@", 1, 14},
		{"lone signs", `x = jq("$a %b $$ %% @")`, "$a %b $$ %% @", 1, 21},
		{"characters of several bytes", `x = jq("é😀👩‍👩‍👧@")`, "é😀👩‍👩‍👧@", 1, 12},
		{"decomposed", "x = jq(\"e\u0301@\")", "é@", 1, 10},
		{"after other text", "# é\n\tx = jq(\"@\")", "@", 2, 10},
		{"heredoc", "x = jq(<<JQ\n  a\n  @\nJQ\n)", "  a\n  @\n", 3, 3},
		{"flush heredoc", "x = jq(<<-JQ\n    a\n      @\n  JQ\n)", "a\n  @\n", 3, 7},
		{"flush heredoc, first line", "x = jq(<<-JQ\n    @\n  JQ\n)", "@\n", 2, 5},
		{"flush heredoc, blank line", "x = jq(<<-JQ\n    a\n\n    @\n  JQ\n)", "a\n\n@\n", 4, 5},
		{"flush heredoc, short blank line", "x = jq(<<-JQ\n    a\n  \n    @\n  JQ\n)", "a\n  \n@\n", 4, 5},
		{"flush heredoc, tabs", "x = jq(<<-JQ\n\t\ta\n\t\t\t@\n\tJQ\n)", "a\n\t@\n", 3, 4},
		{"flush heredoc, CRLF", "x = jq(<<-JQ\r\n    a\r\n    @\r\n  JQ\r\n)", "a\r\n@\r\n", 3, 5},
		{"heredoc with backslash", "x = jq(<<JQ\n\"\\(.a)\" @\nJQ\n)", "\"\\(.a)\" @\n", 2, 9},
		{"heredoc with escaped interpolation", "x = jq(<<JQ\n$${a} @\nJQ\n)", "${a} @\n", 2, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, ok, problem := newProgramText(literalOf(t, tt.src), []byte(tt.src))
			if !ok {
				t.Fatalf("newProgramText: not a literal: %v", problem)
			}
			if p.Text != tt.text {
				t.Fatalf("text = %q, want %q", p.Text, tt.text)
			}
			at := p.at(strings.IndexByte(p.Text, '@'))
			if at.Line != tt.line || at.Column != tt.column {
				t.Errorf("place = %d:%d, want %d:%d", at.Line, at.Column, tt.line, tt.column)
			}
		})
	}
}

func TestProgramTextSpan(t *testing.T) {
	src := "x = jq(<<-JQ\n    ab\n    c\n  JQ\n)"
	p, _, _ := newProgramText(literalOf(t, src), []byte(src))
	tests := []struct {
		start, end int
		want       string
	}{
		{0, 2, "2:5-2:7"},
		{1, 3, "2:6-3:1"}, // with the line end
		{3, 4, "3:5-3:6"},
		{2, 2, "2:7-2:7"},
		{5, 9, "4:1-4:1"},
		{-1, -1, "2:5-2:5"},
	}
	for _, tt := range tests {
		r := p.span(tt.start, tt.end)
		got := fmt.Sprintf("%d:%d-%d:%d", r.Start.Line, r.Start.Column, r.End.Line, r.End.Column)
		if got != tt.want {
			t.Errorf("span(%d, %d) = %s, want %s", tt.start, tt.end, got, tt.want)
		}
	}
}

func TestProgramTextEmpty(t *testing.T) {
	for _, src := range []string{`x = jq("")`, "x = jq(<<JQ\nJQ\n)"} {
		p, ok, _ := newProgramText(literalOf(t, src), []byte(src))
		if !ok || p.Text != "" {
			t.Errorf("%q: text %q, ok %v; want an empty text", src, p.Text, ok)
		}
		if at := p.at(0); at.Line != 1 || at.Column != 8 {
			t.Errorf("%q: place %d:%d, want 1:8", src, at.Line, at.Column)
		}
	}
}

func TestProgramTextRefuses(t *testing.T) {
	tests := []struct{ name, src, at string }{
		{"interpolation", `x = jq(".a ${b} c")`, "1:14"},
		{"interpolation alone", `x = jq("${b}")`, "1:8"},
		{"interpolation in a heredoc", "x = jq(<<JQ\n\n.a ${b}\nJQ\n)", "3:6"},
		{"directive", `x = jq("a%{ if b }c%{ endif }")`, "1:10"},
		{"no literal", `x = jq(local.a)`, ""},
		{"number", `x = jq(1)`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, ok, problem := newProgramText(literalOf(t, tt.src), []byte(tt.src))
			if ok {
				t.Fatal("newProgramText took it")
			}
			got := ""
			if problem.Code != "" {
				got = fmt.Sprintf("%d:%d", problem.Range.Start.Line, problem.Range.Start.Column)
			}
			if got != tt.at {
				t.Errorf("problem at %q, want %q", got, tt.at)
			}
		})
	}
}

// A writtenText is a text, the source of a literal for it, and for every byte
// of the text the byte of the source where its character begins.
type writtenText struct {
	text, src string
	from      []int
}

func (w *writtenText) add(text, src string) {
	for i := range len(text) {
		at := len(w.src)
		if text == src {
			at += i
		}
		w.from = append(w.from, at)
	}
	w.text += text
	w.src += src
}

var programRunes = []rune("ab.|[]{}()$%~\"\\ é界😀\t#/")

func drawQuoted(t *rapid.T) writtenText {
	w := writtenText{src: rapid.SampledFrom([]string{"", "# é\n", "\n\t"}).Draw(t, "before") + `x = jq("`}
	for _, r := range rapid.SliceOf(rapid.SampledFrom(append([]rune("\n\r"), programRunes...))).Draw(t, "text") {
		char := string(r)
		forms := []string{fmt.Sprintf(`\U%08x`, r)}
		if r < 0x10000 {
			forms = append(forms, fmt.Sprintf(`\u%04X`, r))
		}
		switch r {
		case '\n':
			forms = append(forms, `\n`)
		case '\r':
			forms = append(forms, `\r`)
		case '\t':
			forms = append(forms, `\t`)
		case '"', '\\':
			forms = append(forms, `\`+char)
		case '{':
			if !strings.HasSuffix(w.src, "$") && !strings.HasSuffix(w.src, "%") {
				forms = append(forms, char)
			}
		default:
			forms = append(forms, char, char)
		}
		w.add(char, rapid.SampledFrom(forms).Draw(t, "form"))
	}
	w.src += `")` + "\n"
	return w
}

func drawHeredoc(t *rapid.T) writtenText {
	eol := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "line end")
	indent := rapid.SampledFrom([]string{"", "  ", "\t", "\u00a0 "}).Draw(t, "indentation")
	w := writtenText{src: "x = jq(<<-JQ" + eol}
	lines := rapid.SliceOfN(rapid.SliceOf(rapid.SampledFrom(programRunes)), 1, 6).Draw(t, "lines")
	w.src += indent
	w.add("|"+eol, "|"+eol) // fixes the least indentation
	for _, line := range lines {
		w.src += indent
		w.add(".", ".") // no blank lines: the table has them
		for _, r := range line {
			last := w.src[len(w.src)-1]
			if r == '{' && (last == '$' || last == '%') {
				continue
			}
			w.add(string(r), string(r))
		}
		if rapid.Bool().Draw(t, "escape") && !strings.HasSuffix(w.src, "$") {
			w.add("${", "$${")
		}
		w.add(eol, eol)
	}
	w.src += "  JQ" + eol + ")" + eol
	return w
}

func TestProgramTextProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.OneOf(rapid.Custom(drawQuoted), rapid.Custom(drawHeredoc)).Draw(t, "literal")
		p, ok, problem := newProgramText(literalOf(t, w.src), []byte(w.src))
		if !ok {
			t.Fatalf("%q: %v", w.src, problem)
		}
		if diff := cmp.Diff(w.text, p.Text); diff != "" {
			t.Fatalf("text of %q (-want +got):\n%s", w.src, diff)
		}
		for offset := range len(p.Text) {
			at := p.at(offset)
			if at.Byte != w.from[offset] {
				t.Fatalf("%q: byte %d of the text at %d, want %d", w.src, offset, at.Byte, w.from[offset])
			}
			if !utf8.RuneStart(p.Text[offset]) {
				continue
			}
			before := w.src[:at.Byte]
			line := strings.Count(before, "\n") + 1
			start := before[strings.LastIndexByte(before, '\n')+1:]
			n, _ := textseg.TokenCount([]byte(start), textseg.ScanGraphemeClusters)
			if at.Line != line || at.Column != n+1 {
				t.Fatalf("%q: byte %d at %d:%d, want %d:%d", w.src, offset, at.Line, at.Column, line, n+1)
			}
		}
	})
}

// The scanner reads every literal that the parser accepts as the parser does,
// and keeps to the literal's range.
func FuzzProgramText(f *testing.F) {
	f.Add([]byte("x = jq(\"a\\n$${b} \\u00e9 $$ %%{\")\n"))
	f.Add([]byte("x = jq(<<-JQ\n    a $${b}\n\n\t  é\r\n  JQ\n)\n"))
	f.Add([]byte("x = <<A\n$$$${b}\\\nA\ny = \"e\u0301\"\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		file, diags := hclsyntax.ParseConfig(src, "a.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			return
		}
		_ = hclsyntax.VisitAll(file.Body.(*hclsyntax.Body), func(node hclsyntax.Node) hcl.Diagnostics {
			expr, is := node.(*hclsyntax.TemplateExpr)
			if !is {
				return nil
			}
			p, ok, problem := newProgramText(expr, src)
			if !ok {
				if problem.Range.Start.Byte < expr.SrcRange.Start.Byte || problem.Range.End.Byte > expr.SrcRange.End.Byte {
					t.Errorf("%q: problem at %v, outside of %v", src, problem.Range, expr.SrcRange)
				}
				return nil
			}
			if p.Text != "" && len(p.pieces) == 0 {
				t.Errorf("%q: the scanner reads %v otherwise than the parser, which has %q", src, expr.SrcRange, p.Text)
			}
			last := expr.SrcRange.Start.Byte
			for offset := range len(p.Text) + 1 {
				at := p.at(offset).Byte
				if at < last || at > expr.SrcRange.End.Byte {
					t.Errorf("%q: byte %d of %q at %d, after %d, in %v", src, offset, p.Text, at, last, expr.SrcRange)
				}
				last = at
			}
			return nil
		})
	})
}
