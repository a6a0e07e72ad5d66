package sql

import (
	"fmt"

	"koppel/engine/record"
	"koppel/internal/sql"
)

// A cell is one member of a mapped record that is a column.
type cell struct {
	field int
	raw   []byte
}

// parse fills s.cells with the members of a mapped record that are sent.
func (s *sink) parse(body []byte) error {
	s.scratch = s.scratch[:0]
	cells, ok := s.walker.walk(s.cells[:0], body)
	if s.cells = cells; ok {
		return nil
	}
	if err := record.Valid(body, record.Limits{}); err != nil {
		return fmt.Errorf("read mapped record: %w", err)
	}
	s.cells = s.cells[:0]
	record.Members(body, func(name string, raw []byte) bool {
		if i, ok := s.index[name]; ok {
			s.cells = append(s.cells, cell{i, raw})
		} else if s.open && !s.unsent[name] {
			s.cells = append(s.cells, cell{s.addField(name, ""), raw})
		}
		return true
	})
	return nil
}

// refusef is a refusal in our own words.
func refusef(format string, args ...any) error {
	return &sql.Error{Message: fmt.Sprintf(format, args...), Refused: true}
}

// value gives what the cell's column is to hold.
func (s *sink) value(c cell) (sql.Value, error) {
	f := &s.fields[c.field]
	if f.column == nil {
		return sql.Value{}, refusef("table %q has no column %q; add it with: %s",
			s.config.Table, f.name, s.db.Dialect.AddColumn(s.name, s.newColumn(f.name, f.typ)))
	}
	v, scratch, err := sql.FromJSON(c.raw, s.scratch)
	s.scratch = scratch
	if err != nil {
		return v, refusef("column %q: %v", f.name, err)
	}
	if v.Kind == sql.Text && f.column.Class <= sql.Texts {
		return v, nil
	}
	v, err = s.db.Dialect.Fit(f.column, v)
	if err != nil {
		return v, refusef("%v", err)
	}
	return v, nil
}

// keyValue gives what key column i is to hold: the mapped field's value, else
// the text of the key.
func (s *sink) keyValue(i int, key record.Key) (sql.Value, error) {
	name := s.key.columns[i]
	for _, c := range s.cells {
		if s.fields[c.field].key != i {
			continue
		}
		if !s.key.same[i] {
			text, ok := record.Text(c.raw)
			if texts := s.key.texts(key); !ok || i >= len(texts) || text != texts[i] {
				return sql.Value{}, fmt.Errorf("write table %q: column %q is to hold the pipeline's key, and it is mapped to something else", s.config.Table, name)
			}
		}
		return s.value(c)
	}
	texts := s.key.texts(key)
	if i >= len(texts) {
		return sql.Value{}, fmt.Errorf("write table %q: the key of %s has %d parts, not %d", s.config.Table, key, len(texts), len(s.key.columns))
	}
	v, err := s.db.Dialect.Fit(s.table.Column(name), sql.Value{Kind: sql.Text, Text: []byte(texts[i])})
	if err != nil {
		return v, refusef("%v", err)
	}
	return v, nil
}
