package sql

import (
	"errors"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// A group is changes of one statement: each sets the same columns of another
// row.
type group struct {
	kind   byte // as identify has it
	places []int
}

// errShort says that a bulk write changed fewer rows than it was given.
var errShort = errors.New("rows are missing")

// all attempts the changes at places. Runs of those that a database takes in
// bulk go that way; the order matters only between changes of one row.
func (s *sink) all(w *writing, places []int) error {
	bulk, ok := s.conn.(sql.Bulk)
	if !ok || len(s.config.Answer) > 0 {
		return s.singly(w, places)
	}
	for len(places) > 0 {
		n, err := s.stretch(w, bulk, places)
		if err != nil {
			return err
		}
		places = places[n:]
	}
	return nil
}

// singly attempts the changes one by one.
func (s *sink) singly(w *writing, places []int) error {
	for _, at := range places {
		refused, err := s.attempt(w, at)
		if err != nil {
			return err
		}
		if refused != nil {
			w.waiting = append(w.waiting, refusal{at, refused})
		}
	}
	return nil
}

// stretch attempts the first of places, up to one whose key came before or that
// can't be written in bulk, and returns how many these were.
func (s *sink) stretch(w *writing, bulk sql.Bulk, places []int) (int, error) {
	seen := make(map[record.Key]bool, len(places))
	index := map[string]int{}
	var groups []group
	n := 0
	for _, at := range places {
		c := &w.batch[at]
		key := s.folded(c.Key)
		if c.Ref != nil || c.Protect != nil || seen[key] || !s.sign(c) {
			break
		}
		seen[key] = true
		g, ok := index[string(s.id)]
		if !ok {
			g = len(groups)
			index[string(s.id)] = g
			groups = append(groups, group{kind: s.id[0]})
		}
		groups[g].places = append(groups[g].places, at)
		n++
	}
	if n == 0 {
		return 1, s.singly(w, places[:1])
	}
	for _, g := range groups {
		if err := s.group(w, bulk, g); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// sign makes the name of a change's statement; false: it has none in bulk.
func (s *sink) sign(c *record.Change) bool {
	if c.Op == record.Delete {
		s.identify('d', nil)
		return true
	}
	if s.parse(c.After) != nil || s.columnsKnown() != nil {
		return false
	}
	if c.Op == record.Create {
		s.identify('i', s.cells)
		return true
	}
	set := s.changed(c, true)
	if s.identify('u', set); c.Op == record.Disable {
		s.id[0] = 'x'
	}
	return len(set) > 0
}

// folded is the key as the table's index compares it.
func (s *sink) folded(key record.Key) record.Key {
	ix := s.table.UniqueOver(s.keyAndRows())
	if ix == nil {
		return key
	}
	return s.fold(ix, key)
}

// group writes a group in bulk, or the halves of it when something of it is
// refused.
func (s *sink) group(w *writing, bulk sql.Bulk, g group) error {
	if len(g.places) < bulk.Worth() {
		return s.singly(w, g.places)
	}
	err := s.whole(w, bulk, g)
	var refused *sql.Error
	switch {
	case err == nil:
		for _, at := range g.places {
			w.out[at] = connector.Outcome{}
		}
		return nil
	case !errors.Is(err, errShort) && (!errors.As(err, &refused) || !refused.Refused):
		return err
	case !s.conn.Active():
		return errLost
	}
	half := len(g.places) / 2
	if err := s.group(w, bulk, group{g.kind, g.places[:half]}); err != nil {
		return err
	}
	return s.group(w, bulk, group{g.kind, g.places[half:]})
}

// whole writes all of a group or nothing.
func (s *sink) whole(w *writing, bulk sql.Bulk, g group) error {
	if err := s.conn.Savepoint(); err != nil {
		return err
	}
	changed, err := s.send(w, bulk, g)
	if err == nil && changed < len(g.places) && (g.kind == 'i' || g.kind == 'u') {
		err = errShort
	}
	if err == nil {
		return s.conn.Release()
	}
	if errors.Is(err, sql.ErrTransient) || !s.conn.Active() {
		return err
	}
	return errors.Join(err, s.conn.RollbackTo())
}

func (s *sink) send(w *writing, bulk sql.Bulk, g group) (int, error) {
	first := &w.batch[g.places[0]]
	t := &tray{}
	rows := func(bind func(st *statement, c *record.Change) error) sql.Rows {
		return func(yield func([]sql.Value) error) error {
			for _, at := range g.places {
				t.values = t.values[:0]
				if err := bind(&statement{t}, &w.batch[at]); err != nil {
					return err
				}
				if err := yield(t.values); err != nil {
					return err
				}
			}
			return nil
		}
	}
	switch g.kind {
	case 'd':
		return bulk.BulkDelete(s.table, s.keyAndRows(), rows(func(st *statement, c *record.Change) error { return s.bindBefore(st, c) }))
	case 'i':
		if err := s.parse(first.After); err != nil {
			return 0, err
		}
		columns, set := s.upsertColumns()
		return bulk.BulkUpsert(s.table, columns, s.keyAndRows(), set, rows(func(st *statement, c *record.Change) error {
			if err := s.parse(c.After); err != nil {
				return err
			}
			return s.bindInsert(st, c.Key)
		}))
	}
	if err := s.parse(first.After); err != nil {
		return 0, err
	}
	return bulk.BulkUpdate(s.table, s.names(s.changed(first, true)), s.keyAndRows(), rows(s.bindUpdate))
}

// bindUpdate binds the changed fields of a change, the constants and its key.
func (s *sink) bindUpdate(st *statement, c *record.Change) error {
	if err := s.parse(c.After); err != nil {
		return err
	}
	set := s.changed(c, true)
	if err := s.bindCells(st, set); err != nil {
		return err
	}
	_, err := s.bindKey(st, len(set), c.Key)
	return err
}

// A tray collects what a statement would be bound to.
type tray struct {
	sql.Stmt
	values []sql.Value
}

func (t *tray) Bind(_ int, v sql.Value) { t.values = append(t.values, v) }
