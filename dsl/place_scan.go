package dsl

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"golang.org/x/text/unicode/norm"
)

// scanLiteral reads the string literal at rng of the file src again, since the
// parser keeps neither its escapes nor the indentation that it removes.
func scanLiteral(rng hcl.Range, src []byte) (string, []textPiece) {
	// A heredoc is one only with the line end behind its closing marker.
	stop := rng.End.Byte
	if i := bytes.IndexByte(src[stop:], '\n'); i >= 0 {
		stop += i + 1
	}
	tokens, _ := hclsyntax.LexExpression(src[rng.Start.Byte:stop], rng.Filename, rng.Start)
	if len(tokens) == 0 {
		return "", nil
	}
	quoted := tokens[0].Type == hclsyntax.TokenOQuote
	var lines []hclsyntax.Token
	for _, token := range tokens[1:] {
		if token.Type != hclsyntax.TokenQuotedLit && token.Type != hclsyntax.TokenStringLit {
			break
		}
		lines = append(lines, token)
	}
	if !quoted && bytes.HasPrefix(tokens[0].Bytes, []byte("<<-")) {
		removeIndentation(lines)
	}
	var s literalScanner
	for _, line := range lines {
		s.scan(line.Bytes, line.Range.Start.Byte, quoted)
	}
	return s.text.String(), s.pieces
}

// removeIndentation takes off the white space that all lines but blank ones
// begin with, counted in characters.
func removeIndentation(lines []hclsyntax.Token) {
	const none = math.MaxInt
	least := none
	var indented []int
	for i, start := 0, true; i < len(lines); i++ {
		line := lines[i].Bytes
		if start {
			body := bytes.TrimLeftFunc(line, unicode.IsSpace)
			if len(body) > 0 || !bytes.HasSuffix(line, []byte("\n")) {
				least = min(least, clusters(line[:len(line)-len(body)]))
				indented = append(indented, i)
			}
		}
		start = bytes.HasSuffix(line, []byte("\n"))
	}
	for _, i := range indented {
		for range least {
			n, _, _ := textseg.ScanGraphemeClusters(lines[i].Bytes, true)
			lines[i].Bytes = lines[i].Bytes[n:]
			lines[i].Range.Start.Byte += n
		}
	}
}

func clusters(b []byte) int {
	n, _ := textseg.TokenCount(b, textseg.ScanGraphemeClusters)
	return n
}

type literalScanner struct {
	text   strings.Builder
	pieces []textPiece
}

// scan takes one token, which begins at the byte src of the file.
func (s *literalScanner) scan(token []byte, src int, quoted bool) {
	for len(token) > 0 {
		value, n, plain := token[:1], 1, true
		switch c := token[0]; {
		case c == '\\' && quoted:
			value, n = escape(token)
			plain = false
		case c == '$' || c == '%':
			value, n, plain = templateEscape(token)
		}
		s.add(value, src, n, plain)
		token, src = token[n:], src+n
	}
}

func (s *literalScanner) add(value []byte, src, n int, plain bool) {
	at := s.text.Len()
	s.text.Write(value)
	if last := len(s.pieces) - 1; plain && last >= 0 && !s.pieces[last].opaque && s.pieces[last].end == src {
		s.pieces[last].end += n
		return
	}
	s.pieces = append(s.pieces, textPiece{text: at, src: src, end: src + n, opaque: !plain})
}

// templateEscape decodes $${ and %%{. A doubled sign before anything else is
// two signs, of which neither can begin an escape.
func templateEscape(b []byte) (value []byte, n int, plain bool) {
	switch {
	case len(b) >= 3 && b[1] == b[0] && b[2] == '{':
		return b[1:3], 3, false
	case len(b) >= 2 && b[1] == b[0]:
		return b[:2], 2, true
	default:
		return b[:1], 1, true
	}
}

// escape decodes the backslash escape that b begins with.
func escape(b []byte) (value []byte, n int) {
	if len(b) < 2 {
		return b, len(b)
	}
	switch b[1] {
	case 'n':
		return []byte("\n"), 2
	case 'r':
		return []byte("\r"), 2
	case 't':
		return []byte("\t"), 2
	case 'u':
		return unicodeEscape(b, 6)
	case 'U':
		return unicodeEscape(b, 10)
	default:
		return b[1:2], 2
	}
}

func unicodeEscape(b []byte, n int) ([]byte, int) {
	if len(b) < n {
		return b, len(b)
	}
	code, err := strconv.ParseUint(string(b[2:n]), 16, 32)
	if err != nil {
		return b[:n], n
	}
	return utf8.AppendRune(nil, rune(code)), n
}

// normalize brings raw to Unicode normal form C, as every string of HCL is.
func normalize(raw string, pieces []textPiece) (string, []textPiece) {
	if norm.NFC.IsNormalString(raw) {
		return raw, pieces
	}
	old := programText{Text: raw, pieces: pieces}
	var text strings.Builder
	var out []textPiece
	for at := 0; at < len(raw); {
		n := norm.NFC.NextBoundaryInString(raw[at:], true)
		segment := raw[at : at+n]
		if composed := norm.NFC.String(segment); composed != segment {
			out = append(out, textPiece{text: text.Len(), src: old.byteAt(at), end: old.endOf(at + n - 1), opaque: true})
			text.WriteString(composed)
		} else {
			for i := range len(segment) {
				piece := textPiece{text: text.Len() + i, src: old.byteAt(at + i), end: old.endOf(at + i), opaque: true}
				out = append(out, piece)
			}
			text.WriteString(segment)
		}
		at += n
	}
	return text.String(), out
}
