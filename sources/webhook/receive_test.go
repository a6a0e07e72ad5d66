package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	hooks "koppel/internal/webhook"
	"koppel/sources/webhook"
)

// A door is a source that is delivered to.
type door struct {
	http.Handler
	in  connector.Inbox
	log bytes.Buffer
	now time.Time
}

func newDoor(t testing.TB, change func(*webhook.Config), key ...string) *door {
	t.Helper()
	c := webhook.Kind().Config().(*webhook.Config)
	c.Path, c.Auth = "/hooks/x", webhook.Auth{Kind: "none"}
	change(c)
	d := &door{in: inbox(t), now: time.Now().UTC().Truncate(time.Second)}
	src, err := webhook.Kind().Open(t.Context(), c, connector.Env{
		Now: func() time.Time { return d.now }, Log: slog.New(slog.NewTextHandler(&d.log, nil)), Inbox: d.in, Key: key,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Handler = src.(http.Handler)
	return d
}

// deliver sends a body, with headers in pairs.
func (d *door) deliver(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		q.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, q)
	return w
}

// kept gives what lies in the inbox.
func (d *door) kept(t testing.TB) (list []string) {
	t.Helper()
	err := d.in.Since(t.Context(), 0, func(_ uint64, body []byte) error {
		list = append(list, string(body))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func signed(t testing.TB, body string) string {
	t.Helper()
	header, err := hooks.Sign("sha256", []byte("canary-secret"), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return header
}

// Each answer has its status, its Content-Type and an error or a status in JSON,
// and nothing is kept unless it says so.
func TestAnswers(t *testing.T) {
	websub := func(c *webhook.Config) { c.Auth = webhook.Auth{Kind: "websub", Secret: "canary-secret"} }
	bearer := func(c *webhook.Config) { c.Auth = webhook.Auth{Kind: "bearer", Token: "canary-token"} }
	none := func(c *webhook.Config) { c.MaxSize = 100 }
	const body = `{"id":"1"}`
	for name, tt := range map[string]struct {
		change  func(*webhook.Config)
		method  string
		body    string
		headers []string
		want    int
	}{
		"signed":                  {websub, "POST", body, []string{"X-Hub-Signature", signed(t, body), "Content-Type", "application/json; charset=utf-8"}, 200},
		"no signature":            {websub, "POST", body, nil, 401},
		"two signatures":          {websub, "POST", body, []string{"X-Hub-Signature", signed(t, body), "X-Hub-Signature", signed(t, body)}, 401},
		"signature of another":    {websub, "POST", body + " ", []string{"X-Hub-Signature", signed(t, body)}, 401},
		"signed, and no JSON":     {websub, "POST", "x", []string{"X-Hub-Signature", signed(t, "x")}, 400},
		"token":                   {bearer, "POST", body, []string{"Authorization", "bearer canary-token"}, 200},
		"another token":           {bearer, "POST", body, []string{"Authorization", "Bearer canary-tokem"}, 401},
		"no token":                {bearer, "POST", body, []string{"Authorization", "Bearer "}, 401},
		"token by password":       {bearer, "POST", body, []string{"Authorization", "Basic Y2FuYXJ5LXRva2Vu"}, 401},
		"asked":                   {none, "GET", "", nil, 405},
		"put":                     {none, "PUT", body, nil, 405},
		"empty":                   {none, "POST", "", nil, 400},
		"two values":              {none, "POST", body + body, nil, 400},
		"a member twice":          {none, "POST", `{"id":1,"id":2}`, nil, 400},
		"half a text":             {none, "POST", "{\"id\":\"\xff\"}", nil, 400},
		"a list":                  {none, "POST", `[1]`, nil, 400},
		"no id":                   {none, "POST", `{"a":1}`, nil, 400},
		"an empty id":             {none, "POST", `{"id":""}`, nil, 400},
		"an id that is none":      {none, "POST", `{"id":{}}`, nil, 400},
		"a number":                {none, "POST", `{"id":90071992547409931}`, nil, 200},
		"too large":               {none, "POST", `{"id":"` + strings.Repeat("x", 100) + `"}`, nil, 413},
		"a form":                  {none, "POST", "id=1", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"another charset":         {none, "POST", body, []string{"Content-Type", "application/json; charset=latin1"}, 415},
		"the charset misspelt":    {none, "POST", body, []string{"Content-Type", "application/json; charset=UTF8"}, 200},
		"compressed":              {none, "POST", body, []string{"Content-Encoding", "gzip"}, 415},
		"a type of its own":       {none, "POST", body, []string{"Content-Type", "application/cloudevents+json"}, 200},
		"deeper than a record is": {func(*webhook.Config) {}, "POST", `{"id":1,"a":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`, nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, tt.change)
			w := d.deliver(tt.method, "/hooks/x", tt.body, tt.headers...)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d: %s", w.Code, tt.want, w.Body)
			}
			var answer map[string]string
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("the answer is %s %q (%v)", w.Header().Get("Content-Type"), w.Body, err)
			}
			if (answer["status"] == "stored") != (tt.want == 200) || (len(d.kept(t)) == 1) != (tt.want == 200) {
				t.Errorf("%v, and %d are kept", answer, len(d.kept(t)))
			}
			if text := w.Body.String() + d.log.String(); strings.Contains(text, "canary") {
				t.Errorf("a secret is told: %s", text)
			}
		})
	}
}

// What no mirror could hold, for it has not the source's key, is refused, so that
// who sent it knows; it is taken in once it has one.
func TestKeyless(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) {}, "body.who", "body.at.id")
	for _, body := range []string{
		`{"id":1}`, `{"id":1,"who":"a"}`, `{"id":1,"who":null,"at":{"id":2}}`, `{"id":1,"who":["a"],"at":{"id":2}}`, `{"id":1,"who":"a","at":{"id":{}}}`, `{"id":1,"who":"a","at":2}`,
	} {
		if w := d.deliver("POST", "/hooks/x", body); w.Code != 400 || !strings.Contains(w.Body.String(), "no key") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if kept := d.kept(t); len(kept) != 0 {
		t.Errorf("kept %q", kept)
	}
	if w := d.deliver("POST", "/hooks/x", `{"id":1,"who":"a","at":{"id":2.50}}`); w.Code != 200 || len(d.kept(t)) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestRecord(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) {})
	d.now = time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)
	w := d.deliver("POST", "/hooks/x", "{\n \"name\": \"Zoë\", \"id\": \"7\", \"n\": 12345678901234567890.10\n}",
		"Authorization", "Bearer canary", "X-Hub-Signature-256", "canary", "Cookie", "a=canary", "X-Api-Key", "canary", "X-Trace", "1", "X-Trace", "2", "User-Agent", "Hooks/1")
	if w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	want := []string{`{"id":"7","topic":null,"received":"2026-03-01T12:00:00.005Z","headers":{"user-agent":"Hooks/1","x-trace":"1, 2"},"body":{"id":"7","n":12345678901234567890.10,"name":"Zoë"}}`}
	if diff := cmp.Diff(want, d.kept(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A repeated id is answered as the first was, and has no second effect.
func TestRepeated(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) {})
	for i, want := range []string{"stored", "repeated", "repeated"} {
		w := d.deliver("POST", "/hooks/x", fmt.Sprintf(`{"id":"1","n":%d}`, i))
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("delivery %d: %d %s, want %s", i, w.Code, w.Body, want)
		}
	}
	if n := len(d.kept(t)); n != 1 {
		t.Errorf("%d are kept", n)
	}
}

// Past the rate nothing is kept, and the answer says when to come again.
func TestRate(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) { c.Rate = "2/s" })
	for i, want := range []int{200, 200, 429, 429} {
		w := d.deliver("POST", "/hooks/x", fmt.Sprintf(`{"id":%d}`, i))
		if w.Code != want || (want == 429) != (w.Header().Get("Retry-After") == "1") {
			t.Errorf("delivery %d: %d, Retry-After %q", i, w.Code, w.Header().Get("Retry-After"))
		}
	}
	d.now = d.now.Add(time.Second)
	if w := d.deliver("POST", "/hooks/x", `{"id":2}`); w.Code != 200 {
		t.Errorf("a second later: %d", w.Code)
	}
	if n := len(d.kept(t)); n != 3 {
		t.Errorf("%d are kept", n)
	}
}

// What the disk does not take is answered with 503, so that it comes again.
func TestNotKept(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) {})
	closed := webhook.Kind().Config().(*webhook.Config)
	closed.Path, closed.Auth = "/hooks/x", webhook.Auth{Kind: "none"}
	src, err := webhook.Kind().Open(t.Context(), closed, connector.Env{Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	d.Handler = src.(http.Handler)
	if w := d.deliver("POST", "/hooks/x", `{"id":1}`); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestGraph(t *testing.T) {
	d := newDoor(t, func(c *webhook.Config) { c.Auth = webhook.Auth{Kind: "graph", ClientState: "canary-state"} })
	w := d.deliver("POST", "/hooks/x?validationToken=Validation%3A+Testing+%3Cb%3E", "")
	if w.Code != 200 || w.Body.String() != "Validation: Testing &lt;b&gt;" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %s %q", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	one := `{"clientState":"canary-state","changeType":"updated","resource":"Users/7/Events/9","subscriptionId":"s"}`
	for body, want := range map[string]int{
		`{"value":[{"changeType":"updated"},{"changeType":"updated","clientState":"other"}]}`: 401,
		`{"value":[{"changeType":"updated"}]}`:                                                401,
		`{"value":[7]}`:                                                                       401,
		`{"value":7}`:                                                                         400,
		`{}`:                                                                                  400,
	} {
		if w := d.deliver("POST", "/hooks/x", body); w.Code != want {
			t.Errorf("%s: %d, want %d", body, w.Code, want)
		}
	}
	if n := len(d.kept(t)); n != 0 {
		t.Fatalf("%d are kept of what was refused", n)
	}
	if w := d.deliver("POST", "/hooks/x", `{"value":[`+one+`,{"changeType":"updated","clientState":"other"},{"clientState":"canary-state","lifecycleEvent":"missed"}]}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	kept := d.kept(t)
	if len(kept) != 2 || !strings.Contains(kept[0], `"topic":"updated"`) || !strings.Contains(kept[1], `"topic":"missed"`) || strings.Contains(strings.Join(kept, ""), "canary") {
		t.Errorf("kept %s", kept)
	}
}

// Whatever is sent is answered, and what is kept is a record.
func FuzzReceive(f *testing.F) {
	f.Add("application/json", `{"id":"1","topic":"a.b"}`, "x-header", "value")
	f.Add("text/plain", "\xff", "", "\x00")
	d := newDoor(f, func(c *webhook.Config) {})
	f.Fuzz(func(t *testing.T, kind, body, name, value string) {
		q := httptest.NewRequest("POST", "/hooks/x", strings.NewReader(body))
		q.Header.Set("Content-Type", kind)
		q.Header.Set(name, value)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, q)
		var answer map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code/100 == 5 {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
		_, last, err := d.in.ID(t.Context())
		if err != nil || last == 0 {
			return
		}
		err = d.in.Since(t.Context(), last-1, func(_ uint64, body []byte) error {
			var r struct {
				ID      *string
				Headers map[string]string
				Body    json.RawMessage
			}
			if err := json.Unmarshal(body, &r); err != nil || r.ID == nil || r.Body == nil || bytes.ContainsRune(body, '\n') {
				t.Errorf("kept %q (%v)", body, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
