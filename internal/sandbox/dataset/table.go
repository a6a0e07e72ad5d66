package dataset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A table keeps its rows in the order of insertion and by key.
type table struct {
	def     Def
	columns map[string]Column
	entries []*entry
	byKey   map[string]*entry
	seq     uint64
}

type entry struct {
	seq uint64
	row Row
}

func newTable(d Def) *table {
	t := &table{def: d, columns: map[string]Column{}, byKey: map[string]*entry{}}
	for _, c := range d.Columns {
		t.columns[c.Name] = c
	}
	return t
}

// KeyOf gives the key of a row.
func (d Def) KeyOf(row Row) (string, error) {
	parts := make([]string, len(d.Key))
	for i, name := range d.Key {
		if parts[i] = Text(row[name]); parts[i] == "" {
			return "", fmt.Errorf("a row of %s needs a value in %s", d.Name, name)
		}
	}
	return strings.Join(parts, ","), nil
}

func (t *table) add(key string, row Row) {
	t.seq++
	e := &entry{seq: t.seq, row: row}
	t.entries = append(t.entries, e)
	t.byKey[key] = e
}

func (t *table) place(e *entry) (int, bool) {
	return slices.BinarySearchFunc(t.entries, e.seq, func(e *entry, seq uint64) int { return cmp.Compare(e.seq, seq) })
}

func (t *table) drop(key string) {
	if i, ok := t.place(t.byKey[key]); ok {
		t.entries = slices.Delete(t.entries, i, i+1)
	}
	delete(t.byKey, key)
}

func (t *table) restore(key string, e *entry) {
	i, _ := t.place(e)
	t.entries = slices.Insert(t.entries, i, e)
	t.byKey[key] = e
}

// convert gives the values of a row their types.
func (t *table) convert(row Row) (Row, error) {
	out := make(Row, len(row))
	for name, v := range row {
		c, ok := t.columns[name]
		if !ok {
			return nil, fmt.Errorf("%s has no column %q", t.def.Name, name)
		}
		value, err := c.Convert(v)
		if err != nil {
			return nil, fmt.Errorf("column %s of %s: %w", name, t.def.Name, err)
		}
		out[name] = value
	}
	return out, nil
}

// complete is convert with null in the columns that are not given.
func (t *table) complete(row Row) (Row, error) {
	out, err := t.convert(row)
	if err != nil {
		return nil, err
	}
	for _, c := range t.def.Columns {
		if _, ok := out[c.Name]; !ok {
			out[c.Name] = nil
		}
	}
	return out, nil
}
