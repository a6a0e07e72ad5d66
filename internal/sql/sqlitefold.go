package sql

import "strings"

// Fold knows the collations that SQLite has built in; by others text compares
// as bytes.
func (sqliteDialect) Fold(collation, text string) string {
	switch collation {
	case "NOCASE":
		return asciiLower(text)
	case "RTRIM":
		return strings.TrimRight(text, " ")
	}
	return text
}

// asciiLower folds as NOCASE does: A to Z only.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
