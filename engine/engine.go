package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// An Engine runs the pipelines of one project against one state. It may be
// used again and again, by one goroutine at a time.
type Engine struct {
	Project *Project
	Store   state.Store
	Now     func() time.Time
	Log     *slog.Logger
	Version string
	// TempDir is where runs make their folders of temporary files.
	TempDir string
	// Holder names this process to others that wait for a lock.
	Holder string
	// LockWait is how long to wait for a lock that someone else holds.
	LockWait time.Duration
	// Progress is told what a run is doing; nil: nobody listens.
	Progress func(Progress)
	// Calls is told of each request to a system, by several goroutines at once;
	// nil: nobody listens.
	Calls func(connector.Call)
	// Begun is told the number of each run, before it reads anything; nil: nobody
	// listens.
	Begun func(runID int64)

	// answers are those of lookups, of this run and earlier ones.
	answers *answers
	// joinMemory is what right sides hold in memory, in bytes; 0: the usual.
	joinMemory int
}

// Progress says what a run is doing now.
type Progress struct {
	Phase   string // reading, mapping, comparing, writing
	Subject string // an address
	Done    int64  // records so far
}

// Options say what one invocation does.
type Options struct {
	Pipelines    []*Pipeline // selected ones; nil: all
	Full         bool        // incremental sources are read whole
	Key          string      // only this key, as people write it; empty: all
	Refresh      bool        // the targets are read too
	FromSnapshot bool        // mirrors instead of sources
	AsOf         time.Time   // zero: now
	Baseline     bool        // remember the present set as delivered, write nothing
	Scheduled    bool        // refused records wait for their time
	Out          string      // where a plan is saved; empty: nowhere
}

// A session is one invocation: one clock, one read of each source, one folder
// of temporary files.
type session struct {
	*Engine
	opts Options
	// missed counts pipelines that know nothing of the one key of opts.
	missed int
	clock  time.Time
	today  string
	spool  *spool.Dir
	// live: what is read is committed at once, and changes are applied.
	live    bool
	reads   map[string]*records
	readErr map[string]error
	mirrors map[string]*mirror
	// placed holds the fingerprints of sources that were opened.
	placed  map[string][]byte
	reading map[string]bool // sources that are being read
	closers []io.Closer
	works   map[string]*work
	order   []*Pipeline
	header  *plan.Header
	runID   int64
	planID  string
	kind    string
	// resumed: the plan was begun before and cut off.
	resumed bool
	// committed tells which sources of a saved plan went into their mirrors.
	committed map[string]bool
	// otherwise holds, per source that was not committed, the records (part
	// and key) that a later read has seen otherwise.
	otherwise map[string]map[string]bool
	files     int // made in the folder of temporary files
	// explains: keys are kept of sets that are delivered as a whole.
	explains bool
	turn     int64 // of lookups: answers of this turn always count
	unwatch  func() bool
	unlock   func()
}

// begin starts a session and fixes its clock. The caller ends it with end. Once
// ctx ends, what is sorted on disk is given up.
func (e *Engine) begin(ctx context.Context, opts Options, live bool) (*session, error) {
	clock := opts.AsOf
	if clock.IsZero() {
		clock = e.Now()
	}
	if e.answers == nil {
		e.answers = newAnswers(answerMemory, e.Now)
	}
	if !live {
		store, err := e.withMoves(context.Background())
		if err != nil {
			return nil, err
		}
		looking := *e
		looking.Store, e = &landedStore{Store: store, now: clock, pipelines: map[int64]*landing{}}, &looking
	}
	dir, err := spool.Open(e.TempDir, e.Store.Sealed())
	if err != nil {
		return nil, fmt.Errorf("make a folder for temporary files: %w", err)
	}
	s := &session{
		Engine: e, opts: opts, live: live, clock: clock, spool: dir, kind: "run",
		today: clock.In(e.Project.Location).Format(time.DateOnly),
		reads: map[string]*records{}, readErr: map[string]error{}, mirrors: map[string]*mirror{}, placed: map[string][]byte{}, reading: map[string]bool{}, works: map[string]*work{},
	}
	s.turn = s.answers.next()
	s.unwatch = context.AfterFunc(ctx, func() { dir.Interrupt(ctx.Err()) })
	s.order, err = e.sorted(opts.Pipelines)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	id, err := plan.NewID(e.Now(), rand.Reader)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	s.header = &plan.Header{
		ID: id, Version: e.Version, Kind: "plan", Created: e.Now(),
		Clock: clock, Sensitive: e.Project.Sensitive,
	}
	return s, nil
}

func (s *session) end() error {
	s.unwatch()
	for _, w := range s.works {
		w.close()
	}
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	if s.unlock != nil {
		s.unlock()
	}
	return errors.Join(append(errs, s.spool.Close())...)
}

// lock takes the locks of the session's pipelines and of the sources that they
// read, so that nobody else moves their state meanwhile.
func (s *session) lock(ctx context.Context, names []string) error {
	unlock, err := s.Store.Lock(ctx, names, s.LockWait, s.Holder)
	if err != nil {
		return err
	}
	s.unlock = unlock
	return nil
}

// lockNames lists what a run of the given pipelines moves.
func (e *Engine) lockNames(pipelines []*Pipeline) []string {
	set := map[string]bool{}
	for _, p := range pipelines {
		set[p.Address] = true
		for _, address := range e.Project.Inputs(p) {
			if strings.HasPrefix(address, "source.") && e.mirrored(e.Project.Sources[address]) {
				set[address] = true
			}
		}
	}
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Inputs lists the addresses that a pipeline reads, and those that the sources
// among them read before their own.
func (p *Project) Inputs(of *Pipeline) []string {
	list := []string{of.From}
	for _, j := range of.Joins {
		list = append(list, j.With)
	}
	seen := map[string]bool{}
	for i := 0; i < len(list); i++ {
		src := p.Sources[list[i]]
		if src == nil || src.Upstream == "" || seen[list[i]] {
			continue
		}
		seen[list[i]] = true
		list = append(list, src.Upstream)
	}
	return list
}

// Wakes tells whether notices that come to a source start a pipeline: it reads
// what they are about.
func (p *Project) Wakes(src *Source, pl *Pipeline) bool {
	return src.Subscribes != "" && slices.ContainsFunc(p.Inputs(pl), func(a string) bool {
		read := p.Sources[a]
		return read != nil && read.Noticed == src.Subscribes
	})
}

// upstream lists the addresses of the pipelines that must go before p.
func (e *Engine) upstream(p *Pipeline) []string {
	var list []string
	for _, a := range e.Project.Inputs(p) {
		if strings.HasPrefix(a, "pipeline.") && a != p.Address {
			list = append(list, a)
		}
	}
	for _, a := range p.Targets {
		list = append(list, a)
	}
	return append(list, p.After...)
}

// sorted gives the selected pipelines in dependency order, by address where
// there is a choice.
func (e *Engine) sorted(selected []*Pipeline) ([]*Pipeline, error) {
	if selected == nil {
		for _, p := range e.Project.Pipelines {
			selected = append(selected, p)
		}
	}
	selected = append([]*Pipeline(nil), selected...)
	sort.Slice(selected, func(i, j int) bool { return selected[i].Address < selected[j].Address })
	const (
		fresh = iota
		open
		done
	)
	mark := map[string]int{}
	in := map[string]bool{}
	for _, p := range selected {
		in[p.Address] = true
	}
	var order []*Pipeline
	var visit func(p *Pipeline) error
	visit = func(p *Pipeline) error {
		switch mark[p.Address] {
		case done:
			return nil
		case open:
			return fmt.Errorf("%s depends on itself", p.Address)
		}
		mark[p.Address] = open
		up := e.upstream(p)
		sort.Strings(up)
		for _, a := range up {
			next := e.Project.Pipelines[a]
			if next == nil || a == p.Address {
				continue
			}
			if err := visit(next); err != nil {
				return err
			}
		}
		mark[p.Address] = done
		if in[p.Address] {
			order = append(order, p)
		}
		return nil
	}
	for _, p := range selected {
		if err := visit(p); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// env is what a connector gets to see of the world.
func (s *session) env() connector.Env {
	return connector.Env{
		Dir: s.Project.Dir, Spool: s.spool.Path(), Now: s.Now, Clock: s.clock.In(s.Project.Location), Log: s.Log, ReadOnly: !s.live, Calls: s.Calls,
	}
}

func (s *session) progress(phase, subject string, done int64) {
	if s.Progress != nil {
		s.Progress(Progress{Phase: phase, Subject: subject, Done: done})
	}
}

// scratch names a file in the session's folder.
func (s *session) scratch(name string) string { return filepath.Join(s.spool.Path(), name) }

// Clean removes what dead runs left in the folder of temporary files.
func (e *Engine) Clean() error {
	if err := os.MkdirAll(e.TempDir, 0o700); err != nil {
		return err
	}
	return spool.Clean(e.TempDir)
}
