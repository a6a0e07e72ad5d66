package sqlite

import (
	"context"
	"errors"
	"os"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// Counts tells what lies in the inbox.
func (in *inbox) Counts(ctx context.Context) (map[string]state.InboxCount, error) {
	counts := map[string]state.InboxCount{}
	err := in.read(ctx, func(c *conn) error {
		return c.each(`SELECT address, taken, (SELECT count(*) FROM seen WHERE source = s.id), count(e.seq), coalesce(sum(length(e.body)), 0), coalesce(min(e.at), 0)
			FROM source s LEFT JOIN event e ON e.source = s.id GROUP BY s.id`, nil, func(st *sqlite.Stmt) error {
			counts[st.ColumnText(0)] = state.InboxCount{Taken: uint64(st.ColumnInt64(1)), IDs: st.ColumnInt64(2), Waiting: st.ColumnInt64(3),
				Bytes: st.ColumnInt64(4), Oldest: fromMillis(st.ColumnInt64(5))}
			return nil
		})
	})
	return counts, err
}

// Rename carries events and ids over to another address.
func (in *inbox) Rename(ctx context.Context, from, to string) error {
	return in.write(ctx, false, func(c *conn) error {
		old, err := inboxSource(c, from, false)
		if err != nil || old == 0 {
			return err
		}
		other, err := inboxSource(c, to, false)
		if err != nil {
			return err
		}
		if other == 0 {
			return c.exec("UPDATE source SET address = ? WHERE id = ?", to, old)
		}
		return execAll(c, []any{other, old},
			"UPDATE event SET source = ? WHERE source = ?",
			"UPDATE OR REPLACE seen SET source = ? WHERE source = ?",
			"UPDATE source SET taken = max(taken, (SELECT taken FROM source WHERE id = ?2)) WHERE id = ?1",
			"DELETE FROM source WHERE ?1 > 0 AND id = ?2")
	})
}

// Drop forgets all events and ids of a source.
func (in *inbox) Drop(ctx context.Context, source string) error {
	return in.write(ctx, false, func(c *conn) error {
		id, err := inboxSource(c, source, false)
		if err != nil || id == 0 {
			return err
		}
		return execAll(c, []any{id}, "DELETE FROM event WHERE source = ?", "DELETE FROM seen WHERE source = ?", "DELETE FROM source WHERE id = ?")
	})
}

// Erase drops the events of a source that match, and rewrites what is left so
// that nothing of them stays in the file.
func (in *inbox) Erase(ctx context.Context, source string, match func(*state.Event) bool) error {
	found := false
	err := in.write(ctx, false, func(c *conn) error {
		id, err := inboxSource(c, source, false)
		if err != nil || id == 0 {
			return err
		}
		if err := c.pragma("secure_delete=ON"); err != nil {
			return err
		}
		var seqs []int64
		err = c.each("SELECT seq, at, body FROM event WHERE source = ? ORDER BY seq", []any{id}, func(st *sqlite.Stmt) error {
			plain, err := in.sealed.unseal(columnBytes(st, 2))
			if err == nil && match(&state.Event{Seq: uint64(st.ColumnInt64(0)), At: fromMillis(st.ColumnInt64(1)), Body: plain}) {
				seqs = append(seqs, st.ColumnInt64(0))
			}
			return err
		})
		for _, seq := range seqs {
			found = true
			err = errors.Join(err, c.exec("DELETE FROM event WHERE seq = ?", seq))
		}
		return err
	})
	if err != nil || !found {
		return err
	}
	return in.settle(ctx)
}

// backupJump is how far the sequences of a copy are ahead of those of what was
// copied: the state that is copied next to it may have taken events that came
// later, and what is delivered to the copy must follow them.
const backupJump = 1 << 32

// backup copies the inbox to a new file; there is none of an inbox that was never
// made.
func (in *inbox) backup(ctx context.Context, path string) error {
	return in.read(ctx, func(c *conn) error {
		if err := c.exec("ROLLBACK"); err != nil { // a copy is made outside of a transaction
			return err
		}
		if err := c.pragma("query_only=OFF"); err != nil {
			return err
		}
		if err := vacuumInto(c, path); err != nil {
			return err
		}
		err := jump(path)
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
		return err
	})
}

func jump(path string) (err error) {
	c, err := newConn(path, sqlite.OpenReadWrite, "synchronous=FULL")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	err = c.exec("INSERT INTO sqlite_sequence (name, seq) SELECT 'event', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'event')")
	if err != nil {
		return err
	}
	return c.exec("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'event'", int64(backupJump))
}

// execAll runs statements with the same arguments.
func execAll(c *conn, args []any, queries ...string) error {
	for _, query := range queries {
		if err := c.exec(query, args...); err != nil {
			return err
		}
	}
	return nil
}
