package dsl

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/mitchellh/go-wordwrap"
)

// place returns "file:line:column", the file alone, or "".
func (d Diagnostic) place() string {
	if d.File == "" || d.Range.Start.Line == 0 {
		return d.File
	}
	return fmt.Sprintf("%s:%d:%d", d.File, d.Range.Start.Line, d.Range.Start.Column)
}

// Write shows ds to a person, in their order: each with its place, the lines
// of the file in question and its detail. files holds the contents by name; a
// diagnostic of another file has no lines. width is that of the terminal in
// columns; 0 leaves lines as long as they are.
func (ds Diagnostics) Write(w io.Writer, files map[string][]byte, color bool, width int) error {
	for i, d := range ds {
		p := printer{width: width, color: color}
		if i > 0 {
			p.WriteString("\n")
		}
		p.diagnostic(d, files)
		if _, err := io.WriteString(w, p.String()); err != nil {
			return fmt.Errorf("write diagnostics: %w", err)
		}
	}
	return nil
}

type printer struct {
	strings.Builder
	width int
	color bool
}

const (
	bold = "1"
	dim  = "2"
)

// paint returns s in a graphic rendition of the terminal.
func (p *printer) paint(style, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (s Severity) style() string {
	if s == Warning {
		return "1;33"
	}
	return "1;31"
}

func (p *printer) diagnostic(d Diagnostic, files map[string][]byte) {
	title := "Error"
	if d.Severity == Warning {
		title = "Warning"
	}
	fmt.Fprintf(p, "%s%s\n", p.paint(d.Severity.style(), title+":"), p.paint(bold, " "+oneLine(d.Summary)))
	if place := d.place(); place != "" {
		fmt.Fprintf(p, "  at %s\n", oneLine(place))
	}
	if src, ok := files[d.File]; ok && d.Range.Start.Line > 0 {
		p.snippet(d, src)
	}
	for line := range strings.Lines(d.Detail) {
		p.paragraph(strings.TrimRight(line, "\r\n"))
	}
}

// paragraph wraps a line of a detail, unless it is indented: that is code.
func (p *printer) paragraph(line string) {
	const indent = "  "
	line = oneLine(line)
	if p.width > 2*len(indent) && !strings.HasPrefix(line, " ") {
		line = wordwrap.WrapString(line, uint(p.width-len(indent)))
	}
	for part := range strings.SplitSeq(line, "\n") {
		p.WriteString(strings.TrimRight(indent+part, " ") + "\n")
	}
}

// oneLine makes text harmless for a terminal, which would obey control
// characters and reorder what stands between those for direction.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return ' '
		case unprintable(r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, s)
}

func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
