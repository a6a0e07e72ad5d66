package sql

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// postgresDialect is the Dialect of PostgreSQL.
type postgresDialect struct {
	schema string // that of tables named without one
	folds  *collations
}

func (postgresDialect) Quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func (postgresDialect) Placeholder(n int) string { return "$" + strconv.Itoa(n) }

// ParseName reads a table's name with at most a schema before it.
func (postgresDialect) ParseName(text string) (Name, error) {
	parts, err := splitName(text)
	for _, part := range parts {
		err = errors.Join(err, postgresDialect{}.CheckName(part))
	}
	switch {
	case err != nil:
		return Name{}, err
	case len(parts) == 1:
		return Name{Table: parts[0]}, nil
	case len(parts) == 2:
		return Name{Schema: parts[0], Table: parts[1]}, nil
	}
	return Name{}, errors.New("has more than a schema before the table; put a name with a dot in double quotes: \"\\\"a.b\\\"\"")
}

// CheckName refuses a name that the server would cut off: NAMEDATALEN of
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
func (postgresDialect) CheckName(name string) error {
	if len(name) > 63 {
		return fmt.Errorf("has %q, which is longer than the 63 bytes of a PostgreSQL name", name)
	}
	return nil
}

// Identity always names the schema.
func (d postgresDialect) Identity(n Name) string {
	if n.Schema == "" {
		n.Schema = d.schema
	}
	return TableName(d, n)
}

func (d postgresDialect) CreateTable(t *Table) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + TableName(d, t.Name) + " (")
	for _, c := range t.Columns {
		b.WriteString(d.Quote(c.Name) + " " + c.Type + ", ")
	}
	return b.String() + "PRIMARY KEY (" + list(d, t.Unique[0].Columns) + "))"
}

func (d postgresDialect) AddColumn(t Name, c Column) string {
	return "ALTER TABLE " + TableName(d, t) + " ADD COLUMN " + d.Quote(c.Name) + " " + c.Type
}

func (postgresDialect) Type(field string) string {
	switch field {
	case "list", "object":
		return "jsonb"
	case "integer":
		return "bigint"
	case "number":
		return "numeric"
	case "bool":
		return "boolean"
	case "date":
		return "date"
	case "datetime":
		return "timestamp with time zone"
	}
	return "text"
}

func (d postgresDialect) Upsert(t *Table, columns, key, set, returning []string) string {
	insert, _ := insertInto(d, t, columns)
	return insert + d.onConflict(key, set) + d.returning(returning)
}

// onConflict sets a column of the key where there is nothing to set: the row
// counts as changed then, and its columns are returned.
func (d postgresDialect) onConflict(key, set []string) string {
	if len(set) == 0 {
		set = key[:1]
	}
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = d.Quote(c) + " = EXCLUDED." + d.Quote(c)
	}
	return " ON CONFLICT (" + list(d, key) + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

func (d postgresDialect) Update(t *Table, set, where, returning []string) string {
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = d.Quote(c) + " = " + d.Placeholder(i+1)
	}
	return "UPDATE " + TableName(d, t.Name) + " SET " + strings.Join(sets, ", ") + Where(d, where, len(set)) + d.returning(returning)
}

func (d postgresDialect) returning(columns []string) string {
	return sqliteDialect{}.returning(columns)
}

func (postgresDialect) Lock() string { return " FOR UPDATE" }

// NullsDistinct is what an index is unless it says NULLS NOT DISTINCT.
func (postgresDialect) NullsDistinct() bool { return true }

// Spare appends to text and adds to numbers, as for SQLite.
func (postgresDialect) Spare(c *Column, old Value, n int) (Value, bool) {
	const far = 1 << 30
	switch c.Base {
	case "text", "varchar", "citext":
		if old.Kind == Text {
			return Value{Kind: Text, Text: slices.Concat(bytes.TrimRight(old.Text, " "), []byte("~"+strconv.Itoa(n)))}, true
		}
	case "int4", "int8", "numeric":
		if old.Kind == Integer && old.Int < math.MaxInt32-far-int64(n) {
			return Value{Kind: Integer, Int: old.Int + far + int64(n)}, true
		}
	}
	return old, false
}

// Lowest is a mark: the type of the parameter says which text stands for it.
func (postgresDialect) Lowest(bool) Value { return Value{Kind: Real, Float: math.Inf(-1)} }

func (d postgresDialect) Batch(param int, alias string) string {
	return "jsonb_array_elements(" + d.Placeholder(param) + "::jsonb) WITH ORDINALITY AS " + d.Quote(alias) + " (value, n)"
}

// Element casts to the column's type: only then does an index help.
func (d postgresDialect) Element(alias string, i int, c *Column) string {
	return "(" + d.Quote(alias) + ".value ->> " + strconv.Itoa(i) + ")::" + c.Type
}

func (d postgresDialect) Ordinal(alias string) string { return "(" + d.Quote(alias) + ".n - 1)" }
