package sql

import (
	"database/sql/driver"
	"errors"
	"io"
	"strconv"
	"strings"
	"unsafe"
)

// mysqlStmt runs one or several statements that share their parameters: what
// an upsert is where one statement does not do it.
type mysqlStmt struct {
	conn    *mysqlConn
	steps   []*mysqlStep
	params  []Value
	at      int // the next step
	changed int

	rows driver.Rows
	row  []driver.Value
	read []mysqlReader // how each column is read
	bufs [][]byte      // what the readers made, by column
}

// mysqlStep is one statement of a mysqlStmt.
type mysqlStep struct {
	text    string
	params  []int // the parameter of each question mark, from 0
	query   bool  // it gives rows
	ifNone  bool  // only when no row was changed so far
	session int   // of the connection that prepared it
	stmt    driver.Stmt
}

// The marks between the statements of one text. NUL is in no statement.
const (
	mysqlThen   = "\x00"  // and then
	mysqlIfNone = "\x00?" // and then, when no row was changed
)

func prepareMySQL(m *mysqlConn, query string) (*mysqlStmt, error) {
	s := &mysqlStmt{conn: m, row: make([]driver.Value, m.columns[query])}
	for i, text := range strings.Split(query, mysqlThen) {
		step := &mysqlStep{}
		if i > 0 {
			text, step.ifNone = strings.CutPrefix(text, "?")
		}
		step.text, step.params = mysqlParameters(text)
		word := strings.ToUpper(identifier(text))
		step.query = word != "INSERT" && word != "UPDATE" && word != "DELETE"
		for _, p := range step.params {
			for len(s.params) <= p {
				s.params = append(s.params, Value{})
			}
		}
		s.steps = append(s.steps, step)
	}
	for _, step := range s.steps {
		if err := s.prepare(step); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// mysqlParameters turns the numbered placeholders of a text into question
// marks, and tells which parameter each stands for.
func mysqlParameters(text string) (string, []int) {
	var params []int
	var b strings.Builder
	var prev byte
	for i := 0; i < len(text); {
		n := max(1, mysqlDialect{}.Syntax().skip(text[i:], prev))
		if text[i] == '?' {
			number := 0
			for n = 1; i+n < len(text) && text[i+n] >= '0' && text[i+n] <= '9'; n++ {
				number = number*10 + int(text[i+n]-'0')
			}
			if number > 0 {
				b.WriteByte('?')
				params = append(params, number-1)
				i += n
				prev = '?'
				continue
			}
		}
		b.WriteString(text[i : i+n])
		prev = text[i+n-1]
		i += n
	}
	return b.String(), params
}

func (s *mysqlStmt) prepare(step *mysqlStep) error {
	m := s.conn
	if step.stmt != nil && step.session == m.session {
		return nil
	}
	m.drain()
	st, err := m.c.(driver.ConnPrepareContext).PrepareContext(m.ctx, step.text)
	m.note(err)
	if err != nil {
		return m.fail(err)
	}
	if st.NumInput() != len(step.params) {
		st.Close()
		return &Error{Message: "the statement has a ? of its own; write :name and params"}
	}
	step.stmt, step.session = st, m.session
	return nil
}

func (s *mysqlStmt) Bind(param int, v Value) {
	if param > len(s.params) {
		return
	}
	p := &s.params[param-1]
	text := append(p.Text[:0], v.Text...)
	*p = v
	p.Text = text
}

func (s *mysqlStmt) Step() (bool, error) {
	for {
		if s.rows != nil {
			// The driver would still give what it has received.
			err := s.conn.ctx.Err()
			if err == nil {
				err = s.rows.Next(s.row)
			}
			if err == nil {
				return true, nil
			}
			s.closeRows()
			if !errors.Is(err, io.EOF) {
				s.conn.note(err)
				s.at = 0
				return false, s.conn.fail(err)
			}
		}
		if s.at == len(s.steps) {
			s.at = 0
			return false, nil
		}
		step := s.steps[s.at]
		if s.at++; s.at == 1 {
			s.changed = 0
		}
		if step.ifNone && s.changed > 0 {
			continue
		}
		if err := s.start(step); err != nil {
			s.at = 0
			s.conn.note(err)
			return false, s.conn.fail(err)
		}
	}
}

// start runs a step up to its rows.
func (s *mysqlStmt) start(step *mysqlStep) error {
	if err := s.prepare(step); err != nil {
		return err
	}
	s.conn.drain()
	args := make([]driver.NamedValue, len(step.params))
	for i, p := range step.params {
		args[i] = driver.NamedValue{Ordinal: i + 1, Value: mysqlValue(&s.params[p])}
	}
	if !step.query {
		res, err := step.stmt.(driver.StmtExecContext).ExecContext(s.conn.ctx, args)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		s.changed += int(n)
		return err
	}
	rows, err := step.stmt.(driver.StmtQueryContext).QueryContext(s.conn.ctx, args)
	if err != nil {
		return err
	}
	s.rows, s.conn.reading = rows, s
	n := len(rows.Columns())
	s.row, s.bufs = make([]driver.Value, n), make([][]byte, n)
	s.read = mysqlReaders(rows)
	return nil
}

// mysqlValue is a view of v, which the driver copies into its packet.
func mysqlValue(v *Value) driver.Value {
	switch v.Kind {
	case Null:
		return nil
	case Bool, Integer:
		return v.Int
	case Real:
		return v.Float
	case Decimal:
		// BIT takes text for bits.
		if n, err := strconv.ParseUint(string(v.Text), 10, 64); err == nil {
			return n
		}
	}
	return unsafe.String(unsafe.SliceData(v.Text), len(v.Text))
}

func (s *mysqlStmt) Changed() int { return s.changed }

// Columns counts those of the last run, or what Result found.
func (s *mysqlStmt) Columns() int { return len(s.row) }

func (s *mysqlStmt) Column(i int) Value {
	return s.read[i](s.row[i], &s.bufs[i])
}

func (s *mysqlStmt) closeRows() {
	if s.rows == nil {
		return
	}
	// What is left is read and dropped; an error then is that of the next
	// statement.
	s.conn.note(s.rows.Close())
	s.rows = nil
	if s.conn.reading == s {
		s.conn.reading = nil
	}
}

func (s *mysqlStmt) Reset() {
	s.closeRows()
	s.at = 0
}

func (s *mysqlStmt) Close() error {
	s.Reset()
	for _, step := range s.steps {
		if step.stmt != nil && step.session == s.conn.session && !s.conn.lost {
			s.conn.drain()
			// A statement ends with its connection anyway.
			_ = step.stmt.Close()
		}
	}
	return nil
}
