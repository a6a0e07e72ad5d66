package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
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
	ear    ear
	again  bool // lists of subscriptions hold each row twice
}

// An ear remembers what notices say.
type ear struct {
	mu        sync.Mutex
	disturbed int
	changed   [][]string
	lost      [][]string
	deaf      error // of Lost
}

func (e *ear) Disturbed() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.disturbed++
}

func (e *ear) Changed(parts []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changed = append(e.changed, parts)
}

func (e *ear) Lost(_ context.Context, parts []string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deaf == nil {
		e.lost = append(e.lost, parts)
	}
	return e.deaf
}

// heard gives what was told since it was asked last.
func (e *ear) heard() (disturbed int, changed, lost [][]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	disturbed, changed, lost = e.disturbed, e.changed, e.lost
	e.disturbed, e.changed, e.lost = 0, nil, nil
	return disturbed, changed, lost
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
	w.door.Handler.(connector.Subscriber).Tell(&w.ear)
}

func (w *tenancy) pass(d time.Duration) {
	w.clock = w.clock.Add(d)
	w.door.now = w.door.now.Add(d)
}

// A stand counts what a round came to.
type stand struct{ Active, Failed, Fresh int }

// want subscribes and compares what comes of it, and which requests that took.
func (w *tenancy) want(step string, boxes []string, want stand, requests string) {
	w.t.Helper()
	w.tenant.Traffic.Forget()
	out, err := w.door.Handler.(connector.Subscriber).Subscribe(w.t.Context(), boxes)
	if err != nil {
		w.t.Fatalf("%s: %v", step, err)
	}
	got := stand{out.Active, out.Failed, len(out.Fresh)}
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
	two, both := w.boxes[:2], stand{Active: 2}
	w.want("the first time", two, stand{Active: 2, Fresh: 2}, "POST POST")
	w.pass(time.Hour)
	w.want("an hour later", two, both, "")
	w.pass(36 * time.Hour)
	w.want("half way", two, both, "PATCH PATCH")
	w.door.now = w.door.now.Add(-10 * time.Hour)
	w.want("the clock goes back", two, both, "PATCH PATCH")
	w.door.now = w.door.now.Add(10 * time.Hour)
	w.want("and is right again", two, both, "")
	w.pass(7 * 24 * time.Hour)
	w.want("after a week", two, stand{Active: 2, Fresh: 2}, "POST POST")
	w.open(w.url, "canary-state")
	w.want("after a restart", []string{strings.ToUpper(two[0]), two[0], two[1]}, both, "")
	w.want("one left the list", two[:1], stand{Active: 1}, "DELETE")
	w.open(w.url+"?v=2", "canary-state")
	w.want("another address", two[:1], stand{Active: 1, Fresh: 1}, "POST DELETE")
	w.want("none is wanted", nil, stand{}, "DELETE")
}

// A mailbox that is throttled or out of reach does not keep the others from being
// subscribed to, and is told of once.
func TestSubscribeRefused(t *testing.T) {
	w := newTenancy(t, 1)
	if err := w.tenant.Data.Update("mailboxes", w.boxes[0], dataset.Row{"refuse_seconds": 600}); err != nil {
		t.Fatal(err)
	}
	three := []string{w.boxes[0], "vertrouwenspersoon@example.org", w.boxes[1]}
	w.want("refused", three, stand{Active: 1, Failed: 2, Fresh: 1}, "POST POST POST")
	w.want("refused again", three, stand{Active: 1, Failed: 2}, "POST POST")
	if n := strings.Count(w.door.log.String(), "was refused"); n != 2 {
		t.Errorf("told %d times:\n%s", n, w.door.log.String())
	}
	w.pass(11 * time.Minute)
	w.want("later", three, stand{Active: 2, Failed: 1, Fresh: 1}, "POST POST")
	if strings.Contains(w.door.log.String(), "canary") {
		t.Errorf("a secret is told:\n%s", w.door.log.String())
	}
}

// The subscriptions stand on several pages.
func TestSubscribeMany(t *testing.T) {
	w := tenancyOf(t, 1, 50)
	n := len(w.boxes)
	w.want("made", w.boxes, stand{Active: n, Fresh: n}, strings.TrimSpace(strings.Repeat("POST ", n)))
	w.open(w.url, "canary-state")
	w.want("after a restart", w.boxes, stand{Active: n}, "")
}

// A row that is listed twice is no second subscription.
func TestSubscribeListedTwice(t *testing.T) {
	w := newTenancy(t, 1)
	w.want("made", w.boxes[:2], stand{Active: 2, Fresh: 2}, "POST POST")
	w.again = true
	w.want("listed twice", w.boxes[:2], stand{Active: 2}, "")
}

// An answer that is lost leaves no second subscription.
func TestSubscribeLostAnswer(t *testing.T) {
	w := newTenancy(t, 3)
	if err := w.tenant.Traffic.Fail(traffic.Fault{Kind: traffic.LostAnswer, Method: "POST", Path: "/subscriptions"}); err != nil {
		t.Fatal(err)
	}
	w.want("lost", w.boxes[:1], stand{Failed: 1}, "POST")
	w.want("found", w.boxes[:1], stand{Active: 1}, "")
	if rows := w.tenant.Data.Rows("subscriptions"); len(rows) != 1 {
		t.Errorf("there are %v", rows)
	}
}

// Subscriptions that repeat an earlier secret are made anew.
func TestSubscribeOtherSecret(t *testing.T) {
	w := newTenancy(t, 1)
	box := w.boxes[:1]
	w.want("made", box, stand{Active: 1, Fresh: 1}, "POST")
	w.open(w.url, "canary-other")
	w.want("found", box, stand{Active: 1}, "")
	if _, err := w.tenant.Data.Insert("events", dataset.Row{"id": "AAkALgTest1=", "mailbox": box[0], "subject": "Proef", "start": w.clock, "end": w.clock.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	disturbed := 0
	for range 2 { // the second time nothing is known of it any more
		if _, err := w.tenant.Deliver(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		disturbed += w.disturbed()
		if disturbed != 1 {
			t.Fatalf("disturbed %d times", disturbed)
		}
		if len(w.door.kept(t)) != 0 {
			t.Fatal("a notification with another secret is kept")
		}
		if len(w.tenant.Data.Rows("subscriptions")) == 1 && dataset.Text(w.tenant.Data.Rows("subscriptions")[0]["clientState"]) == "canary-state" {
			w.want("made anew", box, stand{Active: 1, Fresh: 1}, "POST DELETE")
		}
	}
	if rows := w.tenant.Data.Rows("subscriptions"); len(rows) != 1 || rows[0]["clientState"] != "canary-other" {
		t.Errorf("there are %v", rows)
	}
}

func (w *tenancy) disturbed() int {
	n, _, _ := w.ear.heard()
	return n
}

// What befell subscriptions is remembered until Graph could be asked.
func TestSubscribeBefallen(t *testing.T) {
	w := newTenancy(t, 1)
	box := w.boxes[:1]
	w.want("made", box, stand{Active: 1, Fresh: 1}, "POST")
	for _, event := range []string{"reauthorizationRequired", "subscriptionRemoved"} {
		w.befall(event, event)
		if n := w.disturbed(); n != 1 {
			t.Errorf("%s: disturbed %d times", event, n)
		}
		if err := w.tenant.Traffic.Fail(traffic.Fault{Kind: "503", Method: "GET", Path: "/subscriptions"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.door.Handler.(connector.Subscriber).Subscribe(t.Context(), box); err == nil {
			t.Error("no error while Graph is down")
		}
		want, requests := stand{Active: 1}, "PATCH"
		if event == "subscriptionRemoved" {
			want.Fresh, requests = 1, "POST"
		}
		w.want(event, box, want, requests)
		w.want("after "+event, box, stand{Active: 1}, "")
	}
}

// befall has something befall the subscription to the first mailbox, and the
// source told of it.
func (w *tenancy) befall(id, event string) {
	w.t.Helper()
	if _, err := w.tenant.Data.Insert("lifecycle", dataset.Row{"id": id, "mailbox": w.boxes[0], "event": event}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.tenant.Deliver(w.t.Context(), ""); err != nil {
		w.t.Fatal(err)
	}
}

// Notifications that were lost are told of before they are answered for.
func TestSubscribeMissed(t *testing.T) {
	w := newTenancy(t, 1)
	w.want("made", w.boxes[:2], stand{Active: 2, Fresh: 2}, "POST POST")
	w.ear.deaf = errors.New("the disk is full")
	w.befall("1", "missed")
	if _, _, lost := w.ear.heard(); lost != nil {
		t.Fatalf("lost %v", lost)
	}
	w.ear.deaf = nil
	if _, err := w.tenant.Deliver(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	disturbed, changed, lost := w.ear.heard()
	if diff := cmp.Diff([][]string{w.boxes[:1]}, lost); diff != "" || disturbed != 0 || changed != nil {
		t.Errorf("disturbed %d times, changed %v, lost (-want +got):\n%s", disturbed, changed, diff)
	}
}

// A subscription that Graph says it removed is made anew although it is listed.
func TestSubscribeRemovedYetListed(t *testing.T) {
	w := newTenancy(t, 1)
	w.want("made", w.boxes[:1], stand{Active: 1, Fresh: 1}, "POST")
	sub := w.tenant.Data.Rows("subscriptions")[0]
	w.notify(200, w.notice(dataset.Text(sub["id"]), "canary-state", "lifecycleEvent", "subscriptionRemoved"))
	if n := w.disturbed(); n != 1 {
		t.Errorf("disturbed %d times", n)
	}
	w.want("removed", w.boxes[:1], stand{Active: 1, Fresh: 1}, "POST DELETE")
}

func (w *tenancy) notice(id, state, name, value string) string {
	return fmt.Sprintf(`{"subscriptionId":%q,"clientState":%q,%q:%q,"resource":"Users/x/Events/y"}`, id, state, name, value)
}

// notify delivers notifications as one batch.
func (w *tenancy) notify(status int, notices ...string) {
	w.t.Helper()
	answer := w.door.deliver(http.MethodPost, "/hooks/x", `{"value":[`+strings.Join(notices, ",")+`]}`)
	if answer.Code != status {
		w.t.Errorf("answered %d %s, want %d", answer.Code, answer.Body, status)
	}
}

// A notification tells which mailboxes to look at. One of a subscription that
// nobody here knows does nothing, but for a look whether it is ours; one with
// another secret neither, and leaves those that come with it as they are.
func TestNotificationsTell(t *testing.T) {
	w := newTenancy(t, 1)
	w.want("made", w.boxes[:2], stand{Active: 2, Fresh: 2}, "POST POST")
	ids := map[string]string{}
	for _, row := range w.tenant.Data.Rows("subscriptions") {
		ids[dataset.Text(row["mailbox"])] = dataset.Text(row["id"])
	}
	both := slices.Sorted(slices.Values(w.boxes[:2]))
	first, second := w.notice(ids[both[0]], "canary-state", "changeType", "updated"), w.notice(ids[both[1]], "canary-state", "changeType", "created")
	stranger := w.notice("00000000-0000-4000-8000-000000000009", "canary-state", "changeType", "updated")
	forged := w.notice(ids[both[0]]+"x", "canary-forged", "changeType", "updated")
	for _, tt := range []struct {
		name      string
		notices   []string
		status    int
		changed   [][]string
		disturbed int
		kept      int
	}{
		{"one", []string{first}, 200, [][]string{both[:1]}, 0, 1},
		{"both, out of order and again", []string{second, first, second, first, first}, 200, [][]string{both}, 0, 5},
		{"a stranger", []string{stranger}, 200, nil, 1, 0},
		{"the stranger again", []string{stranger, stranger}, 200, nil, 0, 0},
		{"forged", []string{forged}, 401, nil, 0, 0},
		{"of a subscription of ours, forged", []string{w.notice(ids[both[1]], "canary-forged", "changeType", "updated")}, 401, nil, 0, 0},
		{"forged, among others", []string{forged, first, stranger}, 200, [][]string{both[:1]}, 0, 1},
		{"none", nil, 200, nil, 0, 0},
	} {
		before := len(w.door.kept(t))
		w.notify(tt.status, tt.notices...)
		disturbed, changed, lost := w.ear.heard()
		if diff := cmp.Diff(tt.changed, changed); diff != "" || disturbed != tt.disturbed || lost != nil {
			t.Errorf("%s: disturbed %d times, lost %v, changed (-want +got):\n%s", tt.name, disturbed, lost, diff)
		}
		if n := len(w.door.kept(t)) - before; n != tt.kept {
			t.Errorf("%s: %d are kept, want %d", tt.name, n, tt.kept)
		}
	}
}

// Before Graph was asked it is not known what a subscription is about: it may be
// about any mailbox.
func TestNotificationBeforeAsking(t *testing.T) {
	w := newTenancy(t, 1)
	w.want("made", w.boxes[:1], stand{Active: 1, Fresh: 1}, "POST")
	id := dataset.Text(w.tenant.Data.Rows("subscriptions")[0]["id"])
	w.open(w.url, "canary-state")
	w.notify(200, w.notice(id, "canary-state", "changeType", "updated"))
	if _, changed, _ := w.ear.heard(); len(changed) != 1 || changed[0] != nil {
		t.Errorf("changed %v", changed)
	}
	w.want("found", w.boxes[:1], stand{Active: 1}, "")
	w.notify(200, w.notice(id, "canary-state", "changeType", "updated"))
	_, changed, _ := w.ear.heard()
	if diff := cmp.Diff([][]string{w.boxes[:1]}, changed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}

// What came of a subscription before it was known to be ours counts as changed
// once it is.
func TestSubscribeLostAnswerNotified(t *testing.T) {
	w := newTenancy(t, 1)
	w.want("made", w.boxes[:1], stand{Active: 1, Fresh: 1}, "POST")
	if err := w.tenant.Traffic.Fail(traffic.Fault{Kind: traffic.LostAnswer, Method: "POST", Path: "/subscriptions"}); err != nil {
		t.Fatal(err)
	}
	w.want("lost", w.boxes[:2], stand{Active: 1, Failed: 1}, "POST")
	for _, row := range w.tenant.Data.Rows("subscriptions") {
		if row["mailbox"] == w.boxes[1] {
			w.notify(200, w.notice(dataset.Text(row["id"]), "canary-state", "changeType", "updated"))
		}
	}
	if disturbed, changed, _ := w.ear.heard(); disturbed != 1 || changed != nil {
		t.Errorf("disturbed %d times, changed %v", disturbed, changed)
	}
	w.want("found", w.boxes[:2], stand{Active: 2}, "")
	if _, changed, _ := w.ear.heard(); len(changed) != 1 || !slices.Equal(changed[0], w.boxes[1:2]) {
		t.Errorf("changed %v", changed)
	}
}

// A source that takes the place of another goes on from there; a process that
// begins renews what was not made just now.
func TestSubscribeSucceed(t *testing.T) {
	w := newTenancy(t, 1)
	box := w.boxes[:1]
	w.want("made", box, stand{Active: 1, Fresh: 1}, "POST")
	w.pass(11 * time.Minute)
	before := w.door.Handler.(connector.Subscriber)
	w.befall("1", "reauthorizationRequired")
	w.open(w.url, "canary-state")
	w.door.Handler.(connector.Subscriber).Succeed(before)
	w.want("another", box, stand{Active: 1}, "PATCH")
	w.pass(9 * time.Minute)
	w.open(w.url, "canary-state")
	w.want("a process that begins soon after", box, stand{Active: 1}, "")
	w.pass(2 * time.Minute)
	w.open(w.url, "canary-state")
	w.want("one that begins later", box, stand{Active: 1}, "PATCH")
	w.want("later", box, stand{Active: 1}, "")
}

// When the first of them ends is told, as it was granted.
func TestSubscribeUntil(t *testing.T) {
	w := newTenancy(t, 1)
	out, err := w.door.Handler.(connector.Subscriber).Subscribe(t.Context(), w.boxes[:2])
	if err != nil {
		t.Fatal(err)
	}
	if want := w.clock.Add(72 * time.Hour); !out.Until.Equal(want) {
		t.Errorf("until %v, want %v", out.Until, want)
	}
	row := w.tenant.Data.Rows("subscriptions")[0]
	soon := w.clock.Add(40 * time.Hour)
	if err := w.tenant.Data.Update("subscriptions", dataset.Text(row["id"]), dataset.Row{"expirationDateTime": soon}); err != nil {
		t.Fatal(err)
	}
	if out, err = w.door.Handler.(connector.Subscriber).Subscribe(t.Context(), w.boxes[:2]); err != nil || !out.Until.Equal(soon) {
		t.Errorf("until %v (%v), want %v", out.Until, err, soon)
	}
}
