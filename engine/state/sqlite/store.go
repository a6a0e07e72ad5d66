// Package sqlite keeps the state in one SQLite file: the embedded default.
//
// One connection writes, others read the snapshot that they began with, in
// this process and in others. A committed transaction survives the loss of
// power (write-ahead log, synchronous=FULL).
package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
)

// Options say where the state is and how it is protected.
type Options struct {
	// Path is the state's file. Its folder is made when it is missing.
	Path string
	// Key is the state key, of 16 bytes or more; nil: it is in KeyFile.
	Key []byte
	// KeyFile holds the key in hexadecimal digits and is made on first need,
	// mode 0600; empty: state.key beside the state.
	KeyFile string
	// Seal seals all bodies. A state that was sealed once stays sealed.
	Seal bool
	// ReadOnly creates, migrates and changes nothing: a state that does not
	// exist reads as an empty one. Only Seal may make the key file.
	ReadOnly bool
	// Now gives the time of changes that come without one; nil: time.Now.
	Now func() time.Time
}

// Store is a state.Store on one SQLite file.
type Store struct {
	opts    Options
	steps   []string
	bounds  bounds
	reads   readWay
	missing bool // nothing is stored and nothing will be: each connection is an empty state
	seal    atomic.Pointer[sealer]
	keys    keyring
	inbox   *inbox

	writing chan struct{} // holds one token while no Update runs
	writer  *conn         // nil when read only
	info    os.FileInfo   // of the file that writer has open; nil when read only

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

var _ state.Store = (*Store)(nil)

// idleReaders is how many reading connections are kept for later Views.
const idleReaders = 4

// Open opens the state, makes it when it is missing, brings its schema forward
// after a copy to <path>.backup-<version>-<unix time>, and seals it when asked
// to. Errors wrap state.ErrNewer, state.ErrCorrupt or state.ErrKey where those
// say it.
func Open(ctx context.Context, opts Options) (*Store, error) {
	return open(ctx, opts, steps, usualBounds())
}

func open(ctx context.Context, opts Options, steps []string, bounds bounds) (*Store, error) {
	if opts.Path == "" {
		return nil, errors.New("open the state: no path")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.KeyFile == "" {
		opts.KeyFile = filepath.Join(filepath.Dir(opts.Path), "state.key")
	}
	s := &Store{opts: opts, steps: steps, bounds: bounds, reads: readWay{opts.Path, sqlite.OpenReadWrite}, writing: make(chan struct{}, 1), keys: keyring{given: opts.Key, file: opts.KeyFile}}
	s.writing <- struct{}{}
	s.inbox = newInbox(s)
	begin := func(ctx context.Context) error {
		err := s.openWriting(ctx)
		if err == nil {
			s.info, err = os.Stat(s.opts.Path)
		}
		if unwritable(err) {
			return s.writable(err)
		}
		return s.placed(err)
	}
	if opts.ReadOnly {
		begin = s.openReading
	}
	if err := begin(ctx); err != nil {
		if interrupted(ctx, err) {
			err = stopped(ctx, "open", err)
		}
		return nil, errors.Join(err, s.Close())
	}
	if !opts.ReadOnly {
		s.inbox.sealClear(ctx)
	}
	return s, nil
}

func (s *Store) openWriting(ctx context.Context) error {
	if err := s.createFile(ctx); err != nil {
		return err
	}
	c, err := newConn(s.opts.Path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	s.writer = c
	c.within(ctx)
	defer c.SetInterrupt(nil)
	// Before journal_mode: another program's database is not to be changed.
	if err := checkOwner(c); err != nil {
		return err
	}
	for _, p := range writerPragmas() {
		if err := c.pragma(p); err != nil {
			return stopped(ctx, "open", err)
		}
	}
	if err := checkWritable(c); err != nil {
		return stopped(ctx, "open", err)
	}
	if err := s.migrate(c); err != nil {
		return stopped(ctx, "open", err)
	}
	if err := checkPages(c); err != nil {
		return err
	}
	if err := s.settleSeal(ctx); err != nil {
		return err
	}
	return s.scrubPending()
}

func (s *Store) openReading(ctx context.Context) error {
	known, err := exists(s.opts.Path)
	if err != nil {
		return err
	}
	if s.missing = !known; s.missing {
		if !s.opts.Seal {
			return nil
		}
		return s.sealMissing()
	}
	c, err := s.findReadWay(ctx)
	if err != nil {
		return err
	}
	c.within(ctx)
	if err := s.checkReader(c); err != nil {
		return errors.Join(stopped(ctx, "open", err), c.close())
	}
	s.giveReader(c)
	return nil
}

// Hasher makes the hashes that this state's rows carry: keyed when sealed.
func (s *Store) Hasher() *record.Hasher { return s.seal.Load().newHasher() }

// Sealed tells whether bodies are sealed.
func (s *Store) Sealed() bool { return s.seal.Load() != nil }

// Close ends the store. No View or Update may be running.
func (s *Store) Close() error {
	inbox := s.inbox.close() // before the state, whose key it needs
	<-s.writing              // left empty: no later Update begins
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.writing <- struct{}{}
		return nil
	}
	s.closed = true
	errs := []error{inbox}
	for _, c := range s.idle {
		errs = append(errs, c.close())
	}
	s.idle = nil
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	s.writing <- struct{}{}
	return problem("close", errors.Join(errs...))
}
