package sql

import (
	"slices"
	"strconv"
	"strings"

	"koppel/engine/record"
	"koppel/internal/sql"
)

// read finds out which unique values the row of a member holds, and which it
// is to hold. The row of a handle is left alone: a handle may name the row by
// what it holds.
func (x *exchange) read(m *member) error {
	c := &x.w.batch[m.at]
	if c.After == nil || c.Ref != nil {
		return nil
	}
	old, err := x.row(c)
	if err != nil {
		return err
	}
	cells := x.s.cells
	wanted := make([]sql.Value, len(x.columns))
	if old != nil {
		m.row = old
		m.held = x.values(old)
		copy(wanted, old)
		cells = x.written(c)
	}
	for _, cell := range cells {
		if i := slices.Index(x.columns, x.s.fields[cell.field].column); i >= 0 {
			if wanted[i], err = x.s.value(cell); err != nil {
				return err
			}
		}
	}
	m.wanted = x.values(wanted)
	return nil
}

// row reads the columns of the row with a change's key; nil: there is none.
func (x *exchange) row(c *record.Change) ([]sql.Value, error) {
	if err := x.s.bindBefore(x.look, c); err != nil {
		return nil, err
	}
	found, err := x.look.Step()
	if err != nil || !found {
		return nil, err
	}
	values := make([]sql.Value, len(x.columns))
	for i := range values {
		values[i] = x.look.Column(i)
		values[i].Text = slices.Clone(values[i].Text)
	}
	x.look.Reset()
	return values, nil
}

// values writes the values of each unique index over the columns in the form
// in which the index compares them. Where one is null, there is nothing to
// collide with.
func (x *exchange) values(row []sql.Value) []string {
	var out []string
next:
	for n, ix := range x.s.table.Unique {
		b := append(strconv.AppendInt(nil, int64(n), 10), '[')
		for i, name := range ix.Columns {
			if x.s.constant(name) {
				continue
			}
			at := slices.IndexFunc(x.columns, func(c *sql.Column) bool { return strings.EqualFold(c.Name, name) })
			if at < 0 || row[at].Kind == sql.Null {
				continue next
			}
			v := row[at]
			if v.Kind == sql.Text {
				v.Text = []byte(x.s.db.Dialect.Fold(ix.Collations[i], string(v.Text)))
			}
			b = append(appendAny(b, v), ',')
		}
		out = append(out, string(b))
	}
	return out
}
