package sqlite

import (
	"iter"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// A columnScan reads the columns of a row that follow its key.
type columnScan func(*itemScan, *sqlite.Stmt, *state.Item) error

// overlaid yields the rows of the table item in key order, with those of
// recent in place of them.
func (v *view) overlaid(columns, which string, pipeline int64, args []any, scan columnScan) iter.Seq2[*state.Item, error] {
	return func(yield func(*state.Item, error) bool) {
		m := overlay{item: newSide(v, pipeline, scan), recent: newSide(v, pipeline, scan)}
		defer m.close()
		err := m.open(columns+"item"+which, columns+"recent"+which, args)
		for err == nil {
			var it *state.Item
			if it, err = m.next(); err == nil && (it == nil || !yield(it, nil)) {
				return
			}
		}
		yield(nil, err)
	}
}

// An overlay merges two sides that are in key order.
type overlay struct{ item, recent side }

func (m *overlay) open(item, recent string, args []any) (err error) {
	if m.item.rows, err = m.item.scan.v.query(item, args); err != nil {
		return err
	}
	m.recent.rows, err = m.recent.scan.v.query(recent, args)
	return err
}

func (m *overlay) close() {
	m.item.rows.close()
	m.recent.rows.close()
}

// next gives the next item, nil behind the last one.
func (m *overlay) next() (*state.Item, error) {
	for {
		if !m.item.has && !m.item.end {
			if err := m.item.step(); err != nil {
				return nil, err
			}
		}
		if !m.recent.has {
			if m.recent.end {
				return m.item.read()
			}
			if err := m.recent.step(); err != nil {
				return nil, err
			}
			continue
		}
		if m.item.has {
			if m.item.row.Key < m.recent.row.Key {
				return m.item.read()
			}
			if m.item.row.Key == m.recent.row.Key {
				m.item.has = false
			}
		}
		return m.recent.read()
	}
}

// A side reads the rows of one table.
type side struct {
	rows cursor
	scan itemScan
	rest columnScan
	row  state.Item
	has  bool // rows is at a row of which only the key was read
	end  bool
}

func newSide(v *view, pipeline int64, rest columnScan) side {
	return side{scan: itemScan{v: v, pipeline: pipeline}, rest: rest}
}

// step goes to the next row.
func (s *side) step() (err error) {
	if s.has, err = s.rows.next(); s.has {
		s.scan.key(s.rows.st, &s.row)
	}
	s.end = !s.has
	return err
}

// read reads the row that the side is at; nil: there is none.
func (s *side) read() (*state.Item, error) {
	if !s.has {
		return nil, nil
	}
	s.has = false
	if err := s.rest(&s.scan, s.rows.st, &s.row); err != nil {
		return nil, s.scan.v.problem(err)
	}
	return &s.row, nil
}
