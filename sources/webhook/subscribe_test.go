package webhook_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/internal/graph"
	"koppel/internal/httpclient"
	"koppel/internal/sandbox/dataset"
	sandbox "koppel/internal/sandbox/graph"
	"koppel/internal/sandbox/traffic"
	"koppel/sources/webhook"
)

// A tenancy is a source that a simulated tenant delivers to, each with a clock of
// its own.
type tenancy struct {
	t      *testing.T
	tenant *sandbox.System
	clock  time.Time // of the tenant
	boxes  []string
	conn   connector.Connection
	url    string
	door   *door
	calls  int  // of Disturbed
	again  bool // lists of subscriptions hold each row twice
}

func newTenancy(t *testing.T, attempts int) *tenancy { return tenancyOf(t, attempts, 4) }

func tenancyOf(t *testing.T, attempts, users int) *tenancy {
	t.Helper()
	w := &tenancy{t: t, clock: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	var err error
	if w.tenant, err = sandbox.New(sandbox.Options{Users: users, Now: func() time.Time { return w.clock }}); err != nil {
		t.Fatal(err)
	}
	for _, row := range w.tenant.Data.Rows("mailboxes") {
		if row["state"] == nil {
			w.boxes = append(w.boxes, dataset.Text(row["id"]))
		}
	}
	server := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(server.Close)
	hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) { w.door.ServeHTTP(rw, q) }))
	t.Cleanup(hook.Close)
	w.url = hook.URL + "/hooks/x"
	c := graph.Defaults()
	c.Tenant, c.ClientID, c.ClientSecret, c.LoginURL, c.URL = w.tenant.Tenant, w.tenant.ClientID, connector.Secret(w.tenant.ClientSecret), server.URL, server.URL
	c.Retry = &httpclient.Retry{Attempts: attempts, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	client, err := graph.New(c, connector.Env{Now: func() time.Time { return w.door.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() }) // nothing is asked any more
	w.conn = connector.Connection{Address: "connection.graph.tenant", Kind: "graph", Config: &c, Get: func(context.Context) (any, error) { return client, nil }}
	w.open(w.url, "canary-state")
	return w
}

// serve answers for the tenant.
func (w *tenancy) serve(rw http.ResponseWriter, q *http.Request) {
	if !w.again || q.Method != http.MethodGet {
		w.tenant.Traffic.ServeHTTP(rw, q)
		return
	}
	q.Header.Del("Accept-Encoding")
	rec := httptest.NewRecorder()
	w.tenant.Traffic.ServeHTTP(rec, q)
	head, list, _ := strings.Cut(strings.TrimSpace(rec.Body.String()), `"value":[`)
	list, tail, _ := strings.Cut(list, "]")
	rw.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(rw, head+`"value":[`+list+","+list+"]"+tail) // the source says what it lacks
}

// open makes the source, as a process does that begins.
func (w *tenancy) open(url string, state connector.Secret) {
	w.door = newDoor(w.t, func(c *webhook.Config) {
		c.Auth = webhook.Auth{Kind: "graph", ClientState: state, Connection: w.conn, URL: url}
	})
	w.door.now = w.clock
	w.door.Handler.(connector.Subscriber).Disturbed(func() { w.calls++ })
}

func (w *tenancy) pass(d time.Duration) {
	w.clock = w.clock.Add(d)
	w.door.now = w.door.now.Add(d)
}

// want subscribes and compares what comes of it, and which requests that took.
func (w *tenancy) want(step string, boxes []string, want connector.Subscriptions, requests string) {
	w.t.Helper()
	w.tenant.Traffic.Forget()
	got, err := w.door.Handler.(connector.Subscriber).Subscribe(w.t.Context(), boxes)
	if err != nil {
		w.t.Fatalf("%s: %v", step, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", step, diff)
	}
	var made []string
	for _, method := range []string{"POST", "PATCH", "DELETE"} {
		for _, c := range w.tenant.Traffic.Calls() {
			if c.Method == method && strings.Contains(c.Path, "/subscriptions") {
				made = append(made, method)
			}
		}
	}
	if got := strings.Join(made, " "); got != requests {
		w.t.Errorf("%s: %q, want %q", step, got, requests)
	}
}

// There is one subscription for each mailbox, renewed long before it ends,
// however the clock of this machine jumps.
func TestSubscribe(t *testing.T) {
	w := newTenancy(t, 1)
	two, both := w.boxes[:2], connector.Subscriptions{Active: 2}
	w.want("the first time", two, connector.Subscriptions{Active: 2, Fresh: 2}, "POST POST")
	w.pass(time.Hour)
	w.want("an hour later", two, both, "")
	w.pass(36 * time.Hour)
	w.want("half way", two, both, "PATCH PATCH")
	w.door.now = w.door.now.Add(-10 * time.Hour)
	w.want("the clock goes back", two, both, "PATCH PATCH")
	w.door.now = w.door.now.Add(10 * time.Hour)
	w.want("and is right again", two, both, "")
	w.pass(7 * 24 * time.Hour)
	w.want("after a week", two, connector.Subscriptions{Active: 2, Fresh: 2}, "POST POST")
	w.open(w.url, "canary-state")
	w.want("after a restart", []string{strings.ToUpper(two[0]), two[0], two[1]}, both, "")
	w.want("one left the list", two[:1], connector.Subscriptions{Active: 1}, "DELETE")
	w.open(w.url+"?v=2", "canary-state")
	w.want("another address", two[:1], connector.Subscriptions{Active: 1, Fresh: 1}, "POST DELETE")
	w.want("none is wanted", nil, connector.Subscriptions{}, "DELETE")
}

// A mailbox that is throttled or out of reach does not keep the others from being
// subscribed to, and is told of once.
func TestSubscribeRefused(t *testing.T) {
	w := newTenancy(t, 1)
	if err := w.tenant.Data.Update("mailboxes", w.boxes[0], dataset.Row{"refuse_seconds": 600}); err != nil {
		t.Fatal(err)
	}
	three := []string{w.boxes[0], "vertrouwenspersoon@example.org", w.boxes[1]}
	w.want("refused", three, connector.Subscriptions{Active: 1, Failed: 2, Fresh: 1}, "POST POST POST")
	w.want("refused again", three, connector.Subscriptions{Active: 1, Failed: 2}, "POST POST")
	if n := strings.Count(w.door.log.String(), "was refused"); n != 2 {
		t.Errorf("told %d times:\n%s", n, w.door.log.String())
	}
	w.pass(11 * time.Minute)
	w.want("later", three, connector.Subscriptions{Active: 2, Failed: 1, Fresh: 1}, "POST POST")
	if strings.Contains(w.door.log.String(), "canary") {
		t.Errorf("a secret is told:\n%s", w.door.log.String())
	}
}

// The subscriptions stand on several pages.
func TestSubscribeMany(t *testing.T) {
	w := tenancyOf(t, 1, 50)
	n := len(w.boxes)
	w.want("made", w.boxes, connector.Subscriptions{Active: n, Fresh: n}, strings.TrimSpace(strings.Repeat("POST ", n)))
	w.open(w.url, "canary-state")
	w.want("after a restart", w.boxes, connector.Subscriptions{Active: n}, "")
}

// A row that is listed twice is no second subscription.
func TestSubscribeListedTwice(t *testing.T) {
	w := newTenancy(t, 1)
	w.want("made", w.boxes[:2], connector.Subscriptions{Active: 2, Fresh: 2}, "POST POST")
	w.again = true
	w.want("listed twice", w.boxes[:2], connector.Subscriptions{Active: 2}, "")
}

// An answer that is lost leaves no second subscription.
func TestSubscribeLostAnswer(t *testing.T) {
	w := newTenancy(t, 3)
	if err := w.tenant.Traffic.Fail(traffic.Fault{Kind: traffic.LostAnswer, Method: "POST", Path: "/subscriptions"}); err != nil {
		t.Fatal(err)
	}
	w.want("lost", w.boxes[:1], connector.Subscriptions{Failed: 1}, "POST")
	w.want("found", w.boxes[:1], connector.Subscriptions{Active: 1}, "")
	if rows := w.tenant.Data.Rows("subscriptions"); len(rows) != 1 {
		t.Errorf("there are %v", rows)
	}
}

// Subscriptions that repeat an earlier secret are made anew.
func TestSubscribeOtherSecret(t *testing.T) {
	w := newTenancy(t, 1)
	box := w.boxes[:1]
	w.want("made", box, connector.Subscriptions{Active: 1, Fresh: 1}, "POST")
	w.open(w.url, "canary-other")
	w.want("found", box, connector.Subscriptions{Active: 1}, "")
	if _, err := w.tenant.Data.Insert("events", dataset.Row{"id": "AAkALgTest1=", "mailbox": box[0], "subject": "Proef", "start": w.clock, "end": w.clock.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is known of it any more
		if _, err := w.tenant.Deliver(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if w.calls != 1 {
			t.Fatalf("disturbed %d times", w.calls)
		}
		if len(w.door.kept(t)) != 0 {
			t.Fatal("a notification with another secret is kept")
		}
		if len(w.tenant.Data.Rows("subscriptions")) == 1 && dataset.Text(w.tenant.Data.Rows("subscriptions")[0]["clientState"]) == "canary-state" {
			w.want("made anew", box, connector.Subscriptions{Active: 1, Fresh: 1}, "POST DELETE")
		}
	}
	if rows := w.tenant.Data.Rows("subscriptions"); len(rows) != 1 || rows[0]["clientState"] != "canary-other" {
		t.Errorf("there are %v", rows)
	}
}

// What befell subscriptions is remembered until Graph could be asked.
func TestSubscribeBefallen(t *testing.T) {
	w := newTenancy(t, 1)
	box := w.boxes[:1]
	w.want("made", box, connector.Subscriptions{Active: 1, Fresh: 1}, "POST")
	for i, event := range []string{"missed", "reauthorizationRequired", "subscriptionRemoved"} {
		if _, err := w.tenant.Data.Insert("lifecycle", dataset.Row{"id": event, "mailbox": box[0], "event": event}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.tenant.Deliver(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if w.calls != i+1 {
			t.Errorf("%s: disturbed %d times", event, w.calls)
		}
		if err := w.tenant.Traffic.Fail(traffic.Fault{Kind: "503", Method: "GET", Path: "/subscriptions"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.door.Handler.(connector.Subscriber).Subscribe(t.Context(), box); err == nil {
			t.Error("no error while Graph is down")
		}
		want, requests := connector.Subscriptions{Active: 1}, ""
		switch event {
		case "missed":
			want.Missed = true
		case "reauthorizationRequired":
			requests = "PATCH"
		case "subscriptionRemoved":
			want.Fresh, requests = 1, "POST"
		}
		w.want(event, box, want, requests)
		w.want("after "+event, box, connector.Subscriptions{Active: 1}, "")
	}
}
