package sql

import (
	"strings"
	"time"

	"koppel/engine/record"
	"koppel/internal/sql"
)

// Same tells that a column shows what was written in the form of its type: a
// number for the text of one, a time in UTC, a list or an object for a text that
// stands for it. Databases that tell the last two apart show the text.
func (s *sink) Same(field string, shown, written []byte) bool {
	if k := record.KindOf(shown); k != record.List && k != record.Object {
		var column *sql.Column
		if t := s.shown.Load(); t != nil {
			column = t.Column(field)
		}
		return sameScalar(column, shown, written)
	}
	text, ok := record.Text(written)
	if !ok || record.KindOf(written) != record.String {
		return false
	}
	column := sql.Column{Name: field, Type: "JSON", Base: "json", Class: sql.Native, JSON: true}
	if v, err := s.db.Dialect.Fit(&column, sql.Value{Kind: sql.Text, Text: []byte(text)}); err != nil || v.Kind == sql.JSON {
		return false
	}
	differ, err := record.Differ(oneMember(shown), oneMember([]byte(text)), nil)
	return err == nil && len(differ) == 0
}

// sameScalar tells that two values which are no list and no object are the same
// in a column; nil: any.
func sameScalar(c *sql.Column, shown, written []byte) bool {
	a, plainA := record.Text(shown)
	b, plainB := record.Text(written)
	switch {
	case !plainA || !plainB:
		return false
	case a == b:
		return true // a number and its text
	case record.KindOf(written) == record.Bool:
		return a == digitOf(b)
	case record.KindOf(shown) == record.Bool:
		return b == digitOf(a)
	case c == nil || c.Class != sql.Native:
		return false
	case c.Base == "uuid" || c.Base == "uniqueidentifier":
		return digitsOf(a) == digitsOf(b)
	case c.Base == "char": // padded with blanks, which don't count
		return strings.TrimRight(a, " ") == strings.TrimRight(b, " ")
	case strings.Contains(c.Base, "time"):
		x, okA := instant(a)
		y, okB := instant(b)
		return okA && okB && x.Equal(y)
	}
	return false
}

// digitOf is how a database without booleans shows one.
func digitOf(boolean string) string {
	if boolean == "true" {
		return "1"
	}
	return "0"
}

// digitsOf are the digits of a UUID.
func digitsOf(uuid string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "{", "", "}", "").Replace(uuid))
}

// instant reads a date-time or a time of day, as databases and ISO 8601 write
// them. One without an offset counts as UTC.
func instant(text string) (time.Time, bool) {
	text = strings.Replace(text, " ", "T", 1)
	for _, day := range []string{"2006-01-02T", ""} {
		for _, clock := range []string{"15:04:05", "15:04"} {
			for _, zone := range []string{"", "Z07:00", "Z07"} {
				if t, err := time.Parse(day+clock+zone, text); err == nil {
					return t, true
				}
			}
		}
	}
	return time.Time{}, false
}

// oneMember makes an object of a JSON value.
func oneMember(value []byte) []byte {
	return append(append([]byte(`{"v":`), value...), '}')
}
