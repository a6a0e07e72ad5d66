package sql

import (
	"errors"
	"slices"

	"koppel/engine/record"
	"koppel/internal/sql"
)

// release makes a member's row let go of the values that the change replaces:
// for null, else for values that no row holds. A row that does neither keeps
// them, and the others may still do.
func (x *exchange) release(m *member) error {
	c := &x.w.batch[m.at]
	if m.row == nil {
		return nil
	}
	if err := x.s.parse(c.After); err != nil {
		return err
	}
	set := x.written(c)
	if len(set) == 0 {
		return nil
	}
	const attempts = 4
	for n := range attempts {
		err := x.park(c, set, m.row, n == 0)
		var refused *sql.Error
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &refused) || !refused.Refused:
			return err
		case !x.s.conn.Active():
			return errLost
		case n > 0 && refused.Constraint != sql.Unique:
			return nil
		}
	}
	return nil
}

// park writes what stands in for the values of a row.
func (x *exchange) park(c *record.Change, set []cell, old []sql.Value, null bool) error {
	s := x.s
	s.identify('p', set)
	st, err := s.statement(func() string { return s.db.Dialect.Update(s.table, s.names(set), s.keyAndRows(), nil) })
	if err != nil {
		return err
	}
	x.spares++
	for i, cell := range set {
		column := s.fields[cell.field].column
		v := old[slices.Index(x.columns, column)]
		switch spare, ok := s.db.Dialect.Spare(column, v, x.spares); {
		case null && !column.NotNull && s.db.Dialect.NullsDistinct() && !containsFold(x.kept, column.Name):
			v = sql.Value{}
		case ok:
			v = spare
		}
		st.Bind(i+1, v)
	}
	if _, err := s.bindKey(st, len(set), c.Key); err != nil {
		return err
	}
	_, _, err = s.run(st)
	return err
}

// written are the cells that the change writes to the columns, of the record
// that was parsed last.
func (x *exchange) written(c *record.Change) []cell {
	var set []cell
	for _, cell := range x.s.cells {
		f := x.s.fields[cell.field]
		if f.key < 0 && slices.Contains(x.columns, f.column) && (c.Op == record.Create || slices.Contains(c.Fields, f.name)) {
			set = append(set, cell)
		}
	}
	return set
}
