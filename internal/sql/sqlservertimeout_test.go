package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowDriver is a server's side of which statements named slow take an hour,
// unless their context ends before, and give one row a minute. It allows
// snapshots, and has no other rows.
type slowDriver struct {
	driver.Conn
	ctx  context.Context
	text string
	rows int
	log  []string
}

func (d *slowDriver) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *slowDriver) Driver() driver.Driver                        { return nil }
func (d *slowDriver) Close() error                                 { return nil }
func (d *slowDriver) NumInput() int                                { return -1 }
func (d *slowDriver) Columns() []string                            { return []string{"n"} }
func (d *slowDriver) ColumnTypeDatabaseTypeName(int) string        { return "INT" }
func (d *slowDriver) Exec([]driver.Value) (driver.Result, error)   { return nil, driver.ErrSkip }
func (d *slowDriver) Query([]driver.Value) (driver.Rows, error)    { return nil, driver.ErrSkip }

func (d *slowDriver) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	d.ctx, d.text, d.rows, d.log = ctx, text, 0, append(d.log, text)
	return d, nil
}

func (d *slowDriver) wait(t time.Duration) error {
	select {
	case <-d.ctx.Done():
		return d.ctx.Err()
	case <-time.After(t):
		return nil
	}
}

func (d *slowDriver) ExecContext(context.Context, []driver.NamedValue) (driver.Result, error) {
	if strings.Contains(d.text, "slow") {
		return driver.RowsAffected(0), d.wait(time.Hour)
	}
	return driver.RowsAffected(1), d.wait(0)
}

func (d *slowDriver) QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error) {
	return d, nil
}

func (d *slowDriver) Next(row []driver.Value) error {
	d.rows++
	if strings.Contains(d.text, "snapshot") && d.rows == 1 {
		row[0] = int64(1)
		return nil
	}
	if !strings.Contains(d.text, "slow") || d.rows > 60 {
		return io.EOF
	}
	row[0] = int64(d.rows)
	return d.wait(time.Minute)
}

// TestSQLServerTimeout holds that a statement ends when the connection's
// timeout is over, a read between its rows too, and that nothing else does.
func TestSQLServerTimeout(t *testing.T) {
	read := func(c Conn) error { return rows(c, "SELECT n FROM slow", nil, func(Stmt) {}) }
	write := func(c Conn) error { return c.Exec("UPDATE slow SET n = 1") }
	within := func(d time.Duration) func(Conn) error {
		return func(c Conn) error {
			ctx, stop := context.WithTimeout(c.(*sqlserverConn).ctx, d)
			defer stop()
			c.(*sqlserverConn).ctx = ctx
			return write(c)
		}
	}
	for _, test := range []struct {
		name    string
		timeout time.Duration
		run     func(Conn) error
		took    time.Duration
		want    string // part of the error
	}{
		{"a write", 90 * time.Second, write, 90 * time.Second, "took longer than 1m30s (the connection's timeout"},
		{"a read", 90 * time.Second, read, 90 * time.Second, "took longer than 1m30s (the connection's timeout"},
		{"a write that may", 2 * time.Hour, write, time.Hour, ""},
		{"a read that may", 2 * time.Hour, read, time.Hour, ""},
		{"none", 0, write, time.Hour, ""},
		{"a run that ends before", 2 * time.Minute, within(time.Minute), time.Minute, context.DeadlineExceeded.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &slowDriver{}
				c := &sqlserverConn{connect: d, title: "db", timeout: test.timeout}
				if err := c.dial(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := c.Begin(t.Context(), true); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				err := test.run(c)
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if test.want == "" {
					if err != nil || c.Commit() != nil {
						t.Errorf("%v", err)
					}
					return
				}
				ended := test.want == context.DeadlineExceeded.Error()
				if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrTransient) || errors.Is(err, context.DeadlineExceeded) != ended {
					t.Errorf("error: %v", err)
				}
				if c.Active() || c.Current() {
					t.Error("the connection is used on")
				}
			})
		})
	}
}
