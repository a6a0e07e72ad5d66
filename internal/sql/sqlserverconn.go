package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"koppel/engine/connector"
)

// sqlserverConn is one connection to SQL Server, on the driver itself.
type sqlserverConn struct {
	connect driver.Connector
	c       driver.Conn
	title   string
	wait    time.Duration
	timeout time.Duration   // of a statement: the server has none of its own; 0: no bound
	ctx     context.Context // of the present transaction: Begin is told for all of it
	ending  bool            // the transaction is being ended, which has a bound of its own
	active  bool
	lost    bool
	columns map[string]int // of queries that were looked at
	reading *sqlserverStmt
}

// sqlserverConnects bounds how long a connection may take to be ready.
const sqlserverConnects = 30 * time.Second

func (m *sqlserverConn) dial(ctx context.Context) error {
	doing := fmt.Sprintf("connect to database %q", m.title)
	within, stop := context.WithTimeout(ctx, sqlserverConnects)
	defer stop()
	c, err := m.connect.Connect(within)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		out := sqlserverError(doing, err)
		if untrusted(err) {
			out.Message = innermost(err) + "; give the certificate of its authority as certificate=FILE in the connection's url, or the name that the certificate is for as the host"
		}
		out.Refused, out.Cause = false, connector.ErrUnreachable
		return out
	}
	m.c, m.ctx, m.lost, m.columns = c, ctx, false, map[string]int{}
	return m.Exec(sqlserverSession(m.wait))
}

// sqlserverSession sets what statements rely on: dates as they are written,
// errors instead of cut values, and a failed statement that leaves the
// transaction where it can.
func sqlserverSession(wait time.Duration) string {
	return fmt.Sprintf("SET LANGUAGE us_english; SET DATEFORMAT ymd; SET ANSI_WARNINGS ON; SET ANSI_PADDING ON; SET ANSI_NULLS ON; "+
		"SET QUOTED_IDENTIFIER ON; SET CONCAT_NULL_YIELDS_NULL ON; SET ARITHABORT ON; SET XACT_ABORT OFF; SET NOCOUNT OFF; SET LOCK_TIMEOUT %d", wait.Milliseconds())
}

// Begin reads in a snapshot where the database allows it, and otherwise keeps
// what it has read from changing.
func (m *sqlserverConn) Begin(ctx context.Context, write bool) error {
	m.ctx = ctx
	level := "SERIALIZABLE"
	if !write {
		err := rows(m, "SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()", nil, func(s Stmt) {
			if s.Column(0).Int == 1 {
				level = "SNAPSHOT"
			}
		})
		if err != nil {
			return err
		}
	}
	err := m.Exec("SET TRANSACTION ISOLATION LEVEL " + level + "; BEGIN TRANSACTION")
	m.active = err == nil
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Commit is not interrupted: a commit that was cut off could have happened.
func (m *sqlserverConn) Commit() error {
	err := m.end("COMMIT TRANSACTION")
	if err != nil {
		m.Rollback()
	}
	m.active = false
	return err
}

func (m *sqlserverConn) Rollback() {
	if !m.active || m.lost {
		m.active = false
		return
	}
	m.active = false
	// Where a rollback fails the connection is lost, and the server rolls back.
	_ = m.end("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
}

// end runs what ends a transaction, whatever became of its context.
func (m *sqlserverConn) end(query string) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(m.ctx), commitWait)
	defer stop()
	m.ctx, m.ending = ctx, true
	defer func() { m.ending = false }()
	return m.Exec(query)
}

func (m *sqlserverConn) Savepoint() error  { return m.Exec("SAVE TRANSACTION koppel") }
func (m *sqlserverConn) RollbackTo() error { return m.Exec("ROLLBACK TRANSACTION koppel") }

// Release does nothing: a later mark of the name takes the place of this one.
func (m *sqlserverConn) Release() error { return nil }
func (m *sqlserverConn) Active() bool   { return m.active && !m.lost }
func (m *sqlserverConn) Current() bool  { return !m.lost }

func (m *sqlserverConn) Exec(query string, args ...Value) error {
	st, err := m.Prepare(query)
	if err != nil {
		return err
	}
	defer st.Close()
	s := st.(*sqlserverStmt)
	s.command = true
	for i, v := range args {
		st.Bind(i+1, v)
	}
	_, err = st.Step()
	return err
}

func (m *sqlserverConn) Close() error {
	if m.c == nil {
		return nil
	}
	if err := m.c.Close(); err != nil && !m.lost {
		return sqlserverError(fmt.Sprintf("close database %q", m.title), err)
	}
	return nil
}

// fail notes what an error did to connection and transaction: some errors end
// a transaction or leave it only to be rolled back.
func (m *sqlserverConn) fail(err error) error {
	e := sqlserverError(fmt.Sprintf("database %q", m.title), err)
	var own mssql.Error
	if !errors.As(err, &own) {
		m.lost, m.active = true, false
		return e
	}
	if !m.active {
		return e
	}
	state := int64(-1)
	m.active = false // so that an error of the question asks no more
	_ = rows(m, "SELECT CAST(XACT_STATE() AS int)", nil, func(s Stmt) { state = s.Column(0).Int })
	m.active = state == 1
	if state == -1 && !m.lost {
		_ = m.Exec("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
	}
	return e
}

// sqlserverError keeps the database's own words. Numbers:
// https://learn.microsoft.com/en-us/sql/relational-databases/errors-events/database-engine-events-and-errors
func sqlserverError(doing string, err error) *Error {
	out := &Error{Doing: doing, Message: err.Error()}
	var e mssql.Error
	var n net.Error
	switch {
	case errors.As(err, &e):
		if len(e.All) > 0 {
			e = e.All[0]
		}
		out.Message = e.Message
		out.Constraint, out.Refused = sqlserverRefusal(e)
		switch e.Number {
		case 1205, 1222, 3960, 3961, 3966:
			out.Cause = ErrTransient
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		out.Cause = err
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &n):
		out.Message = "the connection was lost: " + err.Error()
		out.Cause = errors.Join(ErrTransient, connector.ErrUnreachable)
	}
	return out
}

func sqlserverRefusal(e mssql.Error) (Constraint, bool) {
	switch e.Number {
	case 2601, 2627:
		return Unique, true
	case 547:
		if strings.Contains(e.Message, "CHECK constraint") {
			return NoConstraint, true
		}
		return ForeignKey, true
	case 220, 232, 241, 242, 245, 248, 271, 273, 295, 296, 334, 515, 544, 550, 1946, 2628, 3609, 8114, 8115, 8152, 8169, 9420, 13609, 13608:
		return NoConstraint, true
	}
	return NoConstraint, e.Number >= 50000
}
