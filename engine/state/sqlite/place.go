package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"koppel/engine/state"
)

// inPlace tells whether the file that the writing connection has open is the one
// that others find. What is written to one that was moved away is lost, and its
// locks keep nobody off the one that stands in its place.
func (s *Store) inPlace() error {
	if s.info == nil {
		return nil
	}
	path := s.opts.Path
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("use the state: %s is not there any more; put it back: %w", path, err)
	case err != nil:
		return fmt.Errorf("use the state: %w; make the file and its folder readable for this user", err)
	case !os.SameFile(info, s.info):
		return fmt.Errorf("use the state: %s is another file than the one that was opened; restart koppel to go on with it, or put the earlier one back", path)
	}
	return nil
}

// checkWritable finds out whether a connection can write: SQLite opens for reading
// alone, and says nothing, what it may not write. It waits for nobody.
func checkWritable(c *conn) error {
	c.SetBusyTimeout(0)
	defer c.SetBusyTimeout(busyWait)
	if err := c.exec("DELETE FROM pipeline WHERE false"); unwritable(err) {
		return err
	}
	return nil // what else is wrong shows when something is written
}

// placed says of an error of the state where it is and what to do.
func (s *Store) placed(err error) error {
	switch {
	case errors.Is(err, state.ErrFull):
		return fmt.Errorf("%w; make room on the disk of %s", err, s.opts.Path)
	case errors.Is(err, errBusy):
		return fmt.Errorf("%w; end the program that has %s open, or what it does there", err, s.opts.Path)
	case errors.Is(err, errUnwritable):
		return s.writable(err)
	}
	return err
}
