package sql

import (
	"fmt"
	"slices"
	"strings"

	"koppel/internal/sql"
)

// matchQuery selects the rows whose match columns equal the values of one of
// the lists, with the list's ordinal. Where no index finds them,
// the handles and match columns are set apart first: the database
// makes an index over these, which it would not do over the table, and reads
// the table once.
func (s *sink) matchQuery(v *view) string {
	d := s.db.Dialect
	const wanted, table, few = "koppel_wanted", "koppel_rows", "koppel_few"
	column := func(alias, name string) string { return d.Quote(alias) + "." + d.Quote(name) }
	var columns, bounds, terms []string
	for _, c := range v.columns {
		columns = append(columns, column(table, c))
	}
	for i, r := range s.rows {
		bounds = append(bounds, column(table, r.column)+" = "+d.Placeholder(2+i))
	}
	from := sql.TableName(d, s.table.Name) + " AS " + d.Quote(table)
	head := "SELECT " + strings.Join(append(columns, d.Ordinal(wanted)), ", ") + " FROM " + d.Batch(1, wanted)
	if s.matchIndexed() {
		for i, m := range s.config.Match {
			terms = append(terms, column(table, m)+" = "+d.Element(wanted, i, s.table.Column(m)))
		}
		return head + " CROSS JOIN " + from + " WHERE " + strings.Join(append(terms, bounds...), " AND ")
	}
	var apart []string
	for i, m := range s.config.Match {
		name := fmt.Sprintf("m%d", i)
		apart = append(apart, column(table, m)+" AS "+name)
		terms = append(terms, s.equal(m, column(few, name), d.Element(wanted, i, s.table.Column(m))))
	}
	for i, h := range s.table.Handle {
		name := fmt.Sprintf("h%d", i)
		apart = append(apart, column(table, h)+" AS "+name)
		terms = append(terms, column(table, h)+" = "+column(few, name))
	}
	where := ""
	if len(bounds) > 0 {
		where = " WHERE " + strings.Join(bounds, " AND ")
	}
	whole := "MATERIALIZED "
	if m, ok := d.(interface{ Materialized() string }); ok {
		whole = m.Materialized()
	}
	return "WITH " + d.Quote(few) + " AS " + whole + "(SELECT " + strings.Join(apart, ", ") + " FROM " + from + where + ") " +
		head + " CROSS JOIN " + d.Quote(few) + " CROSS JOIN " + from + " WHERE " + strings.Join(terms, " AND ")
}

// equal compares a match column with the value that is looked for: as the
// database does, or as texts whatever their case where the field says fold.
func (s *sink) equal(field, column, value string) string {
	if !s.folds(field) {
		return column + " = " + value
	}
	return "LOWER(TRIM(" + column + ")) = LOWER(TRIM(" + value + "))"
}

// folds tells whether a match column is compared as folded text.
func (s *sink) folds(field string) bool {
	c := s.table.Column(field)
	return s.loose[field] && c != nil && (c.Class == sql.Texts || c.Class == sql.Any)
}

// matchIndexed tells whether an index finds the rows: one that starts with the
// only match column.
func (s *sink) matchIndexed() bool {
	return len(s.config.Match) == 1 && !s.folds(s.config.Match[0]) && slices.ContainsFunc(s.table.Indexes, func(first string) bool {
		return strings.EqualFold(s.config.Match[0], first)
	})
}
