package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"koppel/engine/plan"
	"koppel/engine/state"
)

// A StateEdit says what was done to the state by hand, and where the copy of
// it lies that was made before.
type StateEdit struct {
	Address string
	To      string // of a move
	Backup  string // path; empty: there was nothing to copy
}

// BackupPath names a new file beside the state for a copy of it: made before
// what is named, or on demand when why is empty.
func (e *Engine) BackupPath(why string) string {
	path := e.statePath()
	at := e.Now().UTC().Format("20060102T150405Z")
	if why == "" {
		ext := filepath.Ext(path)
		return unused(strings.TrimSuffix(path, ext)+"-"+at, ext)
	}
	// This prefix marks copies that go when the state is sealed later: they are
	// in clear text.
	return unused(path+".backup-"+why+"-"+at, "")
}

// unused adds a number to a name that is taken.
func unused(stem, ext string) string {
	path := stem + ext
	for n := 2; ; n++ {
		if _, err := os.Lstat(path); err != nil {
			return path
		}
		path = fmt.Sprintf("%s-%d%s", stem, n, ext)
	}
}

func (e *Engine) statePath() string {
	path := e.Project.State.Path
	if path == "" {
		path = filepath.Join(".koppel", "state.db")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(e.Project.Dir, path)
	}
	return path
}

// Backups lists the copies of the state that lie beside it.
func (e *Engine) Backups() []string {
	path := e.statePath()
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	var list []string
	for _, pattern := range []string{globText(path) + ".backup-*", globText(stem) + "-*" + filepath.Ext(path)} {
		found, err := filepath.Glob(pattern)
		if err == nil { // the pattern is well formed
			list = append(list, found...)
		}
	}
	return list
}

// globText writes a path so that a pattern means just it.
func globText(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// edit backs the state up under the locks of what is edited, once check finds
// nothing against it, edits it in one transaction, and remembers who did so.
func (e *Engine) edit(ctx context.Context, verb string, locks []string, who string, out *StateEdit,
	check func(state.View) error, fn func(state.Tx) error) error {
	unlock, err := e.Store.Lock(ctx, locks, e.LockWait, e.Holder)
	if err != nil {
		return err
	}
	defer unlock()
	if err := e.Store.View(ctx, check); err != nil {
		return err
	}
	out.Backup = e.BackupPath(verb)
	if err := e.Store.Backup(ctx, out.Backup); err != nil {
		return err
	}
	return e.Store.Update(ctx, func(tx state.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		words := "state " + verb + " " + out.Address
		if out.To != "" {
			words += " " + out.To
		}
		_, err := e.noteProblems(tx, KindState, out.Address, []plan.Problem{{Code: verb, Message: words + ", by " + who}})
		return err
	})
}

// MoveState carries what is remembered of a pipeline or source over to
// another address, at which nothing may be remembered yet.
func (e *Engine) MoveState(ctx context.Context, from, to, who string) (*StateEdit, error) {
	if isPipeline(from) != isPipeline(to) {
		return nil, fmt.Errorf("move the state of %s to %s: one is a pipeline and the other is not", from, to)
	}
	out := &StateEdit{Address: from, To: to}
	check := func(v state.View) error {
		taken := false
		var err error
		if isPipeline(from) {
			if _, err := e.knownRow(v, from); err != nil {
				return err
			}
			_, taken, err = v.Pipeline(to)
		} else {
			if _, err := knownSource(v, from); err != nil {
				return err
			}
			_, taken, err = v.Source(to)
		}
		if err == nil && taken {
			return &TakenError{Address: to}
		}
		return err
	}
	err := e.edit(ctx, "mv", []string{from, to}, who, out, check, func(tx state.Tx) error {
		if isPipeline(from) {
			return tx.RenamePipeline(from, to)
		}
		if err := e.Store.Inbox().Rename(ctx, from, to); err != nil {
			return err
		}
		return tx.RenameSource(from, to)
	})
	return out, err
}

// A TakenError says that something is remembered already under the address or
// name that is to be taken.
type TakenError struct {
	Address string
	Free    string // the verb that makes room; empty: state rm or state reset
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("the state holds %s already; remove that first, with %s", e.Address, cmp.Or(e.Free, "state rm or state reset"))
}

// ErrConfigured says that an address is still configured, so that its state
// is reset rather than removed.
var ErrConfigured = errors.New("it is still configured")

// ForgetState removes what is remembered of a source, or of a pipeline that is
// no longer configured; the target is not touched.
func (e *Engine) ForgetState(ctx context.Context, address, who string) (*StateEdit, error) {
	if e.Project.Pipelines[address] != nil {
		return nil, fmt.Errorf("remove the state of %s: %w", address, ErrConfigured)
	}
	out := &StateEdit{Address: address}
	locks := []string{address}
	if !isPipeline(address) {
		locks = e.readLocks(address)
	}
	id := int64(0)
	check := func(v state.View) error {
		if isPipeline(address) {
			row, err := e.knownRow(v, address)
			id = row.ID
			return err
		}
		row, err := knownSource(v, address)
		id = row.ID
		return err
	}
	err := e.edit(ctx, "rm", locks, who, out, check, func(tx state.Tx) error {
		if isPipeline(address) {
			return tx.DropPipeline(id)
		}
		if err := e.Store.Inbox().Drop(ctx, address); err != nil {
			return err
		}
		return tx.DropSource(id)
	})
	return out, err
}

// ResetState forgets what a pipeline delivered, its history and its place in
// the sources, so that it starts over; the target is not touched. A paused
// pipeline stays paused.
func (e *Engine) ResetState(ctx context.Context, address, who string) (*StateEdit, error) {
	out := &StateEdit{Address: address}
	var row state.Pipeline
	check := func(v state.View) (err error) {
		row, err = e.knownRow(v, address)
		return err
	}
	err := e.edit(ctx, "reset", []string{address}, who, out, check, func(tx state.Tx) error {
		if err := tx.DropPipeline(row.ID); err != nil {
			return err
		}
		if !row.Paused {
			return nil
		}
		_, err := tx.PutPipeline(state.Pipeline{Address: address, Paused: true})
		return err
	})
	return out, err
}

// RekeyState seals the state under a new key; nil makes one where the key is
// kept in a file of the state's own.
func (e *Engine) RekeyState(ctx context.Context, key []byte) (*StateEdit, error) {
	return e.whole(ctx, "rekey", func() error { return e.Store.Rekey(ctx, key) })
}

// ImportState replaces the state by an export.
func (e *Engine) ImportState(ctx context.Context, r io.Reader) (*StateEdit, error) {
	return e.whole(ctx, "import", func() error { return e.Store.Import(ctx, r) })
}

// whole does something with the state as a whole, after a copy was made of it.
func (e *Engine) whole(ctx context.Context, verb string, fn func() error) (*StateEdit, error) {
	locks, err := e.allLocks(ctx)
	if err != nil {
		return nil, err
	}
	unlock, err := e.Store.Lock(ctx, locks, e.LockWait, e.Holder)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := &StateEdit{Backup: e.BackupPath(verb)}
	if err := e.Store.Backup(ctx, out.Backup); err != nil {
		return nil, err
	}
	return out, fn()
}

// allLocks lists the locks of everything that is configured or remembered.
func (e *Engine) allLocks(ctx context.Context) ([]string, error) {
	set := map[string]bool{}
	for a := range e.Project.Sources {
		set[a] = true
	}
	err := e.Store.View(ctx, func(v state.View) error {
		pipelines, err := e.knownPipelines(v)
		if err != nil {
			return err
		}
		for _, a := range pipelines {
			set[a] = true
		}
		sources, err := v.Sources()
		for _, row := range sources {
			set[row.Address] = true
		}
		return err
	})
	return sortedAddresses(set), err
}

// knownRow gives the row of a pipeline of which something is remembered.
func (e *Engine) knownRow(v state.View, address string) (state.Pipeline, error) {
	row, known, err := v.Pipeline(address)
	if err != nil || known {
		return row, err
	}
	near := nearest{text: strings.ToLower(address)}
	rows, err := v.Pipelines()
	if err != nil {
		return row, err
	}
	for _, r := range rows {
		near.add(r.Address)
	}
	return row, &UnknownError{What: "state of", Name: address, Near: near.names()}
}

func knownSource(v state.View, address string) (state.Source, error) {
	row, known, err := v.Source(address)
	if err != nil || known {
		return row, err
	}
	near := nearest{text: strings.ToLower(address)}
	rows, err := v.Sources()
	if err != nil {
		return row, err
	}
	for _, r := range rows {
		near.add(r.Address)
	}
	return row, &UnknownError{What: "state of", Name: address, Near: near.names()}
}
