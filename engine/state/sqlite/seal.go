package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/engine/state"
)

// Rows of the table meta.
const (
	metaSeal  = "seal"  // a known text, sealed: its presence says that bodies are sealed
	metaScrub = "scrub" // free pages may hold what is to be forgotten
)

const (
	checkText = "koppel state"
	placeMeta = "meta"
	placePlan = "plan file"
)

func meta(c *conn, name string) (value []byte, err error) {
	err = c.each("SELECT value FROM meta WHERE name = ?", []any{name}, func(st *sqlite.Stmt) error {
		value = columnBytes(st, 0)
		return nil
	})
	return value, err
}

func putMeta(c *conn, name string, value []byte) error {
	return c.exec("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", name, blob(value))
}

// currentSeal gives the sealer that the snapshot's rows need, nil when they
// are clear. Another process may have sealed or rekeyed the state since the
// last look.
func (s *Store) currentSeal(c *conn) (*sealer, error) {
	check, err := meta(c, metaSeal)
	if err != nil {
		return nil, problem("read", err)
	}
	id, err := c.pragmaInt("application_id")
	if err != nil {
		return nil, problem("read", err)
	}
	if (check != nil) != (id == sealedID) {
		return nil, fmt.Errorf("read the state: %w: it is unclear whether it is sealed", state.ErrCorrupt)
	}
	if check == nil {
		return nil, nil
	}
	if known := s.seal.Load(); known != nil && bytes.Equal(known.check, check) {
		return known, nil
	}
	seal, err := s.fit(check)
	if err != nil {
		return nil, err
	}
	s.seal.Store(seal)
	return seal, nil
}

// fit finds the key that opens check.
func (s *Store) fit(check []byte) (*sealer, error) {
	key, err := s.keys.load()
	if errors.Is(err, fs.ErrNotExist) {
		if key = s.keys.loadNext(); key == nil {
			return nil, fmt.Errorf("%w: the state is sealed and %w; put the key file back or set the key in the configuration", state.ErrKey, err)
		}
	} else if err != nil {
		return nil, err
	}
	for _, k := range [][]byte{key, s.keys.loadNext()} {
		if k == nil {
			continue
		}
		seal, err := newSealer(k)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", state.ErrKey, err)
		}
		if text, err := seal.unseal(nil, check, []byte(placeMeta)); err == nil && string(text) == checkText {
			seal.check = check
			return seal, nil
		}
	}
	return nil, fmt.Errorf("%w: it was sealed under another one than %s; give the key that it was sealed with",
		state.ErrKey, s.keys.origin())
}

// settleSeal learns how the state is sealed, ends a rekey that was cut off
// after its commit, and seals a clear state when that is asked for.
func (s *Store) settleSeal(ctx context.Context) error {
	seal, err := s.currentSeal(s.writer)
	if err != nil {
		return err
	}
	if seal == nil {
		if !s.opts.Seal {
			return nil
		}
		return s.sealClear(ctx)
	}
	if err := s.settleNextKey(seal); err != nil {
		return err
	}
	return s.writer.pragma("secure_delete=ON")
}

// settleNextKey puts the next key in place when it is the one that fits.
func (s *Store) settleNextKey(seal *sealer) error {
	next := s.keys.loadNext()
	if next == nil {
		return nil
	}
	other, err := newSealer(next)
	if err != nil {
		return err
	}
	if _, err := other.unseal(nil, seal.check, []byte(placeMeta)); err != nil {
		return removeFile(s.keys.file + nextKey)
	}
	return promoteKey(s.keys.file)
}

// sealClear seals all rows of a clear state in one transaction. There is no
// copy of it first: that would be clear, and the transaction is all or
// nothing. What was clear is then scrubbed from the files.
func (s *Store) sealClear(ctx context.Context) error {
	key, err := s.keys.draft()
	if err == nil {
		err = s.keys.save()
	}
	if err != nil {
		return err
	}
	seal, err := newSealer(key)
	if err != nil {
		return fmt.Errorf("%w: %w", state.ErrKey, err)
	}
	if err := s.writer.pragma("secure_delete=ON"); err != nil {
		return problem("seal", err)
	}
	return stopped(ctx, "seal", s.resealTo(seal))
}

// resealTo seals everything under seal, in one transaction, and makes it the
// store's.
func (s *Store) resealTo(seal *sealer) (err error) {
	end, err := sqlitex.ImmediateTransaction(s.writer.Conn)
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		end(&err)
		if committed && err == nil {
			s.seal.Store(seal)
		}
	}()
	old, err := s.currentSeal(s.writer)
	if err != nil {
		return err
	}
	if err := reseal(s.writer, old, seal); err != nil {
		return err
	}
	committed = true
	return nil
}

// Seal protects bytes that leave the store for a plan file. It makes the key
// file when there is none yet, also when the store is open for reading only.
func (s *Store) Seal(plain []byte) ([]byte, error) {
	seal := s.seal.Load()
	if seal == nil {
		key, err := s.keys.draft()
		if err != nil {
			return nil, fmt.Errorf("seal: %w", err)
		}
		if seal, err = newSealer(key); err != nil {
			return nil, fmt.Errorf("seal: %w: %w", state.ErrKey, err)
		}
	}
	if err := s.keys.save(); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return seal.seal(nil, plain, []byte(placePlan)), nil
}

// Unseal opens what Seal gave. An error wraps state.ErrKey: the bytes were
// sealed under another key, or changed.
func (s *Store) Unseal(sealed []byte) ([]byte, error) {
	seal := s.seal.Load()
	if seal == nil {
		key, err := s.keys.load()
		if err != nil {
			return nil, fmt.Errorf("unseal: %w: %w", state.ErrKey, err)
		}
		if seal, err = newSealer(key); err != nil {
			return nil, fmt.Errorf("unseal: %w: %w", state.ErrKey, err)
		}
	}
	plain, err := seal.unseal(nil, sealed, []byte(placePlan))
	if err != nil {
		return nil, fmt.Errorf("unseal: %w: %w under this key", state.ErrKey, err)
	}
	return plain, nil
}

// sealMissing prepares the sealer of a state that does not exist yet.
func (s *Store) sealMissing() error {
	key, err := s.keys.draft()
	if err != nil {
		return err
	}
	seal, err := newSealer(key)
	if err != nil {
		return fmt.Errorf("%w: %w", state.ErrKey, err)
	}
	s.seal.Store(seal)
	return nil
}
