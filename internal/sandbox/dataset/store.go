// Package dataset holds the rows of simulated systems: typed tables in memory,
// changed in transactions, and the test persons they are filled with.
package dataset

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Row is one row of a table, by column. Rows are never changed in place: who
// holds one may read it without a lock.
type Row map[string]any

// A Def describes a table.
type Def struct {
	Name    string
	Key     []string // columns; their texts, joined by a comma, are the key of a row
	Columns []Column
	// Modified is the column that holds the moment of the last change of a
	// row; empty: none.
	Modified string
}

// A Store holds the tables of one system. It is safe for concurrent use.
type Store struct {
	now func() time.Time

	mu     sync.RWMutex
	tables map[string]*table
	gen    uint64
	follow func(*Tx, []Edit) error

	// known guards defs, which transactions look at too.
	known sync.RWMutex
	defs  map[string]Def
}

// New makes a store of empty tables. The clock stamps what is modified.
func New(now func() time.Time, defs ...Def) *Store {
	s := &Store{now: now, tables: map[string]*table{}, defs: map[string]Def{}}
	for _, d := range defs {
		s.tables[d.Name], s.defs[d.Name] = newTable(d), d
	}
	return s
}

// Add adds an empty table.
func (s *Store) Add(d Def) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.tables[d.Name]; taken {
		return fmt.Errorf("there is a table %s already", d.Name)
	}
	s.tables[d.Name] = newTable(d)
	s.gen++
	s.known.Lock()
	defer s.known.Unlock()
	s.defs[d.Name] = d
	return nil
}

// Names lists the tables in order.
func (s *Store) Names() []string {
	s.known.RLock()
	defer s.known.RUnlock()
	return slices.Sorted(maps.Keys(s.defs))
}

// Def describes a table; false: there is none of that name.
func (s *Store) Def(name string) (Def, bool) {
	s.known.RLock()
	defer s.known.RUnlock()
	d, ok := s.defs[name]
	return d, ok
}

// Generation counts the changes; equal generations mean equal rows.
func (s *Store) Generation() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.gen
}

// View lets read look at one state of all tables.
func (s *Store) View(read func(*Tx)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	read(&Tx{s: s})
}

// Change runs a transaction: an error of change takes back all it did.
func (s *Store) Change(change func(*Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := &Tx{s: s, now: s.now()}
	err := change(tx)
	if err == nil && s.follow != nil {
		err = s.follow(tx, tx.edits)
	}
	if err != nil {
		for _, undo := range slices.Backward(tx.undo) {
			undo()
		}
		return err
	}
	if len(tx.undo) > 0 {
		s.gen++
	}
	return nil
}

// Follow lets follow see what each transaction did, at its end: what follow
// changes belongs to the transaction, and its error takes all back. It is set
// before the store is used by others.
func (s *Store) Follow(follow func(tx *Tx, edits []Edit) error) { s.follow = follow }

// Insert adds a row and returns its key.
func (s *Store) Insert(name string, row Row) (string, error) {
	var key string
	err := s.Change(func(tx *Tx) (err error) {
		key, err = tx.Insert(name, row)
		return err
	})
	return key, err
}

// Update changes some columns of a row.
func (s *Store) Update(name, key string, row Row) error {
	return s.Change(func(tx *Tx) error { return tx.Update(name, key, row) })
}

// Delete removes a row.
func (s *Store) Delete(name, key string) error {
	return s.Change(func(tx *Tx) error { return tx.Delete(name, key) })
}

// Rows lists the rows of a table in the order in which they were inserted.
func (s *Store) Rows(name string) []Row {
	var rows []Row
	s.View(func(tx *Tx) { rows = tx.Rows(name) })
	return rows
}

// A MissingError says that a row does not exist.
type MissingError struct{ Table, Key string }

// Error names the table and the key.
func (e *MissingError) Error() string { return fmt.Sprintf("%s has no row %s", e.Table, e.Key) }

// An ExistsError says that a row exists already.
type ExistsError struct{ Table, Key string }

// Error names the table and the key.
func (e *ExistsError) Error() string { return fmt.Sprintf("%s already has a row %s", e.Table, e.Key) }
