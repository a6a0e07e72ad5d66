package sqlite

import (
	"context"
	"fmt"

	"koppel/engine/state"
)

// Rekey seals everything again under a new key of 16 bytes or more; nil makes
// one. The key file, when the key lives there, holds the new key afterwards;
// else the configuration must give it from now on. All hashes are forgotten.
func (s *Store) Rekey(ctx context.Context, key []byte) error {
	if s.writer == nil {
		return fmt.Errorf("rekey: %w", errReadOnly)
	}
	if key == nil {
		if !s.keys.inFile() {
			return fmt.Errorf("rekey: %w: the configuration gives the key, so the new one must be given too", state.ErrKey)
		}
		key = newKey()
	}
	seal, err := newSealer(key)
	if err != nil {
		return fmt.Errorf("rekey: %w: %w", state.ErrKey, err)
	}
	if err := s.takeWriter(ctx); err != nil {
		return err
	}
	defer s.giveWriter()
	s.writer.within(ctx)
	defer s.writer.SetInterrupt(nil)
	if err := s.writer.pragma("secure_delete=ON"); err != nil {
		return problem("rekey", err)
	}
	// The next key is on disk before the rows need it; Open finds the one of
	// the two that fits.
	if s.keys.inFile() {
		if err := writeKey(s.keys.file+nextKey, key); err != nil {
			return err
		}
	}
	if err := s.inbox.rekey(ctx, seal); err != nil {
		return err
	}
	if err := s.resealTo(seal); err != nil {
		return stopped(ctx, "rekey", err)
	}
	if err := s.keys.replace(key); err != nil {
		return err
	}
	s.writer.SetInterrupt(nil)
	if err := s.scrubPending(); err != nil {
		return err
	}
	return s.inbox.settle(context.WithoutCancel(ctx))
}

// replace makes key the present one, in the file too when it lives there.
func (k *keyring) replace(key []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.given != nil {
		k.given = key
		return nil
	}
	k.fresh = nil
	return promoteKey(k.file)
}
