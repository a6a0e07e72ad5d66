package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// Rows of the inbox's table meta beside those of the state's: the key that its
// bodies are sealed under, itself sealed under the state key, and once more
// under the state key that a rekey is about to put in place.
const (
	metaInboxKey  = "key"
	metaInboxNext = "key.next"
	placeInbox    = "inbox"
)

// An inboxSeal seals the bodies of an inbox, whose key it got from wrapped. The
// zero one leaves them clear.
type inboxSeal struct {
	wrapped []byte
	with    *sealer
}

func (s inboxSeal) seal(body []byte) []byte {
	if s.with == nil {
		return body
	}
	return s.with.seal(nil, body, []byte(placeInbox))
}

var errStop = errors.New("stop")

// unseal opens a body, in place when it is clear.
func (s inboxSeal) unseal(body []byte) ([]byte, error) {
	switch {
	case len(body) > 0 && body[0] == '{':
		return body, nil
	case s.with == nil:
		return nil, fmt.Errorf("%w: an event is neither clear nor sealed", state.ErrCorrupt)
	}
	plain, err := s.with.unseal(nil, body, []byte(placeInbox))
	if err != nil {
		return nil, fmt.Errorf("%w: an event does not open", state.ErrCorrupt)
	}
	return plain, nil
}

// sealOf gives the seal of the snapshot that c reads.
func (in *inbox) sealOf(ctx context.Context, c *conn) (inboxSeal, error) {
	wrapped, err := meta(c, metaInboxKey)
	if err != nil || wrapped == nil {
		return inboxSeal{}, err
	}
	return in.unwrap(ctx, c, wrapped)
}

// unwrap opens the inbox's key with the state's. Another process may have
// changed that meanwhile.
func (in *inbox) unwrap(ctx context.Context, c *conn, wrapped []byte) (inboxSeal, error) {
	next, err := meta(c, metaInboxNext)
	if err != nil {
		return inboxSeal{}, err
	}
	for _, look := range []func() error{func() error { return nil }, func() error { return in.store.View(ctx, func(state.View) error { return nil }) }} {
		if err := look(); err != nil {
			return inboxSeal{}, err
		}
		by := in.store.seal.Load()
		for _, w := range [][]byte{wrapped, next} {
			if by == nil || w == nil {
				continue
			}
			if key, err := by.unseal(nil, w, []byte(placeInbox)); err == nil {
				with, err := newSealer(key)
				return inboxSeal{wrapped: w, with: with}, err
			}
		}
	}
	return inboxSeal{}, fmt.Errorf("%w: the inbox was sealed under another one than the state; put the inbox beside its own state", state.ErrKey)
}

// settleSeal learns how the inbox is sealed now, and seals it when the state is
// sealed and it is not. It runs inside a transaction.
func (in *inbox) settleSeal(ctx context.Context, c *conn) error {
	wrapped, err := meta(c, metaInboxKey)
	switch {
	case err != nil:
		return err
	case wrapped == nil && !in.store.Sealed():
		in.sealed = inboxSeal{}
		return nil
	case wrapped == nil:
		return in.reseal(c, inboxSeal{}, in.store.seal.Load(), nil)
	case in.sealed.with != nil && bytes.Equal(in.sealed.wrapped, wrapped):
		return nil
	}
	in.sealed, err = in.unwrap(ctx, c, wrapped)
	if err != nil {
		return err
	}
	if !bytes.Equal(in.sealed.wrapped, wrapped) { // a rekey was cut off after the state had its new key
		return errors.Join(putMeta(c, metaInboxKey, in.sealed.wrapped), c.exec("DELETE FROM meta WHERE name = ?", metaInboxNext))
	}
	return nil
}

// reseal seals all bodies under a new key, which state keys wrap: by the present
// one, and by the one that follows it, unless that is nil.
func (in *inbox) reseal(c *conn, old inboxSeal, by, next *sealer) error {
	key := newKey()
	with, err := newSealer(key)
	if err != nil {
		return err
	}
	if err := c.pragma("secure_delete=ON"); err != nil {
		return err
	}
	seal := inboxSeal{wrapped: by.seal(nil, key, []byte(placeInbox)), with: with}
	last := int64(-1)
	for {
		seqs, bodies, err := some(c, old, last)
		if err != nil {
			return err
		}
		for i := range seqs {
			if err := c.exec("UPDATE event SET body = ? WHERE seq = ?", blob(seal.seal(bodies[i])), seqs[i]); err != nil {
				return err
			}
			last = seqs[i]
		}
		if len(seqs) == 0 {
			break
		}
	}
	err = errors.Join(putMeta(c, metaInboxKey, seal.wrapped), c.exec("DELETE FROM meta WHERE name = ?", metaInboxNext))
	if err == nil && next != nil {
		err = putMeta(c, metaInboxNext, next.seal(nil, key, []byte(placeInbox)))
	}
	in.sealed = seal
	return err
}

// some gives the bodies that follow a sequence, opened, a few at a time.
func some(c *conn, seal inboxSeal, after int64) (seqs []int64, bodies [][]byte, err error) {
	err = c.each("SELECT seq, body FROM event WHERE seq > ? ORDER BY seq LIMIT 500", []any{after}, func(st *sqlite.Stmt) error {
		plain, err := seal.unseal(columnBytes(st, 1))
		seqs, bodies = append(seqs, st.ColumnInt64(0)), append(bodies, plain)
		return err
	})
	return seqs, bodies, err
}

// rekey makes the inbox open under the present state key and under the next. The
// first write after the state has its new key forgets the old one. An inbox that
// is clear is sealed by that write.
func (in *inbox) rekey(ctx context.Context, next *sealer) error {
	by := in.store.seal.Load()
	if by == nil {
		return nil
	}
	return in.write(ctx, false, func(c *conn) error { return in.reseal(c, in.sealed, by, next) })
}

// sealClear seals what was stored before the state was sealed. What is wrong
// with the inbox is told to those who use it.
func (in *inbox) sealClear(ctx context.Context) {
	if !in.store.Sealed() {
		return
	}
	clear := false
	err := in.read(ctx, func(c *conn) error {
		wrapped, err := meta(c, metaInboxKey)
		clear = wrapped == nil
		return err
	})
	if err == nil && clear {
		_ = in.settle(ctx)
	}
}

// settle brings the seal up to date, and rewrites the file once what was in it
// is sealed.
func (in *inbox) settle(ctx context.Context) error {
	if err := in.write(ctx, false, func(*conn) error { return nil }); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.writer == nil {
		return nil
	}
	// Readers that stand in the way put it off: the rows themselves are sealed.
	_ = in.writer.exec("VACUUM")
	_, _ = in.writer.pragmaInt("wal_checkpoint(TRUNCATE)")
	return nil
}
