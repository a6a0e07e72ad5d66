package sql

import "strings"

// Where writes a condition that columns equal parameters, numbered from
// offset+1; none: no condition.
func Where(d Dialect, columns []string, offset int) string {
	if len(columns) == 0 {
		return ""
	}
	terms := make([]string, len(columns))
	for i, c := range columns {
		terms[i] = d.Quote(c) + " = " + d.Placeholder(offset+i+1)
	}
	return " WHERE " + strings.Join(terms, " AND ")
}

// TableName writes a table's name for use in a statement.
func TableName(d Dialect, n Name) string {
	if n.Schema == "" {
		return d.Quote(n.Table)
	}
	return d.Quote(n.Schema) + "." + d.Quote(n.Table)
}

// Select writes a query of columns of a table.
func Select(d Dialect, t *Table, columns, where []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = d.Quote(c)
	}
	return "SELECT " + strings.Join(quoted, ", ") + " FROM " + TableName(d, t.Name) + Where(d, where, 0)
}

// Delete writes a statement that deletes rows of a table.
func Delete(d Dialect, t *Table, where []string) string {
	return "DELETE FROM " + TableName(d, t.Name) + Where(d, where, 0)
}
