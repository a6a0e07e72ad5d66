package sql

import (
	"errors"
	"strings"
	"testing"
	"time"

	"koppel/internal/sql/mysqltest"
	"koppel/internal/sql/postgrestest"
)

// statementTimeout is more than a busy machine takes for a statement that does
// next to nothing.
const statementTimeout = time.Second

// checkTimeout runs a statement that takes longer than it may.
func checkTimeout(t *testing.T, db *DB, slow string) {
	t.Helper()
	c, err := db.Open(t.Context(), Read)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Begin(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	err = c.Exec(slow)
	if err == nil || errors.Is(err, ErrTransient) || !strings.Contains(err.Error(), "(the connection's timeout, or the server's)") {
		t.Errorf("slow statement: %v", err)
	}
	if err := c.Exec("INSERT INTO kept VALUES (1)"); err == nil {
		t.Error("a source writes")
	}
}

func TestPostgresTimeout(t *testing.T) {
	server := postgrestest.Start(t)
	server.Exec(t, server.URL, "CREATE TABLE kept (n int)")
	db, err := NewPostgres(server.URL, "", statementTimeout)
	if err != nil {
		t.Fatal(err)
	}
	checkTimeout(t, db, "SELECT pg_sleep(60)")
}

func TestMySQLTimeout(t *testing.T) {
	server := mysqltest.Start(t)
	url := server.Create(t, "slow")
	server.Exec(t, "slow", "CREATE TABLE kept (n INT)")
	db, err := NewMySQL(url, "", time.Second, statementTimeout)
	if err != nil {
		t.Fatal(err)
	}
	checkTimeout(t, db, "SELECT * FROM seq_1_to_1000000000 AS s WHERE seq < 0 AND SLEEP(60) = 0 OR MD5(seq) = ''")
}

// TestMySQLTimeoutStatements are the two servers' own.
func TestMySQLTimeoutStatements(t *testing.T) {
	for timeout, want := range map[time.Duration][2]string{
		time.Minute:             {"SET SESSION max_statement_time = 60.000", "SET SESSION max_execution_time = 60000"},
		1500 * time.Millisecond: {"SET SESSION max_statement_time = 1.500", "SET SESSION max_execution_time = 1500"},
		time.Microsecond:        {"SET SESSION max_statement_time = 0.001", "SET SESSION max_execution_time = 1"},
	} {
		if got := [2]string{mysqlTimeout(true, timeout), mysqlTimeout(false, timeout)}; got != want {
			t.Errorf("%v: %v, want %v", timeout, got, want)
		}
	}
}
