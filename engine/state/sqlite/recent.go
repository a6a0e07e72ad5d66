package sqlite

import (
	"context"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// bounds say how a pipeline's rows are spread over the two tables.
type bounds struct {
	small       int   // rows of item up to which recent is of no use
	few, share  int64 // how many rows recent may have: few, or a share of those of item
	rows, bytes int64 // how many of them, and bytes of their bodies, one transaction moves
	sample      int   // of how many writes a sample is taken
}

// most is how many rows recent may have.
func (b bounds) most(items int64) int64 { return max(b.few, items/b.share) }

// usualBounds: of a share of a quarter a page of item, of 18 rows, gets four
// and more rows at once. One transaction changes no more pages than the cache
// holds: more rows at once took 25 MiB more memory.
func usualBounds() bounds {
	return bounds{small: 10_000, few: 5_000, share: 4, rows: 2_000, bytes: 8 << 20, sample: 256}
}

const (
	overlayAdd = "INSERT INTO overlay (pipeline, recent, item) VALUES (?1, max(?2, 0), max(?3, 0))" +
		" ON CONFLICT DO UPDATE SET recent = recent + ?2, item = max(item + ?3, 0) RETURNING recent, item"
	overlayOne = "SELECT recent, item, next FROM overlay WHERE pipeline = ?"
	overlayPut = "INSERT OR REPLACE INTO overlay (pipeline, recent, item, next) VALUES (?, ?, ?, ?)"

	recentRows  = "SELECT count(*) FROM recent WHERE pipeline = ?"
	itemRows    = "SELECT count(*) FROM item WHERE pipeline = ?"
	recentSizes = "SELECT key, length(body) FROM recent WHERE pipeline = ? AND key >= ? ORDER BY key"

	movePut = "INSERT OR REPLACE INTO item (pipeline, key, hash, status, born, run, src, body)" +
		" SELECT pipeline, key, hash, status, born, run, src, body FROM recent" +
		" WHERE pipeline = ?1 AND key BETWEEN ?2 AND ?3 ORDER BY key"
	moveDone = "DELETE FROM recent WHERE pipeline = ?1 AND key BETWEEN ?2 AND ?3"
)

// addGrowth adds up what the transaction wrote.
func (t *tx) addGrowth() error {
	for pipeline, g := range t.growth {
		if *g == (growth{}) {
			continue
		}
		_, err := t.one(overlayAdd, []any{pipeline, g.recent, g.item}, func(st *sqlite.Stmt) error {
			if st.ColumnInt64(0) > t.store.bounds.most(st.ColumnInt64(1)) {
				t.crowded = append(t.crowded, pipeline)
			}
			return nil
		})
		if err != nil {
			return t.check(err)
		}
	}
	return nil
}

// moveRecent moves rows of a pipeline from recent to item until there are not
// too many. Each transaction moves all within a range of keys, so that what is
// read is the same before and after it. It goes on from where it stopped the
// last time, and gives way to another process that writes.
func (s *Store) moveRecent(ctx context.Context, pipeline int64) error {
	c := s.writer
	c.SetBusyTimeout(0)
	defer c.SetBusyTimeout(busyWait)
	c.within(ctx)
	defer c.SetInterrupt(nil)
	for {
		more, err := s.movePiece(c, pipeline)
		if err != nil || !more {
			_ = c.pragma("shrink_memory") // as after puts
			return err
		}
	}
}

func (s *Store) movePiece(c *conn, pipeline int64) (more bool, err error) {
	end, err := sqlitex.ImmediateTransaction(c.Conn)
	if err != nil {
		return false, err
	}
	defer end(&err)
	o := overlayRow{pipeline: pipeline, bounds: s.bounds}
	if err := o.read(c); err != nil || !o.crowded() {
		return false, err
	}
	if o.next == nil {
		if err := o.count(c); err != nil {
			return false, err
		}
	}
	if o.crowded() {
		if err := o.move(c); err != nil {
			return false, err
		}
	}
	return o.crowded(), o.write(c)
}

// An overlayRow is the row of a pipeline in the table overlay.
type overlayRow struct {
	bounds       bounds
	pipeline     int64
	recent, item int64
	next         []byte // nil: all rows were moved, or none yet
}

func (o *overlayRow) crowded() bool { return o.recent > o.bounds.most(o.item) }

func (o *overlayRow) read(c *conn) error {
	return c.each(overlayOne, []any{o.pipeline}, func(st *sqlite.Stmt) error {
		o.recent, o.item, o.next = st.ColumnInt64(0), st.ColumnInt64(1), columnBytes(st, 2)
		return nil
	})
}

func (o *overlayRow) write(c *conn) error {
	return c.exec(overlayPut, o.pipeline, o.recent, o.item, o.next)
}

// count puts exact numbers in place of what was summed up, as far as they
// decide.
func (o *overlayRow) count(c *conn) (err error) {
	if o.recent, err = countRows(c, recentRows, o.pipeline); err != nil || !o.crowded() {
		return err
	}
	o.item, err = countRows(c, itemRows, o.pipeline)
	return err
}

func countRows(c *conn, query string, pipeline int64) (n int64, err error) {
	err = c.each(query, []any{pipeline}, func(st *sqlite.Stmt) error { n = st.ColumnInt64(0); return nil })
	return n, err
}

// move moves the next piece.
func (o *overlayRow) move(c *conn) error {
	first, last, n, err := o.piece(c)
	if err != nil {
		return err
	}
	if n == 0 {
		o.next = nil
		return nil
	}
	o.recent -= n
	o.next = append(slices.Clone(last), 0) // no key is between the two
	return moveRange(c, o.pipeline, first, last)
}

// piece gives the first and the last key of the next piece, and how many rows
// it has.
func (o *overlayRow) piece(c *conn) (first, last []byte, n int64, err error) {
	st, err := c.take(recentSizes)
	if err != nil {
		return nil, nil, 0, err
	}
	defer c.give(st)
	bind(st, []any{o.pipeline, blob(o.next)})
	for size := int64(0); n < o.bounds.rows && size < o.bounds.bytes; n++ {
		more, err := st.Step()
		if err != nil || !more {
			return first, last, n, err
		}
		if n == 0 {
			first = columnBytes(st, 0)
		}
		last = appendColumn(last[:0], st, 0)
		size += st.ColumnInt64(1)
	}
	return first, last, n, nil
}

// moveRange moves the rows of a pipeline whose keys are in a range.
func moveRange(c *conn, pipeline int64, first, last []byte) error {
	for _, query := range []string{movePut, moveDone} {
		if err := c.exec(query, pipeline, blob(first), blob(last)); err != nil {
			return err
		}
	}
	return nil
}

// A keyRange is all that recent has of a pipeline.
type keyRange struct {
	pipeline    int64
	first, last []byte
}

// moveAll empties recent, inside a transaction.
func moveAll(c *conn) error {
	var all []keyRange
	err := c.each("SELECT pipeline, min(key), max(key) FROM recent GROUP BY pipeline", nil, func(st *sqlite.Stmt) error {
		all = append(all, keyRange{st.ColumnInt64(0), columnBytes(st, 1), columnBytes(st, 2)})
		return nil
	})
	for _, r := range all {
		if err == nil {
			err = moveRange(c, r.pipeline, r.first, r.last)
		}
	}
	if err != nil {
		return err
	}
	return c.exec("DELETE FROM overlay")
}
