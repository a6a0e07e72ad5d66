package sql

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"koppel/engine/record"
)

// sqliteDialect is the Dialect of SQLite.
type sqliteDialect struct{}

// Identity leaves the schema out: there is only main.
func (d sqliteDialect) Identity(n Name) string { return d.Quote(n.Table) }

// Lock is empty: a transaction that writes has the whole database.
func (sqliteDialect) Lock() string { return "" }

func (sqliteDialect) Quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func (sqliteDialect) Placeholder(n int) string { return "?" + strconv.Itoa(n) }

// ParseName reads a name with at most one dot outside quotes; the part before
// it is the schema.
func (sqliteDialect) ParseName(text string) (Name, error) {
	parts, err := splitName(text)
	if err != nil {
		return Name{}, err
	}
	switch {
	case len(parts) == 1:
		return Name{Table: parts[0]}, nil
	case len(parts) == 2 && strings.EqualFold(parts[0], "main"):
		return Name{Schema: "main", Table: parts[1]}, nil
	}
	return Name{}, fmt.Errorf("has a schema before its dot that SQLite does not have; put a name with a dot in double quotes: \"\\\"a.b\\\"\"")
}

// splitName cuts a name at its dots; a part in double quotes keeps its own.
func splitName(text string) ([]string, error) {
	var parts []string
	for {
		part := text
		if strings.HasPrefix(text, `"`) {
			n := closing(text, '"', false)
			if n < 2 || text[n-1] != '"' {
				return nil, errors.New("has a quote that is not closed")
			}
			part, text = strings.ReplaceAll(text[1:n-1], `""`, `"`), text[n:]
		} else if dot := strings.IndexByte(text, '.'); dot >= 0 {
			part, text = text[:dot], text[dot:]
		} else {
			text = ""
		}
		if part == "" || strings.ContainsRune(part, 0) {
			return nil, errors.New("has an empty part")
		}
		parts = append(parts, part)
		if text == "" {
			return parts, nil
		}
		if text[0] != '.' {
			return nil, errors.New("goes on behind a closing quote")
		}
		text = text[1:]
	}
}

func (d sqliteDialect) CreateTable(t *Table) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + TableName(d, t.Name) + " (")
	for _, c := range t.Columns {
		b.WriteString(d.declare(c) + ", ")
	}
	b.WriteString("PRIMARY KEY (" + list(d, t.Unique[0].Columns) + ")) WITHOUT ROWID")
	return b.String()
}

func (d sqliteDialect) declare(c Column) string {
	s := d.Quote(c.Name)
	if c.Type != "" {
		s += " " + c.Type
	}
	return s
}

func (d sqliteDialect) AddColumn(t Name, c Column) string {
	return "ALTER TABLE " + TableName(d, t) + " ADD COLUMN " + d.declare(c)
}

// Type leaves fields without a type undeclared: such a column keeps every
// value as it is.
func (sqliteDialect) Type(field string) string {
	switch field {
	case "string", "date", "datetime":
		return "TEXT"
	case "list", "object":
		return "JSON"
	case "integer":
		return "INTEGER"
	case "number":
		return "NUMERIC"
	case "bool":
		return "BOOLEAN"
	}
	return ""
}

// sqliteColumn finds what the declared type does to values:
// https://www.sqlite.org/datatype3.html#determination_of_column_affinity
func sqliteColumn(name, declared string) Column {
	c := Column{Name: name, Type: declared, Class: Numbers}
	up := strings.ToUpper(declared)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(up, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
	case has("CHAR", "CLOB", "TEXT"):
		c.Class = Texts
	case up == "" || has("BLOB"):
		c.Class = Any
	case has("REAL", "FLOA", "DOUB"):
		c.Class = Doubles
	}
	c.JSON = up == "JSON"
	c.Boolean = up == "BOOLEAN" || up == "BOOL"
	return c
}

// Fit does by itself what the column would do, and refuses what would change a
// value: text that a numeric column would read as another number, an integer
// that a double can't hold.
func (sqliteDialect) Fit(c *Column, v Value) (Value, error) {
	switch {
	case v.Kind == Decimal && c.Name == "":
		return v, fmt.Errorf("the number %w", ErrDigits)
	case v.Kind == Decimal:
		return v, fmt.Errorf("column %q: the number %w", c.Name, ErrDigits)
	case v.Kind == Bool:
		v.Kind = Integer
	case v.Kind == Text && (c.Class == Numbers || c.Class == Doubles):
		return fitText(c, v)
	}
	switch {
	case c.Class == Texts && (v.Kind == Integer || v.Kind == Real):
		b, _ := AppendJSON(nil, v)
		return Value{Kind: Text, Text: b}, nil
	case c.Class == Doubles && v.Kind == Integer && !wholeDouble(v.Int):
		return v, fmt.Errorf("column %q is %s and would round this number", c.Name, c.Type)
	}
	return v, nil
}

func wholeDouble(i int64) bool {
	f := float64(i)
	return f < math.MaxInt64 && int64(f) == i
}

func fitText(c *Column, v Value) (Value, error) {
	if !looksNumeric(v.Text) {
		return v, nil
	}
	// White space around a literal is valid JSON, and no part of a number.
	literal := len(bytes.TrimSpace(v.Text)) == len(v.Text) && record.Valid(v.Text, record.Limits{}) == nil
	kept := literal && bytes.Equal(record.AppendCanonicalNumber(nil, v.Text), v.Text)
	var n Value
	if kept {
		var err error
		n, err = Number(v.Text)
		kept = err == nil
	}
	if !kept || c.Class == Doubles && n.Kind == Integer && !wholeDouble(n.Int) {
		return v, fmt.Errorf("column %q is %s and would turn this text into another number", c.Name, c.Type)
	}
	return n, nil
}

// looksNumeric reports whether SQLite would read text as a number: blanks
// around it, a sign, digits with a point, an exponent.
func looksNumeric(s []byte) bool {
	s = bytes.Trim(s, " \t\n\v\f\r")
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	whole := digits(s)
	s = s[whole:]
	fraction := 0
	if len(s) > 0 && s[0] == '.' {
		fraction = digits(s[1:])
		s = s[1+fraction:]
	}
	if whole+fraction == 0 {
		return false
	}
	if len(s) > 1 && s[0]|0x20 == 'e' {
		s = s[1:]
		if s[0] == '+' || s[0] == '-' {
			s = s[1:]
		}
		n := digits(s)
		return n > 0 && n == len(s)
	}
	return len(s) == 0
}

func digits(s []byte) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// Upsert aborts the one row on a conflict whatever the table's own conflict
// clauses say: they could drop a row or a transaction silently.
func (d sqliteDialect) Upsert(t *Table, columns, key, set, returning []string) string {
	marks := make([]string, len(columns))
	for i := range columns {
		marks[i] = d.Placeholder(i + 1)
	}
	if len(set) == 0 {
		set = key[:1]
	}
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = d.Quote(c) + " = excluded." + d.Quote(c)
	}
	return "INSERT OR ABORT INTO " + TableName(d, t.Name) + " (" + list(d, columns) + ") VALUES (" + strings.Join(marks, ", ") +
		") ON CONFLICT (" + list(d, key) + ") DO UPDATE SET " + strings.Join(sets, ", ") + d.returning(returning)
}

func (d sqliteDialect) Update(t *Table, set, where, returning []string) string {
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = d.Quote(c) + " = " + d.Placeholder(i+1)
	}
	return "UPDATE OR ABORT " + TableName(d, t.Name) + " SET " + strings.Join(sets, ", ") + Where(d, where, len(set)) + d.returning(returning)
}

func (d sqliteDialect) returning(columns []string) string {
	if len(columns) == 0 {
		return ""
	}
	return " RETURNING " + list(d, columns)
}

// Lowest is -∞ as a double: numbers lie above it, text above all numbers, and
// where it is compared as text it starts with a hyphen, which dates do not. A
// date function takes no infinity; day 0 is the lowest it knows.
func (sqliteDialect) Lowest(inFunction bool) Value {
	if inFunction {
		return Value{Kind: Integer}
	}
	return Value{Kind: Real, Float: math.Inf(-1)}
}

func (d sqliteDialect) Batch(param int, alias string) string {
	return "json_each(" + d.Placeholder(param) + ") AS " + d.Quote(alias)
}

func (d sqliteDialect) Element(alias string, i int, _ *Column) string {
	return "json_extract(" + d.Quote(alias) + ".value, '$[" + strconv.Itoa(i) + "]')"
}

func (d sqliteDialect) Ordinal(alias string) string { return d.Quote(alias) + ".key" }
