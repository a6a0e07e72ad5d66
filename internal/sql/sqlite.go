package sql

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"koppel/engine/connector"
)

// SQLiteConfig are the arguments of a sqlite connection.
type SQLiteConfig struct {
	Path string `hcl:"path" doc:"the database file; a sink makes it when it is missing, with create = true"`
}

// Validate wants a path.
func (c *SQLiteConfig) Validate() error {
	if c.Path == "" {
		return &connector.FieldError{Field: "path", Problem: "is empty"}
	}
	return nil
}

// Locate names the table, case apart.
func (c *SQLiteConfig) Locate(table string) string {
	return "sqlite " + filepath.Clean(c.Path) + " " + strings.ToLower(strings.TrimPrefix(table, "main."))
}

// SQLiteKind is the connection kind sqlite; it opens a *DB.
func SQLiteKind() connector.Kind[any] {
	return connector.Define("sqlite", "A SQLite database file.", SQLiteConfig{},
		func(_ context.Context, c SQLiteConfig, env connector.Env) (any, error) {
			path := c.Path
			if !filepath.IsAbs(path) {
				path = filepath.Join(env.Dir, path)
			}
			abs, err := filepath.Abs(path)
			if err != nil {
				return nil, fmt.Errorf("find database %q: %w", c.Path, err)
			}
			return NewSQLite(abs, c.Path, 30*time.Second), nil
		})
}

// NewSQLite describes the database in the file at path, an absolute path that
// messages show as title. wait bounds how long a lock is waited for.
func NewSQLite(path, title string, wait time.Duration) *DB {
	path = filepath.Clean(path)
	return &DB{
		Dialect:  sqliteDialect{},
		Identity: path,
		Place:    path,
		Open: func(ctx context.Context, access Access) (Conn, error) {
			return openSQLite(ctx, path, title, access, wait)
		},
	}
}

// lockSlice is how long one attempt waits for a lock, so that an end of the
// context is seen in between.
const lockSlice = 100 * time.Millisecond

func openSQLite(ctx context.Context, path, title string, access Access, wait time.Duration) (Conn, error) {
	doing := fmt.Sprintf("open database %q", title)
	info, err := os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing && access == Create:
	case missing:
		return nil, &Error{Doing: doing, Message: "there is no such file", Cause: errors.Join(connector.ErrUnreachable, fs.ErrNotExist)}
	case err != nil:
		return nil, &Error{Doing: doing, Message: err.Error(), Cause: connector.ErrUnreachable}
	case !info.Mode().IsRegular():
		return nil, &Error{Doing: doing, Message: "it is not a regular file", Cause: connector.ErrUnreachable}
	}
	flags := sqlite.OpenReadWrite
	if access == Create {
		flags |= sqlite.OpenCreate
	}
	c, err := sqlite.OpenConn(path, flags)
	if err != nil {
		e := sqliteError(doing, err)
		if info, statErr := os.Stat(filepath.Dir(path)); missing && (statErr != nil || !info.IsDir()) {
			e.Message = "its folder does not exist"
		}
		e.Cause = connector.ErrUnreachable
		return nil, e
	}
	conn := &sqliteConn{c: c, path: path, title: title, wait: wait}
	if err := conn.setUp(ctx, access, missing || info.Size() == 0); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (s *sqliteConn) setUp(ctx context.Context, access Access, fresh bool) error {
	s.c.SetInterrupt(ctx.Done())
	defer s.c.SetInterrupt(nil)
	var settings []string
	if access == Create && fresh {
		// Write-ahead logging lets others read while a run writes. It is the
		// user's choice where the file is the user's.
		settings = append(settings, "PRAGMA page_size = 8192", "PRAGMA journal_mode = WAL")
	}
	// The page size goes first: it is what the number of pages is made of.
	settings = append(settings, "PRAGMA cache_size = -14336")
	if access == Read {
		settings = append(settings, "PRAGMA query_only = ON")
	} else {
		settings = append(settings, "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON", "PRAGMA wal_autocheckpoint = 8000")
	}
	for _, p := range settings {
		if err := s.patiently(func() error { return s.Exec(p) }); err != nil {
			return err
		}
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return &Error{Doing: fmt.Sprintf("open database %q", s.title), Message: err.Error(), Cause: connector.ErrUnreachable}
	}
	s.info = info
	return rows(s, "PRAGMA page_size", nil, func(st Stmt) { s.page = st.Column(0).Int })
}
