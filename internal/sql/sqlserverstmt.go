package sql

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"koppel/engine/record"
)

// sqlserverStmt is a statement whose text is sent with each run; the server
// keeps its plan.
type sqlserverStmt struct {
	conn    *sqlserverConn
	text    string
	command bool // it gives no rows
	counted bool // its first column is the number of changed rows
	params  []Value
	width   int
	changed int

	ctx  context.Context // of the present run
	stop context.CancelFunc
	rows driver.Rows
	row  []driver.Value
	kind []string // the type of each column
}

// sqlserverCounted starts a text whose one row begins with a count.
const sqlserverCounted = "DECLARE @koppel_n int, @koppel_e int; "

func (m *sqlserverConn) Prepare(query string) (Stmt, error) {
	s := &sqlserverStmt{conn: m, text: query, width: m.columns[query]}
	s.counted = strings.HasPrefix(query, sqlserverCounted)
	s.command = strings.HasPrefix(query, "DELETE ")
	return s, nil
}

func (s *sqlserverStmt) Bind(param int, v Value) {
	for len(s.params) < param {
		s.params = append(s.params, Value{})
	}
	v.Text = bytes.Clone(v.Text)
	s.params[param-1] = v
}

func (s *sqlserverStmt) Step() (bool, error) {
	if s.rows == nil {
		if done, err := s.start(); done || err != nil {
			return false, err
		}
	}
	err := s.ctx.Err()
	if err == nil {
		err = s.rows.Next(s.row)
	}
	if err == nil {
		if s.counted {
			n, _ := s.row[0].(int64)
			s.changed = int(n)
			return s.width > 0 && n > 0, nil
		}
		return true, nil
	}
	if errors.Is(err, io.EOF) {
		s.Reset()
		return false, nil
	}
	err = s.fail(err)
	s.Reset()
	return false, err
}

// begin bounds a run.
func (s *sqlserverStmt) begin() {
	if s.stop != nil {
		s.stop()
	}
	if t := s.conn.timeout; t > 0 && !s.conn.ending {
		s.ctx, s.stop = context.WithTimeout(s.conn.ctx, t)
		return
	}
	s.ctx, s.stop = context.WithCancel(s.conn.ctx)
}

// fail tells the bound of a run from that of the transaction. What the server
// makes of the statement is not known then, so that the connection goes.
func (s *sqlserverStmt) fail(err error) error {
	m := s.conn
	if !errors.Is(s.ctx.Err(), context.DeadlineExceeded) || m.ctx.Err() != nil {
		return m.fail(err)
	}
	m.lost, m.active = true, false
	return &Error{Doing: fmt.Sprintf("database %q", m.title), Message: "a statement took longer than " + m.timeout.String() + timeoutAdvice}
}

// start runs the statement; done: it gives no rows.
func (s *sqlserverStmt) start() (done bool, err error) {
	if s.conn.reading != nil {
		s.conn.reading.Reset()
	}
	s.begin()
	st, err := s.conn.c.(driver.ConnPrepareContext).PrepareContext(s.ctx, s.text)
	if err != nil {
		return false, s.fail(err)
	}
	args := make([]driver.NamedValue, len(s.params))
	for i := range s.params {
		args[i] = driver.NamedValue{Ordinal: i + 1, Name: "p" + strconv.Itoa(i+1), Value: sqlserverValue(s.params[i])}
	}
	if s.command {
		res, err := st.(driver.StmtExecContext).ExecContext(s.ctx, args)
		if err != nil {
			return false, s.fail(err)
		}
		n, _ := res.RowsAffected()
		s.changed = int(n)
		return true, nil
	}
	rows, err := st.(driver.StmtQueryContext).QueryContext(s.ctx, args)
	if err != nil {
		return false, s.fail(err)
	}
	s.rows, s.conn.reading = rows, s
	n := len(rows.Columns())
	s.row, s.kind = make([]driver.Value, n), make([]string, n)
	s.width = n
	if s.counted {
		s.width--
	}
	for i := range s.kind {
		s.kind[i] = rows.(driver.RowsColumnTypeDatabaseTypeName).ColumnTypeDatabaseTypeName(i)
	}
	return false, nil
}

// sqlserverValue gives text and decimals as nvarchar, which the column's type
// is made of.
func sqlserverValue(v Value) driver.Value {
	switch v.Kind {
	case Null:
		return nil
	case Bool:
		return v.Int != 0
	case Integer:
		return v.Int
	case Real:
		return v.Float
	case Blob:
		return v.Text
	}
	return string(v.Text)
}

func (s *sqlserverStmt) Changed() int { return s.changed }
func (s *sqlserverStmt) Columns() int { return s.width }

func (s *sqlserverStmt) Column(i int) Value {
	if s.counted {
		i++
	}
	return sqlserverRead(s.row[i], s.kind[i])
}

func (s *sqlserverStmt) Reset() {
	if s.rows != nil {
		// What is left is read and dropped.
		_ = s.rows.Close()
		s.rows = nil
	}
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	if s.conn.reading == s {
		s.conn.reading = nil
	}
}

func (s *sqlserverStmt) Close() error {
	s.Reset()
	return nil
}

// sqlserverRead turns the driver's value of a type into a Value: decimals with
// all digits, moments as ISO text, with Z where the type has a zone.
func sqlserverRead(v driver.Value, kind string) Value {
	switch v := v.(type) {
	case nil:
		return Value{}
	case bool:
		if v {
			return Value{Kind: Integer, Int: 1}
		}
		return Value{Kind: Integer}
	case int64:
		return Value{Kind: Integer, Int: v}
	case float64:
		if kind == "REAL" {
			v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', -1, 32), 64)
		}
		return Value{Kind: Real, Float: v}
	case string:
		return text(v)
	case time.Time:
		return text(sqlserverMoment(v, kind))
	case []byte:
		switch kind {
		case "DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY":
			if n, err := Number(v); err == nil {
				return n
			}
			return Value{Kind: Decimal, Text: record.AppendCanonicalNumber(nil, v)}
		case "UNIQUEIDENTIFIER":
			return text(sqlserverUUID(v))
		}
		return Value{Kind: Blob, Text: v}
	}
	return Value{}
}

func sqlserverMoment(t time.Time, kind string) string {
	switch kind {
	case "DATE":
		return t.Format("2006-01-02")
	case "TIME":
		return t.Format("15:04:05.9999999")
	case "DATETIMEOFFSET":
		return t.UTC().Format("2006-01-02T15:04:05.9999999Z")
	}
	return t.Format("2006-01-02T15:04:05.9999999")
}

// sqlserverUUID writes a uniqueidentifier, whose first three parts stand with
// their lowest byte first.
func sqlserverUUID(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	const digits = "0123456789ABCDEF"
	var out []byte
	for n, i := range []int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		if n == 4 || n == 6 || n == 8 || n == 10 {
			out = append(out, '-')
		}
		out = append(out, digits[b[i]>>4], digits[b[i]&15])
	}
	return string(out)
}
