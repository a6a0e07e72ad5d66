package sql

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"
)

// mysqlConn is one connection to MySQL or MariaDB. It works on the driver
// itself: a pool could give another connection within a transaction.
type mysqlConn struct {
	connect driver.Connector
	c       driver.Conn
	title   string
	write   bool
	wait    time.Duration
	// connecting bounds how long a connection may take to be ready, timeout one
	// statement; 0: the server does.
	connecting, timeout time.Duration
	mariadb             bool

	ctx     context.Context // of the present transaction: Begin is told for all of it
	active  bool
	writing bool
	lost    bool
	// session counts connects: statements of an earlier one are prepared anew.
	session int
	// reading is the statement whose rows are on their way.
	reading *mysqlStmt
	columns map[string]int // of queries that were looked at
}

// mysqlModes make the database refuse what it would otherwise change.
const mysqlModes = "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"

// dial connects and sets the session up.
func (m *mysqlConn) dial(ctx context.Context) error {
	err := m.dialWithin(ctx)
	m.ctx = ctx
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return mysqlUnreachable(fmt.Sprintf("connect to database %q", m.title), m.connecting, err)
}

func (m *mysqlConn) dialWithin(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, m.connecting)
	defer stop()
	c, err := m.connect.Connect(ctx)
	if err != nil {
		return err
	}
	if m.c != nil {
		m.c.Close()
	}
	m.c, m.lost, m.active, m.reading = c, false, false, nil
	m.session++
	settings := []string{
		"SET SESSION time_zone = '+00:00'",
		fmt.Sprintf("SET SESSION innodb_lock_wait_timeout = %d, lock_wait_timeout = %[1]d", max(1, int(m.wait/time.Second))),
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
	}
	if m.write {
		settings = append(settings, "SET SESSION sql_mode = '"+mysqlModes+"', foreign_key_checks = 1, unique_checks = 1")
	} else {
		settings = append(settings, "SET SESSION TRANSACTION READ ONLY")
	}
	m.ctx = ctx
	for _, s := range settings {
		if err := m.Exec(s); err != nil {
			return err
		}
	}
	mode := ""
	err = rows(m, "SELECT VERSION(), @@SESSION.sql_mode", nil, func(st Stmt) {
		m.mariadb = strings.Contains(string(st.Column(0).Text), "MariaDB")
		mode = string(st.Column(1).Text)
	})
	if rest, found := withoutMode(mode, "NO_BACKSLASH_ESCAPES"); err == nil && found {
		// Placeholders are looked for outside of strings as they usually are.
		err = m.Exec("SET SESSION sql_mode = '" + rest + "'")
	}
	if err == nil && m.mariadb {
		// Joins without an index are hashed, as MySQL does.
		err = m.Exec("SET SESSION join_cache_level = 8")
	}
	if err == nil && m.timeout > 0 {
		err = m.Exec(mysqlTimeout(m.mariadb, m.timeout))
	}
	return err
}

// withoutMode takes one of the modes out of a list.
func withoutMode(list, mode string) (rest string, found bool) {
	modes := strings.Split(list, ",")
	left := slices.DeleteFunc(slices.Clone(modes), func(m string) bool { return m == mode })
	return strings.Join(left, ","), len(left) < len(modes)
}

// mysqlTimeout bounds statements:
// https://mariadb.com/kb/en/server-system-variables/#max_statement_time and
// https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_max_execution_time
func mysqlTimeout(mariadb bool, timeout time.Duration) string {
	if mariadb {
		return fmt.Sprintf("SET SESSION max_statement_time = %.3f", max(timeout, time.Millisecond).Seconds())
	}
	return fmt.Sprintf("SET SESSION max_execution_time = %d", max(1, timeout.Milliseconds()))
}

// Begin connects anew when the connection was lost since the last transaction.
func (m *mysqlConn) Begin(ctx context.Context, write bool) error {
	text := "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
	if write {
		text = "START TRANSACTION READ WRITE"
	}
	m.ctx = ctx
	err := driver.ErrBadConn
	if !m.lost {
		err = m.command(text)
	}
	if m.lost && ctx.Err() == nil {
		if err = m.dial(ctx); err == nil {
			err = m.command(text)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return m.fail(err)
	}
	m.active, m.writing = true, write
	return nil
}

// commitWait bounds how long a commit is waited for.
const commitWait = time.Minute

// Commit is not interrupted: a commit that was cut off could have happened.
func (m *mysqlConn) Commit() error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(m.ctx), commitWait)
	defer stop()
	m.ctx = ctx
	err := m.Exec("COMMIT")
	if err != nil {
		m.Rollback()
	}
	m.active = false
	return err
}

func (m *mysqlConn) Rollback() {
	if !m.active || m.lost {
		m.active = false
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(m.ctx), commitWait)
	defer stop()
	m.ctx, m.active = ctx, false
	// Where a rollback fails the connection is lost, and the server rolls back.
	_ = m.Exec("ROLLBACK")
}

func (m *mysqlConn) Savepoint() error  { return m.Exec("SAVEPOINT koppel") }
func (m *mysqlConn) RollbackTo() error { return m.Exec("ROLLBACK TO SAVEPOINT koppel") }
func (m *mysqlConn) Release() error    { return m.Exec("RELEASE SAVEPOINT koppel") }
func (m *mysqlConn) Active() bool      { return m.active && !m.lost }

// Current is true: a lost connection is made anew by Begin.
func (m *mysqlConn) Current() bool { return true }

// Exec starts the transaction again behind a statement that makes a table,
// which commits: https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html
func (m *mysqlConn) Exec(query string, args ...Value) error {
	if len(args) == 0 {
		if err := m.command(query); err != nil {
			return m.fail(err)
		}
		if m.active && m.writing && strings.HasPrefix(query, "CREATE ") {
			if err := m.command("START TRANSACTION READ WRITE"); err != nil {
				m.active = false
				return m.fail(err)
			}
		}
		return nil
	}
	return rows(m, query, args, func(Stmt) {})
}

// command runs a statement without parameters.
func (m *mysqlConn) command(text string) error {
	m.drain()
	_, err := m.c.(driver.ExecerContext).ExecContext(m.ctx, text, nil)
	m.note(err)
	return err
}

// drain drops the rows that are on their way: the connection carries one
// answer at a time.
func (m *mysqlConn) drain() {
	if m.reading != nil {
		m.reading.Reset()
	}
}

// note remembers what an error did to connection and transaction.
func (m *mysqlConn) note(err error) {
	if err == nil {
		return
	}
	if mysqlLost(err) {
		m.lost = true
	}
	if m.lost || mysqlEnded(err) {
		m.active = false
	}
}

func (m *mysqlConn) Prepare(query string) (Stmt, error) {
	return prepareMySQL(m, query)
}

func (m *mysqlConn) Close() error {
	m.drain()
	if m.c == nil || m.lost {
		return nil
	}
	if err := m.c.Close(); err != nil && !mysqlLost(err) {
		return m.fail(err)
	}
	return nil
}

func (m *mysqlConn) fail(err error) error {
	return mysqlError(fmt.Sprintf("database %q", m.title), err)
}
