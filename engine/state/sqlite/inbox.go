package sqlite

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/engine/state"
)

// inbox is a state.Inbox in a file beside the state. Nothing of it is opened
// before it is needed, and its file is made by the first event.
type inbox struct {
	store *Store
	path  string

	queue chan *delivery
	start sync.Once
	// ended is closed when nothing more is taken; stopped when the last of it is
	// answered.
	ended, stopped chan struct{}

	mu      sync.Mutex // of all below
	writer  *conn
	info    os.FileInfo // of the file that writer has open
	closed  bool
	sealed  inboxSeal
	cleaned int64 // when ids were last dropped, milliseconds
}

var _ state.Inbox = (*inbox)(nil)

// InboxPath names the file of the inbox that belongs to a state, or to a copy of
// one.
func InboxPath(path string) string {
	if ext := filepath.Ext(path); ext == ".db" {
		return strings.TrimSuffix(path, ext) + ".inbox" + ext
	}
	return path + ".inbox"
}

func newInbox(s *Store) *inbox {
	return &inbox{store: s, path: InboxPath(s.opts.Path), queue: make(chan *delivery, queued), ended: make(chan struct{}), stopped: make(chan struct{})}
}

// Inbox is where deliveries to sources wait, in a file beside the state.
func (s *Store) Inbox() state.Inbox { return s.inbox }

// inboxID marks the file as an inbox of koppel, "KopI".
const inboxID = 0x4b6f7049

// inboxVersion is the version of its schema.
const inboxVersion = 1

// Ids are kept as keyed hashes: the key is the salt in the table meta, and they
// tell nothing of whom they are about. A body that starts with a version byte of
// the sealer is sealed, one that starts with a brace is clear.
const inboxSchema = `
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE source (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  address TEXT NOT NULL UNIQUE,
  taken   INTEGER NOT NULL
) STRICT;

CREATE TABLE event (
  seq    INTEGER PRIMARY KEY AUTOINCREMENT,
  source INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  body   BLOB NOT NULL
) STRICT;
CREATE INDEX event_source ON event (source, seq);

CREATE TABLE seen (
  source INTEGER NOT NULL,
  id     BLOB NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
`

// write runs fn in one transaction of the writing connection. It makes the file
// when make is set; without it fn does not run when there is none.
func (in *inbox) write(ctx context.Context, make bool, fn func(c *conn) error) error {
	if in.store.opts.ReadOnly {
		return fmt.Errorf("write the inbox: %w", errReadOnly)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return errClosed
	}
	if err := in.store.inPlace(); err != nil {
		return fmt.Errorf("write the inbox: %w", err)
	}
	if err := in.ready(ctx, make); err != nil {
		return in.problem("open", err)
	}
	if in.writer == nil {
		return nil
	}
	err := in.transaction(ctx, fn)
	if err != nil && !in.writer.AutocommitEnabled() {
		err = errors.Join(err, in.writer.exec("ROLLBACK"))
	}
	if unwritable(err) { // what was opened for reading alone stays so
		_ = in.writer.close()
		in.writer, in.sealed = nil, inboxSeal{}
	}
	return in.problem("write", err)
}

func (in *inbox) transaction(ctx context.Context, fn func(c *conn) error) error {
	c := in.writer
	if err := in.store.beginImmediate(ctx, c); err != nil {
		return err
	}
	defer c.SetInterrupt(nil)
	c.SetInterrupt(nil) // what has begun is brought to an end: its outcome must be known
	if err := in.settleSeal(ctx, c); err != nil {
		return err
	}
	if err := fn(c); err != nil {
		return err
	}
	return c.exec("COMMIT")
}

// ready opens the file, again when another one stands in its place.
func (in *inbox) ready(ctx context.Context, make bool) error {
	info, err := os.Stat(in.path)
	if in.writer != nil {
		if err == nil && os.SameFile(info, in.info) {
			return nil
		}
		_ = in.writer.close() // of a file that is no longer there
		in.writer, in.sealed = nil, inboxSeal{}
	}
	if errors.Is(err, os.ErrNotExist) && !make {
		return nil
	}
	if err := in.create(ctx); err != nil {
		return err
	}
	c, err := newConn(in.path, sqlite.OpenReadWrite, inboxPragmas()...)
	if err != nil {
		return err
	}
	if err := checkInbox(c); err != nil {
		return errors.Join(err, c.close())
	}
	if in.info, err = os.Stat(in.path); err != nil {
		return errors.Join(err, c.close())
	}
	in.writer = c
	return nil
}

// inboxPragmas are writerPragmas with a smaller cache: the rows come in order.
func inboxPragmas() []string {
	return append(writerPragmas(), "cache_size=-4096", "wal_autocheckpoint=2000", "secure_delete=FAST")
}

// create makes the file, whole or not at all.
func (in *inbox) create(ctx context.Context) error {
	if known, err := exists(in.path); known || err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(in.path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(in.path), filepath.Base(in.path)+newMark+"*") // mode 0600
	if err != nil {
		return err
	}
	temp := f.Name()
	err = errors.Join(f.Close(), in.createSchema(ctx, temp))
	if err == nil {
		err = claim(temp, in.path)
	}
	_ = os.Remove(temp)
	if known, _ := exists(in.path); known {
		err = nil // by this process, or by another that was faster
		removeUnfinished(in.path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(in.path))
}

func (in *inbox) createSchema(ctx context.Context, path string) (err error) {
	c, err := newConn(path, sqlite.OpenReadWrite, fmt.Sprintf("page_size=%d", pageSize), "synchronous=FULL")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	c.within(ctx)
	if err := sqlitex.ExecuteScript(c.Conn, inboxSchema, nil); err != nil {
		return err
	}
	id, salt := make([]byte, 16), make([]byte, 32)
	rand.Read(id) // never fails
	rand.Read(salt)
	return errors.Join(putMeta(c, "id", id), putMeta(c, "salt", salt),
		c.pragma(fmt.Sprintf("application_id=%d", inboxID)), c.pragma(fmt.Sprintf("user_version=%d", inboxVersion)))
}

// ID names the inbox; empty: there is none.
func (in *inbox) ID(ctx context.Context) (id string, last uint64, err error) {
	err = in.read(ctx, func(c *conn) error {
		b, err := meta(c, "id")
		if err != nil {
			return err
		}
		id = hex.EncodeToString(b)
		return c.each("SELECT seq FROM sqlite_sequence WHERE name = 'event'", nil, func(st *sqlite.Stmt) error {
			last = uint64(st.ColumnInt64(0))
			return nil
		})
	})
	return id, last, err
}

// digestID gives what is kept of an id.
func digestID(salt []byte, id string) blob {
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(id))
	return mac.Sum(nil)[:16]
}

// read runs fn on one snapshot, unless there is no file.
func (in *inbox) read(ctx context.Context, fn func(c *conn) error) error {
	if err := in.store.inPlace(); err != nil {
		return fmt.Errorf("read the inbox: %w", err)
	}
	if known, err := exists(in.path); !known || err != nil {
		return in.problem("open", err)
	}
	c, err := in.reader()
	if err != nil {
		return in.problem("open", err)
	}
	defer func() {
		c.settle()
		_ = c.close() // it wrote nothing
	}()
	c.within(ctx)
	if err := c.exec("BEGIN"); err != nil {
		return in.failure(ctx, err)
	}
	return in.failure(ctx, fn(c))
}

// reader opens a reading connection, in the first way that works.
func (in *inbox) reader() (*conn, error) {
	var first error
	for _, way := range readWays(in.path) {
		c, err := newConn(way.path, way.flags, readerPragmas()...)
		if err == nil {
			if err = checkInbox(c); err == nil {
				return c, nil
			}
			_ = c.close() // it wrote nothing
		}
		if !unwritable(err) {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// checkInbox refuses what is no inbox that this version knows.
func checkInbox(c *conn) error {
	id, err := c.pragmaInt("application_id")
	if err != nil {
		return err
	}
	v, err := c.pragmaInt("user_version")
	switch {
	case err != nil:
		return err
	case id != inboxID:
		return errors.New("the file is no inbox of koppel; put it elsewhere, or a backup of the inbox in its place")
	case v > inboxVersion:
		return fmt.Errorf("%w: the inbox's schema is %d, this version knows %d", state.ErrNewer, v, inboxVersion)
	case v < inboxVersion:
		return fmt.Errorf("%w: the inbox's schema is %d", state.ErrCorrupt, v)
	}
	return nil
}

// problem names the file, and says what can be done.
func (in *inbox) problem(doing string, err error) error {
	if err == nil {
		return nil
	}
	switch code := sqlite.ErrCode(err).ToPrimary(); {
	case errors.Is(err, errClosed), errors.Is(err, state.ErrKey), errors.Is(err, state.ErrNewer), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s the inbox: %w", doing, err)
	case code == sqlite.ResultFull:
		return fmt.Errorf("%s the inbox %s: %w, make some: %w", doing, in.path, state.ErrFull, err)
	case code == sqlite.ResultCorrupt, code == sqlite.ResultNotADB, errors.Is(err, state.ErrCorrupt):
		return fmt.Errorf("%s the inbox: %s is damaged; put a backup of it in its place, or move it away to start with an empty one: %w: %w", doing, in.path, state.ErrCorrupt, err)
	case unwritable(err):
		return fmt.Errorf("%s the inbox: %s can't be written; make the file and its folder writable for this user: %w", doing, in.path, err)
	case code == sqlite.ResultBusy:
		return fmt.Errorf("%s the inbox: another process is writing to %s; end it, or what it does there: %w", doing, in.path, err)
	}
	return fmt.Errorf("%s the inbox %s: %w", doing, in.path, err)
}

// failure is problem, but an interrupted statement gives the context's error.
func (in *inbox) failure(ctx context.Context, err error) error {
	if err != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt && ctx.Err() != nil {
		return fmt.Errorf("read the inbox: %w", ctx.Err())
	}
	if err != nil && sqlite.ErrCode(err) == sqlite.ResultError {
		return err // the callee's own
	}
	return in.problem("read", err)
}

// close ends the inbox, once what was handed over is answered.
func (in *inbox) close() error {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return nil
	}
	in.closed = true
	in.mu.Unlock()
	close(in.ended)
	in.start.Do(func() { close(in.stopped) })
	<-in.stopped
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.writer == nil {
		return nil
	}
	err := in.writer.close()
	in.writer = nil
	return err
}
