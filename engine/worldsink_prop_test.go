package engine_test

import (
	"context"
	"encoding/json"
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

// A worldSink writes to a world whose create can be repeated.
type worldSink struct {
	w      *world
	traits connector.Traits
}

func (s worldSink) Traits() connector.Traits { return s.traits }

func (s worldSink) Write(ctx context.Context, batch []record.Change) ([]connector.Outcome, error) {
	var out []connector.Outcome
	s.w.crash.writing(s.w, 0, true)
	defer func() { s.w.crash.writing(s.w, -1, false) }()
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
		s.w.crash.writing(s.w, i+1, true)
	}
	return out, nil
}

func (s worldSink) one(c *record.Change) connector.Outcome {
	w, key := s.w, c.Key.String()
	if w.faults.refuse[key] {
		return connector.Outcome{Status: connector.Refused, Message: key + " is not welcome"}
	}
	if w.faults.unsent[key] {
		return connector.Outcome{Status: connector.NotSent, Message: "it was not the time"}
	}
	took, lost := w.faults.unknown[key]
	if lost && !took {
		return connector.Outcome{Status: connector.Unknown, Message: "no answer"}
	}
	row, stands := w.rows[key]
	if c.Op == record.Delete && c.Protect != nil && c.Protect([]byte(row)) {
		return connector.Outcome{Status: connector.Protected}
	}
	if w.wrote != nil {
		w.wrote(c)
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
	Batch      int  `hcl:"batch,optional" doc:"changes at once"`
	Matching   bool `hcl:"matching,optional" doc:"it tells earlier rows"`
	Ordered    bool `hcl:"ordered,optional" doc:"it keeps order per lane"`
}

func (w *world) sourceKind() connector.Kind[connector.Source] {
	k := connector.Define("world", "A world in memory.", worldSourceConfig{},
		func(context.Context, worldSourceConfig, connector.Env) (connector.Source, error) {
			return worldSource{w}, nil
		})
	k.Connections = w.connections
	return k
}

func (w *world) sinkKind() connector.Kind[connector.Sink] {
	k := connector.Define("world", "A world in memory.", worldSinkConfig{},
		func(_ context.Context, c worldSinkConfig, _ connector.Env) (connector.Sink, error) {
			s := worldSink{w, connector.Traits{Identity: "world", Deletes: true, Undoable: true, Journalled: c.Journalled, Batch: c.Batch, Ordered: c.Ordered}}
			switch {
			case c.Matching:
				return matchingSink{findingSink{s}}, nil
			case c.Mute && c.Ordered:
				return lanedSink{s}, nil
			case c.Mute:
				return s, nil
			case c.Ordered:
				return findingLane{lanedSink{s}, findingSink{s}}, nil
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
	files int
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
		Sources: []connector.Kind[connector.Source]{s.sourceKind(), s.agendaKind()}, Sinks: []connector.Kind[connector.Sink]{s.sinkKind()}})
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
// there are 30 of them, with -short 4.
func check(t *testing.T, prop func(t *rapid.T)) {
	t.Helper()
	limit, done := 30, 0
	if testing.Short() {
		limit = 4
	}
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
