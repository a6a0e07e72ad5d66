package sqlite

import (
	"fmt"
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/engine/state"
)

// checkedSize bounds the files whose pages are all checked when they are
// opened, in bytes.
const checkedSize = 1 << 20

// checkOwner refuses a database that another program made. A database without
// any table is taken.
func checkOwner(c *conn) error {
	id, err := c.pragmaInt("application_id")
	if err != nil {
		return problem("open", err)
	}
	if id == clearID || id == sealedID {
		return nil
	}
	var tables int64
	err = c.each("SELECT count(*) FROM sqlite_schema", nil, func(st *sqlite.Stmt) error {
		tables = st.ColumnInt64(0)
		return nil
	})
	if err != nil {
		return problem("open", err)
	}
	if id != 0 || tables > 0 {
		return fmt.Errorf("open the state: the file is a database of another program")
	}
	return nil
}

// markSealed says in the file's header whether bodies are sealed.
func markSealed(c *conn, sealed bool) error {
	id := clearID
	if sealed {
		id = sealedID
	}
	return c.pragma(fmt.Sprintf("application_id=%d", id))
}

// checkVersion gives the schema's version, which is at most latest.
func checkVersion(c *conn, latest int) (int, error) {
	v, err := c.pragmaInt("user_version")
	if err != nil {
		return 0, problem("open", err)
	}
	if v > int64(latest) {
		return 0, fmt.Errorf("%w: its schema is %d, this version knows %d", state.ErrNewer, v, latest)
	}
	if v < 0 {
		return 0, fmt.Errorf("open the state: %w: its schema is %d", state.ErrCorrupt, v)
	}
	return int(v), nil
}

// checkPages looks for damage where that is cheap: in small files.
func checkPages(c *conn) error {
	pages, err := c.pragmaInt("page_count")
	if err != nil {
		return problem("check", err)
	}
	size, err := c.pragmaInt("page_size")
	if err != nil {
		return problem("check", err)
	}
	if pages*size > checkedSize {
		return nil
	}
	return c.each("PRAGMA quick_check(1)", nil, func(st *sqlite.Stmt) error {
		if said := st.ColumnText(0); said != "ok" {
			return fmt.Errorf("check the state: %w: %s", state.ErrCorrupt, said)
		}
		return nil
	})
}

// migrate brings the schema forward in one transaction, after a backup when
// there is anything to lose.
func (s *Store) migrate(c *conn) (err error) {
	from, err := checkVersion(c, len(s.steps))
	if err != nil || from == len(s.steps) {
		return err
	}
	if from > 0 {
		if err := s.backupBefore(c, from); err != nil {
			return err
		}
	}
	end, err := sqlitex.ImmediateTransaction(c.Conn)
	if err != nil {
		return problem("migrate", err)
	}
	defer end(&err)
	// Another process may have been faster.
	if from, err = checkVersion(c, len(s.steps)); err != nil {
		return err
	}
	for _, step := range s.steps[from:] {
		if err := sqlitex.ExecuteScript(c.Conn, step, nil); err != nil {
			return problem("migrate", err)
		}
	}
	if from == 0 {
		if err := markSealed(c, false); err != nil {
			return problem("migrate", err)
		}
	}
	return problem("migrate", c.pragma(fmt.Sprintf("user_version=%d", len(s.steps))))
}

func (s *Store) backupBefore(c *conn, version int) error {
	path := fmt.Sprintf("%s%s%d-%d", s.opts.Path, backupMark, version, s.opts.Now().Unix())
	if err := vacuumInto(c, path); err != nil {
		return fmt.Errorf("back up before the migration to %s: %w", filepath.Base(path), err)
	}
	return nil
}

// checkReader checks a database that is to be read only.
func (s *Store) checkReader(c *conn) error {
	latest := len(s.steps)
	if err := checkOwner(c); err != nil {
		return err
	}
	v, err := checkVersion(c, latest)
	if err != nil {
		return err
	}
	if v < latest {
		return fmt.Errorf("an earlier version of Koppel wrote it (schema %d, and now it is %d): the next koppel run backs it up and brings it forward, and after that it can be read", v, latest)
	}
	if err := checkPages(c); err != nil {
		return err
	}
	seal, err := s.currentSeal(c)
	if err != nil {
		return err
	}
	s.seal.Store(seal)
	return nil
}
