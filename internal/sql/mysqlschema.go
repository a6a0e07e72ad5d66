package sql

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
)

// Describe reads the structure of a table or view; nil when there is none.
func (d mysqlDialect) Describe(c Conn, name Name) (*Table, error) {
	t := &Table{Name: name}
	found := false
	// A server that tells upper from lower case finds only the exact name.
	err := rows(c, `SELECT table_type, table_name, @@lower_case_table_names FROM information_schema.tables
		WHERE table_schema = ?1 AND table_name = ?2`, d.named(name), func(s Stmt) {
		if string(s.Column(1).Text) == name.Table || s.Column(2).Int != 0 {
			found = true
			t.View = strings.Contains(string(s.Column(0).Text), "VIEW")
		}
	})
	if err != nil || !found {
		return nil, err
	}
	if err := d.columns(c, t); err != nil {
		return nil, err
	}
	if err := d.indexes(c, t); err != nil {
		return nil, err
	}
	t.handle()
	return t, nil
}

func (d mysqlDialect) named(n Name) []Value { return []Value{text(d.schemaOf(n)), text(n.Table)} }

func (d mysqlDialect) columns(c Conn, t *Table) error {
	err := rows(c, `SELECT column_name, column_type, is_nullable, extra, COALESCE(collation_name, ''), COALESCE(datetime_precision, 0), COALESCE(numeric_scale, 0)
		FROM information_schema.columns WHERE table_schema = ?1 AND table_name = ?2 ORDER BY ordinal_position`,
		d.named(t.Name), func(s Stmt) {
			col := mysqlColumn(string(s.Column(0).Text), string(s.Column(1).Text))
			col.NotNull = string(s.Column(2).Text) == "NO"
			extra := strings.ToUpper(string(s.Column(3).Text))
			col.Generated = strings.Contains(extra, "VIRTUAL") || strings.Contains(extra, "STORED") || strings.Contains(extra, "PERSISTENT")
			col.Collation = string(s.Column(4).Text)
			col.Scale = int(max(s.Column(5).Int, s.Column(6).Int))
			t.Columns = append(t.Columns, col)
		})
	if m, ok := c.(*mysqlConn); err != nil || !ok || !m.mariadb {
		return err
	}
	// MariaDB's JSON is text with a check.
	return rows(c, `SELECT check_clause FROM information_schema.check_constraints WHERE constraint_schema = ?1 AND table_name = ?2`,
		d.named(t.Name), func(s Stmt) {
			clause := strings.ToLower(string(s.Column(0).Text))
			for i := range t.Columns {
				if col := &t.Columns[i]; clause == strings.ToLower("json_valid("+d.Quote(col.Name)+")") {
					col.JSON = true
				}
			}
		})
}

// mysqlBase is a declared type without length, scale and sign.
func mysqlBase(declared string) string {
	return strings.ToLower(identifier(declared))
}

func mysqlColumn(name, declared string) Column {
	c := Column{Name: name, Type: declared, Base: mysqlBase(declared), Class: Native}
	switch c.Base {
	case "varchar", "text", "tinytext", "mediumtext", "longtext":
		c.Class = Texts
	case "json":
		c.JSON = true
	case "tinyint":
		c.Boolean = strings.HasPrefix(declared, "tinyint(1)")
	case "datetime":
		// The names of the standard: without a zone, and in UTC.
		c.Base = "timestamp"
	case "timestamp":
		c.Base = "timestamptz"
	case "bit":
		c.Boolean = declared == "bit(1)"
	}
	return c
}

// indexes fills in the unique indexes over whole values, and what any index
// starts with.
func (d mysqlDialect) indexes(c Conn, t *Table) error {
	type info struct {
		Index
		unique, part bool
	}
	var all []info
	err := rows(c, `SELECT index_name, non_unique = 0, COALESCE(column_name, ''), sub_part IS NOT NULL FROM information_schema.statistics
		WHERE table_schema = ?1 AND table_name = ?2 ORDER BY index_name = 'PRIMARY' DESC, index_name, seq_in_index`,
		d.named(t.Name), func(s Stmt) {
			name := string(s.Column(0).Text)
			if len(all) == 0 || all[len(all)-1].Name != name {
				all = append(all, info{Index: Index{Name: name}, unique: s.Column(1).Int != 0})
			}
			last := &all[len(all)-1]
			column := string(s.Column(2).Text)
			last.part = last.part || column == "" || s.Column(3).Int != 0
			last.Columns = append(last.Columns, column)
		})
	if err != nil {
		return err
	}
	for _, x := range all {
		t.Indexes = append(t.Indexes, x.Columns[0])
		if x.unique && x.part {
			t.Partial = true
		}
		if !x.unique || x.part {
			continue
		}
		for _, column := range x.Columns {
			collation, err := d.folds.learn(c, t.Column(column).Collation)
			if err != nil {
				return err
			}
			x.Collations = append(x.Collations, collation)
		}
		t.Unique = append(t.Unique, x.Index)
	}
	return nil
}

// handle takes the first unique index without nulls.
func (t *Table) handle() {
	for _, ix := range t.Unique {
		if !slices.ContainsFunc(ix.Columns, func(c string) bool { return !t.Column(c).NotNull }) {
			t.Handle, t.Stable = ix.Columns, true
			return
		}
	}
}

// Result asks for no row of the query. Its parameters are 0: an expression
// has a type then, and LIMIT takes it.
func (mysqlDialect) Result(c Conn, query, _ string) ([]Column, error) {
	st, err := c.Prepare("SELECT * FROM (" + query + "\n) AS koppel_result LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer st.Close()
	s, ok := st.(*mysqlStmt)
	if !ok {
		return nil, fmt.Errorf("look at a query over %T", c)
	}
	for i := range s.params {
		s.Bind(i+1, Value{Kind: Integer})
	}
	if err := s.start(s.steps[0]); err != nil {
		s.conn.note(err)
		return nil, s.conn.fail(err)
	}
	defer s.Reset()
	types := s.rows.(driver.RowsColumnTypeDatabaseTypeName)
	var columns []Column
	for i, name := range s.rows.Columns() {
		declared := types.ColumnTypeDatabaseTypeName(i)
		col := Column{Name: name, Type: declared, JSON: declared == "JSON"}
		col.Boolean = mysqlLength(s.rows, i) == 1 && (declared == "TINYINT" || declared == "BIT")
		columns = append(columns, col)
	}
	s.conn.columns[query] = len(columns)
	return columns, nil
}

// Referenced names the columns that foreign keys refer to.
func (d mysqlDialect) Referenced(c Conn, t *Table) ([]string, error) {
	var columns []string
	err := rows(c, `SELECT DISTINCT referenced_column_name FROM information_schema.key_column_usage
		WHERE referenced_table_schema = ?1 AND referenced_table_name = ?2`, d.named(t.Name), func(s Stmt) {
		columns = append(columns, string(s.Column(0).Text))
	})
	return columns, err
}
