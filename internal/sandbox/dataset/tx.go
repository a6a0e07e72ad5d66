package dataset

import (
	"fmt"
	"maps"
	"time"
)

// A Tx is one transaction, or one look at all tables.
type Tx struct {
	s    *Store
	now  time.Time
	undo []func()
	// edits is what was done so far.
	edits []Edit
}

// An Edit is one row that a transaction inserted, updated or deleted.
type Edit struct {
	Op         string // insert, update, delete
	Table, Key string
	Row        Row // as it is now; as it was, when deleted
}

// Now is the clock of the transaction.
func (tx *Tx) Now() time.Time { return tx.now }

// Rows lists the rows of a table in the order in which they were inserted.
func (tx *Tx) Rows(name string) []Row {
	t, ok := tx.s.tables[name]
	if !ok {
		return nil
	}
	rows := make([]Row, len(t.entries))
	for i, e := range t.entries {
		rows[i] = e.row
	}
	return rows
}

// Get gives the row of a key; nil: there is none.
func (tx *Tx) Get(name, key string) Row {
	t, ok := tx.s.tables[name]
	if !ok {
		return nil
	}
	if e, ok := t.byKey[key]; ok {
		return e.row
	}
	return nil
}

// Next gives the number after the highest of an integer column, at least one
// above floor.
func (tx *Tx) Next(name, column string, floor int64) int64 {
	for _, row := range tx.Rows(name) {
		if n, ok := row[column].(int64); ok {
			floor = max(floor, n)
		}
	}
	return floor + 1
}

// Insert adds a row and returns its key. Columns that are not given are null.
func (tx *Tx) Insert(name string, row Row) (string, error) {
	t, err := tx.table(name)
	if err != nil {
		return "", err
	}
	full, err := t.complete(row)
	if err != nil {
		return "", err
	}
	if t.def.Modified != "" && row[t.def.Modified] == nil {
		full[t.def.Modified] = tx.now
	}
	key, err := t.def.KeyOf(full)
	if err != nil {
		return "", err
	}
	if _, taken := t.byKey[key]; taken {
		return "", &ExistsError{Table: name, Key: key}
	}
	t.add(key, full)
	tx.undo = append(tx.undo, func() { t.drop(key) })
	tx.edits = append(tx.edits, Edit{"insert", name, key, full})
	return key, nil
}

// Update changes some columns of a row, which keeps its key.
func (tx *Tx) Update(name, key string, row Row) error {
	t, err := tx.table(name)
	if err != nil {
		return err
	}
	e, ok := t.byKey[key]
	if !ok {
		return &MissingError{Table: name, Key: key}
	}
	changed, err := t.convert(row)
	if err != nil {
		return err
	}
	next := maps.Clone(e.row)
	maps.Copy(next, changed)
	if t.def.Modified != "" && row[t.def.Modified] == nil {
		next[t.def.Modified] = tx.now
	}
	if k, err := t.def.KeyOf(next); err != nil || k != key {
		return fmt.Errorf("change the key of row %s of %s: delete it and insert another", key, name)
	}
	before := e.row
	e.row = next
	tx.undo = append(tx.undo, func() { e.row = before })
	tx.edits = append(tx.edits, Edit{"update", name, key, next})
	return nil
}

// Delete removes a row.
func (tx *Tx) Delete(name, key string) error {
	t, err := tx.table(name)
	if err != nil {
		return err
	}
	e, ok := t.byKey[key]
	if !ok {
		return &MissingError{Table: name, Key: key}
	}
	t.drop(key)
	tx.undo = append(tx.undo, func() { t.restore(key, e) })
	tx.edits = append(tx.edits, Edit{"delete", name, key, e.row})
	return nil
}

func (tx *Tx) table(name string) (*table, error) {
	t, ok := tx.s.tables[name]
	if !ok {
		return nil, fmt.Errorf("there is no table %q", name)
	}
	return t, nil
}

// Generation counts the changes that were finished before this transaction.
func (tx *Tx) Generation() uint64 { return tx.s.gen }
