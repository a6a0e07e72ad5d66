package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
	"koppel/sources/webhook"
)

// A world is a project with a service over a real state, under a clock that
// passes only while everything waits, and that may jump.
type world struct {
	t     *testing.T
	dir   string
	store *sqlite.Store
	*Service
	stop  func()
	runs  int // at once, at most; 0: as usual
	watch bool
	// listener is where it serves HTTP; nil: nowhere.
	listener net.Listener

	mu     sync.Mutex
	offset time.Duration
	log    bytes.Buffer
	seen   []seen
	open   map[string]int
	at     map[string]int // of open: the most at once
}

// A seen is one run that an observer was told of.
type seen struct {
	name, cause string
	at          time.Time
	took        time.Duration
	err         string
}

// A reading is a source kind that takes its time.
type reading struct {
	Takes  connector.Duration `hcl:"takes,optional" doc:"how long a read takes"`
	Refuse bool               `hcl:"refuse,optional" doc:"each read fails"`
	Moves  bool               `hcl:"moves,optional" doc:"each read finds another name"`
}

// errRefused is what a reading fails with.
var errRefused = errors.New("the system is in its maintenance window")

type slowSource struct{ reading }

func (s slowSource) Read(ctx context.Context, out connector.Reader) error {
	if s.Refuse {
		return errRefused
	}
	if s.Takes > 0 {
		timer := time.NewTimer(time.Duration(s.Takes))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	if _, err := out.Begin("", connector.Full); err != nil {
		return err
	}
	name := "Saar Testma"
	if s.Moves {
		name = time.Now().Format(time.RFC3339)
	}
	if err := out.Records("", 0, fmt.Appendf(nil, "{\"id\":\"1\",\"name\":%q}\n", name)); err != nil {
		return err
	}
	return out.End("", nil, connector.Interval{})
}

func (w *world) load(ctx context.Context) (*dsl.Project, error) {
	kind := connector.Define("slow", "Takes its time.", reading{}, func(_ context.Context, c reading, _ connector.Env) (connector.Source, error) {
		return slowSource{c}, nil
	})
	p, problems := dsl.Load(ctx, dsl.Options{Dir: w.dir, Sources: []connector.Kind[connector.Source]{kind, webhook.Kind()}, Resolve: true})
	if problems.HasErrors() {
		return nil, problems[0]
	}
	return p, nil
}

// newWorld makes a world whose clock begins at a moment. It is called inside of
// a bubble of synctest.
func newWorld(t *testing.T, start time.Time, hcl string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), open: map[string]int{}, at: map[string]int{}}
	w.offset = time.Until(start)
	w.write(hcl)
	w.openState()
	t.Cleanup(func() {
		if w.stop != nil {
			w.stop()
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) openState() {
	w.t.Helper()
	var err error
	if w.store, err = sqlite.Open(w.t.Context(), sqlite.Options{Path: filepath.Join(w.dir, ".koppel", "state.db"), Now: w.clock}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(hcl string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "main.hcl"), []byte(hcl), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// clock is the wall's.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

// jump moves the clock of the wall alone.
func (w *world) jump(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += by
}

// Write takes the log.
func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// RunStarted counts what runs.
func (w *world) RunStarted(s Started) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[s.Pipeline.Name]++
	w.at[s.Pipeline.Name] = max(w.at[s.Pipeline.Name], w.open[s.Pipeline.Name])
	total := 0
	for _, n := range w.open {
		total += n
	}
	w.at[""] = max(w.at[""], total)
}

// RunEnded notes a run.
func (w *world) RunEnded(e Ended) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := seen{name: e.Pipeline.Name, cause: e.Cause, at: e.At, took: e.Ended.Sub(e.At)}
	if e.RunID != 0 {
		w.open[e.Pipeline.Name]--
	}
	if e.Err != nil {
		one.err = e.Err.Error()
	} else if e.Result.Err != nil {
		one.err = e.Result.Err.Error()
	}
	w.seen = append(w.seen, one)
}

// start runs the service in the background.
func (w *world) start() {
	w.t.Helper()
	p, err := w.load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.Service, err = New(Options{
		Project: p, Load: w.load, Store: w.store, Now: w.clock, TempDir: filepath.Join(w.dir, ".koppel", "tmp"), Holder: "the service", MaxRuns: w.runs,
		Log: slog.New(slog.NewTextHandler(w, nil)), Observers: []Observer{w}, NoWatch: !w.watch,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	if w.listener != nil {
		w.Receive()
	}
	go func() { done <- w.Run(ctx, w.listener) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the service ended with %v", err)
		}
	})
	synctest.Wait()
}

// until lets time pass up to a moment of the wall.
func (w *world) until(moment string) {
	w.t.Helper()
	at, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(at.Sub(w.clock()))
	synctest.Wait()
}

// ran lists the runs so far, and forgets them: "06:00:00 name cause".
func (w *world) ran() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, s := range w.seen {
		text := fmt.Sprintf("%s %s %s", s.at.UTC().Format(time.TimeOnly), s.name, s.cause)
		if s.err != "" {
			text += " (" + s.err + ")"
		}
		list = append(list, text)
	}
	w.seen = nil
	slices.Sort(list)
	return list
}

func (w *world) engine() *engine.Engine {
	return &engine.Engine{Project: w.Project().Project, Store: w.store, Now: w.clock, TempDir: filepath.Join(w.dir, ".koppel", "tmp"), Holder: "a run by hand"}
}

func (w *world) pause(name string, paused bool) {
	w.t.Helper()
	if _, err := w.engine().SetPaused(w.t.Context(), []string{"pipeline." + name}, paused, "a test", ""); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) why(name string) string {
	for _, p := range w.Status().Pipelines {
		if p.Name == name {
			return p.Why
		}
	}
	return ""
}

// pipe is a pipeline with its source, and more arguments and blocks.
func pipe(name, takes, more string) string {
	return fmt.Sprintf(`
source "slow" %[1]q {
  takes = %[2]q
  key   = ["id"]
}
pipeline %[1]q {
  from = source.slow.%[1]s
  map { id = src.id }
  %[3]s
}
`, name, takes, more)
}

func cronAt(text, more string) string {
	return fmt.Sprintf("schedule {\n  cron = %q\n  jitter = \"0s\"\n  %s\n}\n", text, more)
}

// arrive puts an event into the inbox of the source that pipeline a reads.
func (w *world) arrive(id, body string) {
	w.t.Helper()
	w.arriveAt("source.webhook.a", id, body)
	w.Trigger("pipeline.a")
}

// arriveAt puts an event into the inbox of a source.
func (w *world) arriveAt(source, id, body string) {
	w.t.Helper()
	event := state.Event{ID: id, At: w.clock(), Body: fmt.Appendf(nil, `{"id":%q,"topic":null,"received":"2026-03-02T06:00:00Z","headers":{},"body":%s}`, id, body)}
	if _, err := w.store.Inbox().Put(w.t.Context(), source, []state.Event{event}); err != nil {
		w.t.Fatal(err)
	}
}
