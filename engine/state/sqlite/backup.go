package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// backupMark stands between the state's path and the version in the names of
// the copies that precede a migration.
const backupMark = ".backup-"

// Backup writes a consistent copy of the state to a new file, mode 0600, and one
// of the inbox beside it, under the name that InboxPath gives. Sealed bodies stay
// sealed. The inbox is copied first: what a run takes from it in between is then
// in both copies, and not in none.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.inbox.backup(ctx, InboxPath(path)); err != nil {
		return err
	}
	c, err := s.takeReader()
	if err != nil {
		return err
	}
	c.within(ctx)
	defer s.giveReader(c)
	// The copy is written through this connection.
	err = c.pragma("query_only=OFF")
	if err == nil {
		err = vacuumInto(c, path)
		c.SetInterrupt(nil)
		err = errors.Join(err, c.pragma("query_only=ON"))
	}
	if err != nil {
		return fmt.Errorf("back up the state: %w", stopped(ctx, "copy", err))
	}
	return nil
}

// vacuumInto copies the database to a new file and makes it durable.
func vacuumInto(c *conn, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	err = c.exec("VACUUM INTO ?", path)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// removeBackups removes the copies that precede migrations: their text is
// clear, and the state is about to be sealed.
func (s *Store) removeBackups() error {
	dir, base := filepath.Split(s.opts.Path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove clear backups: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), base+backupMark) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove clear backups: %w", err)
		}
	}
	return nil
}
