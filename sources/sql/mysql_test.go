package sql

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/sql"
	"koppel/internal/sql/mysqltest"
)

// TestMySQL runs what needs a server, on one of its own.
func TestMySQL(t *testing.T) {
	server := mysqltest.Start(t)
	t.Run("types", func(t *testing.T) { testMySQLTypes(t, server) })
	t.Run("quotes", func(t *testing.T) { testMySQLQuotes(t, server) })
	t.Run("cursor", func(t *testing.T) { testMySQLCursor(t, server) })
	t.Run("conformance", func(t *testing.T) {
		connectortest.Source(t, connectortest.SourceSuite{
			Kind: Kind(),
			Page: 2000,
			Flat: true,
			Setup: func(t testing.TB, records []string) connectortest.Origin {
				fillMySQL(t, server, records)
				return mysqlOrigin(t, server.URL("origin"))
			},
			Faults: append(cuts(server.Address(), func(t testing.TB, records []string, through func(string) string) connectortest.Origin {
				fillMySQL(t, server, records)
				return mysqlOrigin(t, through(server.URL("origin")))
			}), connectortest.Fault{Name: "gone", Records: 3, Setup: func(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
				fillMySQL(t, server, records)
				return mysqlGone(t, server, place)
			}}),
			Wrong: []connectortest.Wrong{
				{Name: "query beside table", Change: func(c any) { c.(*Config).Query = "SELECT 1" }, Want: "table"},
			},
		})
	})
}

func mysqlOrigin(t testing.TB, address string) connectortest.Origin {
	t.Helper()
	config := Kind().Config().(*Config)
	config.Table = "people"
	config.Connection = mysqlConnection(t, address)
	return connectortest.Origin{Config: config, Canaries: []string{"canary"}}
}

func mysqlConnection(t testing.TB, address string) connector.Connection {
	t.Helper()
	db, err := sql.NewMySQL(address, "", time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	return connector.Connection{
		Kind:   "mysql",
		Config: &sql.MySQLConfig{URL: connector.Secret(address)},
		Get:    func(context.Context) (any, error) { return db, nil },
	}
}

// fillMySQL makes a table of the suite's flat records.
func fillMySQL(t testing.TB, server *mysqltest.Server, records []string) {
	t.Helper()
	server.Create(t, "origin")
	var b strings.Builder
	b.WriteString("SET NAMES utf8mb4; SET sql_mode = 'NO_BACKSLASH_ESCAPES';\n" +
		"CREATE TABLE people (id VARCHAR(50) PRIMARY KEY, big BIGINT, small INT, fraction DOUBLE, none INT, empty TEXT, flag BOOLEAN, text LONGTEXT, name TEXT);\n" +
		"CREATE TABLE rows_ (n INT AUTO_INCREMENT PRIMARY KEY, line LONGTEXT);\nBEGIN;\n")
	for i, r := range records {
		if i%500 == 0 {
			b.WriteString("INSERT INTO rows_ (line) VALUES ")
		} else {
			b.WriteString(",")
		}
		b.WriteString("('" + strings.ReplaceAll(r, "'", "''") + "')")
		if i%500 == 499 || i == len(records)-1 {
			b.WriteString(";\n")
		}
	}
	var values []string
	for name := range strings.FieldsSeq("id big small fraction none empty flag text name") {
		v := "JSON_UNQUOTE(JSON_EXTRACT(line, '$." + name + "'))"
		switch name {
		case "flag":
			v += " = 'true'"
		case "none":
			v = "NULL"
		}
		values = append(values, v)
	}
	fmt.Fprintf(&b, "INSERT INTO people SELECT %s FROM rows_ ORDER BY n;\nCOMMIT; DROP TABLE rows_;", strings.Join(values, ", "))
	server.Exec(t, "origin", b.String())
}

// mysqlGone lacks the table, the database, the password, then the server.
func mysqlGone(t testing.TB, server *mysqltest.Server, place int) (connectortest.Origin, bool) {
	t.Helper()
	address := server.URL("origin")
	switch place {
	case 0:
		server.Exec(t, "origin", "DROP TABLE people")
	case 1:
		server.Exec(t, "", "DROP DATABASE origin")
	case 2:
		address = strings.Replace(address, "canary", "canary2", 1)
	case 3:
		address = strings.Replace(address, server.Address(), "127.0.0.1:1", 1)
	default:
		return connectortest.Origin{}, false
	}
	return mysqlOrigin(t, address), true
}

// readMySQL reads a source with an earlier cursor and gives its records and the
// next cursor.
func readMySQL(t testing.TB, server *mysqltest.Server, c Config, cursor string) (records, next string, err error) {
	t.Helper()
	c.Connection = mysqlConnection(t, server.URL("origin"))
	s, err := Kind().Open(t.Context(), &c, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	out := &gathered{cursor: connector.Cursor(cursor)}
	err = s.Read(t.Context(), out)
	return out.records.String(), string(out.next), err
}

// gathered is a Reader that keeps all.
type gathered struct {
	connector.Reader
	cursor, next connector.Cursor
	records      strings.Builder
}

func (g *gathered) Begin(string, connector.Mode) (connector.Cursor, error) { return g.cursor, nil }
func (g *gathered) Records(_ string, _ int64, b []byte) error              { g.records.Write(b); return nil }
func (g *gathered) End(_ string, next connector.Cursor, _ connector.Interval) error {
	g.next = next
	return nil
}

func testMySQLTypes(t *testing.T, server *mysqltest.Server) {
	server.Create(t, "origin")
	server.Exec(t, "origin", `SET sql_mode = ''; SET time_zone = '+02:00';
		CREATE TABLE everything (t1 TINYINT(1), t4 TINYINT(4), u BIGINT UNSIGNED, de DECIMAL(40,10), f FLOAT, d DOUBLE, b1 BIT(1), b9 BIT(9), y YEAR, da DATE, dz DATE NOT NULL,
			dt DATETIME(6), dtz DATETIME NOT NULL, ts TIMESTAMP(3), ti TIME(2), c CHAR(5), v VARCHAR(20) CHARACTER SET latin1, e ENUM('a','b'), s SET('x','y'), j JSON, n INT);
		INSERT INTO everything VALUES (1, 1, 18446744073709551615, 123456789012345678901234567890.0123456780, 0.1, 0.1, 1, 257, 1999, '2024-02-29', '0000-00-00',
			'2024-02-29 10:11:12.120000', '0000-00-00 00:00:00', '2024-02-29 12:11:12.5', '-12:00:00.5', 'ab', 'é', 'b', 'x,y', '{"b": [1, 2.50]}', NULL);
		CREATE TABLE bytes (b BLOB); INSERT INTO bytes VALUES ('x')`)
	want := `{"t1":true,"t4":1,"u":18446744073709551615,"de":123456789012345678901234567890.012345678,"f":0.1,"d":0.1,"b1":true,"b9":257,"y":1999,"da":"2024-02-29","dz":null,` +
		`"dt":"2024-02-29T10:11:12.12","dtz":null,"ts":"2024-02-29T10:11:12.5Z","ti":"-12:00:00.5","c":"ab","v":"é","e":"b","s":"x,y","j":"{\"b\": [1, 2.50]}","n":null}` + "\n"
	for _, c := range []Config{{Table: "everything"}, {Query: "SELECT * FROM everything WHERE t4 = :one ORDER BY u;", Params: map[string]any{"one": 1}},
		{Query: "WITH w AS (SELECT * FROM everything LIMIT :one) SELECT * FROM w", Params: map[string]any{"one": 1}}} {
		got, _, err := readMySQL(t, server, c, "")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if _, _, err := readMySQL(t, server, Config{Table: "bytes"}, ""); err == nil || !strings.Contains(err.Error(), "BLOB") {
		t.Errorf("bytes: %v", err)
	}
	for query, problem := range map[string]string{
		"DELETE FROM bytes":                                "",
		"SELECT 1 AS a, 2 AS a":                            "'a'",
		"SELECT nothing FROM bytes":                        "nothing",
		"SELECT 1; SELECT 2":                               "",
		"SELECT 1 INTO OUTFILE '/koppel_must_not_be'":      "",
		"SELECT b FROM bytes FOR UPDATE; DROP TABLE bytes": "",
	} {
		if _, _, err := readMySQL(t, server, Config{Query: query}, ""); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v", query, err)
		}
	}
	if got := server.Query(t, "origin", "SELECT COUNT(*) FROM bytes"); got != "1\n" {
		t.Errorf("bytes: %s rows", got)
	}
}

// testMySQLQuotes finds placeholders outside of strings and comments, whatever the
// server's own mode is.
func testMySQLQuotes(t *testing.T, server *mysqltest.Server) {
	server.Create(t, "origin")
	defer server.Exec(t, "", "SET GLOBAL sql_mode = DEFAULT")
	for _, mode := range []string{"STRICT_TRANS_TABLES", "NO_BACKSLASH_ESCAPES", "STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT"} {
		server.Exec(t, "", "SET GLOBAL sql_mode = '"+mode+"'")
		c := Config{Query: "SELECT 'it\\'s :a' AS x, \"\\\":b\" AS y, :c AS z, 5--:c AS n # :d\n -- :e", Params: map[string]any{"c": 7}}
		got, _, err := readMySQL(t, server, c, "")
		if diff := cmp.Diff(`{"x":"it's :a","y":"\":b","z":7,"n":12}`+"\n", got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", mode, err, diff)
		}
	}
}

// testMySQLCursor reads by columns of each type that can be a cursor.
func testMySQLCursor(t *testing.T, server *mysqltest.Server) {
	server.Create(t, "origin")
	for _, c := range []struct{ column, values, next string }{
		{"TIMESTAMP(3) NULL", "('2024-01-01 00:00:00'), ('2024-01-02 00:00:00.5')", `["2024-01-02T00:00:00.5Z"]`},
		{"DATETIME(6)", "('2024-01-01 00:00:00'), ('2024-01-02 00:00:00.123456')", `["2024-01-02T00:00:00.123456"]`},
		{"DATE", "('2024-01-01'), ('2024-01-02')", `["2024-01-02"]`},
		{"BIGINT", "(-5), (9007199254740993)", `[9007199254740993]`},
		{"VARCHAR(20)", "('2024-01-01'), ('2024-01-02')", `["2024-01-02"]`},
	} {
		for _, byQuery := range []bool{false, true} {
			server.Exec(t, "origin", "SET time_zone = '+00:00'; CREATE OR REPLACE TABLE moved (v "+c.column+"); INSERT INTO moved VALUES "+c.values)
			config := Config{Table: "moved", Incremental: &connector.Incremental{Cursor: []string{"v"}}}
			if byQuery {
				config.Table, config.Query = "", "SELECT v FROM moved WHERE v >= :cursor"
			}
			all, next, err := readMySQL(t, server, config, "")
			if err != nil || strings.Count(all, "\n") != 2 || next != c.next {
				t.Errorf("%s, query %t: %s next %s, %v", c.column, byQuery, all, next, err)
			}
			last, again, err := readMySQL(t, server, config, next)
			if err != nil || strings.Count(last, "\n") != 1 || again != next {
				t.Errorf("%s, query %t, again: %s next %s, %v", c.column, byQuery, last, again, err)
			}
		}
	}
}
