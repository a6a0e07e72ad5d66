package sql

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMySQLStatements holds the statements in which MySQL and MariaDB differ, or
// that only one of them reads as they are meant, against a file. Servers of
// MariaDB run them in other tests; for MySQL its manual was read:
//
//   - comments such as /*!80017 … */ and /*M! … */ are read by one of the two
//     (https://dev.mysql.com/doc/refman/8.4/en/comments.html,
//     https://mariadb.com/kb/en/comment-syntax/);
//   - VALUES(column) behind ON DUPLICATE KEY UPDATE is deprecated in MySQL and
//     works, its row alias is unknown to MariaDB
//     (https://dev.mysql.com/doc/refman/8.4/en/insert-on-duplicate.html);
//   - JSON_TABLE is there from MySQL 8.0.4 and MariaDB 10.6
//     (https://dev.mysql.com/doc/refman/8.4/en/json-table-functions.html);
//   - a JSON column is a type of its own in MySQL, and LONGTEXT with a check in
//     MariaDB (https://mariadb.com/kb/en/json-data-type/);
//   - max_execution_time counts milliseconds of statements that read,
//     max_statement_time seconds of all;
//   - CHECK constraints are in information_schema.check_constraints of both, with
//     the table's name in MariaDB alone.
func TestMySQLStatements(t *testing.T) {
	d := newMySQLDialect("hr")
	name, err := d.ParseName("odd`name")
	if err != nil {
		t.Fatal(err)
	}
	table := &Table{Name: name, Unique: []Index{{Columns: []string{"tenant", "id"}}}, Columns: []Column{
		{Name: "tenant", Type: d.Type("integer")}, {Name: "id", Type: d.Type("string")}, {Name: "name", Type: d.Type("")},
		{Name: "seen", Type: d.Type("datetime")}, {Name: "phones", Type: d.Type("list")}, {Name: "score", Type: d.Type("number")},
	}}
	key := []string{"tenant", "id"}
	two := *table
	two.Unique = append(two.Unique, Index{Columns: []string{"name"}})
	var b strings.Builder
	for _, s := range []struct{ what, text string }{
		{"create table", d.CreateTable(table)},
		{"upsert where the key is the only unique index", d.Upsert(table, []string{"tenant", "id", "name"}, key, []string{"name"}, nil)},
		{"upsert where there is another", d.Upsert(&two, []string{"tenant", "id", "name"}, key, []string{"name"}, []string{"seen"})},
		{"batch", "SELECT " + d.Ordinal("w") + " FROM " + d.Batch(1, "w") + " CROSS JOIN " + TableName(d, name) + " AS r WHERE r.`name` = " +
			d.Element("w", 0, &Column{Name: "name", Collation: "utf8mb4_bin"})},
		{"lock", Select(d, table, []string{"id"}, key) + d.Lock()},
		{"statement timeout of MariaDB", mysqlTimeout(true, time.Minute)},
		{"statement timeout of MySQL", mysqlTimeout(false, time.Minute)},
	} {
		fmt.Fprintf(&b, "-- %s\n%s\n\n", s.what, strings.NewReplacer(mysqlIfNone, "\n-- and, where no row was changed\n", mysqlThen, "\n-- and then\n").Replace(s.text))
	}
	checkGolden(t, "testdata/mysql.sql", b.String())
}
