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
	return "SELECT " + list(d, columns) + " FROM " + TableName(d, t.Name) + Where(d, where, 0)
}

// Delete writes a statement that deletes rows of a table.
func Delete(d Dialect, t *Table, where []string) string {
	return "DELETE FROM " + TableName(d, t.Name) + Where(d, where, 0)
}

// list writes names of columns, quoted.
func list(d Dialect, names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = d.Quote(n)
	}
	return strings.Join(q, ", ")
}

// insertInto writes a statement that inserts a row of columns, and tells which
// parameter each is.
func insertInto(d Dialect, t *Table, columns []string) (statement string, place map[string]int) {
	marks := make([]string, len(columns))
	place = map[string]int{}
	for i, c := range columns {
		marks[i] = d.Placeholder(i + 1)
		place[c] = i + 1
	}
	return "INSERT INTO " + TableName(d, t.Name) + " (" + list(d, columns) + ") VALUES (" + strings.Join(marks, ", ") + ")", place
}

func text(s string) Value { return Value{Kind: Text, Text: []byte(s)} }

// rows calls f for each row of a query.
func rows(c Conn, query string, args []Value, f func(Stmt)) error {
	s, err := c.Prepare(query)
	if err != nil {
		return err
	}
	defer s.Close()
	for i, v := range args {
		s.Bind(i+1, v)
	}
	for {
		row, err := s.Step()
		if err != nil || !row {
			return err
		}
		f(s)
	}
}
