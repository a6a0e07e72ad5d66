package sql

import (
	"errors"
	"slices"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// update sends the changed fields. A row that is not there any more is made
// again whole, but for one that was to be disabled.
func (s *sink) update(c *record.Change) (connector.Outcome, error) {
	if err := s.parse(c.After); err != nil {
		return connector.Outcome{}, err
	}
	set := s.changed(c, true)
	if len(set) == 0 {
		return connector.Outcome{Answer: c.Answer}, nil
	}
	s.identify('u', set)
	st, err := s.statement(func() string {
		return s.db.Dialect.Update(s.table, s.names(set), s.keyAndRows(), s.config.Answer)
	})
	if err != nil {
		return connector.Outcome{}, err
	}
	if err := s.bindCells(st, set); err != nil {
		return connector.Outcome{}, err
	}
	if _, err := s.bindKey(st, len(set), c.Key); err != nil {
		return connector.Outcome{}, err
	}
	changed, answer, err := s.run(st)
	if err == nil && changed == 0 && c.Op != record.Disable {
		return s.insert(c)
	}
	return connector.Outcome{Answer: answer}, err
}

// changed are the cells of the fields that an update names. With spelling that
// is the key too, where the row has it in another case or with other blanks.
func (s *sink) changed(c *record.Change, spelling bool) []cell {
	var set []cell
	for _, cell := range s.cells {
		if f := s.fields[cell.field]; (spelling || f.key < 0) && slices.Contains(c.Fields, f.name) {
			set = append(set, cell)
		}
	}
	return set
}

func (s *sink) names(cells []cell) []string {
	names := make([]string, len(cells))
	for i, c := range cells {
		names[i] = s.fields[c.field].name
	}
	return names
}

func (s *sink) bindCells(st *statement, cells []cell) error {
	for i, c := range cells {
		v, err := s.value(c)
		if err != nil {
			return err
		}
		st.Bind(i+1, v)
	}
	return nil
}

// adopt writes the key and the changed fields to the row that Ref names. When
// that row is gone, or has our key already, the row is written by its key.
func (s *sink) adopt(c *record.Change) (connector.Outcome, error) {
	handle, err := s.row(c.Ref)
	var refused *sql.Error
	if errors.As(err, &refused) && refused.Refused {
		ours, lookErr := s.byKey(c)
		if lookErr != nil || ours == nil {
			return connector.Outcome{}, errors.Join(lookErr, err)
		}
		return s.insert(c)
	}
	if err != nil {
		return connector.Outcome{}, err
	}
	if handle == nil {
		return s.insert(c)
	}
	return s.adoptRow(c, handle)
}

func (s *sink) adoptRow(c *record.Change, handle []sql.Value) (connector.Outcome, error) {
	if err := s.parse(c.After); err != nil {
		return connector.Outcome{}, err
	}
	set := s.changed(c, false)
	where := slices.Concat(s.table.Handle, s.rowColumns())
	s.identify('a', set)
	st, err := s.statement(func() string {
		return s.db.Dialect.Update(s.table, slices.Concat(s.names(set), s.key.columns), where, s.config.Answer)
	})
	if err != nil {
		return connector.Outcome{}, err
	}
	if err := s.bindCells(st, set); err != nil {
		return connector.Outcome{}, err
	}
	n := len(set)
	for i := range s.key.columns {
		v, err := s.keyValue(i, c.Key)
		if err != nil {
			return connector.Outcome{}, err
		}
		n++
		st.Bind(n, v)
	}
	s.bindRow(st, n, handle)
	changed, answer, err := s.run(st)
	if err == nil && changed == 0 {
		return s.insert(c)
	}
	return connector.Outcome{Answer: answer}, err
}

func (s *sink) rowColumns() []string {
	var names []string
	for _, r := range s.rows {
		names = append(names, r.column)
	}
	return names
}

// bindRow binds a handle and the constants behind offset.
func (s *sink) bindRow(st sql.Stmt, offset int, handle []sql.Value) {
	for _, v := range handle {
		offset++
		st.Bind(offset, v)
	}
	for _, r := range s.rows {
		offset++
		st.Bind(offset, r.value)
	}
}

// remove deletes a row by its key, or the one that Ref names. A row that is
// not there is a success.
func (s *sink) remove(c *record.Change) (connector.Outcome, error) {
	if c.Protect != nil {
		kept, err := s.protected(c)
		if err != nil || kept {
			return connector.Outcome{Status: connector.Protected}, err
		}
	}
	where := s.keyAndRows()
	var handle []sql.Value
	s.identify('d', nil)
	if c.Ref != nil {
		var err error
		if handle, err = s.row(c.Ref); err != nil || handle == nil {
			return connector.Outcome{}, err
		}
		where = slices.Concat(s.table.Handle, s.rowColumns())
		s.identify('e', nil)
	}
	st, err := s.statement(func() string { return sql.Delete(s.db.Dialect, s.table, where) })
	if err != nil {
		return connector.Outcome{}, err
	}
	if handle != nil {
		s.bindRow(st, 0, handle)
	} else if err := s.bindBefore(st, c); err != nil {
		return connector.Outcome{}, err
	}
	_, _, err = s.run(st)
	return connector.Outcome{}, err
}

// bindBefore binds the constants and the key of a row by what is to be
// delivered or was.
func (s *sink) bindBefore(st sql.Stmt, c *record.Change) error {
	s.cells = s.cells[:0]
	body := c.After
	if body == nil {
		body = c.Before
	}
	if body != nil {
		if err := s.parse(body); err != nil {
			return err
		}
	}
	_, err := s.bindKey(st, 0, c.Key)
	return err
}
