package sql

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Describe reads the structure of a table or view; nil when there is none.
func (d sqlserverDialect) Describe(c Conn, name Name) (*Table, error) {
	t := &Table{Name: name}
	found := false
	err := rows(c, sqlserverTable, d.named(name), func(s Stmt) {
		found = true
		t.View = strings.TrimSpace(string(s.Column(0).Text)) == "V"
	})
	if err != nil || !found {
		return nil, err
	}
	err = rows(c, sqlserverColumns, d.named(name), func(s Stmt) {
		col := sqlserverColumn(string(s.Column(0).Text), string(s.Column(1).Text), int(s.Column(2).Int))
		col.NotNull = s.Column(3).Int == 0
		col.Generated = s.Column(4).Int != 0
		col.Collation = string(s.Column(5).Text)
		col.JSON = col.Class == Texts && strings.Contains(strings.ToLower(string(s.Column(6).Text)), "isjson(["+strings.ToLower(col.Name)+"])")
		t.Columns = append(t.Columns, col)
	})
	if err != nil {
		return nil, err
	}
	if err := d.indexes(c, t); err != nil {
		return nil, err
	}
	t.handle()
	return t, nil
}

// The catalog views of
// https://learn.microsoft.com/en-us/sql/relational-databases/system-catalog-views/object-catalog-views-transact-sql
const (
	sqlserverObject = "OBJECT_ID(QUOTENAME(@p1) + N'.' + QUOTENAME(@p2))"
	sqlserverTable  = "SELECT o.type FROM sys.objects AS o WHERE o.object_id = " + sqlserverObject + " AND o.type IN ('U', 'V')"

	sqlserverColumns = `SELECT c.name, TYPE_NAME(c.system_type_id), CAST(c.scale AS int), CAST(c.is_nullable AS int),
	CASE WHEN c.is_computed = 1 OR c.is_identity = 1 OR c.generated_always_type <> 0 THEN 1 ELSE 0 END, COALESCE(c.collation_name, N''),
	COALESCE((SELECT MAX(k.definition) FROM sys.check_constraints AS k WHERE k.parent_object_id = c.object_id AND k.parent_column_id = c.column_id AND k.is_disabled = 0), N'')
FROM sys.columns AS c WHERE c.object_id = ` + sqlserverObject + ` ORDER BY c.column_id`

	sqlserverIndexes = `SELECT i.name, CAST(i.is_unique AS int), CAST(i.has_filter AS int), c.name, COALESCE(c.collation_name, N'')
FROM sys.indexes AS i
JOIN sys.index_columns AS x ON x.object_id = i.object_id AND x.index_id = i.index_id AND x.key_ordinal > 0
JOIN sys.columns AS c ON c.object_id = x.object_id AND c.column_id = x.column_id
WHERE i.object_id = ` + sqlserverObject + ` AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.type IN (1, 2)
ORDER BY i.is_primary_key DESC, i.index_id, x.key_ordinal`

	sqlserverReferenced = `SELECT DISTINCT c.name FROM sys.foreign_key_columns AS f
JOIN sys.columns AS c ON c.object_id = f.referenced_object_id AND c.column_id = f.referenced_column_id
WHERE f.referenced_object_id = ` + sqlserverObject

	sqlserverResult = `SELECT name, system_type_name, error_message FROM sys.dm_exec_describe_first_result_set(@p1, NULL, 0)
WHERE is_hidden = 0 OR error_message IS NOT NULL ORDER BY column_ordinal`
)

func (sqlserverDialect) named(n Name) []Value { return []Value{text(n.Schema), text(n.Table)} }

func sqlserverColumn(name, base string, scale int) Column {
	c := Column{Name: name, Type: base, Base: base, Scale: scale, Class: Native, Boolean: base == "bit"}
	switch base {
	case "nvarchar", "varchar", "ntext", "text":
		c.Class = Texts
	case "datetime2":
		c.Base = "timestamp"
	case "datetimeoffset":
		c.Base = "timestamptz"
	}
	return c
}

func (d sqlserverDialect) indexes(c Conn, t *Table) error {
	type info struct {
		Index
		unique, part bool
	}
	var all []info
	err := rows(c, sqlserverIndexes, d.named(t.Name), func(s Stmt) {
		name := string(s.Column(0).Text)
		if len(all) == 0 || all[len(all)-1].Name != name {
			all = append(all, info{Index: Index{Name: name}, unique: s.Column(1).Int != 0, part: s.Column(2).Int != 0})
		}
		last := &all[len(all)-1]
		last.Columns = append(last.Columns, string(s.Column(3).Text))
		last.Collations = append(last.Collations, string(s.Column(4).Text))
	})
	for _, x := range all {
		t.Indexes = append(t.Indexes, x.Columns[0])
		t.Partial = t.Partial || x.unique && x.part
		if x.unique && !x.part {
			t.Unique = append(t.Unique, x.Index)
		}
	}
	return err
}

// Result asks the server for the columns without running the query.
func (sqlserverDialect) Result(c Conn, query, without string) ([]Column, error) {
	var columns []Column
	var problem error
	err := rows(c, sqlserverResult, []Value{text(without)}, func(s Stmt) {
		if s.Column(2).Kind == Text {
			problem = &Error{Message: string(s.Column(2).Text)}
			return
		}
		base, _, _ := strings.Cut(string(s.Column(1).Text), "(")
		columns = append(columns, sqlserverColumn(string(s.Column(0).Text), base, 0))
	})
	if err == nil {
		err = problem
	}
	if err == nil && len(columns) == 0 {
		err = &Error{Message: "the query gives no columns"}
	}
	if m, ok := c.(*sqlserverConn); ok {
		m.columns[query] = len(columns)
	}
	return columns, err
}

// Referenced names the columns that foreign keys refer to.
func (d sqlserverDialect) Referenced(c Conn, t *Table) ([]string, error) {
	var columns []string
	err := rows(c, sqlserverReferenced, d.named(t.Name), func(s Stmt) {
		columns = append(columns, string(s.Column(0).Text))
	})
	return columns, err
}

// Fit refuses what the server would round or cut without an error: digits
// behind the point, parts of a second.
func (sqlserverDialect) Fit(c *Column, v Value) (Value, error) {
	if v.Kind == Bool {
		v.Kind = Integer
	}
	if v.Kind == Null || c.Base == "" {
		return v, nil
	}
	switch c.Base {
	case "tinyint", "smallint", "int", "bigint", "decimal", "numeric", "money", "smallmoney":
		return fitExact(c, v)
	case "bit":
		// Any other number would become 1.
		if v.Kind != Integer || v.Int != 0 && v.Int != 1 {
			return v, fmt.Errorf("column %q is bit and keeps 0 and 1 only", c.Name)
		}
		return v, nil
	case "float", "real":
		f := *c
		if f.Base = "double"; c.Base == "real" {
			f.Base = "float"
		}
		return fitFloat(&f, v)
	case "date", "time", "timestamp", "timestamptz", "datetime", "smalldatetime":
		return sqlserverFitMoment(c, v)
	case "binary", "varbinary", "image", "rowversion":
		return v, fmt.Errorf("column %q is %s; bytes can't be written", c.Name, c.Type)
	}
	return numberText(v), nil
}

// sqlserverFitMoment knows that datetime keeps parts of 1/300 s, written with
// three digits that end in 0, 3 or 7, and smalldatetime whole minutes.
func sqlserverFitMoment(c *Column, v Value) (Value, error) {
	column := *c
	switch c.Base {
	case "datetime":
		column.Base, column.Scale = "timestamp", 3
	case "smalldatetime":
		column.Base, column.Scale = "timestamp", 0
	}
	out, err := fitMoment(&column, v)
	if err != nil {
		return v, err
	}
	last := out.Text[len(out.Text)-1]
	coarse := c.Base == "datetime" && last != '0' && last != '3' && last != '7' ||
		c.Base == "smalldatetime" && !strings.HasSuffix(string(out.Text), ":00")
	if coarse {
		return v, fmt.Errorf("column %q is %s and would round %q", c.Name, c.Type, clip(v.Text))
	}
	if c.Base == "timestamptz" {
		out.Text = append(out.Text, " +00:00"...)
	}
	return out, nil
}

// Spare is as in MySQL, by types that both have.
func (sqlserverDialect) Spare(c *Column, old Value, n int) (Value, bool) {
	switch c.Base {
	case "date", "timestamp", "datetime":
		return text(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -n).Format("2006-01-02")), old.Kind != Null
	case "int":
		return Value{Kind: Integer, Int: math.MaxInt32 - int64(n)}, old.Kind != Null
	case "tinyint", "smallint", "bit", "time", "timestamptz", "smalldatetime", "uniqueidentifier":
		return old, false
	}
	return sqliteDialect{}.Spare(c, old, n)
}
