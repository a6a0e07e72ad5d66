package sql

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/sql"
	"koppel/internal/sql/mysqltest"
)

// TestMySQL runs what needs a server, on one of its own.
func TestMySQL(t *testing.T) {
	server := mysqltest.Start(t)
	t.Run("conformance", func(t *testing.T) {
		connectortest.Source(t, connectortest.SourceSuite{
			Kind: Kind(),
			Page: 2000,
			Flat: true,
			Setup: func(t testing.TB, records []string) connectortest.Origin {
				fillMySQL(t, server, records)
				return mysqlOrigin(t, server.URL("origin"))
			},
			Faults: []connectortest.Fault{{Name: "gone", Records: 3, Setup: func(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
				fillMySQL(t, server, records)
				return mysqlGone(t, server, place)
			}}},
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
	db, err := sql.NewMySQL(address, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return connector.Connection{
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
