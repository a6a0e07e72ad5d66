package sql

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/sql"
	"koppel/internal/sql/mysqltest"
)

// TestMySQL runs what needs a server, on one of its own.
func TestMySQL(t *testing.T) {
	server := mysqltest.Start(t)
	t.Run("types", func(t *testing.T) { testMySQLTypes(t, server) })
	t.Run("made", func(t *testing.T) { testMySQLMade(t, server) })
	t.Run("keys", func(t *testing.T) { testMySQLKeys(t, server) })
	t.Run("unique", func(t *testing.T) { testMySQLUnique(t, server) })
	t.Run("unreachable", func(t *testing.T) { testMySQLUnreachable(t, server) })
	tables := map[string]string{
		"made":      "",
		"several":   "CREATE TABLE people (n INT AUTO_INCREMENT PRIMARY KEY, id VARCHAR(100) COLLATE utf8mb4_bin NOT NULL UNIQUE, name VARCHAR(200), amount BIGINT, active BOOLEAN)",
		"folded":    "CREATE TABLE people (amount DECIMAL(20,2), active BIT(1), name TEXT, id CHAR(200) COLLATE utf8mb4_unicode_ci PRIMARY KEY)",
		"latin":     "CREATE TABLE people (id VARCHAR(200) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin PRIMARY KEY, name LONGTEXT, amount BIGINT, active TINYINT(1)) ROW_FORMAT=DYNAMIC",
		"unindexed": "CREATE TABLE people (id VARCHAR(200) COLLATE utf8mb4_nopad_bin PRIMARY KEY, name VARCHAR(200), amount BIGINT, active BOOLEAN, KEY (name))",
	}
	for name, before := range tables {
		t.Run("conformance "+name, func(t *testing.T) {
			connectortest.Sink(t, connectortest.SinkSuite{
				Kind:  Kind(),
				Setup: func(t testing.TB) connectortest.Target { return mysqlTarget(t, server, before) },
				Wrong: []connectortest.Wrong{
					{Name: "schema", Change: func(c any) { c.(*Config).Table = "a.b.c" }, Want: "schema"},
				},
			})
		})
	}
}

// mysqlConnection is a connection to address.
func mysqlConnection(t testing.TB, address string) connector.Connection {
	t.Helper()
	db, err := sql.NewMySQL(address, "", 5*time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	return connector.Connection{
		Config: &sql.MySQLConfig{URL: connector.Secret(address)},
		Get:    func(context.Context) (any, error) { return db, nil },
	}
}

func mysqlTarget(t testing.TB, server *mysqltest.Server, before string) connectortest.Target {
	t.Helper()
	address := server.Create(t, "target")
	config := Kind().Config().(*Config)
	config.Table = "people"
	config.Match = []string{"name"}
	config.Answer = []string{"id"}
	config.Connection = mysqlConnection(t, address)
	server.Exec(t, "target", before)
	return connectortest.Target{
		Config:   config,
		Canaries: []string{"canary"},
		Rows: func(t testing.TB) []string {
			if server.Query(t, "target", "SHOW TABLES LIKE 'people'") == "" {
				return nil
			}
			out := server.Query(t, "target", `SELECT JSON_OBJECT('active', IF(active IS NULL, NULL, JSON_EXTRACT(IF(active, 'true', 'false'), '$')),
				'amount', CAST(amount AS SIGNED), 'id', id COLLATE utf8mb4_bin, 'name', name COLLATE utf8mb4_bin) FROM (SELECT active, amount, CONVERT(id USING utf8mb4) AS id, CONVERT(name USING utf8mb4) AS name FROM people) AS p`)
			var rows []string
			for line := range strings.Lines(out) {
				rows = append(rows, strings.TrimSuffix(line, "\n"))
			}
			return rows
		},
		Refuse: func(t testing.TB, id string) {
			server.Exec(t, "target", `CREATE TABLE IF NOT EXISTS people (id VARCHAR(200) COLLATE utf8mb4_bin PRIMARY KEY, name TEXT, amount BIGINT, active BOOLEAN);
DELIMITER //
				CREATE TRIGGER refuse BEFORE INSERT ON people FOR EACH ROW IF NEW.id = '`+id+`' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF
//
`)
		},
	}
}

// mysqlSink opens a sink on a database.
func mysqlSink(t testing.TB, address string, c Config, shape record.Shape) *sink {
	t.Helper()
	if c.Table == "" {
		c.Table = "people"
	}
	c.Connection = mysqlConnection(t, address)
	s, err := Kind().Open(t.Context(), &c, connector.Env{Shape: shape})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.(*sink).Close() })
	return s.(*sink)
}

// outcomes writes changes and shows each outcome.
func outcomes(t testing.TB, s *sink, changes ...record.Change) string {
	t.Helper()
	out, err := s.Write(t.Context(), changes)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, o := range out {
		if o.Status == connector.Applied {
			fmt.Fprintln(&b, "applied")
			continue
		}
		fmt.Fprintf(&b, "%d %t %s\n", o.Status, o.Later, o.Message)
	}
	return b.String()
}
