package serve

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/dsl"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/graph"
	"koppel/internal/sandbox/traffic"
	"koppel/sinks"
	"koppel/sources"
)

// A tenancy is a project that is told of changes by a simulated tenant.
type tenancy struct {
	world
	tenant  *graph.System
	url     string
	address string // of a server that stays while services come and go
	up      atomic.Pointer[Service]
	boxes   []string
}

// front answers for the service that runs, if one does.
func (w *tenancy) front(rw http.ResponseWriter, q *http.Request) {
	if s := w.up.Load(); s != nil {
		s.ServeHTTP(rw, q)
		return
	}
	http.Error(rw, "nobody serves", http.StatusServiceUnavailable)
}

const told = `
connection "graph" "tenant" {
  tenant        = %q
  client_id     = %q
  client_secret = %q
  login_url     = %[4]q
  url           = %[4]q
}
connection "sqlite" "desk" { path = "desk.db" }
source "webhook" "notices" {
  path = "/hooks/graph"
  auth "graph" {
    client_state = "canary-state"
    connection   = connection.graph.tenant
    url          = "http://%[5]s/hooks/graph"
  }
}
source "graph_events" "meetings" {
  connection = connection.graph.tenant
  mailboxes  = [%[6]s]
  delta      = true
}
sink "sql" "meetings" {
  connection = connection.sqlite.desk
  table      = "meetings"
}
pipeline "meetings" {
  from = source.graph_events.meetings
  into = sink.sql.meetings
  map {
    mailbox = src.mailbox
    id      = src.id
    subject = src.subject
  }
  guard { deletes = "100%%" }
}
`

func (w *tenancy) configure(boxes ...string) {
	var quoted []string
	for _, b := range boxes {
		quoted = append(quoted, fmt.Sprintf("%q", b))
	}
	w.write(fmt.Sprintf(told, w.tenant.Tenant, w.tenant.ClientID, w.tenant.ClientSecret, w.url, w.address, strings.Join(quoted, ", ")))
}

func newTenancy(t *testing.T) *tenancy {
	t.Helper()
	w := &tenancy{world: world{t: t, dir: t.TempDir(), open: map[string]int{}, at: map[string]int{}}}
	var err error
	if w.tenant, err = graph.New(graph.Options{Users: 4, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	server, err := w.tenant.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	w.url = server.URL()
	for _, row := range w.tenant.Data.Rows("mailboxes") {
		if row["state"] == nil {
			w.boxes = append(w.boxes, dataset.Text(row["id"]))
		}
	}
	front := httptest.NewServer(http.HandlerFunc(w.front))
	t.Cleanup(front.Close)
	w.address = strings.TrimPrefix(front.URL, "http://")
	w.openState()
	t.Cleanup(func() {
		if w.stop != nil {
			w.stop()
		}
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
		if text := w.logged(); strings.Contains(text, "canary") {
			t.Errorf("a secret is told: %s", text)
		}
	})
	return w
}

func (w *tenancy) loadAll(ctx context.Context) (*dsl.Project, error) {
	p, problems := dsl.Load(ctx, dsl.Options{Dir: w.dir, Sources: sources.All(), Sinks: sinks.All(), Resolve: true})
	if problems.HasErrors() {
		return nil, fmt.Errorf("%s: %s", problems[0].Summary, problems[0].Detail)
	}
	return p, nil
}

// serve starts the service, which runs until stop.
func (w *tenancy) serve() {
	w.t.Helper()
	p, err := w.loadAll(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.Service, err = New(Options{
		Project: p, Load: w.loadAll, Store: w.store, TempDir: filepath.Join(w.dir, ".koppel", "tmp"), Holder: "the service",
		Log: slog.New(slog.NewTextHandler(&w.world, nil)), NoWatch: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Receive()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	service := w.Service
	go func() { done <- service.Run(ctx, nil) }()
	w.up.Store(service)
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		w.up.Store(nil)
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the service ended with %v", err)
		}
	}
}

// await waits until something holds.
func (w *tenancy) await(what string, holds func() bool) {
	w.t.Helper()
	late := time.After(2 * time.Minute) // only a test that fails waits so long
	for !holds() {
		select {
		case <-late:
			w.t.Fatalf("%s: never; subscriptions %v, log:\n%s", what, w.subscribed(), w.logged())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// subscribed lists the mailboxes that are subscribed to, each as often as it is.
func (w *tenancy) subscribed() []string {
	var list []string
	for _, row := range w.tenant.Data.Rows("subscriptions") {
		list = append(list, dataset.Text(row["mailbox"]))
	}
	slices.Sort(list)
	return list
}

// calls counts the requests about subscriptions that were granted.
func (w *tenancy) calls(method string) int {
	n := 0
	for _, c := range w.tenant.Traffic.Calls() {
		if c.Method == method && c.Status < 300 && strings.Contains(c.Path, "/subscriptions") {
			n++
		}
	}
	return n
}

// holds tells whether a meeting stands in the directory.
func (w *tenancy) holds(subject string) bool {
	path := filepath.Join(w.dir, "desk.db")
	if _, err := os.Stat(path); err != nil {
		return false
	}
	c, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return false
	}
	defer c.Close()
	found := false
	_ = sqlitex.ExecuteTransient(c, "SELECT 1 FROM meetings WHERE subject = ?", &sqlitex.ExecOptions{ // there is no table yet where it fails
		Args: []any{subject}, ResultFunc: func(*sqlite.Stmt) error { found = true; return nil },
	})
	return found
}

func (w *tenancy) befall(id, event string) {
	w.t.Helper()
	if _, err := w.tenant.Data.Insert("lifecycle", dataset.Row{"id": id, "mailbox": w.boxes[0], "event": event}); err != nil {
		w.t.Fatal(err)
	}
}

// A changed meeting reaches the directory without a schedule; there is one
// subscription for each mailbox that can be read, whatever befalls them.
func TestSubscriptions(t *testing.T) {
	w := newTenancy(t)
	both := slices.Sorted(slices.Values(w.boxes[:2]))
	w.configure(w.boxes[0], "vertrouwenspersoon@example.org", w.boxes[1])
	w.serve()
	complete := func() bool { return slices.Equal(w.subscribed(), both) }
	w.await("subscribed", complete)
	begins := time.Now().Add(2 * time.Hour).UTC().Truncate(time.Second)
	row := dataset.Row{"id": "AAkALgTest1=", "mailbox": w.boxes[1], "type": "singleInstance", "subject": "Proef", "start": begins, "end": begins.Add(time.Hour), "timeZone": "UTC"}
	if _, err := w.tenant.Data.Insert("events", row); err != nil {
		t.Fatal(err)
	}
	w.await("a new meeting", func() bool { return w.holds("Proef") })
	if err := w.tenant.Data.Update("events", "AAkALgTest1=", dataset.Row{"subject": "Verplaatst"}); err != nil {
		t.Fatal(err)
	}
	w.await("a changed meeting", func() bool { return w.holds("Verplaatst") && !w.holds("Proef") })
	counts, err := w.store.Inbox().Counts(t.Context())
	if err != nil || len(counts) != 0 {
		t.Errorf("the inbox keeps %v (%v)", counts, err)
	}

	w.befall("1", "reauthorizationRequired")
	w.await("authorised again", func() bool { return w.calls(http.MethodPatch) == 1 })
	w.befall("2", "subscriptionRemoved")
	w.await("made again", complete)
	w.tenant.Traffic.Forget()
	w.befall("3", "missed")
	w.await("read whole", func() bool {
		return slices.ContainsFunc(w.tenant.Traffic.Calls(), func(c traffic.Call) bool { return strings.Contains(c.Path, "/calendarView?") })
	})
	w.restart(both)
}

// restart has the service end, leave what a process leaves that is killed, and
// begin again; then a mailbox leaves the list, and then all.
func (w *tenancy) restart(both []string) {
	w.stop()
	twin := maps.Clone(w.tenant.Data.Rows("subscriptions")[0])
	twin["id"] = "00000000-0000-4000-8000-000000000001"
	other := maps.Clone(twin)
	other["id"], other["notificationUrl"] = "00000000-0000-4000-8000-000000000002", "http://127.0.0.1:9/others"
	for _, row := range []dataset.Row{twin, other} {
		if _, err := w.tenant.Data.Insert("subscriptions", row); err != nil {
			w.t.Fatal(err)
		}
	}
	posts := w.calls(http.MethodPost)
	w.serve()
	w.await("only the twin is removed", func() bool { return len(w.subscribed()) == 3 && w.calls(http.MethodDelete) == 1 })
	if err := w.tenant.Data.Delete("subscriptions", dataset.Text(other["id"])); err != nil {
		w.t.Fatal(err)
	}
	if got := w.subscribed(); !slices.Equal(got, both) {
		w.t.Errorf("subscribed to %v, want %v", got, both)
	}
	w.configure(w.boxes[1])
	if err := w.Reload(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.await("a mailbox that left the list", func() bool { return slices.Equal(w.subscribed(), []string{w.boxes[1]}) })
	if n := w.calls(http.MethodPost); n != posts {
		w.t.Errorf("%d were made anew", n-posts)
	}
	w.write("")
	if err := w.Reload(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.await("none is wanted", func() bool { return len(w.subscribed()) == 0 })
}

// A subscriber is asked once its partitions are known, when they change, each
// hour, and when a clock jumps; soon again after what failed.
func TestSubscriberDue(t *testing.T) {
	parts := []string{"a", "b"}
	for name, tt := range map[string]struct {
		change func(*subscriber)
		passed time.Duration // of the clock that never jumps
		jumped time.Duration // of the wall, beside
		want   bool
	}{
		"nothing ran":           {func(s *subscriber) { s.round.asked = false }, time.Second, 0, false},
		"nothing runs":          {func(s *subscriber) { s.round.asked = false }, time.Minute, 0, true},
		"a pipeline ran":        {func(s *subscriber) { s.round.asked, s.ran = false, true }, 0, 0, true},
		"disturbed at once":     {func(s *subscriber) { s.round.asked, s.disturbed = false, true }, 0, 0, true},
		"all is well":           {func(*subscriber) {}, 59 * time.Minute, 0, false},
		"an hour":               {func(*subscriber) {}, time.Hour, 0, true},
		"failed":                {func(s *subscriber) { s.round.again = askSoon }, time.Minute, 0, true},
		"other partitions":      {func(s *subscriber) { s.round.parts = parts[:1] }, 0, 0, true},
		"disturbed":             {func(s *subscriber) { s.disturbed = true }, 0, 0, true},
		"the clock went on":     {func(*subscriber) {}, time.Minute, time.Hour, true},
		"the clock went back":   {func(*subscriber) {}, time.Minute, -time.Hour, true},
		"the clock is adjusted": {func(*subscriber) {}, time.Minute, -time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var jumped time.Duration
				r := &reception{s: &Service{now: func() time.Time { return time.Now().Add(jumped).Round(0) }}}
				s := &subscriber{round: round{asked: true, parts: parts, again: askEvery, at: r.s.now(), since: time.Now()}}
				tt.change(s)
				time.Sleep(tt.passed)
				jumped = tt.jumped
				if got := r.due(s, parts, nil); got != tt.want {
					t.Errorf("due: %v, want %v", got, tt.want)
				}
				if s.disturbed {
					t.Error("it stays disturbed")
				}
			})
		})
	}
}
