package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// newMark stands in the names of states that are being made.
const newMark = ".new-"

// exists tells whether there is a state's file. One without a byte is no new
// state: it takes its name only when it is whole.
func exists(path string) (bool, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("open the state: %w", err)
	case info.Mode().IsRegular() && info.Size() == 0:
		return false, fmt.Errorf("open the state: %w: %s has no content, so what was delivered is not known any more; put a backup of it in its place, or delete the file to start over with an empty state",
			state.ErrCorrupt, path)
	}
	return true, nil
}

// createFile makes an empty state that only its owner can read; SQLite gives
// its other files the same mode. It is made under another name, so that a
// crash leaves a whole state or none. An existing file is not even opened:
// closing it would free the locks that SQLite holds on it in this process.
func (s *Store) createFile(ctx context.Context) error {
	path := s.opts.Path
	if known, err := exists(path); known || err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the state: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+newMark+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("make the state: %w", err)
	}
	temp := f.Name()
	err = errors.Join(f.Close(), s.createSchema(ctx, temp))
	if err == nil {
		err = claim(temp, path)
	}
	_ = os.Remove(temp)
	if known, _ := exists(path); known {
		err = nil // by this process, or by another that was faster
		removeUnfinished(path)
	}
	if err != nil {
		return fmt.Errorf("make the state: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// claim gives a new state its name, unless another process was faster. Where
// the file system has no links, the last one wins.
func claim(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(temp, path)
}

// createSchema brings a file of no bytes to the latest version.
func (s *Store) createSchema(ctx context.Context, path string) (err error) {
	c, err := newConn(path, sqlite.OpenReadWrite, fmt.Sprintf("page_size=%d", pageSize), "synchronous=FULL")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	c.within(ctx)
	return stopped(ctx, "make", s.migrate(c))
}

// removeUnfinished removes what processes left that died while they made the
// state. One that still makes it finds that it is there.
func removeUnfinished(path string) {
	names, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	mark := filepath.Base(path) + newMark
	for _, n := range names {
		if name := n.Name(); len(name) > len(mark) && name[:len(mark)] == mark {
			_ = os.Remove(filepath.Join(filepath.Dir(path), name))
		}
	}
}
