package sql

import (
	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// A statement is prepared for one set of columns.
type statement struct{ sql.Stmt }

// maxStatements bounds how many are kept: records of an open mapping may have
// any set of members.
const maxStatements = 256

// statement finds or prepares the statement that s.id names.
func (s *sink) statement(text func() string) (*statement, error) {
	if st := s.stmts[string(s.id)]; st != nil {
		return st, nil
	}
	if len(s.stmts) >= maxStatements {
		s.forget()
	}
	stmt, err := s.conn.Prepare(text())
	if err != nil {
		return nil, unrefused(err)
	}
	st := &statement{stmt}
	s.stmts[string(s.id)] = st
	return st, nil
}

// identify makes the name of a statement out of what it does and its columns.
func (s *sink) identify(kind byte, cells []cell) {
	s.id = append(s.id[:0], kind)
	for _, c := range cells {
		s.id = append(s.id, byte(c.field), byte(c.field>>8))
	}
}

// run runs a statement and reads the answer's columns when there are any.
func (s *sink) run(st *statement) (changed int, answer []byte, err error) {
	for {
		row, err := st.Step()
		if err != nil {
			return 0, nil, err
		}
		if !row {
			return st.Changed(), answer, nil
		}
		if answer, err = s.answer(st, 0); err != nil {
			st.Reset()
			return 0, nil, err
		}
	}
}

// answer makes the object of the answer's columns, which start at column
// from.
func (s *sink) answer(st sql.Stmt, from int) ([]byte, error) {
	if len(s.config.Answer) == 0 {
		return nil, nil
	}
	b := []byte{'{'}
	for i, name := range s.config.Answer {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(record.AppendString(b, name), ':')
		b = s.appendValue(b, s.table.Column(name), st.Column(from+i))
	}
	return record.AppendBody(nil, append(b, '}'))
}

// insert inserts the row, or updates the mapped columns of the one that is
// there.
func (s *sink) insert(c *record.Change) (connector.Outcome, error) {
	if err := s.parse(c.After); err != nil {
		return connector.Outcome{}, err
	}
	if err := s.columnsKnown(); err != nil {
		return connector.Outcome{}, err
	}
	s.identify('i', s.cells)
	st := s.stmts[string(s.id)]
	if st == nil {
		var err error
		if st, err = s.statement(s.upsertText); err != nil {
			return connector.Outcome{}, err
		}
	}
	if err := s.bindInsert(st, c.Key); err != nil {
		return connector.Outcome{}, err
	}
	changed, answer, err := s.run(st)
	if err == nil && changed == 0 {
		err = refusef("the database took the row and did not keep it (a trigger does so)")
	}
	return connector.Outcome{Answer: answer}, err
}

func (s *sink) columnsKnown() error {
	for _, c := range s.cells {
		if s.fields[c.field].column == nil {
			_, err := s.value(c)
			return err
		}
	}
	return nil
}

func (s *sink) upsertText() string {
	columns, set := s.upsertColumns()
	return s.db.Dialect.Upsert(s.table, columns, s.keyAndRows(), set, s.config.Answer)
}

// upsertColumns are the columns that the record which was parsed last is
// written to, and those of them that are set where its row is there.
func (s *sink) upsertColumns() (columns, set []string) {
	columns = s.keyAndRows()
	for _, c := range s.cells {
		if f := s.fields[c.field]; f.key < 0 {
			columns = append(columns, f.name)
			set = append(set, f.name)
		}
	}
	return columns, set
}

func (s *sink) bindInsert(st *statement, key record.Key) error {
	n, err := s.bindKey(st, 0, key)
	if err != nil {
		return err
	}
	for _, c := range s.cells {
		if s.fields[c.field].key >= 0 {
			continue
		}
		v, err := s.value(c)
		if err != nil {
			return err
		}
		n++
		st.Bind(n, v)
	}
	return nil
}

// bindKey binds the constants and the key behind offset and returns the last
// number.
func (s *sink) bindKey(st sql.Stmt, offset int, key record.Key) (int, error) {
	n := offset
	for _, r := range s.rows {
		n++
		st.Bind(n, r.value)
	}
	for i := range s.key.columns {
		v, err := s.keyValue(i, key)
		if err != nil {
			return n, err
		}
		n++
		st.Bind(n, v)
	}
	return n, nil
}
