package sql

import (
	"fmt"
	"strconv"
)

// Describe finds a table by its exact name, else by the only one that differs
// in case; without a schema, along the search path.
func (d postgresDialect) Describe(c Conn, name Name) (*Table, error) {
	var found []*Table
	var oids []Value
	err := rows(c, `SELECT c.oid, n.nspname, c.relname, c.relkind IN ('v', 'm') FROM pg_catalog.pg_class c
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND lower(c.relname COLLATE "C") = lower($1::text COLLATE "C")
		AND CASE WHEN $2::text = '' THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $2::text END
		ORDER BY c.relname = $1::text DESC, c.relname`,
		[]Value{text(name.Table), text(name.Schema)}, func(s Stmt) {
			oids = append(oids, Value{Kind: Integer, Int: s.Column(0).Int})
			found = append(found, &Table{
				Name: Name{Schema: string(s.Column(1).Text), Table: string(s.Column(2).Text)}, View: s.Column(3).Int != 0,
			})
		})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	t := found[0]
	if len(found) > 1 && t.Name.Table != name.Table {
		return nil, fmt.Errorf("table %q: %d tables differ from it in case only; write one as it is", name.Table, len(found))
	}
	if err := d.columns(c, t, oids[0]); err != nil {
		return nil, err
	}
	return t, d.indexes(c, t, oids[0])
}

// columns fills in the columns, domains as the types that they are of.
func (postgresDialect) columns(c Conn, t *Table, oid Value) error {
	return rows(c, `WITH RECURSIVE b (num, oid, mod) AS (
			SELECT attnum, atttypid, atttypmod FROM pg_catalog.pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped
			UNION ALL SELECT b.num, t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE b.mod END
			FROM b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype = 'd')
		SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '', t.typname, e.typname, b.mod
		FROM b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
		JOIN pg_catalog.pg_attribute a ON a.attrelid = $1::oid AND a.attnum = b.num
		LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid AND e.typdelim = ','
		ORDER BY b.num`, []Value{oid}, func(s Stmt) {
		column := postgresColumn(string(s.Column(4).Text), string(s.Column(5).Text), s.Column(6).Int)
		column.Name, column.Type = string(s.Column(0).Text), string(s.Column(1).Text)
		column.NotNull, column.Generated = s.Column(2).Int != 0, s.Column(3).Int != 0
		t.Columns = append(t.Columns, column)
	})
}

// postgresColumn reads the modifier of a type, or of an array's elements.
func postgresColumn(base, elem string, mod int64) Column {
	c := Column{Base: base, Class: Native, Scale: -1}
	scaled := base
	if elem != "" {
		c.Base, scaled = elem+"[]", elem
	}
	switch {
	case mod < 0:
	case scaled == "numeric":
		// The scale is the low 11 bits, as a number with a sign.
		c.Scale = max(0, int(((mod-4)&0x7ff)^1024)-1024)
	case scaled == "timestamp" || scaled == "timestamptz" || scaled == "time":
		c.Scale = int(mod)
	}
	switch c.Base {
	case "text", "varchar", "citext", "name":
		c.Class = Texts
	case "bool":
		c.Boolean = true
	case "json", "jsonb":
		c.JSON = true
	}
	return c
}

// indexes fills in the unique indexes over all rows and plain columns that are
// checked at once, and what any index starts with.
func (d postgresDialect) indexes(c Conn, t *Table, oid Value) error {
	last, primary := int64(-1), false
	var ix Index
	unique := false
	keep := func() {
		if unique && len(ix.Columns) > 0 {
			t.Unique = append(t.Unique, ix)
			if primary {
				t.Handle, t.Stable = ix.Columns, true
			}
		}
	}
	err := rows(c, `SELECT i.indexrelid, x.relname, i.indisprimary,
			i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL, k.n, a.attname,
			CASE WHEN t.typname IN ('citext', 'bpchar', 'uuid') THEN t.typname::text WHEN NOT l.collisdeterministic
			THEN 'icu:' || coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', l.collcollate::text) ELSE '' END
		FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
		CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indcollation::oid[]) WITH ORDINALITY AS k (num, coll, n)
		LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
		LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_catalog.pg_collation l ON l.oid = k.coll
		WHERE i.indrelid = $1::oid AND k.n <= i.indnkeyatts ORDER BY i.indisprimary DESC, x.relname, k.n`,
		[]Value{oid}, func(s Stmt) {
			column := string(s.Column(5).Text)
			if id := s.Column(0).Int; id != last {
				keep()
				last = id
				ix, unique, primary = Index{Name: string(s.Column(1).Text)}, s.Column(3).Int != 0, s.Column(2).Int != 0
				t.Indexes = append(t.Indexes, column)
			}
			ix.Columns = append(ix.Columns, column)
			ix.Collations = append(ix.Collations, string(s.Column(6).Text))
		})
	keep()
	if t.Handle == nil && !t.View {
		t.Handle = []string{"tableoid", "ctid"}
	}
	return err
}

// Result asks the server, which knows without running the query.
func (postgresDialect) Result(c Conn, query, _ string) ([]Column, error) {
	st, err := c.Prepare(query)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	s, ok := st.(*pgStmt)
	if !ok || len(s.d.Fields) == 0 {
		return nil, &Error{Message: "the query gives no columns"}
	}
	columns := make([]Column, len(s.d.Fields))
	for i, f := range s.d.Fields {
		columns[i] = Column{Name: f.Name, Base: strconv.FormatUint(uint64(f.DataTypeOID), 10), Class: Native, Scale: -1}
	}
	return columns, nil
}

// Referenced names the columns that foreign keys refer to, the primary key
// too.
func (postgresDialect) Referenced(c Conn, t *Table) ([]string, error) {
	var columns []string
	err := rows(c, `SELECT DISTINCT a.attname FROM pg_catalog.pg_constraint k
		JOIN pg_catalog.pg_class c ON c.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
		WHERE k.contype = 'f' AND c.relname = $1::text AND n.nspname = $2::text`,
		[]Value{text(t.Name.Table), text(t.Name.Schema)}, func(s Stmt) {
			columns = append(columns, string(s.Column(0).Text))
		})
	return columns, err
}
