package engine

import (
	"iter"

	"koppel/engine/record"
	"koppel/engine/spool"
)

// A cursor walks a sorter's entries.
type cursor struct {
	it *spool.Iter
	ok bool
}

// newCursor begins at a sorter's first entry; last says that nobody reads the
// sorter again.
func newCursor(s *spool.Sorter, last bool) (*cursor, error) {
	if s == nil {
		return &cursor{}, nil
	}
	sorted := s.Sort
	if last {
		sorted = s.Drain
	}
	it, err := sorted()
	if err != nil {
		return nil, err
	}
	c := &cursor{it: it}
	c.next()
	return c, nil
}

func (c *cursor) next() { c.ok = c.it.Next() }

// at tells whether the cursor stands at a key, behind all lower ones.
func (c *cursor) at(key string) bool {
	for c.ok && string(c.it.Key()) < key {
		c.next()
	}
	return c.ok && string(c.it.Key()) == key
}

func (c *cursor) err() error {
	if c.it == nil {
		return nil
	}
	return c.it.Err()
}

func (c *cursor) close() {
	if c.it != nil {
		c.it.Close()
	}
}

// A puller finds rows of an ordered stream by rising keys.
type puller[T any] struct {
	next  func() (*T, error, bool)
	stop  func()
	keyOf func(*T) record.Key
	cur   *T
	begun bool
	used  bool // the row at which the stream stands was handed out
}

func newPuller[T any](seq iter.Seq2[*T, error], keyOf func(*T) record.Key) *puller[T] {
	p := &puller[T]{keyOf: keyOf}
	p.next, p.stop = iter.Pull2(seq)
	return p
}

// at gives the row under a key; nil when there is none. Keys rise from call to
// call.
func (p *puller[T]) at(key record.Key) (*T, error) {
	for {
		row, err := p.peek()
		if err != nil || row == nil || p.keyOf(row) > key {
			return nil, err
		}
		if p.keyOf(row) == key {
			return row, nil
		}
		p.used = true
	}
}

// past gives the row under a key as at does, and hands over the rows that it
// passes on the way.
func (p *puller[T]) past(key record.Key, passed func(*T) error) (*T, error) {
	for {
		row, err := p.peek()
		if err != nil || row == nil || p.keyOf(row) > key {
			return nil, err
		}
		p.used = true
		if p.keyOf(row) == key {
			return row, nil
		}
		if err := passed(row); err != nil {
			return nil, err
		}
	}
}

// rest hands over the rows that are left.
func (p *puller[T]) rest(passed func(*T) error) error {
	for {
		row, err := p.peek()
		if err != nil || row == nil {
			return err
		}
		p.used = true
		if err := passed(row); err != nil {
			return err
		}
	}
}

// peek gives the row at which the stream stands; nil at its end.
func (p *puller[T]) peek() (*T, error) {
	if p.begun && !p.used {
		return p.cur, nil
	}
	p.begun, p.used = true, false
	row, err, ok := p.next()
	if err != nil || !ok {
		p.cur = nil
		return nil, err
	}
	p.cur = row
	return row, nil
}
