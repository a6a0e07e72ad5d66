package sql

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

// NullsDistinct is true: https://www.sqlite.org/lang_createindex.html#unique_indexes
func (sqliteDialect) NullsDistinct() bool { return true }

// Spare appends to text, so that what a check wants of it is mostly still
// there, and adds to numbers.
func (sqliteDialect) Spare(c *Column, old Value, n int) (Value, bool) {
	const far = 1 << 40
	mark := []byte("~" + strconv.Itoa(n))
	switch old.Kind {
	case Null:
		return old, false
	case Text, Blob:
		return Value{Kind: old.Kind, Text: slices.Concat(bytes.TrimRight(old.Text, " "), mark)}, true
	case Real:
		f := math.Trunc(old.Float) + far + float64(n)
		return Value{Kind: Real, Float: f}, f != old.Float && !math.IsInf(f, 0)
	}
	if c.Boolean || old.Int > math.MaxInt64-far-int64(n) {
		return old, false
	}
	return Value{Kind: Integer, Int: old.Int + far + int64(n)}, true
}

// Referenced leaves out foreign keys that refer to the primary key as such.
func (sqliteDialect) Referenced(c Conn, t *Table) ([]string, error) {
	var columns []string
	err := rows(c, `SELECT DISTINCT f."to" FROM pragma_table_list AS t, pragma_foreign_key_list(t.name, t.schema) AS f
		WHERE t.schema = ?2 AND lower(f."table") = lower(?1) AND f."to" IS NOT NULL`,
		[]Value{text(t.Name.Table), text(schemaOf(t.Name))}, func(s Stmt) {
			columns = append(columns, string(s.Column(0).Text))
		})
	return columns, err
}
