package traffic_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"koppel/internal/sandbox/traffic"
)

// A world is the traffic of a system that counts what was done, and a caller
// that opens a connection for each call, as Go repeats calls on old ones.
type world struct {
	*traffic.Traffic
	t      *testing.T
	server *traffic.Server
	client *http.Client
	done   atomic.Int64
}

func start(t *testing.T, o traffic.Options) *world {
	t.Helper()
	w := &world{t: t, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	o.System, o.Now = "test", time.Now
	if o.Serve == nil {
		o.Serve = func(x *traffic.Exchange) {
			x.Effect("insert", "things", fmt.Sprint(w.done.Add(1)), nil)
			x.Call.Rows = 2
			x.JSON(http.StatusOK, map[string]any{"page": x.Request.URL.Query().Get("page"), "filling": strings.Repeat("x", 3000)})
		}
	}
	w.Traffic = traffic.New(o)
	server, err := traffic.Listen(0, w.Traffic)
	if err != nil {
		t.Fatal(err)
	}
	w.server = server
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return w
}

// get calls and returns status and body; an error of the connection is -1, one
// in the middle of the body -2.
func (w *world) get(path string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "GET", w.server.URL()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return -1, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return -2, string(body)
	}
	return resp.StatusCode, string(body)
}

func TestFaults(t *testing.T) {
	good := `{"filling":"` + strings.Repeat("x", 3000) + `","page":"2"}`
	for _, c := range []struct {
		fault  traffic.Fault
		status int
		body   string // a part
		done   int    // of the call with the fault
	}{
		{traffic.Fault{Kind: traffic.Refuse}, -1, "EOF", 0},
		{traffic.Fault{Kind: traffic.LoginPage}, 200, "<!DOCTYPE html>", 0},
		{traffic.Fault{Kind: traffic.CutBody}, -2, `{"filling"`, 1},
		{traffic.Fault{Kind: traffic.ShortBody}, 200, `{"filling"`, 1},
		{traffic.Fault{Kind: traffic.EmptyBody}, 200, "", 1},
		{traffic.Fault{Kind: traffic.RepeatPage}, 200, `"page":"1"}`, 1},
		{traffic.Fault{Kind: traffic.LostAnswer}, -1, "EOF", 1},
		{traffic.Fault{Kind: traffic.Delay, Delay: 1}, 200, good, 1},
		{traffic.Fault{Kind: "429"}, 429, "Too Many", 0},
		{traffic.Fault{Kind: "503"}, 503, "Unavailable", 0},
		{traffic.Fault{Kind: "200"}, 200, "OK", 0},
	} {
		t.Run(c.fault.Kind, func(t *testing.T) {
			w := start(t, traffic.Options{Gzip: c.fault.Kind != traffic.CutBody})
			w.get("/x?page=1")
			if err := w.Fail(c.fault); err != nil {
				t.Fatal(err)
			}
			status, body := w.get("/x?page=2")
			if status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%d %.100s, want %d with %.100s", status, body, c.status, c.body)
			}
			if n := int(w.done.Load()); n != 1+c.done {
				t.Errorf("%d calls were served, want %d", n, 1+c.done)
			}
			if n := len(w.Effects()); n != 1+c.done {
				t.Errorf("%d effects are listed, want %d", n, 1+c.done)
			}
			if status, body := w.get("/x?page=2"); status != 200 || body != good {
				t.Errorf("the call after it: %d %.100s", status, body)
			}
			calls := w.Calls()
			if len(calls) != 3 || calls[1].Fault != c.fault.Kind || len(w.Faults()) != 0 {
				t.Errorf("calls %+v, faults %+v", calls, w.Faults())
			}
		})
	}
}

func TestWhichCallsAFaultHits(t *testing.T) {
	for name, c := range map[string]struct {
		fault traffic.Fault
		want  string // statuses of /a, /b, /a, /a, /a
	}{
		"next":       {traffic.Fault{}, "500 200 200 200 200"},
		"two":        {traffic.Fault{Times: 2}, "500 500 200 200 200"},
		"all":        {traffic.Fault{Times: -1}, "500 500 500 500 500"},
		"third":      {traffic.Fault{At: 3}, "200 200 500 200 200"},
		"from third": {traffic.Fault{At: 3, Times: -1}, "200 200 500 500 500"},
		"path":       {traffic.Fault{Path: "/b"}, "200 500 200 200 200"},
		"2nd of a":   {traffic.Fault{Path: "/a", At: 2}, "200 200 500 200 200"},
		"action":     {traffic.Fault{Action: "/b", Times: -1}, "200 500 200 200 200"},
		"method":     {traffic.Fault{Method: "post", Times: -1}, "200 200 200 200 200"},
	} {
		w := start(t, traffic.Options{})
		c.fault.Kind = "500"
		if err := w.Fail(c.fault); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, path := range []string{"/a", "/b", "/a", "/a", "/a"} {
			status, _ := w.get(path)
			got = append(got, fmt.Sprint(status))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}

func TestFaultsAreChecked(t *testing.T) {
	w := start(t, traffic.Options{})
	for _, f := range []traffic.Fault{{}, {Kind: "399"}, {Kind: "600"}, {Kind: "5e2"}, {Kind: "nothing"}, {Kind: traffic.Delay}, {Kind: "500", At: -1}} {
		if err := w.Fail(traffic.Fault{Kind: "500"}, f); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
	if len(w.Faults()) != 0 {
		t.Errorf("faults %+v were set beside wrong ones", w.Faults())
	}
	if err := w.Fail(traffic.Fault{Kind: "500"}); err != nil {
		t.Fatal(err)
	}
	w.Heal()
	if status, _ := w.get("/"); status != 200 {
		t.Errorf("after Heal: %d", status)
	}
}

func TestCounts(t *testing.T) {
	w := start(t, traffic.Options{MaxBody: 10})
	w.get("/a")
	w.get("/b")
	_ = w.Fail(traffic.Fault{Kind: "503", RetryAfter: "7"})
	w.get("/b")
	resp, err := w.client.Post(w.server.URL()+"/b", "text/plain", strings.NewReader("eleven byte"))
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body that is too large: %v %v", resp, err)
	}
	c := w.Counts()
	if c.Requests != 4 || c.Rows != 4 || c.Effects != 2 || c.Status["503"] != 1 || c.Action["GET /b"] != 2 || c.Faults["503"] != 1 || c.Peak != 1 {
		t.Errorf("%+v", c)
	}
	w.Forget()
	if c := w.Counts(); c.Requests != 0 || c.Rows != 0 || len(w.Calls()) != 0 {
		t.Errorf("after Forget: %+v", c)
	}
}

// TestAfter: a change happens between two calls.
func TestAfter(t *testing.T) {
	w := start(t, traffic.Options{})
	var seen []int
	w.After(2, func() { seen = append(seen, int(w.done.Load())) })
	w.After(0, func() { seen = append(seen, -1) })
	for range 3 {
		w.get("/")
	}
	if !slices.Equal(seen, []int{-1, 2}) {
		t.Errorf("%v", seen)
	}
}

// TestConcurrent: more calls at once than allowed are refused; those that run
// are not disturbed.
func TestConcurrent(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	w := start(t, traffic.Options{
		Concurrent: 2, Busy: func(x *traffic.Exchange) { x.WriteHeader(http.StatusConflict) },
		Serve: func(*traffic.Exchange) { inside <- struct{}{}; <-leave },
	})
	statuses := make(chan int, 2)
	for range 2 {
		go func() {
			status, _ := w.get("/")
			statuses <- status
		}()
		<-inside
	}
	if status, _ := w.get("/"); status != http.StatusConflict {
		t.Errorf("the third call at once: %d", status)
	}
	close(leave)
	if a, b := <-statuses, <-statuses; a != 200 || b != 200 {
		t.Errorf("the first two: %d %d", a, b)
	}
	if c := w.Counts(); c.Peak != 3 {
		t.Errorf("peak %d", c.Peak)
	}
}

// A flushed answer tells when the caller has it.
type flushed struct {
	*httptest.ResponseRecorder
	then func()
}

func (f flushed) Flush() { f.then() }

// TestCallAfterAnAnswer: whoever has an answer may call at once, and is alone.
func TestCallAfterAnAnswer(t *testing.T) {
	w := start(t, traffic.Options{
		Concurrent: 1, Busy: func(x *traffic.Exchange) { x.WriteHeader(http.StatusConflict) }, Serve: func(*traffic.Exchange) {},
	})
	first, second := httptest.NewRecorder(), httptest.NewRecorder()
	w.ServeHTTP(flushed{first, func() { w.ServeHTTP(second, httptest.NewRequest("GET", "/", nil)) }}, httptest.NewRequest("GET", "/", nil))
	if c := w.Counts(); first.Code != 200 || second.Code != 200 || c.Peak != 1 {
		t.Errorf("answered %d and %d, %d at once", first.Code, second.Code, c.Peak)
	}
}

func TestDownAndUp(t *testing.T) {
	w := start(t, traffic.Options{})
	url := w.server.URL()
	for range 2 {
		if err := w.server.Down(); err != nil {
			t.Fatal(err)
		}
		if status, text := w.get("/"); status != -1 || !strings.Contains(text, "refused") {
			t.Errorf("while it is down: %d %s", status, text)
		}
		if err := errors.Join(w.server.Down(), w.server.Up(), w.server.Up()); err != nil {
			t.Fatal(err)
		}
		if status, _ := w.get("/"); status != 200 || w.server.URL() != url {
			t.Errorf("after it is up again: %d under %s", status, w.server.URL())
		}
	}
}

// TestLogIsFirst: what a call did stands in the log when its answer arrives,
// and also when it never does.
func TestLogIsFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	l, err := traffic.OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, traffic.Options{Log: l})
	logged := func() (list []traffic.Call) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var c traffic.Call
			if err := json.Unmarshal([]byte(line), &c); err != nil {
				t.Fatal(err)
			}
			list = append(list, c)
		}
		return list
	}
	w.get("/a?b=c")
	_ = w.Fail(traffic.Fault{Kind: traffic.LostAnswer})
	w.get("/lost")
	got := logged()
	if len(got) != 2 || got[0].Path != "/a?b=c" || got[0].Status != 200 || got[1].Path != "/lost" || got[1].Status != 0 ||
		len(got[1].Effects) != 1 || got[1].Effects[0].Key != "2" {
		t.Errorf("%+v", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _ := w.get("/"); status != -1 {
		t.Errorf("a call that can't be logged is answered: %d", status)
	}
}
