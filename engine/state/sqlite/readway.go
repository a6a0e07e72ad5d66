package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
)

// A readWay is how reading connections open the state's file.
type readWay struct {
	path  string
	flags sqlite.OpenFlags
}

// readWays lists the ways from the usual one to that for a folder in which
// nothing can be written. Not OpenReadOnly first: such a connection leaves its
// shared memory behind when it is the last one.
func readWays(file string) []readWay {
	ways := []readWay{{file, sqlite.OpenReadWrite}, {file, sqlite.OpenReadOnly}}
	if info, err := os.Stat(file + "-wal"); err == nil && info.Size() > 0 {
		return ways // an immutable file is read without its log
	}
	path := filepath.ToSlash(file)
	if abs, err := filepath.Abs(file); err == nil {
		path = filepath.ToSlash(abs)
	}
	if path[0] != '/' {
		path = "/" + path // a drive
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: "immutable=1"}
	return append(ways, readWay{uri.String(), sqlite.OpenReadOnly | sqlite.OpenURI})
}

// findReadWay opens the first reading connection, in the first way that works.
func (s *Store) findReadWay(ctx context.Context) (*conn, error) {
	var first error
	for _, way := range readWays(s.opts.Path) {
		s.reads = way
		c, err := s.newReader()
		if err == nil {
			c.within(ctx)
			if _, err = c.pragmaInt("user_version"); err == nil || !unwritable(err) {
				return c, nil // checkReader says what is wrong with it
			}
			err = errors.Join(problem("open", err), c.close())
		}
		if !unwritable(err) {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("%s can't be read, because its folder can't be written and its log holds what is not in it yet; run once where it can be written: %w", s.opts.Path, first)
}

// unwritable tells whether an error says that a file or folder can't be
// written.
func unwritable(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCantOpen, sqlite.ResultReadOnly, sqlite.ResultPerm:
		return true
	}
	return errors.Is(err, os.ErrPermission) || isReadOnlyFS(err)
}

// writable explains an error of a state that is to be written and can't be.
func (s *Store) writable(err error) error {
	if err == nil || !unwritable(err) {
		return err
	}
	return fmt.Errorf("%s can't be written; make the file and its folder writable for this user, or keep the state elsewhere: koppel { state \"sqlite\" { path = … } }: %w", s.opts.Path, err)
}
