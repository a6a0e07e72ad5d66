package dsl

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	"golang.org/x/text/width"
)

// A glyph is one character of a line as it is shown, some columns wide.
type glyph struct {
	text  string
	width int
}

const (
	tabStop  = 4
	mostRows = 4 // of a range; longer ones are shown by their ends
	// widest bounds lines where no terminal does: some are a whole file.
	widest = 400
)

// snippet shows the lines of d's range and what is meant in them.
func (p *printer) snippet(d Diagnostic, src []byte) {
	lines := bytes.Split(src, []byte("\n"))
	first, last := d.Range.Start.Line, d.Range.End.Line
	if last > first && d.Range.End.Column <= 1 {
		last--
	}
	last = min(max(last, first), len(lines))
	if first > last {
		return
	}
	gutter := max(len(fmt.Sprint(last)), 3)
	shown := 0
	row := func(n int, underline bool) {
		if shown > 0 && n > shown+1 {
			fmt.Fprintf(p, "  %*s %s\n", gutter, "", p.paint(dim, "..."))
		}
		shown = n
		p.row(gutter, n, glyphsOf(lines[n-1]), d, underline)
	}
	if context := d.Context.Start.Line; context > 0 && context < first {
		row(context, false)
	}
	for n := first; n <= last; n++ {
		if last-first >= mostRows && n > first+1 && n < last {
			continue
		}
		row(n, true)
	}
}

// row shows one line, and below it what of it the range of d covers.
func (p *printer) row(gutter, n int, line []glyph, d Diagnostic, underline bool) {
	from, to := covered(line, n, d.Range)
	at, length := columnsOf(line, from, to)
	text := shownText(line)
	width := p.width
	if width == 0 {
		width = widest
	}
	if room := width - gutter - 5; room > 10 {
		text, at, length = cut(line, at, length, room)
	}
	bar := p.paint(dim, "|")
	fmt.Fprintf(p, "  %s %s\n", p.paint(dim, fmt.Sprintf("%*d", gutter, n)), strings.TrimRight(bar+" "+text, " "))
	if underline && to > from {
		mark := p.paint(d.Severity.style(), strings.Repeat("^", max(length, 1)))
		fmt.Fprintf(p, "  %*s %s %s%s\n", gutter, "", bar, strings.Repeat(" ", at), mark)
	}
}

// covered gives the characters of line n that r covers, of later lines without
// their indentation. An empty range covers the place where it stands, which
// may be behind the last character.
func covered(line []glyph, n int, r Range) (from, to int) {
	to = len(line)
	for to > 0 && strings.TrimSpace(line[to-1].text) == "" {
		to--
	}
	if n == r.End.Line {
		to = r.End.Column - 1
	}
	if n == r.Start.Line {
		from = min(max(r.Start.Column-1, 0), len(line))
		return from, max(to, from+1)
	}
	for from < len(line) && strings.TrimSpace(line[from].text) == "" {
		from++
	}
	return from, min(to, len(line))
}

// columnsOf converts characters to columns.
func columnsOf(line []glyph, from, to int) (at, length int) {
	for i, c := range line {
		switch {
		case i < from:
			at += c.width
		case i < to:
			length += c.width
		}
	}
	return at, length
}

// cut shortens a line to room columns around what is marked in it. It returns
// the text and where the mark then stands.
func cut(line []glyph, at, length, room int) (text string, start, marked int) {
	if total, _ := columnsOf(line, len(line), 0); total <= room {
		return shownText(line), at, min(length, max(room-at, 1))
	}
	from := 0
	if at+min(length, room/2) >= room {
		from = at - room/3
	}
	var b strings.Builder
	edge := 0
	if from > 0 {
		b.WriteString("…")
		edge = 1
	}
	column, next := 0, from+edge
	for _, c := range line {
		if column >= next && column+c.width > from+room-1 {
			b.WriteString("…")
			break
		}
		if column >= next {
			b.WriteString(strings.Repeat(" ", column-next) + c.text) // a wide one was cut in half
			next = column + c.width
		}
		column += c.width
	}
	return b.String(), at - from, min(length, max(room-(at-from), 1))
}

func shownText(line []glyph) string {
	var b strings.Builder
	for _, c := range line {
		b.WriteString(c.text)
	}
	return b.String()
}

// glyphsOf splits a line into characters; tabs become blanks, so that what
// stands below them is aligned whatever the terminal's tab stops are.
func glyphsOf(line []byte) []glyph {
	line = bytes.TrimSuffix(line, []byte("\r"))
	var glyphs []glyph
	for column := 0; len(line) > 0; {
		n, _, _ := textseg.ScanGraphemeClusters(line, true)
		c := newGlyph(line[:max(n, 1)], column)
		glyphs = append(glyphs, c)
		column += c.width
		line = line[max(n, 1):]
	}
	return glyphs
}

func newGlyph(cluster []byte, column int) glyph {
	r, _ := utf8.DecodeRune(cluster)
	switch {
	case r == '\t':
		n := tabStop - column%tabStop
		return glyph{strings.Repeat(" ", n), n}
	case r == '\ufeff':
		return glyph{"", 0}
	case !utf8.Valid(cluster), unprintable(r):
		return glyph{string(unicode.ReplacementChar), 1}
	}
	return glyph{oneLine(string(cluster)), columns(r, cluster)}
}

// columns is the width of a character in a terminal.
func columns(r rune, cluster []byte) int {
	const emojiStyle = "\ufe0f"
	kind := width.LookupRune(r).Kind()
	switch {
	case kind == width.EastAsianWide, kind == width.EastAsianFullwidth, bytes.Contains(cluster, []byte(emojiStyle)):
		return 2
	case unicode.Is(unicode.Regional_Indicator, r):
		return 2
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	default:
		return 1
	}
}
