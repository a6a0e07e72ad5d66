package sql

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"koppel/engine/connector"
)

type sqliteConn struct {
	c     *sqlite.Conn
	path  string
	title string // the path as users wrote it
	info  os.FileInfo
	page  int64
	wait  time.Duration
	ran   int // statements that ran to their end in this transaction
}

// shrinkAfter is how many statements a transaction has run that took so many
// pages that they are better dropped.
const shrinkAfter = 1_000

// Begin waits in slices, so that an end of ctx is noticed.
func (s *sqliteConn) Begin(ctx context.Context, write bool) error {
	s.c.SetInterrupt(ctx.Done())
	begin := func() error { return s.Exec("BEGIN IMMEDIATE") }
	if !write {
		begin = func() error {
			if err := s.Exec("BEGIN"); err != nil {
				return err
			}
			// The first read takes the snapshot.
			err := s.Exec("SELECT 1 FROM sqlite_schema LIMIT 1")
			if err != nil {
				s.Rollback()
			}
			return err
		}
	}
	err := s.patiently(begin)
	if err != nil {
		s.c.SetInterrupt(nil)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	s.c.SetBusyTimeout(s.wait)
	s.ran = 0
	return s.whole()
}

// whole finds a file that was cut off inside its last page: SQLite reads the
// rest as zeros, which makes rows of nothing.
func (s *sqliteConn) whole() error {
	info, err := os.Stat(s.path)
	if err == nil && info.Size()%s.page == 0 {
		return nil
	}
	message := "the file is cut off: its size is no multiple of its page size"
	if err != nil {
		message = err.Error()
	}
	s.Rollback()
	return &Error{Doing: fmt.Sprintf("open database %q", s.title), Message: message, Cause: connector.ErrUnreachable}
}

// patiently repeats what meets a lock until the time is over.
func (s *sqliteConn) patiently(f func() error) error {
	s.c.SetBusyTimeout(lockSlice)
	for slices := s.wait / lockSlice; ; slices-- {
		err := f()
		if err == nil || !errors.Is(err, errBusy) {
			return err
		}
		if slices <= 0 {
			return &Error{
				Doing:   fmt.Sprintf("lock database %q", s.title),
				Message: fmt.Sprintf("another program holds it (waited %v)", s.wait),
				Cause:   errBusy,
			}
		}
	}
}

// Commit is not interrupted: a commit that was cut off could have happened.
//
// The caches of all connections of the process share one list of pages. One
// that is full takes pages of another, which then makes up for them: there are
// more pages than all caches may have, and SQLite drops each one that is not
// in use, such as a table's root between two inserts. So a large transaction
// leaves no pages behind.
func (s *sqliteConn) Commit() error {
	s.c.SetInterrupt(nil)
	err := s.patiently(func() error { return s.Exec("COMMIT") })
	if err != nil {
		s.Rollback()
		return err
	}
	if s.ran >= shrinkAfter {
		_ = s.Exec("PRAGMA shrink_memory") // never fails; the commit stands
	}
	return nil
}

func (s *sqliteConn) Rollback() {
	s.c.SetInterrupt(nil)
	if !s.c.AutocommitEnabled() {
		// A rollback fails only where SQLite has rolled back by itself.
		_ = s.Exec("ROLLBACK")
	}
}

func (s *sqliteConn) Savepoint() error { return s.Exec("SAVEPOINT koppel") }

func (s *sqliteConn) RollbackTo() error {
	if err := s.Exec("ROLLBACK TO koppel"); err != nil {
		return err
	}
	return s.Release()
}

func (s *sqliteConn) Release() error { return s.Exec("RELEASE koppel") }

func (s *sqliteConn) Active() bool { return !s.c.AutocommitEnabled() }

func (s *sqliteConn) Current() bool {
	info, err := os.Stat(s.path)
	return err == nil && os.SameFile(info, s.info)
}

func (s *sqliteConn) Exec(query string, args ...Value) error {
	return rows(s, query, args, func(Stmt) {})
}

func (s *sqliteConn) Prepare(query string) (Stmt, error) {
	st, trailing, err := s.c.PrepareTransient(query)
	if err != nil {
		return nil, s.fail(err)
	}
	if trailing > 0 && strings.Trim(query[len(query)-trailing:], "; \t\r\n") != "" {
		st.Finalize()
		return nil, &Error{Message: "more than one statement"}
	}
	return &sqliteStmt{conn: s, s: st, columns: st.ColumnCount(), bufs: make([][]byte, st.ColumnCount())}, nil
}

func (s *sqliteConn) Close() error {
	if err := s.c.Close(); err != nil {
		return sqliteError(fmt.Sprintf("close database %q", s.title), err)
	}
	return nil
}

// errBusy marks a lock that others hold.
var errBusy = errors.New("database is locked")

func (s *sqliteConn) fail(err error) error {
	return sqliteError(fmt.Sprintf("database %q", s.title), err)
}

// sqliteError keeps the database's own words and drops the driver's.
func sqliteError(doing string, err error) *Error {
	code := sqlite.ErrCode(err)
	inner := err
	for next := errors.Unwrap(inner); next != nil; next = errors.Unwrap(inner) {
		inner = next
	}
	message := inner.Error()
	for _, prefix := range []string{"sqlite: ", "SQL logic error: ", "constraint failed: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	e := &Error{Doing: doing, Message: message}
	switch code {
	case sqlite.ResultConstraintUnique, sqlite.ResultConstraintPrimaryKey, sqlite.ResultConstraintRowID:
		e.Constraint = Unique
		if columns, named := strings.CutPrefix(message, "UNIQUE constraint failed: "); named && !strings.HasPrefix(columns, "index '") {
			e.Columns = strings.Split(columns, ", ")
		}
	case sqlite.ResultConstraintForeignKey:
		e.Constraint = ForeignKey
	}
	switch code.ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked:
		e.Cause = errBusy
	case sqlite.ResultConstraint, sqlite.ResultMismatch, sqlite.ResultTooBig:
		e.Refused = true
	case sqlite.ResultInterrupt:
		e.Cause = context.Canceled
	case sqlite.ResultNotADB, sqlite.ResultCantOpen, sqlite.ResultPerm:
		e.Cause = connector.ErrUnreachable
	case sqlite.ResultReadOnly:
		e.Message = "it is read-only: " + message
	}
	return e
}
