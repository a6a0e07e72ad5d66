package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

// An access says what a verb may do with the state.
type access int

const (
	looking access = iota // nothing is made or changed
	saving                // a plan is saved, which may need a state key
	writing
)

// A session is a project with its state and an engine over both.
type session struct {
	*engine.Engine
	project *dsl.Project
	store   state.Store
	tidy    func()
}

// close ends a session.
func (s *session) close() error {
	err := s.store.Close()
	s.tidy()
	return err
}

// open loads the project and opens its state.
func (a *app) open(ctx context.Context, acc access) (*session, error) {
	p, err := a.load(ctx, secrets)
	if err != nil {
		return nil, err
	}
	return a.openProject(ctx, p, acc)
}

// openProject opens the state of a project.
func (a *app) openProject(ctx context.Context, p *dsl.Project, acc access) (*session, error) {
	log, err := a.log()
	if err != nil {
		return nil, err
	}
	temp, tidy, err := tempDir(p.Dir, acc)
	if err != nil {
		return nil, err
	}
	store, tidy, err := a.openState(ctx, p, acc, temp, tidy)
	if err != nil {
		tidy()
		return nil, err
	}
	e := &engine.Engine{
		Project: p.Project, Store: store, Now: a.now, Log: log, Version: version(), TempDir: temp,
		Holder: a.holder(), Progress: a.progress(),
	}
	if acc == writing {
		if err := e.Clean(); err != nil {
			return nil, errors.Join(err, store.Close())
		}
	}
	return &session{Engine: e, project: p, store: store, tidy: tidy}, nil
}

// openState opens the state where the project keeps it. While there is none,
// looking at it makes no key file: what is sealed meanwhile is sealed under a
// key that tidy removes.
func (a *app) openState(ctx context.Context, p *dsl.Project, acc access, temp string, tidy func()) (*sqlite.Store, func(), error) {
	o := sqlite.Options{Path: inside(p.Dir, p.State.Path), Seal: p.Sensitive, ReadOnly: acc != writing, Now: a.now}
	if p.State.Key != nil {
		key, err := p.State.Key(ctx)
		if err != nil {
			return nil, tidy, &exitError{code: exitWrong, err: err}
		}
		o.Key = key
	}
	if _, err := os.Stat(o.Path); acc == looking && o.Seal && o.Key == nil && errors.Is(err, fs.ErrNotExist) {
		dir, err := os.MkdirTemp(temp, "key-")
		if err != nil {
			return nil, tidy, fmt.Errorf("make a folder for a key: %w", err)
		}
		o.KeyFile = filepath.Join(dir, "state.key")
		later := tidy
		tidy = func() {
			_ = os.RemoveAll(dir)
			later()
		}
	}
	store, err := sqlite.Open(ctx, o)
	return store, tidy, err
}

// at gives a path of the command line as one of the file system: relative to
// the project's folder, as everything after -C is.
func (a *app) at(path string) string {
	if path == "" || path == "-" {
		return path
	}
	return inside(a.dir, path)
}

// inside gives a path of the project as one of the file system.
func inside(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// tempDir gives the folder for temporary files. Where nothing is to be written
// and the folder was not there, tidy removes it again; where it can't be made,
// it is one of the system.
func tempDir(dir string, acc access) (path string, tidy func(), err error) {
	own := filepath.Join(dir, ".koppel")
	path = filepath.Join(own, "tmp")
	_, statErr := os.Stat(path)
	err = os.MkdirAll(path, 0o700)
	if err == nil && statErr == nil && acc != writing {
		err = probe(path)
	}
	switch {
	case err == nil && (acc == writing || statErr == nil):
		return path, func() {}, nil
	case err == nil:
		return path, func() {
			_ = os.Remove(path)
			_ = os.Remove(own)
		}, nil
	case acc == writing:
		return "", nil, fmt.Errorf("make the folder %s, where the state and temporary files are kept: %w; make the project's folder writable for this user", path, plainCause(err))
	}
	if path, err = os.MkdirTemp("", "koppel-"); err != nil {
		return "", nil, fmt.Errorf("make a folder for temporary files: %w", err)
	}
	return path, func() { _ = os.RemoveAll(path) }, nil
}

// holder names this process to others that wait for its locks.
func (a *app) holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	return fmt.Sprintf("%s (pid %d on %s, since %s)", cmp.Or(a.verb, "koppel"), os.Getpid(), host, a.now().UTC().Format(time.RFC3339))
}

// probe tells whether files can be made in a folder.
func probe(dir string) error {
	name, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return err
	}
	return os.Remove(name)
}

// plainCause leaves out the path of an error of the operating system.
func plainCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
