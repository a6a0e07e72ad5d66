// Package view shows results: to people as text, to programs as JSON, side by
// side.
package view

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Clean makes text safe for one line of a terminal: control characters and
// those that change the direction of text are written as escapes.
func Clean(s string) string { return clean(s, false) }

// CleanLines is Clean for text of several lines.
func CleanLines(s string) string { return clean(s, true) }

func clean(s string, lines bool) string {
	safe := func(r rune) bool { return harmless(r) || lines && r == '\n' }
	if strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case safe(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// harmless tells whether a character shows as itself.
func harmless(r rune) bool {
	return r == ' ' || unicode.IsPrint(r) && r != unicode.ReplacementChar
}

// Shorten cuts text to at most n columns, with … at its end when it was cut.
func Shorten(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	at := 0
	for i, r := range s {
		if at+runeColumns(r) > n-1 {
			return s[:i] + "…"
		}
		at += runeColumns(r)
	}
	return s
}

// columns is how wide text is on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// pad fills text up to n columns.
func pad(s string, n int) string {
	if missing := n - columns(s); missing > 0 {
		return s + strings.Repeat(" ", missing)
	}
	return s
}

// Count writes a number with commas between its thousands.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// plural gives "1 record" and "2 records".
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + one + "s"
}
