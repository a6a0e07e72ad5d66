package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// Bounds of what is committed at once.
const (
	queued     = 1024
	groupMost  = 2048    // events
	groupBytes = 8 << 20 // of bodies
)

// idsEvery is how often ids that are too old are dropped.
const idsEvery = time.Hour

// A delivery is one call of Put on its way to the writer.
type delivery struct {
	source string
	events []state.Event
	fresh  []bool
	err    error
	done   chan struct{}
}

// Put stores events. Those of all calls that wait while a commit is under way
// share the next one: the disk is asked once for all of them.
func (in *inbox) Put(ctx context.Context, source string, events []state.Event) ([]bool, error) {
	in.start.Do(func() { go in.work() })
	d := &delivery{source: source, events: events, done: make(chan struct{})}
	select {
	case in.queue <- d:
	case <-in.ended:
		return nil, errClosed
	case <-ctx.Done():
		return nil, in.late(ctx.Err())
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		return nil, in.late(ctx.Err())
	case <-in.stopped:
		select {
		case <-d.done:
		default:
			return nil, errClosed
		}
	}
	return d.fresh, d.err
}

// late says that what was handed over is not on the disk yet; it may still get
// there.
func (in *inbox) late(err error) error {
	return fmt.Errorf("write the inbox %s: the disk is slow, or another process is writing to it: %w", in.path, err)
}

// work commits what is delivered, group by group.
func (in *inbox) work() {
	defer close(in.stopped)
	for {
		select {
		case d := <-in.queue:
			in.commit(in.group(d))
		case <-in.ended:
			return
		}
	}
}

// group takes what else is waiting, without waiting for it.
func (in *inbox) group(first *delivery) []*delivery {
	group := []*delivery{first}
	n, size := len(first.events), bodySize(first)
	for n < groupMost && size < groupBytes {
		select {
		case d := <-in.queue:
			group = append(group, d)
			n += len(d.events)
			size += bodySize(d)
		default:
			return group
		}
	}
	return group
}

func bodySize(d *delivery) (n int) {
	for i := range d.events {
		n += len(d.events[i].Body)
	}
	return n
}

// commit stores a group in one transaction, and answers.
func (in *inbox) commit(group []*delivery) {
	ctx, cancel := context.WithTimeout(context.Background(), busyWait)
	defer cancel()
	err := in.write(ctx, true, func(c *conn) error {
		salt, err := meta(c, "salt")
		if err != nil {
			return err
		}
		for _, d := range group {
			if err := in.insert(c, salt, d); err != nil {
				return err
			}
		}
		return in.dropIDs(c)
	})
	for _, d := range group {
		if d.err = err; err != nil {
			d.fresh = nil
		}
		close(d.done)
	}
}

func (in *inbox) insert(c *conn, salt []byte, d *delivery) error {
	id, err := inboxSource(c, d.source, true)
	if err != nil {
		return err
	}
	d.fresh = make([]bool, len(d.events))
	for i := range d.events {
		e := &d.events[i]
		err := c.exec("INSERT INTO seen (source, id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id, digestID(salt, e.ID), e.At)
		if err != nil {
			return err
		}
		if c.Changes() == 0 {
			continue
		}
		if err := c.exec("INSERT INTO event (source, at, body) VALUES (?, ?, ?)", id, e.At, blob(in.sealed.seal(e.Body))); err != nil {
			return err
		}
		d.fresh[i] = true
	}
	return nil
}

// inboxSource gives the number of a source; 0: it has none, and none is to be
// made.
func inboxSource(c *conn, address string, make bool) (id int64, err error) {
	err = c.each("SELECT id FROM source WHERE address = ?", []any{address}, func(st *sqlite.Stmt) error {
		id = st.ColumnInt64(0)
		return nil
	})
	if err != nil || id != 0 || !make {
		return id, err
	}
	if err := c.exec("INSERT INTO source (address, taken) VALUES (?, 0)", address); err != nil {
		return 0, err
	}
	return c.LastInsertRowID(), nil
}

// dropIDs forgets ids that are older than they are kept, some at a time.
func (in *inbox) dropIDs(c *conn) error {
	now := millis(in.store.opts.Now())
	if since := now - in.cleaned; since >= 0 && since < idsEvery.Milliseconds() {
		return nil
	}
	const some = 5000
	err := c.exec("DELETE FROM seen WHERE (source, id) IN (SELECT source, id FROM seen WHERE at < ? ORDER BY at LIMIT ?)",
		now-state.KeptIDs.Milliseconds(), some)
	if err == nil && c.Changes() < some {
		in.cleaned = now
	}
	return err
}

// Since yields what was delivered to a source after a sequence.
func (in *inbox) Since(ctx context.Context, source string, after uint64, yield func(*state.Event) error) error {
	var failed error
	err := in.read(ctx, func(c *conn) error {
		seal, err := in.sealOf(ctx, c)
		if err != nil {
			return err
		}
		query := "SELECT seq, at, body FROM event WHERE source = (SELECT id FROM source WHERE address = ?) AND seq > ? ORDER BY seq"
		var e state.Event
		var body []byte
		return c.each(query, []any{source, after}, func(st *sqlite.Stmt) error {
			e.Seq, e.At = uint64(st.ColumnInt64(0)), fromMillis(st.ColumnInt64(1))
			body = appendColumn(body[:0], st, 2)
			if e.Body, err = seal.unseal(body); err != nil {
				return err
			}
			if failed = yield(&e); failed != nil {
				return errStop
			}
			return nil
		})
	})
	if failed != nil {
		return failed
	}
	return err
}

// Take drops what a run has taken, some at a time, so that no delivery waits
// long for it.
func (in *inbox) Take(ctx context.Context, source string, upTo uint64) error {
	const some = 2000
	for more := true; more; {
		err := in.write(ctx, false, func(c *conn) error {
			more = false
			id, err := inboxSource(c, source, false)
			if err != nil || id == 0 {
				return err
			}
			err = c.exec("DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE source = ? AND seq <= ? ORDER BY seq LIMIT ?)", id, upTo, some)
			if err != nil {
				return err
			}
			more = c.Changes() == some
			return c.exec("UPDATE source SET taken = max(taken, ?) WHERE id = ?", upTo, id)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
