package sql

import (
	"strings"
	"unicode/utf8"
)

// A Query is a query whose named placeholders were read.
type Query struct {
	Text       string // with the dialect's placeholders
	Without    string // with NULL in place of each placeholder
	Names      []string
	InFunction []bool // by name: it stands somewhere as a function's argument
}

// ParseQuery replaces each :name in text by the dialect's numbered
// placeholder, the same one for the same name, and lists the names in the
// order of their numbers. Strings, quoted names, comments, ::casts and array
// slices are left alone, as the database reads them. Blanks and semicolons at
// the end are dropped.
func ParseQuery(text string, y Syntax, placeholder func(n int) string) Query {
	var q Query
	var out, without strings.Builder
	text = strings.TrimRight(text, "; \t\r\n")
	var prev byte    // the byte before
	var calls []bool // open parentheses: is it a call's?
	for i := 0; i < len(text); {
		n := y.skip(text[i:], prev)
		if n == 0 && text[i] == ':' && prev != ':' {
			if name := identifier(text[i+1:]); name != "" && !isWord(prev) {
				k := q.number(name)
				if len(calls) > 0 && calls[len(calls)-1] {
					q.InFunction[k-1] = true
				}
				out.WriteString(placeholder(k))
				without.WriteString("NULL")
				i += 1 + len(name)
				prev = 'x'
				continue
			}
		}
		n = max(n, 1)
		switch c := text[i]; {
		case n > 1:
		case c == '(':
			calls = append(calls, isWord(prev))
		case c == ')' && len(calls) > 0:
			calls = calls[:len(calls)-1]
		}
		out.WriteString(text[i : i+n])
		without.WriteString(text[i : i+n])
		prev = text[i+n-1]
		i += n
	}
	q.Text, q.Without = out.String(), without.String()
	return q
}

func (q *Query) number(name string) int {
	for i, n := range q.Names {
		if n == name {
			return i + 1
		}
	}
	q.Names = append(q.Names, name)
	q.InFunction = append(q.InFunction, false)
	return len(q.Names)
}

// identifier returns the ASCII name that s starts with; a name has no digit
// first.
func identifier(s string) string {
	n := 0
	for n < len(s) && isWord(s[n]) && s[n] < utf8.RuneSelf && (n > 0 || s[n] > '9') {
		n++
	}
	return s[:n]
}

// isWord reports whether c can be part of a name.
func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}
