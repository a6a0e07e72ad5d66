package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/engine/state"
)

// View runs fn on one consistent snapshot, on a connection of its own: any
// number of Views run beside each other, beside an Update, and inside one.
func (s *Store) View(ctx context.Context, fn func(state.View) error) (err error) {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	defer func() { err = s.placed(err) }()
	c, err := s.takeReader()
	if err != nil {
		return err
	}
	defer s.giveReader(c)
	c.within(ctx)
	v := &view{ctx: ctx, c: c}
	defer v.end()
	if err := c.exec("BEGIN"); err != nil {
		return stopped(ctx, "read", err)
	}
	defer func() {
		v.end()
		c.SetInterrupt(nil)
		if rb := c.exec("ROLLBACK"); err == nil {
			err = problem("read", rb)
		}
	}()
	if v.seal, err = s.sealOf(c); err != nil {
		return err
	}
	return fn(v)
}

// Update runs fn in one transaction, which is durable when Update returns nil
// and has not happened otherwise. Updates of one process wait for each other;
// those of several for at most a minute.
func (s *Store) Update(ctx context.Context, fn func(state.Tx) error) (err error) {
	defer func() { err = s.placed(err) }()
	if s.writer == nil {
		return fmt.Errorf("write the state: %w", errReadOnly)
	}
	if err := s.takeWriter(ctx); err != nil {
		return err
	}
	defer s.giveWriter()
	c := s.writer
	defer c.SetInterrupt(nil)
	if err := s.beginImmediate(ctx, c); err != nil {
		return stopped(ctx, "write", err)
	}
	c.within(ctx)
	c.puts = 0
	t := &tx{view: view{ctx: ctx, c: c}, store: s}
	if err := s.inTransaction(c, t, fn); err != nil {
		return err
	}
	if t.forget {
		// The transaction stands; what blocks the scrubbing blocks it until
		// the next Open.
		_ = s.scrub()
	}
	for _, pipeline := range t.crowded {
		_ = s.moveRecent(ctx, pipeline) // the transaction stands
	}
	return nil
}

func (s *Store) inTransaction(c *conn, t *tx, fn func(state.Tx) error) (err error) {
	done := false
	defer func() {
		t.end()
		c.SetInterrupt(nil)
		if done {
			return
		}
		if !c.AutocommitEnabled() { // some errors have rolled it back already
			err = errors.Join(err, problem("roll back", c.exec("ROLLBACK")))
		}
	}()
	if t.seal, err = s.sealOf(c); err != nil {
		return err
	}
	if err = fn(t); err != nil {
		return err
	}
	if t.failed != nil {
		return t.failed
	}
	if err = t.addGrowth(); err != nil {
		return err
	}
	for pipeline := range t.erased {
		if err = t.dropLayouts(pipeline); err != nil {
			return err
		}
	}
	t.end()
	// From here on the context stops nothing: the outcome must be known.
	c.SetInterrupt(nil)
	if err = c.exec("COMMIT"); err != nil {
		return problem("commit", err)
	}
	done = true
	if c.puts >= shrinkAfter {
		_ = c.pragma("shrink_memory") // never fails; the commit stands
	}
	return nil
}

// shrinkAfter is how many items a transaction has put that took so many pages
// of the cache that they are better dropped. All caches of the process share
// one list of pages: one that is full takes pages of another, which then makes
// up for them, and SQLite drops each page that is above the sum and not in
// use, such as a table's root between two inserts.
const shrinkAfter = 1_000

// beginImmediate waits for other processes as long as ctx lets it, and at most
// busyWait.
func (s *Store) beginImmediate(ctx context.Context, c *conn) error {
	c.SetBlockOnBusy() // ends with the context, as a busy timeout does not
	defer c.SetBusyTimeout(busyWait)
	wait, cancel := context.WithTimeout(ctx, busyWait)
	defer cancel()
	c.within(wait)
	err := c.exec("BEGIN IMMEDIATE")
	if err != nil && ctx.Err() == nil && wait.Err() != nil {
		return sqlite.ResultBusy.ToError()
	}
	return err
}

// sealOf is currentSeal, for states that exist nowhere too.
func (s *Store) sealOf(c *conn) (*sealer, error) {
	if s.missing {
		return s.seal.Load(), nil
	}
	return s.currentSeal(c)
}

func (s *Store) takeWriter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("write the state: %w", ctx.Err())
	case <-s.writing:
	}
	err := s.inPlace()
	if s.isClosed() {
		err = errClosed
	}
	if err != nil {
		s.giveWriter()
	}
	return err
}

func (s *Store) giveWriter() { s.writing <- struct{}{} }

var errClosed = errors.New("the state is closed")

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Store) takeReader() (*conn, error) {
	if err := s.inPlace(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	if n := len(s.idle); n > 0 {
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return c, nil
	}
	s.mu.Unlock()
	return s.newReader()
}

func (s *Store) giveReader(c *conn) {
	c.SetInterrupt(nil)
	c.settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && len(s.idle) < idleReaders && c.AutocommitEnabled() {
		s.idle = append(s.idle, c)
		return
	}
	_ = c.close() // it wrote nothing
}

func (s *Store) newReader() (*conn, error) {
	if !s.missing {
		return newConn(s.reads.path, s.reads.flags, readerPragmas()...)
	}
	c, err := newConn(":memory:", sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	for _, step := range s.steps {
		if err := sqlitex.ExecuteScript(c.Conn, step, nil); err != nil {
			return nil, errors.Join(problem("open", err), c.close())
		}
	}
	return c, nil
}
