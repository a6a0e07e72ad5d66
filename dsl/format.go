package dsl

import (
	"bytes"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format returns the file src in canonical form: indented by two blanks a
// level, equal signs and comments of neighbouring lines aligned, no blank
// lines at either end. Comments and what stands in strings and heredocs stay
// as they are, and so does the meaning. A file with syntax errors comes back
// as it is, with the errors. Formatting twice gives the same as once.
func Format(filename string, src []byte) ([]byte, Diagnostics) {
	_, problems := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if diags := fromHCL(problems); diags.HasErrors() {
		diags.Sort()
		return src, diags
	}
	// One pass of the library can leave work for another.
	const mostPasses = 8
	out := src
	for range mostPasses {
		next := layout(out)
		if bytes.Equal(next, out) {
			if sameMeaning(src, out) {
				return out, nil
			}
			break
		}
		out = next
	}
	return src, nil
}

// layout makes one pass.
func layout(src []byte) []byte {
	lineEnd := "\n"
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		lineEnd = "\r\n"
	}
	out := hclwrite.Format(src)
	for {
		first, rest, found := bytes.Cut(out, []byte("\n"))
		if !found || len(bytes.TrimSpace(first)) > 0 {
			break
		}
		out = rest
	}
	out = bytes.TrimRight(out, " \t\r\n")
	if len(out) == 0 {
		return []byte{}
	}
	return append(out, lineEnd...)
}

// sameMeaning reports whether a and b differ in white space alone.
func sameMeaning(a, b []byte) bool {
	return slices.Equal(meaning(a), meaning(b))
}

type word struct {
	kind hclsyntax.TokenType
	text string
}

// meaning returns the tokens of src without what Format may change in them.
func meaning(src []byte) []word {
	var words []word
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	for _, token := range tokens {
		text := string(token.Bytes)
		switch token.Type {
		case hclsyntax.TokenEOF:
			continue
		case hclsyntax.TokenNewline:
			text = ""
		case hclsyntax.TokenCHeredoc:
			text = strings.TrimSpace(text)
		case hclsyntax.TokenComment:
			text = strings.TrimRight(text, " \t\r\n")
		}
		words = append(words, word{token.Type, text})
		if token.Type == hclsyntax.TokenComment && !strings.HasPrefix(text, "/*") {
			words = append(words, word{kind: hclsyntax.TokenNewline}) // it holds the line's end
		}
	}
	blank := func(w word) bool { return w.kind == hclsyntax.TokenNewline }
	for len(words) > 0 && blank(words[0]) {
		words = words[1:]
	}
	for len(words) > 0 && blank(words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	return words
}
