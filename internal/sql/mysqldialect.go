package sql

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mysqlDialect is the Dialect of MySQL and MariaDB.
type mysqlDialect struct {
	database string
	folds    *mysqlFolds
}

func newMySQLDialect(database string) mysqlDialect {
	return mysqlDialect{database: database, folds: &mysqlFolds{}}
}

func (mysqlDialect) Quote(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// Placeholder is numbered; a statement is sent with the question marks that it
// stands for.
func (mysqlDialect) Placeholder(n int) string { return "?" + strconv.Itoa(n) }

// ParseName reads a name with at most one dot outside quotes; the part before
// it is another database of the server.
func (d mysqlDialect) ParseName(text string) (Name, error) {
	parts, err := splitName(text)
	if err != nil {
		return Name{}, err
	}
	switch {
	case len(parts) == 1:
		return Name{Table: parts[0]}, nil
	case len(parts) == 2 && parts[0] == d.database:
		return Name{Table: parts[1]}, nil
	case len(parts) == 2:
		return Name{Schema: parts[0], Table: parts[1]}, nil
	}
	return Name{}, errors.New(`has more than a schema (a database) before its last dot; put a name with a dot in double quotes: "\"a.b\""`)
}

func (d mysqlDialect) Identity(n Name) string {
	return TableName(d, Name{Schema: d.schemaOf(n), Table: n.Table})
}

func (d mysqlDialect) schemaOf(n Name) string {
	if n.Schema == "" {
		return d.database
	}
	return n.Schema
}

// CreateTable compares text as bytes everywhere, and keys also with the blanks
// at their end: the collations for that have different names, and each server
// reads its own of the comments.
func (d mysqlDialect) CreateTable(t *Table) string {
	key := t.Unique[0].Columns
	// An index holds 3072 bytes of at most four a character.
	length := min(255, 768/max(1, len(key)))
	var b strings.Builder
	b.WriteString("CREATE TABLE " + TableName(d, t.Name) + " (")
	for _, c := range t.Columns {
		if slices.Contains(key, c.Name) && mysqlBase(c.Type) == "longtext" {
			c.Type = fmt.Sprintf("VARCHAR(%d) CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */", length)
		}
		if slices.Contains(key, c.Name) && c.Type == d.Type("number") {
			c.Type = "DECIMAL(65,0)" // numbers that are keys are whole
		}
		if slices.Contains(key, c.Name) {
			c.Type += " NOT NULL"
		}
		b.WriteString(d.Quote(c.Name) + " " + c.Type + ", ")
	}
	b.WriteString("PRIMARY KEY (" + list(d, key) + ")) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
	return b.String()
}

func (d mysqlDialect) AddColumn(t Name, c Column) string {
	return "ALTER TABLE " + TableName(d, t) + " ADD COLUMN " + d.Quote(c.Name) + " " + c.Type
}

// Type gives numbers as many digits as the database has.
func (mysqlDialect) Type(field string) string {
	switch field {
	case "date":
		return "DATE"
	case "datetime":
		return "DATETIME(6)"
	case "list", "object":
		return "JSON"
	case "integer":
		return "BIGINT"
	case "number":
		return "DECIMAL(65,30)"
	case "bool":
		return "BOOLEAN"
	}
	return "LONGTEXT"
}

// Upsert lets one statement do it only where no other unique index could make
// it update another row than ours.
func (d mysqlDialect) Upsert(t *Table, columns, key, set, returning []string) string {
	insert, place := insertInto(d, t, columns)
	if len(set) == 0 {
		set = key[:1]
	}
	sets := make([]string, len(set))
	if len(t.Unique) == 1 && !t.Partial {
		for i, c := range set {
			sets[i] = d.Quote(c) + " = VALUES(" + d.Quote(c) + ")"
		}
		return insert + " ON DUPLICATE KEY UPDATE " + strings.Join(sets, ", ") + d.returning(t, key, returning, place)
	}
	for i, c := range set {
		sets[i] = d.Quote(c) + " = " + d.Placeholder(place[c])
	}
	return "UPDATE " + TableName(d, t.Name) + " SET " + strings.Join(sets, ", ") + d.where(key, place) +
		mysqlIfNone + insert + d.returning(t, key, returning, place)
}

func (d mysqlDialect) Update(t *Table, set, where, returning []string) string {
	sets := make([]string, len(set))
	place := map[string]int{}
	for i, c := range where {
		place[c] = len(set) + i + 1
	}
	for i, c := range set {
		sets[i] = d.Quote(c) + " = " + d.Placeholder(i+1)
	}
	text := "UPDATE " + TableName(d, t.Name) + " SET " + strings.Join(sets, ", ") + d.where(where, place)
	for i, c := range set {
		if at := slices.IndexFunc(where, func(w string) bool { return strings.EqualFold(w, c) }); at >= 0 {
			place[where[at]] = i + 1 // the row has the new value now
		}
	}
	return text + d.returning(t, where, returning, place)
}

// where names a row by columns and the numbers of their placeholders.
func (d mysqlDialect) where(columns []string, place map[string]int) string {
	terms := make([]string, len(columns))
	for i, c := range columns {
		terms[i] = d.Quote(c) + " = " + d.Placeholder(place[c])
	}
	return " WHERE " + strings.Join(terms, " AND ")
}

// returning reads the row afterwards: only some versions give it back.
func (d mysqlDialect) returning(t *Table, key, columns []string, place map[string]int) string {
	if len(columns) == 0 {
		return ""
	}
	return mysqlThen + "SELECT " + list(d, columns) + " FROM " + TableName(d, t.Name) + d.where(key, place)
}

// Lock holds the row for the transaction, and reads it as it stands now.
func (mysqlDialect) Lock() string { return " FOR UPDATE" }

// NullsDistinct is true: https://dev.mysql.com/doc/refman/8.4/en/create-index.html
func (mysqlDialect) NullsDistinct() bool { return true }

// Lowest is a number below all others; text counts as 0 beside it.
func (mysqlDialect) Lowest(inFunction bool) Value {
	if inFunction {
		return text("1000-01-01 00:00:00")
	}
	return Value{Kind: Real, Float: -math.MaxFloat64 / 2}
}

// mysqlBatchColumns is how many values a row of a batch can have.
const mysqlBatchColumns = 16

func (d mysqlDialect) Batch(param int, alias string) string {
	var b strings.Builder
	b.WriteString("JSON_TABLE(" + d.Placeholder(param) + ", '$[*]' COLUMNS (n FOR ORDINALITY")
	for i := range mysqlBatchColumns {
		fmt.Fprintf(&b, ", v%d LONGTEXT PATH '$[%[1]d]'", i)
	}
	return b.String() + ")) AS " + d.Quote(alias)
}

// Element compares text as its column does: the column's own collation stands
// above that of what JSON_TABLE made.
func (d mysqlDialect) Element(alias string, i int, c *Column) string {
	e := d.Quote(alias) + ".v" + strconv.Itoa(i)
	if c == nil || c.Collation == "" {
		return e
	}
	return e + " COLLATE " + mysqlWide(c.Collation)
}

// mysqlWide is the collation of utf8mb4 that compares most like another one.
func mysqlWide(collation string) string {
	set, rest, _ := strings.Cut(collation, "_")
	switch {
	case set == "utf8mb4":
		return collation
	case strings.HasSuffix(collation, "_bin") || strings.HasSuffix(collation, "_cs"):
		return "utf8mb4_bin"
	case set == "utf8" || set == "utf8mb3":
		return "utf8mb4_" + rest
	}
	return "utf8mb4_general_ci"
}

// Materialized is empty: the word is not known, and joins are hashed.
func (mysqlDialect) Materialized() string { return "" }

// Moment writes an ISO date-time in UTC without its Z, which MySQL does not
// read: https://dev.mysql.com/doc/refman/8.4/en/date-and-time-literals.html
func (mysqlDialect) Moment(v Value) Value {
	if t, err := time.Parse("2006-01-02T15:04:05Z", string(v.Text)); v.Kind == Text && err == nil {
		return text(t.Format("2006-01-02T15:04:05.999999"))
	}
	return v
}

func (d mysqlDialect) Ordinal(alias string) string { return d.Quote(alias) + ".n - 1" }
