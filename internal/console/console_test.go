package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
	"koppel/internal/console"
	"koppel/internal/serve"
	"koppel/sinks"
	"koppel/sources"
)

const people = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
connection "sqlite" "db" { path = "target.db" }
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
sink "webhook" "partners" {
  topic = "people.{op}"
  receiver "portal" { url = "https://portal.example/hook" }
}
pipeline "people" {
  from = source.file.people
  into = sink.sql.people
  map {
    id   = src.id
    name = src.name
    tel  = src.tel
  }
  field "tel" { sensitive = true }
  field "name" { required = true }
  guard { deletes = 0 }
}
`

// A bench is a project with its API, and a client with two tokens.
type bench struct {
	t             testing.TB
	dir           string
	project       *dsl.Project
	store         state.Store
	api           *console.API
	server        *httptest.Server
	admin, viewer string
	log           *lockedBuffer
	seen          *runs

	mu  sync.Mutex
	now time.Time
}

func (b *bench) Project() *dsl.Project { return b.project }

func (b *bench) Status() serve.Status {
	return serve.Status{Since: b.clock(), MaxRuns: 4, Pipelines: []serve.PipelineStatus{{Address: "pipeline.people", Name: "people", Enabled: true}}}
}

func (b *bench) Observers() []serve.Observer { return []serve.Observer{b.seen} }

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// A lockedBuffer takes a log from several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// runs are those that an observer was told of.
type runs struct {
	mu   sync.Mutex
	more sync.Cond // on mu: a run ended
	list []string
	over map[int64]bool // the ids of those that ended
}

func newRuns() *runs {
	r := &runs{over: map[int64]bool{}}
	r.more.L = &r.mu
	return r
}

func (r *runs) RunStarted(s serve.Started) {
	r.add(fmt.Sprintf("%s %s began", s.Pipeline.Name, s.Cause))
}

func (r *runs) RunEnded(e serve.Ended) {
	status := "failed"
	if e.Result != nil {
		status = e.Result.Status
	}
	r.add(fmt.Sprintf("%s %s %s", e.Pipeline.Name, e.Cause, status))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over[e.RunID] = true
	r.more.Broadcast()
}

// await waits until the observer was told of a run's end, which is after the
// state knows of it.
func (r *runs) await(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.over[id] {
		r.more.Wait()
	}
}

func (r *runs) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

func (r *runs) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, text)
}

func newBench(t *testing.T) *bench {
	b := newStill(t)
	b.server = httptest.NewServer(b.api)
	t.Cleanup(b.server.Close)
	return b
}

// newStill makes a bench that serves nobody.
func newStill(t testing.TB) *bench {
	b := &bench{t: t, dir: t.TempDir(), log: &lockedBuffer{}, seen: newRuns(), now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)}
	b.write("main.hcl", people)
	b.write("people.jsonl", `{"id":"1","name":"Ann","tel":"0612345678"}`, `{"id":"2","name":"Bob","tel":null}`, `{"id":"3","name":"Cor","tel":null}`)
	project, problems := dsl.Load(t.Context(), dsl.Options{Dir: b.dir, Sources: sources.All(), Sinks: sinks.All(), Version: "0.1", Resolve: true,
		Environ: func(string) (string, bool) { return "", false }})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	b.project = project
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(b.dir, "state.db"), Seal: true, Now: b.clock})
	if err != nil {
		t.Fatal(err)
	}
	b.store = store
	b.api = console.New(console.Options{
		Service: b, Store: store, Now: b.clock, Log: slog.New(slog.NewTextHandler(b.log, nil)), Version: "0.1", TempDir: filepath.Join(b.dir, "tmp"),
		PlanDir: filepath.Join(b.dir, "plans"), Holder: "a test",
	})
	t.Cleanup(func() {
		b.api.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.admin, b.viewer = b.token("deploy", console.Admin, 0), b.token("screen", console.Viewer, 0)
	return b
}

func (b *bench) write(name string, lines ...string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) engine() *engine.Engine {
	return &engine.Engine{Project: b.project.Project, Store: b.store, Now: b.clock, Log: slog.New(slog.DiscardHandler), Version: "0.1",
		TempDir: filepath.Join(b.dir, "tmp"), Holder: "a person"}
}

func (b *bench) token(name, role string, lasting time.Duration) string {
	b.t.Helper()
	t, secret, err := console.NewToken(name, role, lasting, b.clock(), console.Random())
	if err == nil {
		err = b.engine().AddToken(context.Background(), t, "noor")
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return secret
}

// An answer is what the API said.
type answer struct {
	*http.Response
	body []byte
}

// do sends a request. body: nil, or what is sent as JSON, or text as it is.
func (b *bench) do(token, method, path string, body any, edits ...func(*http.Request)) answer {
	b.t.Helper()
	var r io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(b.t.Context(), method, b.server.URL+"/api/v1"+path, r)
	if err != nil {
		b.t.Fatal(err)
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	for _, edit := range edits {
		edit(q)
	}
	res, err := b.server.Client().Do(q)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res, text}
}

// want does a request that must be done, and decodes its answer.
func want[T any](b *bench, token, method, path string, body any) T {
	b.t.Helper()
	a := b.do(token, method, path, body)
	var out T
	if a.StatusCode/100 != 2 {
		b.t.Fatalf("%s %s: %s %s", method, path, a.Status, a.body)
	}
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		b.t.Fatalf("%s %s: %v in %s", method, path, err, a.body)
	}
	return out
}

// refused checks that a request is refused with a status and a code, and gives
// the words.
func (a answer) refused(t *testing.T, status int, code string) string {
	t.Helper()
	var out console.Refusal
	if err := json.Unmarshal(a.body, &out); err != nil || a.StatusCode != status || out.Error.Code != code {
		t.Errorf("answered %d %s (%v); want %d %s", a.StatusCode, a.body, err, status, code)
	}
	return out.Error.Message
}

func decode[T any](t *testing.T, a answer) (out T) {
	t.Helper()
	if err := json.Unmarshal(a.body, &out); err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", a.Status, a.body, err)
	}
	return out
}

func decode202(t *testing.T, a answer) (out console.Begun) {
	t.Helper()
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
