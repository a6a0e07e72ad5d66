// Package spool holds what one run puts aside on disk: sorted sets and logs
// that may be larger than memory. Nothing in it outlives the run.
package spool

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
)

const (
	dirPrefix  = "spool-"
	lockSuffix = ".lock"
)

// A Dir is the folder of one run. Its methods may be called from any number of
// goroutines.
type Dir struct {
	path string
	lock *flock.Flock
	seal cipher.Block // nil: files are in the clear

	interrupted atomic.Pointer[error]

	writes sync.WaitGroup // of runs, beside those who fill the next ones

	mu     sync.Mutex
	serial uint64
	files  map[*file]struct{}
}

// Open makes a folder under parent that only this user can enter; parent is
// made when it is missing. With seal, whatever goes into its files is
// encrypted under a key that is in this process's memory only.
func Open(parent string, seal bool) (*Dir, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	d := &Dir{files: map[*file]struct{}{}}
	if seal {
		key := make([]byte, 32)
		rand.Read(key)
		var err error
		if d.seal, err = aes.NewCipher(key); err != nil {
			return nil, fmt.Errorf("open spool: %w", err)
		}
	}
	lock, err := lockNew(parent)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	d.lock, d.path = lock, strings.TrimSuffix(lock.Path(), lockSuffix)
	if err := os.Mkdir(d.path, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), release(lock))
	}
	return d, nil
}

// lockNew makes and locks a file of a new name. Between the two, Clean may
// take the file for that of a dead run and remove it: then another is made.
func lockNew(parent string) (*flock.Flock, error) {
	for {
		f, err := os.CreateTemp(parent, dirPrefix+"*"+lockSuffix)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
		lock := flock.New(f.Name())
		locked, err := lock.TryLock()
		if err != nil {
			return nil, errors.Join(err, release(lock))
		}
		if locked {
			mine, err := lock.Stat()
			there, gone := os.Stat(f.Name())
			if err == nil && gone == nil && os.SameFile(mine, there) {
				return lock, nil
			}
		}
		if err := lock.Close(); err != nil {
			return nil, err
		}
	}
}

// release removes a lock file. The folder that it stands for must be gone.
func release(lock *flock.Flock) error {
	err := lock.Close()
	if gone := os.Remove(lock.Path()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// Interrupt lets whatever reads or writes files of the folder fail with cause
// from now on, so that a run which is stopped does not sort on to the end.
func (d *Dir) Interrupt(cause error) { d.interrupted.CompareAndSwap(nil, &cause) }

// stopped is the cause of an interrupt; nil when there was none.
func (d *Dir) stopped() error {
	if cause := d.interrupted.Load(); cause != nil {
		return *cause
	}
	return nil
}

// Path is the folder.
func (d *Dir) Path() string { return d.path }

// Close removes the folder with all that is in it. Logs, sorters and iterators
// of it must not be used afterwards.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for f := range d.files {
		errs = append(errs, f.fd.Close())
	}
	clear(d.files)
	d.writes.Wait() // their files are closed
	errs = append(errs, os.RemoveAll(d.path), release(d.lock))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close spool: %w", err)
	}
	return nil
}

// Clean removes the folders under parent that dead runs have left. Those of
// living runs, in this process or another, stay. A parent that does not exist
// is clean.
func Clean(parent string) error {
	entries, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), dirPrefix) && strings.HasSuffix(e.Name(), lockSuffix) {
			errs = append(errs, cleanOne(filepath.Join(parent, e.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("clean spool: %w", err)
	}
	return nil
}

func cleanOne(path string) error {
	lock := flock.New(path)
	locked, err := lock.TryLock()
	if err != nil || !locked {
		return errors.Join(err, lock.Close())
	}
	if err := os.RemoveAll(strings.TrimSuffix(path, lockSuffix)); err != nil {
		return errors.Join(err, lock.Close())
	}
	return release(lock)
}
