package sql

import (
	"slices"
	"strings"
)

// mysqlBulkRows is how many rows one statement carries at most, and
// mysqlBulkParams how many parameters: the protocol counts them with 16 bits.
const (
	mysqlBulkRows   = 500
	mysqlBulkParams = 60000
)

// Worth is where the shorter way begins to pay for the longer statement.
func (m *mysqlConn) Worth() int { return 8 }

// BulkUpsert inserts many rows with one statement. Where another unique index
// could make it update a row that is not ours, it only inserts: a row that is
// there refuses it.
func (m *mysqlConn) BulkUpsert(t *Table, columns, key, set []string, rows Rows) (int, error) {
	d := mysqlDialect{}
	if len(set) == 0 {
		set = key[:1]
	}
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = d.Quote(c) + " = VALUES(" + d.Quote(c) + ")"
	}
	tail := ""
	if len(t.Unique) == 1 && !t.Partial {
		tail = " ON DUPLICATE KEY UPDATE " + strings.Join(sets, ", ")
	}
	return m.bulk("INSERT INTO "+TableName(d, t.Name)+" ("+list(d, columns)+") VALUES ", tail, len(columns), rows)
}

// BulkUpdate runs its statement for each row: values in a derived table would
// lose their types.
func (m *mysqlConn) BulkUpdate(t *Table, set, key []string, rows Rows) (int, error) {
	st, err := m.Prepare(mysqlDialect{}.Update(t, set, key, nil))
	if err != nil {
		return 0, err
	}
	defer st.Close()
	changed := 0
	err = rows(func(values []Value) error {
		for i, v := range values {
			st.Bind(i+1, v)
		}
		_, err := st.Step()
		changed += st.Changed()
		return err
	})
	return changed, err
}

// BulkDelete deletes many rows with one statement.
func (m *mysqlConn) BulkDelete(t *Table, key []string, rows Rows) (int, error) {
	d := mysqlDialect{}
	return m.bulk("DELETE FROM "+TableName(d, t.Name)+" WHERE ("+list(d, key)+") IN (", ")", len(key), rows)
}

// bulk runs head, the rows in parentheses and tail, some hundred rows a time.
func (m *mysqlConn) bulk(head, tail string, width int, rows Rows) (changed int, err error) {
	most := max(1, min(mysqlBulkRows, mysqlBulkParams/width))
	var values []Value
	flush := func() error {
		n, err := m.many(head, tail, width, values)
		changed += n
		values = values[:0]
		return err
	}
	err = rows(func(row []Value) error {
		for _, v := range row {
			v.Text = slices.Clone(v.Text)
			values = append(values, v)
		}
		if len(values) < most*width {
			return nil
		}
		return flush()
	})
	if err == nil && len(values) > 0 {
		err = flush()
	}
	return changed, err
}

func (m *mysqlConn) many(head, tail string, width int, values []Value) (int, error) {
	d := mysqlDialect{}
	var b strings.Builder
	b.WriteString(head)
	for i := range values {
		switch {
		case i == 0:
			b.WriteByte('(')
		case i%width == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString(d.Placeholder(i + 1))
	}
	b.WriteString(")" + tail)
	st, err := m.Prepare(b.String())
	if err != nil {
		return 0, err
	}
	defer st.Close()
	for i, v := range values {
		st.Bind(i+1, v)
	}
	_, err = st.Step()
	return st.Changed(), err
}
