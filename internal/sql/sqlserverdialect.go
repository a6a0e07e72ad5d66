package sql

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// sqlserverDialect is the Dialect of SQL Server 2016 and later.
type sqlserverDialect struct{}

func (sqlserverDialect) Quote(name string) string {
	return "[" + strings.ReplaceAll(name, "]", "]]") + "]"
}

func (sqlserverDialect) Placeholder(n int) string { return "@p" + strconv.Itoa(n) }

// ParseName reads a name with at most one dot outside quotes; the part before
// it is the schema, which is dbo when there is none.
func (sqlserverDialect) ParseName(text string) (Name, error) {
	parts, err := splitName(text)
	switch {
	case err != nil:
		return Name{}, err
	case len(parts) == 1:
		return Name{Schema: "dbo", Table: parts[0]}, nil
	case len(parts) == 2:
		return Name{Schema: parts[0], Table: parts[1]}, nil
	}
	return Name{}, errors.New(`has more than a schema before its last dot; put a name with a dot in double quotes: "\"a.b\""`)
}

func (d sqlserverDialect) Identity(n Name) string { return TableName(d, n) }

// CreateTable compares key text by code points; blanks at the end count for
// nothing in any collation. A clustered index holds 900 bytes.
func (d sqlserverDialect) CreateTable(t *Table) string {
	key := t.Unique[0].Columns
	length := min(255, 450/max(1, len(key)))
	var b strings.Builder
	b.WriteString("CREATE TABLE " + TableName(d, t.Name) + " (")
	for _, c := range t.Columns {
		column := d.Quote(c.Name)
		switch keyed := slices.Contains(key, c.Name); {
		case keyed && c.Type == "nvarchar(max)":
			column += fmt.Sprintf(" nvarchar(%d) COLLATE Latin1_General_100_BIN2 NOT NULL", length)
		case keyed:
			column += " " + c.Type + " NOT NULL"
		default:
			column = d.declare(c)
		}
		b.WriteString(column + ", ")
	}
	b.WriteString("PRIMARY KEY (" + list(d, key) + "))")
	return b.String()
}

func (d sqlserverDialect) AddColumn(t Name, c Column) string {
	return "ALTER TABLE " + TableName(d, t) + " ADD " + d.declare(c)
}

// declare writes a column that is no key. JSON is text with a check.
func (d sqlserverDialect) declare(c Column) string {
	name := d.Quote(c.Name)
	if c.Type == sqlserverJSON {
		return name + " nvarchar(max) NULL CHECK (ISJSON(" + name + ") = 1)"
	}
	return name + " " + c.Type + " NULL"
}

// sqlserverJSON stands for the type of lists and objects.
const sqlserverJSON = "JSON"

// Type gives numbers the most digits there are, a dozen of them behind the
// point.
func (sqlserverDialect) Type(field string) string {
	switch field {
	case "date":
		return "date"
	case "datetime":
		return "datetime2(7)"
	case "list", "object":
		return sqlserverJSON
	case "integer":
		return "bigint"
	case "number":
		return "decimal(38,12)"
	case "bool":
		return "bit"
	}
	return "nvarchar(max)"
}

// Upsert updates under a lock that keeps the key's place, and inserts when no
// row was there: MERGE would be one statement and has defects of its own
// (https://learn.microsoft.com/en-us/sql/t-sql/statements/merge-transact-sql).
// A failed update is not followed by an insert.
func (d sqlserverDialect) Upsert(t *Table, columns, key, set, returning []string) string {
	insert, place := insertInto(d, t, columns)
	if len(set) == 0 {
		set = key[:1]
	}
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = d.Quote(c) + " = " + d.Placeholder(place[c])
	}
	table := TableName(d, t.Name)
	return sqlserverCounted + "UPDATE " + table + " WITH (UPDLOCK, SERIALIZABLE) SET " + strings.Join(sets, ", ") + " WHERE " + d.terms("", key, place) +
		"; SELECT @koppel_e = @@ERROR, @koppel_n = @@ROWCOUNT; IF @koppel_e = 0 AND @koppel_n = 0 BEGIN " + insert +
		"; SELECT @koppel_n = @@ROWCOUNT; END; " + d.counted(t, key, returning, place)
}

func (d sqlserverDialect) Update(t *Table, set, where, returning []string) string {
	sets := make([]string, len(set))
	place := map[string]int{}
	for i, c := range where {
		place[c] = len(set) + i + 1
	}
	for i, c := range set {
		sets[i] = d.Quote(c) + " = " + d.Placeholder(i+1)
	}
	text := sqlserverCounted + "UPDATE " + TableName(d, t.Name) + " SET " + strings.Join(sets, ", ") + " WHERE " + d.terms("", where, place) +
		"; SELECT @koppel_n = @@ROWCOUNT; "
	for i, c := range set {
		if at := slices.IndexFunc(where, func(w string) bool { return strings.EqualFold(w, c) }); at >= 0 {
			place[where[at]] = i + 1 // the row has the new value now
		}
	}
	return text + d.counted(t, where, returning, place)
}

func (d sqlserverDialect) terms(alias string, columns []string, place map[string]int) string {
	terms := make([]string, len(columns))
	for i, c := range columns {
		terms[i] = alias + d.Quote(c) + " = " + d.Placeholder(place[c])
	}
	return strings.Join(terms, " AND ")
}

// counted gives the number of changed rows and the row as it is then: OUTPUT
// can't be used on a table with triggers.
func (d sqlserverDialect) counted(t *Table, key, returning []string, place map[string]int) string {
	if len(returning) == 0 {
		return "SELECT @koppel_n"
	}
	var columns strings.Builder
	for _, c := range returning {
		columns.WriteString(", koppel_row." + d.Quote(c))
	}
	return "SELECT koppel_count.n" + columns.String() + " FROM (VALUES (@koppel_n)) AS koppel_count (n) LEFT JOIN " +
		TableName(d, t.Name) + " AS koppel_row ON " + d.terms("koppel_row.", key, place)
}

// Fold drops blanks at the end, which no collation compares, and folds letters
// where the collation does so.
func (sqlserverDialect) Fold(collation, text string) string {
	text = strings.TrimRight(text, " ")
	if strings.Contains(collation, "_CI_") {
		text = strings.ToLower(strings.ToUpper(text))
	}
	return text
}

// Lock is empty: a writing transaction keeps what it has read.
func (sqlserverDialect) Lock() string { return "" }

// Materialized is empty: the word is not known.
func (sqlserverDialect) Materialized() string { return "" }

// NullsDistinct is false: https://learn.microsoft.com/en-us/sql/relational-databases/tables/create-unique-constraints
func (sqlserverDialect) NullsDistinct() bool { return false }

// Lowest is the first day that all types of dates have.
func (sqlserverDialect) Lowest(bool) Value { return text("1753-01-01T00:00:00") }

func (d sqlserverDialect) Batch(param int, alias string) string {
	return "OPENJSON(" + d.Placeholder(param) + ") AS " + d.Quote(alias)
}

// Element compares text as its column does.
func (d sqlserverDialect) Element(alias string, i int, c *Column) string {
	e := "JSON_VALUE(" + d.Quote(alias) + ".[value], '$[" + strconv.Itoa(i) + "]')"
	if c == nil || c.Collation == "" {
		return e
	}
	return e + " COLLATE " + c.Collation
}

func (d sqlserverDialect) Ordinal(alias string) string {
	return "CAST(" + d.Quote(alias) + ".[key] AS int)"
}
