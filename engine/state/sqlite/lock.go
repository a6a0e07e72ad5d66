package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"koppel/engine/state"
)

// lockPoll is how often a held lock is tried again.
const lockPoll = 50 * time.Millisecond

// Lock takes all named locks or none, in the order of their names, waiting at
// most wait. A *state.LockedError names the holder. The kernel frees the locks
// of a dead process. unlock may be called more than once.
func (s *Store) Lock(ctx context.Context, names []string, wait time.Duration, holder string) (func(), error) {
	if s.opts.ReadOnly {
		return nil, fmt.Errorf("lock: %w", errReadOnly)
	}
	if err := s.inPlace(); err != nil {
		return nil, err
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	dir := filepath.Join(filepath.Dir(s.opts.Path), "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, s.writable(fmt.Errorf("lock: %w", err))
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for {
		held, err := s.lockAll(dir, names, holder)
		if err == nil {
			return sync.OnceFunc(func() { release(held) }), nil
		}
		if busy := (*state.LockedError)(nil); !errors.As(err, &busy) || wait <= 0 {
			return nil, err
		}
		poll := time.NewTimer(lockPoll)
		select {
		case <-ctx.Done():
			poll.Stop()
			return nil, fmt.Errorf("lock: %w", ctx.Err())
		case <-deadline.C:
			poll.Stop()
			return nil, err
		case <-poll.C:
		}
	}
}

// lockAll takes all locks, or gives back those that it took.
func (s *Store) lockAll(dir string, names []string, holder string) ([]*flock.Flock, error) {
	var held []*flock.Flock
	for _, name := range names {
		path := filepath.Join(dir, s.lockFile(name))
		// Each call has a file of its own open: flock(2) excludes those of one
		// process from each other too.
		f := flock.New(path, flock.SetPermissions(0o600))
		ok, err := f.TryLock()
		switch {
		case err != nil:
			err = s.writable(fmt.Errorf("lock %s: %w", name, err))
		case !ok:
			err = &state.LockedError{Name: name, Holder: readHolder(path)}
		default:
			held = append(held, f)
			err = s.writable(writeHolder(path, holder))
		}
		if err != nil {
			_ = f.Close()
			release(held)
			return nil, err
		}
	}
	return held, nil
}

// release frees locks. A holder's text that stays behind says nothing: it is
// read only while the lock is held.
func release(held []*flock.Flock) {
	for _, f := range slices.Backward(held) {
		_ = f.Close()
	}
}

// lockFile gives the name of a lock's file: readable, and unique by a hash of
// the lock's name and the state's.
func (s *Store) lockFile(name string) string {
	sum := sha256.Sum256([]byte(filepath.Base(s.opts.Path) + "\x00" + name))
	plain := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.') {
			return r
		}
		return '_'
	}, name)
	return fmt.Sprintf("%.60s-%s.lock", plain, hex.EncodeToString(sum[:6]))
}

// The holder's text starts at the second byte: some systems let no one else
// read the first one, which is what is locked.
const holderAt = 1

const holderLimit = 4096

func writeHolder(path, holder string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("name the holder of a lock: %w", err)
	}
	text := []byte(holder)
	text = text[:min(len(text), holderLimit)]
	_, err = f.WriteAt(text, holderAt)
	if err == nil {
		err = f.Truncate(holderAt + int64(len(text)))
	}
	if cl := f.Close(); err == nil {
		err = cl
	}
	if err != nil {
		return fmt.Errorf("name the holder of a lock: %w", err)
	}
	return nil
}

func readHolder(path string) string {
	const unknown = "another process"
	f, err := os.Open(path)
	if err != nil {
		return unknown
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, holderAt, holderLimit))
	if err != nil || len(text) == 0 {
		return unknown
	}
	return string(text)
}
