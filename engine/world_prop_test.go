package engine_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

// A rec is one source record as the world holds it; nil members are null.
type rec map[string]any

// A world is a source and a target in memory whose behaviour tests program.
type world struct {
	// The source: records by partition and id, and the log that a delta reads.
	parts  map[string]map[string]rec
	log    []logged
	listed bool // Parts is called
	delta  bool
	// partial: a delta hands over only the members that changed.
	partial bool
	// sorted order of handing over; false: reversed.
	reversed bool
	faults   faults
	// complete tells which partitions the last read ended.
	complete map[string]bool
	// read is what the last read handed over, by partition and id, tombstones
	// too.
	read map[string]map[string]bool
	// told is each record as it was handed over last; nil: removed.
	told map[[2]string]rec
	// twins are the ids of which the last read handed a second record over.
	twins []string

	// The target.
	rows   map[string]string // mapped records by key
	keys   map[string]record.Key
	writes int
	// doubled lists creates of rows that stood there, and other calls that a
	// target of records would not understand.
	doubled []string
	deleted []string
	calls   map[string]int // effective creates by key since it was deleted
}

// A logged change of the source.
type logged struct {
	part, id string
	gone     bool
	fields   []string
}

// faults say what goes wrong; the zero value: nothing.
type faults struct {
	failPart map[string]int // partition → records before it fails
	skipPart map[string]bool
	readErr  int // records before the whole read fails, counted from 1
	expired  map[string]bool
	twice    map[string]string // id → partition that holds it too
	unkeyed  bool
	noParts  bool // Parts is not called this time

	refuse   map[string]bool
	unknown  map[string]bool // key → whether the target took it
	writeErr int             // changes before Write fails, counted from 1
	stop     func()          // called at each step; may cancel
}

var errFault = errors.New("the line went dead")

func newWorld() *world {
	return &world{parts: map[string]map[string]rec{}, rows: map[string]string{}, calls: map[string]int{}, told: map[[2]string]rec{}, keys: map[string]record.Key{}}
}

// put changes one record of the source.
func (w *world) put(part, id string, r rec) {
	if w.parts[part] == nil {
		w.parts[part] = map[string]rec{}
	}
	var fields []string
	old := w.parts[part][id]
	for name := range r {
		if o, ok := old[name]; !ok || o != r[name] {
			fields = append(fields, name)
		}
	}
	for name := range old {
		if _, ok := r[name]; !ok {
			r[name] = nil
			fields = append(fields, name)
		}
	}
	w.parts[part][id] = r
	w.log = append(w.log, logged{part: part, id: id, fields: fields})
}

func (w *world) remove(part, id string) {
	if _, ok := w.parts[part][id]; !ok {
		return
	}
	delete(w.parts[part], id)
	w.log = append(w.log, logged{part: part, id: id, gone: true})
}

// line is a record as the source hands it over: with all members, for in a
// delta one that is absent stays as it was, or with some.
func (r rec) line(id string, only []string) []byte {
	out := map[string]any{"id": id}
	for _, name := range []string{"name", "n", "hidden", "code", "tags"} {
		if only == nil {
			out[name] = nil
		}
	}
	for name, v := range r {
		if only == nil || slices.Contains(only, name) {
			out[name] = v
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

// A worldSource reads a world.
type worldSource struct{ w *world }

func (s worldSource) Read(ctx context.Context, out connector.Reader) error {
	w := s.w
	w.complete, w.read, w.twins = map[string]bool{}, map[string]map[string]bool{}, nil
	names := slices.Sorted(maps.Keys(w.parts))
	if w.listed && !w.faults.noParts {
		if err := out.Parts(names); err != nil {
			return err
		}
	}
	if w.listed && !w.faults.noParts {
		for at := range w.told {
			if w.parts[at[0]] == nil {
				w.told[at] = nil
			}
		}
	}
	r := &worldRead{w: w, out: out, ctx: ctx}
	for _, part := range names {
		if w.faults.skipPart[part] {
			continue
		}
		if err := r.part(part); err != nil {
			return err
		}
	}
	return nil
}

type worldRead struct {
	w   *world
	out connector.Reader
	ctx context.Context
	n   int
}

func (r *worldRead) part(part string) error {
	w := r.w
	w.read[part] = map[string]bool{}
	mode := connector.Full
	if w.delta {
		mode = connector.Delta
	}
	cursor, err := r.out.Begin(part, mode)
	if err != nil {
		return err
	}
	if cursor != nil && w.faults.expired[part] {
		// What was handed over before the cursor was found to be expired.
		if err := r.out.Records(part, 0, rec{"name": "stale"}.line("stale", nil)); err != nil {
			return err
		}
		if cursor, err = r.out.Begin(part, connector.Full); err != nil {
			return err
		}
		if cursor != nil {
			return errors.New("a full read was given a cursor")
		}
	}
	since := -1
	if cursor != nil {
		since = int(binary.BigEndian.Uint64(cursor))
	}
	ended, err := r.records(part, since)
	if err != nil || !ended {
		return err
	}
	w.complete[part] = true
	for at := range w.told {
		if at[0] == part && since < 0 && !w.faults.unkeyed && !w.read[part][at[1]] {
			w.told[at] = nil
		}
	}
	return r.out.End(part, binary.BigEndian.AppendUint64(nil, uint64(len(w.log))), connector.Interval{})
}

// records hands over a partition: whole, or what the log has since a place.
func (r *worldRead) records(part string, since int) (ended bool, err error) {
	w := r.w
	ids := slices.Sorted(maps.Keys(w.parts[part]))
	changed := map[string][]string{}
	var gone []string
	if since >= 0 {
		for _, l := range w.log[since:] {
			if l.part == part {
				changed[l.id] = append(changed[l.id], l.fields...)
			}
		}
		ids = slices.Sorted(maps.Keys(changed))
		for _, id := range ids {
			if _, ok := w.parts[part][id]; !ok {
				gone = append(gone, id)
			}
		}
	}
	if w.reversed {
		slices.Reverse(ids)
	}
	limit, fails := w.faults.failPart[part]
	for i, id := range ids {
		if fails && i >= limit {
			return false, r.out.Fail(part, errFault)
		}
		if err := r.step(); err != nil {
			return false, err
		}
		if slices.Contains(gone, id) {
			if err := r.out.Remove(part, mustKey(id), "removed"); err != nil {
				return false, err
			}
			w.read[part][id], w.told[[2]string{part, id}] = true, nil
			continue
		}
		var only []string
		if since >= 0 && w.partial && len(changed[id]) > 0 && !r.reborn(part, id, since) {
			only = changed[id]
		}
		if err := r.out.Records(part, 0, w.parts[part][id].line(id, only)); err != nil {
			return false, err
		}
		w.read[part][id], w.told[[2]string{part, id}] = true, maps.Clone(w.parts[part][id])
	}
	if fails {
		return false, r.out.Fail(part, errFault)
	}
	for id, in := range w.faults.twice {
		if in == part && since < 0 && w.has(id) && (!w.delta || w.parts[part][id] != nil) {
			w.twins = append(w.twins, id)
			if err := r.out.Records(part, 0, rec{"name": "twin"}.line(id, nil)); err != nil {
				return false, err
			}
		}
	}
	if w.faults.unkeyed {
		return true, r.out.Records(part, 0, []byte(`{"name":"nobody"}`+"\n"))
	}
	return true, nil
}

// has tells whether any partition holds a record.
func (w *world) has(id string) bool {
	for _, recs := range w.parts {
		if _, ok := recs[id]; ok {
			return true
		}
	}
	return false
}

// reborn tells whether a record was removed, or made, since a place in the log.
func (r *worldRead) reborn(part, id string, since int) bool {
	known := false
	for i, l := range r.w.log {
		if l.part != part || l.id != id {
			continue
		}
		if i < since {
			known = !l.gone
		} else if l.gone || !known {
			return true
		}
	}
	return false
}

func (r *worldRead) step() error {
	r.n++
	if r.w.faults.stop != nil {
		r.w.faults.stop()
	}
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if r.w.faults.readErr == r.n {
		return errFault
	}
	return nil
}

func mustKey(parts ...string) record.Key {
	k, err := record.MakeKey(parts...)
	if err != nil {
		panic(err)
	}
	return k
}

// A worldSink writes to a world whose create can be repeated.
type worldSink struct {
	w      *world
	traits connector.Traits
}

func (s worldSink) Traits() connector.Traits { return s.traits }

func (s worldSink) Write(ctx context.Context, batch []record.Change) ([]connector.Outcome, error) {
	var out []connector.Outcome
	for i := range batch {
		s.w.writes++
		if s.w.faults.stop != nil {
			s.w.faults.stop()
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if s.w.faults.writeErr != 0 && i+1 >= s.w.faults.writeErr {
			return out, errFault
		}
		out = append(out, s.one(&batch[i]))
	}
	return out, nil
}

func (s worldSink) one(c *record.Change) connector.Outcome {
	w, key := s.w, c.Key.String()
	if w.faults.refuse[key] {
		return connector.Outcome{Status: connector.Refused, Message: key + " is not welcome"}
	}
	took, lost := w.faults.unknown[key]
	if lost && !took {
		return connector.Outcome{Status: connector.Unknown, Message: "no answer"}
	}
	row, stands := w.rows[key]
	if c.Op == record.Delete && c.Protect != nil && c.Protect([]byte(row)) {
		return connector.Outcome{Status: connector.Protected}
	}
	w.do(c, key, row, stands, s.traits.Journalled)
	if lost {
		return connector.Outcome{Status: connector.Unknown, Message: "no answer"}
	}
	return connector.Outcome{Status: connector.Applied, Answer: []byte(`{"at":"` + key + `"}`)}
}

func (w *world) do(c *record.Change, key, row string, stands, journalled bool) {
	switch c.Op {
	case record.Create:
		if stands && journalled {
			w.doubled = append(w.doubled, "create "+key)
		}
		w.calls[key]++
		w.keys[key] = c.Key
		w.rows[key] = string(c.After)
	case record.Delete:
		delete(w.rows, key)
		w.deleted = append(w.deleted, key)
	default:
		fields := map[string]json.RawMessage{}
		after := map[string]json.RawMessage{}
		if stands {
			mustJSON(row, &fields)
		}
		mustJSON(string(c.After), &after)
		for _, f := range c.Fields {
			fields[f] = after[f]
		}
		if !stands {
			fields = after
		}
		b, err := json.Marshal(fields)
		if err != nil {
			panic(err)
		}
		w.rows[key] = string(b)
	}
}

func mustJSON(text string, into any) {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		panic(err)
	}
}

// A findingSink can be asked what it holds.
type findingSink struct{ worldSink }

func (s findingSink) Find(_ context.Context, batch []record.Change) ([]connector.Found, error) {
	found := make([]connector.Found, len(batch))
	for i, c := range batch {
		if row, ok := s.w.rows[c.Key.String()]; ok {
			found[i] = connector.Found{N: 1, Key: c.Key, Row: []byte(row), Ref: []byte(c.Key), Answer: []byte(`{"at":"found"}`)}
		}
	}
	return found, nil
}

// List gives the whole target.
func (s findingSink) List(_ context.Context, yield func(connector.Row) error) error {
	for _, key := range slices.Sorted(maps.Keys(s.w.rows)) {
		if err := yield(connector.Row{Key: s.w.keys[key], Ref: []byte(key), Body: []byte(s.w.rows[key])}); err != nil {
			return err
		}
	}
	return nil
}

type worldSourceConfig struct {
	Incremental *connector.Incremental `hcl:"incremental,block" doc:"read only what changed"`
}

type worldSinkConfig struct {
	Journalled bool `hcl:"journalled,optional" doc:"creates can't be repeated"`
	Mute       bool `hcl:"mute,optional" doc:"it can't be asked"`
}

func (w *world) sourceKind() connector.Kind[connector.Source] {
	return connector.Define("world", "A world in memory.", worldSourceConfig{},
		func(context.Context, worldSourceConfig, connector.Env) (connector.Source, error) {
			return worldSource{w}, nil
		})
}

func (w *world) sinkKind() connector.Kind[connector.Sink] {
	k := connector.Define("world", "A world in memory.", worldSinkConfig{},
		func(_ context.Context, c worldSinkConfig, _ connector.Env) (connector.Sink, error) {
			s := worldSink{w, connector.Traits{Identity: "world", Deletes: true, Undoable: true, Journalled: c.Journalled}}
			if c.Mute {
				return s, nil
			}
			return findingSink{s}, nil
		})
	k.Static = connector.Traits{Deletes: true, Undoable: true}
	return k
}

// fatal is what both *testing.T and *rapid.T can do.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// A stage is a world with a project over it.
type stage struct {
	*world
	t     fatal
	dir   string
	store *sqlite.Store
	eng   *engine.Engine
	now   time.Time
}

// scratchDir makes a folder, in memory where the system has such files.
func scratchDir(t fatal) string {
	t.Helper()
	parent := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		parent = "/dev/shm"
	}
	dir, err := os.MkdirTemp(parent, "koppel-prop-")
	if err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	return dir
}

func newStage(t fatal, w *world, hcl string) *stage {
	t.Helper()
	s := &stage{world: w, t: t, dir: scratchDir(t), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(s.dir, "state.db"), Now: func() time.Time { return s.now }})
	if err != nil {
		t.Fatalf("open the state: %v", err)
	}
	s.store = store
	s.load(hcl)
	return s
}

// load configures the stage, for the first time or otherwise than before.
func (s *stage) load(hcl string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "main.hcl"), []byte(hcl), 0o600); err != nil {
		s.t.Fatalf("write the project: %v", err)
	}
	p, diags := dsl.Load(context.Background(), dsl.Options{Dir: s.dir, Resolve: true,
		Sources: []connector.Kind[connector.Source]{s.sourceKind()}, Sinks: []connector.Kind[connector.Sink]{s.sinkKind()}})
	if diags.HasErrors() {
		s.t.Fatalf("load the project: %+v\n%s", diags, hcl)
	}
	s.eng = &engine.Engine{Project: p.Project, Store: s.store, Now: func() time.Time { return s.now },
		TempDir: filepath.Join(s.dir, "tmp"), Holder: "test"}
}

func (s *stage) close() {
	s.store.Close()
	os.RemoveAll(s.dir)
}

// run runs everything and gives the first pipeline's result.
func (s *stage) run(opts engine.Options) *engine.PipelineResult {
	s.t.Helper()
	res, err := s.eng.Run(context.Background(), opts)
	if err != nil {
		s.t.Fatalf("run: %v", err)
	}
	s.now = s.now.Add(time.Minute)
	p := &res.Pipelines[0]
	s.t.Logf("run: %s, %s; err %v, problems %v", p.Status, counts(p.Counts), p.Err, p.Problems)
	return p
}

// planned lists what a plan would do or remember, as operation and key.
func (s *stage) planned(opts engine.Options) []string {
	s.t.Helper()
	p, err := s.eng.Plan(context.Background(), opts)
	if err != nil {
		s.t.Fatalf("plan: %v", err)
	}
	defer p.Close()
	var list []string
	for _, one := range p.Header.Pipelines {
		if one.Skipped != "" {
			s.t.Fatalf("%s was not planned: %s", one.Name, one.Skipped)
		}
		err := p.Entries(one.Address, func(e *plan.Entry) error {
			list = append(list, fmt.Sprintf("%s %s %s", e.Op, engine.ShowKey(e.Key), e.Open))
			return nil
		})
		if err != nil {
			s.t.Fatalf("read the plan: %v", err)
		}
	}
	return list
}

// saved plans into a file and applies it.
func (s *stage) saved() *engine.PipelineResult {
	s.t.Helper()
	path := filepath.Join(s.dir, "a.plan")
	os.Remove(path)
	p, err := s.eng.Plan(context.Background(), engine.Options{Out: path})
	if err != nil {
		s.t.Fatalf("plan: %v", err)
	}
	p.Close()
	s.now = s.now.Add(time.Second)
	res, err := s.eng.Apply(context.Background(), path)
	if err != nil {
		s.t.Fatalf("apply: %v", err)
	}
	s.now = s.now.Add(time.Minute)
	one := &res.Pipelines[0]
	s.t.Logf("apply: %s, %s; err %v, problems %v", one.Status, counts(one.Counts), one.Err, one.Problems)
	return one
}

// check is rapid.Check for worlds, which take a while: without -rapid.checks
// there are 30 of them.
func check(t *testing.T, prop func(t *rapid.T)) {
	t.Helper()
	limit, done := 30, 0
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() != f.DefValue {
		limit = math.MaxInt
	}
	rapid.Check(t, func(t *rapid.T) {
		if done++; done <= limit {
			prop(t)
		}
	})
}

func showRows(rows map[string]string) []string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		list = append(list, fmt.Sprintf("%s %s", k, rows[k]))
	}
	return list
}

// open lists the open keys of the pipeline.
func (s *stage) open() []state.Open {
	s.t.Helper()
	var list []state.Open
	err := s.store.View(context.Background(), func(v state.View) error {
		row, _, err := v.Pipeline("pipeline.p")
		if err != nil {
			return err
		}
		for o, err := range v.Open(row.ID) {
			if err != nil {
				return err
			}
			list = append(list, *o)
		}
		return nil
	})
	if err != nil {
		s.t.Fatalf("read the state: %v", err)
	}
	return list
}
