package sql

import (
	"slices"
	"strings"
)

// lister puts a list together out of rows, of which each names a column of
// the key, or none.
type lister struct{ list []Listed }

// add takes a row: schema, table, view, comment, columns, column of the key.
func (l *lister) add(s Stmt) {
	name := Name{Schema: string(s.Column(0).Text), Table: string(s.Column(1).Text)}
	if n := len(l.list); n == 0 || l.list[n-1].Name != name {
		l.list = append(l.list, Listed{Name: name, View: s.Column(2).Int != 0,
			Comment: string(s.Column(3).Text), Columns: int(s.Column(4).Int)})
	}
	if s.Column(5).Kind != Null {
		last := &l.list[len(l.list)-1]
		last.Key = append(last.Key, string(s.Column(5).Text))
	}
}

// List asks one view after the other: one that rests on what is gone is an
// error.
func (sqliteDialect) List(c Conn) ([]Listed, error) {
	var l lister
	err := rows(c, `SELECT '', name, type = 'view', '', ncol, NULL FROM pragma_table_list
		WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`, nil, l.add)
	if err != nil {
		return nil, err
	}
	for i := range l.list {
		if l.list[i].View {
			l.list[i].Columns = viewColumns(c, l.list[i].Name.Table)
		}
	}
	err = rows(c, `SELECT t.name, k.name FROM pragma_table_list AS t, pragma_table_info(t.name, 'main') AS k
		WHERE t.schema = 'main' AND t.type = 'table' AND k.pk > 0 ORDER BY t.name, k.pk`, nil, func(s Stmt) {
		table := string(s.Column(0).Text)
		if i := slices.IndexFunc(l.list, func(x Listed) bool { return x.Name.Table == table }); i >= 0 {
			l.list[i].Key = append(l.list[i].Key, string(s.Column(1).Text))
		}
	})
	return l.list, err
}

// viewColumns counts the columns of a view; 0: it is broken.
func viewColumns(c Conn, view string) int {
	n := 0
	err := rows(c, "SELECT count(*) FROM pragma_table_info(?1, 'main')", []Value{text(view)}, func(s Stmt) { n = int(s.Column(0).Int) })
	if err != nil {
		return 0
	}
	return n
}

// Comments are none: SQLite keeps none.
func (sqliteDialect) Comments(Conn, *Table) (map[string]string, error) { return nil, nil }

// Bytes goes by the declared type.
func (sqliteDialect) Bytes(c *Column) bool { return strings.Contains(strings.ToUpper(c.Type), "BLOB") }

// List leaves out partitions, which their table holds, and what the user may
// not read.
func (postgresDialect) List(c Conn) ([]Listed, error) {
	var l lister
	err := rows(c, `SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN '' ELSE n.nspname END, c.relname,
			(c.relkind IN ('v', 'm'))::int, coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), ''),
			(SELECT count(*) FROM pg_catalog.pg_attribute x WHERE x.attrelid = c.oid AND x.attnum > 0 AND NOT x.attisdropped), a.attname
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
		LEFT JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (num, at) ON k.at <= i.indnkeyatts
		LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.num
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
		AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
		AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
		ORDER BY 1, 2, k.at`, nil, l.add)
	return l.list, err
}

// Comments are those of COMMENT ON.
func (postgresDialect) Comments(c Conn, t *Table) (map[string]string, error) {
	comments := map[string]string{}
	err := rows(c, `SELECT coalesce(a.attname::text, ''), d.description FROM pg_catalog.pg_description d
		JOIN pg_catalog.pg_class c ON c.oid = d.objoid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
		WHERE d.classoid = 'pg_catalog.pg_class'::regclass AND n.nspname = $1::text AND c.relname = $2::text`,
		[]Value{text(t.Name.Schema), text(t.Name.Table)}, func(s Stmt) {
			comments[string(s.Column(0).Text)] = string(s.Column(1).Text)
		})
	return comments, err
}

// Bytes is true for bytea.
func (postgresDialect) Bytes(c *Column) bool { return c.Base == "bytea" }

// List lists one database of the server.
func (d mysqlDialect) List(c Conn) ([]Listed, error) {
	var l lister
	err := rows(c, `SELECT '', t.table_name, t.table_type LIKE '%VIEW', IF(t.table_type LIKE '%VIEW', '', t.table_comment),
			(SELECT COUNT(*) FROM information_schema.columns x WHERE x.table_schema = t.table_schema AND x.table_name = t.table_name), k.column_name
		FROM information_schema.tables t LEFT JOIN information_schema.statistics k
		ON k.table_schema = t.table_schema AND k.table_name = t.table_name AND k.index_name = 'PRIMARY'
		WHERE t.table_schema = ?1 AND t.table_type NOT IN ('SEQUENCE', 'TEMPORARY') ORDER BY t.table_name, k.seq_in_index`,
		[]Value{text(d.database)}, l.add)
	return l.list, err
}

// Comments are those of the definition.
func (d mysqlDialect) Comments(c Conn, t *Table) (map[string]string, error) {
	comments := map[string]string{}
	err := rows(c, `SELECT '', table_comment FROM information_schema.tables
			WHERE table_schema = ?1 AND table_name = ?2 AND table_type NOT LIKE '%VIEW'
		UNION ALL SELECT column_name, column_comment FROM information_schema.columns WHERE table_schema = ?1 AND table_name = ?2`,
		d.named(t.Name), func(s Stmt) {
			comments[string(s.Column(0).Text)] = string(s.Column(1).Text)
		})
	return comments, err
}

// Bytes is true for binary strings and for shapes, which come as bytes.
func (mysqlDialect) Bytes(c *Column) bool {
	if strings.Contains(c.Base, "blob") || strings.Contains(c.Base, "binary") {
		return true
	}
	return slices.Contains([]string{"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
		"multipolygon", "geometrycollection", "geomcollection"}, c.Base)
}
