package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// scrub rewrites the file and empties the log, so that nothing that was
// removed is left in free pages. It does nothing unless a transaction asked
// for it; readers that stand in the way put it off to the next time.
func (s *Store) scrub() error {
	c := s.writer
	why, err := meta(c, metaScrub)
	if err != nil || why == nil {
		return err
	}
	// A reader may be a View of this very goroutine.
	c.SetBusyTimeout(scrubWait)
	defer c.SetBusyTimeout(busyWait)
	// The rewritten copy is as large as the state: not in memory.
	if err := c.pragma("temp_store=FILE"); err != nil {
		return err
	}
	err = c.exec("VACUUM")
	if err = errors.Join(err, c.pragma("temp_store=MEMORY")); err != nil {
		return err
	}
	blocked, err := c.pragmaInt("wal_checkpoint(TRUNCATE)")
	if err != nil || blocked != 0 {
		return err
	}
	if string(why) == metaSeal {
		if err := s.removeBackups(); err != nil {
			return err
		}
	}
	return c.exec("DELETE FROM meta WHERE name = ?", metaScrub)
}

// scrubPending scrubs what an earlier process did not get to.
func (s *Store) scrubPending() error {
	if err := s.scrub(); err != nil {
		return problem("scrub", err)
	}
	return nil
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a left-over key: %w", err)
	}
	return nil
}
