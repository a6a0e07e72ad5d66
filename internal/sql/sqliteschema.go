package sql

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// Describe reads the structure of a table or view; nil when there is none.
func (d sqliteDialect) Describe(c Conn, name Name) (*Table, error) {
	t := &Table{Name: name}
	var rowid bool
	found := false
	err := rows(c, `SELECT type, wr, name, schema FROM pragma_table_list WHERE lower(name) = lower(?1) AND schema = ?2`,
		[]Value{text(name.Table), text(schemaOf(name))}, func(s Stmt) {
			found = true
			t.View = string(s.Column(0).Text) == "view"
			rowid = s.Column(1).Int == 0
		})
	if err != nil || !found {
		return nil, err
	}
	primary, err := d.columns(c, t)
	if err != nil {
		return nil, err
	}
	t.Primary = primary
	whole := rowid && len(primary) == 1 && strings.EqualFold(t.Column(primary[0]).Type, "INTEGER")
	if whole {
		t.Unique = append(t.Unique, Index{Name: "the primary key", Columns: primary, Collations: []string{"BINARY"}})
	}
	if err := d.indexes(c, t); err != nil {
		return nil, err
	}
	switch {
	case t.View:
	case !rowid || whole:
		t.Handle, t.Stable = primary, true
	default:
		t.Handle = t.rowid()
	}
	return t, nil
}

// columns fills in the columns and returns those of the primary key.
func (sqliteDialect) columns(c Conn, t *Table) ([]string, error) {
	type part struct {
		n    int64
		name string
	}
	var parts []part
	err := rows(c, `SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?1, ?2) WHERE hidden <> 1 ORDER BY cid`,
		[]Value{text(t.Name.Table), text(schemaOf(t.Name))}, func(s Stmt) {
			col := sqliteColumn(string(s.Column(0).Text), string(s.Column(1).Text))
			col.NotNull = s.Column(2).Int != 0
			col.Generated = s.Column(4).Int > 1
			t.Columns = append(t.Columns, col)
			if n := s.Column(3).Int; n > 0 {
				parts = append(parts, part{n, col.Name})
			}
		})
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.n, b.n) })
	var primary []string
	for _, p := range parts {
		primary = append(primary, p.name)
	}
	return primary, err
}

// indexes fills in the unique indexes over all rows and plain columns, and
// what any index starts with.
func (sqliteDialect) indexes(c Conn, t *Table) error {
	type info struct {
		Index
		unique, expression bool
	}
	var all []info
	err := rows(c, `SELECT l.name, l."unique" AND NOT l.partial, x.name, x.coll
		FROM pragma_index_list(?1, ?2) AS l, pragma_index_xinfo(l.name, ?2) AS x
		WHERE x.key ORDER BY l.origin = 'pk' DESC, l.seq, x.seqno`,
		[]Value{text(t.Name.Table), text(schemaOf(t.Name))}, func(s Stmt) {
			name := string(s.Column(0).Text)
			if len(all) == 0 || all[len(all)-1].Name != name {
				all = append(all, info{Index: Index{Name: name}, unique: s.Column(1).Int != 0})
			}
			last := &all[len(all)-1]
			if s.Column(2).Kind == Null {
				last.expression = true
				return
			}
			last.Columns = append(last.Columns, string(s.Column(2).Text))
			last.Collations = append(last.Collations, strings.ToUpper(string(s.Column(3).Text)))
		})
	for _, x := range all {
		if x.unique && !x.expression {
			t.Unique = append(t.Unique, x.Index)
		}
		if len(x.Columns) > 0 {
			t.Indexes = append(t.Indexes, x.Columns[0])
		}
	}
	return err
}

// rowid finds a name for the hidden row number that no column has taken.
func (t *Table) rowid() []string {
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if t.Column(name) == nil {
			return []string{name}
		}
	}
	return nil
}

// Result names the columns of a query. A temporary view tells declared types.
func (d sqliteDialect) Result(c Conn, query, without string) ([]Column, error) {
	st, err := c.Prepare(query)
	if err != nil {
		return nil, err
	}
	n := st.Columns()
	st.Close()
	if n == 0 {
		return nil, &Error{Message: "the query gives no columns"}
	}
	if err := c.Exec("PRAGMA query_only = OFF"); err != nil {
		return nil, err
	}
	if err := c.Exec("CREATE TEMP VIEW koppel_result AS " + without); err != nil {
		return nil, err
	}
	t := &Table{Name: Name{Schema: "temp", Table: "koppel_result"}}
	_, err = d.columns(c, t)
	return t.Columns, errors.Join(err, c.Exec("DROP VIEW temp.koppel_result"), c.Exec("PRAGMA query_only = ON"))
}

func schemaOf(n Name) string {
	if n.Schema == "" {
		return "main"
	}
	return n.Schema
}
