package httpclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

const token = connector.Secret("canary-token-1")

// quick is a configuration whose pauses are short.
func quick() httpclient.Config {
	c := httpclient.Defaults()
	c.Retry = &httpclient.Retry{Attempts: 3, Min: connector.Duration(time.Millisecond), Max: connector.Duration(2 * time.Millisecond)}
	return c
}

func newClient(t testing.TB, o httpclient.Options, env connector.Env) *httpclient.Client {
	t.Helper()
	env.Block = "connection.http.shop (main.hcl:3)"
	c, err := httpclient.New(o, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// serve starts a server and a client of it.
func serve(t testing.TB, h http.HandlerFunc) (*httptest.Server, *httpclient.Client) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s, newClient(t, httpclient.Options{URL: s.URL + "/api", Config: quick(), Auth: httpclient.Bearer(token)}, connector.Env{})
}

func failure(t testing.TB, err error) *httpclient.Error {
	t.Helper()
	var failed *httpclient.Error
	if !errors.As(err, &failed) {
		t.Fatalf("the error is %v, no *httpclient.Error", err)
	}
	return failed
}

func TestAnswersOfFailure(t *testing.T) {
	type want struct {
		Reason               httpclient.Reason
		Delivery             httpclient.Delivery
		Refused, Unreachable bool
		Attempts, Asked      int
		Words                string
	}
	const html = "<!DOCTYPE html><html><head><title>Sign\nin</title></head></html>"
	tests := []struct {
		name    string
		method  string
		status  int
		header  map[string]string
		body    string
		want    want
		problem string
	}{
		{name: "refused", method: "POST", status: 422, body: `{"error":{"code":"E7","message":"mail is taken"}}`,
			want: want{httpclient.Failed, httpclient.Answered, true, false, 1, 1, "E7: mail is taken"}, problem: "the server says 422 Unprocessable Entity: E7: mail is taken"},
		{name: "credentials", method: "GET", status: 401,
			want: want{httpclient.Denied, httpclient.Answered, false, true, 1, 1, ""}, problem: "; check the credentials of the connection"},
		{name: "forbidden", method: "GET", status: 403, body: "no",
			want: want{httpclient.Failed, httpclient.Answered, true, false, 1, 1, "no"}, problem: "check their rights"},
		{name: "not found", method: "GET", status: 404, body: html,
			want: want{httpclient.Failed, httpclient.Answered, true, false, 1, 1, "a web page (Sign in)"}, problem: "check the url of the connection and the path"},
		{name: "server error, safe", method: "GET", status: 500, body: `{"message":"oops"}`,
			want: want{httpclient.Failed, httpclient.Lost, false, false, 3, 3, "oops"}, problem: "(after 3 attempts"},
		{name: "server error, not safe", method: "POST", status: 500,
			want: want{httpclient.Failed, httpclient.Lost, false, false, 1, 1, ""}, problem: "500"},
		{name: "down", method: "GET", status: 503,
			want: want{httpclient.Unreachable, httpclient.Lost, false, true, 3, 3, ""}, problem: "overloaded or down"},
		{name: "down, not safe", method: "POST", status: 502,
			want: want{httpclient.Unreachable, httpclient.Lost, false, true, 1, 1, ""}, problem: "502"},
		{name: "down, may be repeated", method: "POST", status: 503, header: map[string]string{"Retry-After": "0"},
			want: want{httpclient.Unreachable, httpclient.NotSent, false, true, 3, 3, ""}, problem: "503"},
		{name: "too many", method: "POST", status: 429,
			want: want{httpclient.Unreachable, httpclient.NotSent, false, true, 3, 3, ""}, problem: "429"},
		{name: "too many for a long time", method: "GET", status: 429, header: map[string]string{"Retry-After": "7200"},
			want: want{httpclient.Unreachable, httpclient.NotSent, false, true, 1, 1, ""}, problem: "left alone for 2h0m0s"},
		{name: "never to be repeated", method: "GET", status: 501,
			want: want{httpclient.Failed, httpclient.Answered, false, false, 1, 1, ""}, problem: "501"},
		{name: "login page", method: "GET", status: 200, header: map[string]string{"Content-Type": "text/html"}, body: html,
			want: want{httpclient.Garbled, httpclient.Lost, false, false, 1, 1, ""}, problem: "the answer is a web page (Sign in), not data"},
		{name: "login page without a type", method: "GET", status: 200, body: html,
			want: want{httpclient.Garbled, httpclient.Lost, false, false, 1, 1, ""}, problem: "web page"},
		{name: "empty", method: "GET", status: 200, want: want{httpclient.Garbled, httpclient.Lost, false, false, 3, 3, ""}, problem: "the answer is empty"},
		{name: "no content", method: "GET", status: 204, want: want{httpclient.Garbled, httpclient.Lost, false, false, 3, 3, ""}, problem: "the answer is empty"},
		{name: "cut", method: "GET", status: 200, body: `{"a":[1,2`, want: want{httpclient.Garbled, httpclient.Lost, false, false, 3, 3, ""}, problem: "JSON does not end"},
		{name: "more behind it", method: "GET", status: 200, body: `{"a":[1,2]} and so on`, want: want{httpclient.Garbled, httpclient.Lost, false, false, 3, 3, ""}, problem: "something stands behind its end"},
		{name: "text", method: "POST", status: 200, body: `Hello`, want: want{httpclient.Garbled, httpclient.Lost, false, false, 1, 1, ""}, problem: "the answer is no JSON"},
		{name: "XML", method: "GET", status: 200, body: `<a/>`, want: want{httpclient.Garbled, httpclient.Lost, false, false, 3, 3, ""}, problem: "XML, not JSON"},
		{name: "redirected POST", method: "POST", status: 303, header: map[string]string{"Location": "/elsewhere"},
			want: want{httpclient.Failed, httpclient.Answered, false, false, 1, 1, ""}, problem: "another address"},
		{name: "other packing", method: "GET", status: 200, header: map[string]string{"Content-Encoding": "br"}, body: "x",
			want: want{httpclient.Garbled, httpclient.Lost, false, false, 1, 1, ""}, problem: "packed in a way that was not asked for: br"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			s, client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Content-Type", "")
				w.Header().Set("X-Request-Id", "req-17")
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			_, err := client.Do(t.Context(), &httpclient.Request{Method: test.method, Path: "/orders"})
			e := failure(t, err)
			got := want{e.Reason, e.Delivery, e.Refused(), errors.Is(err, connector.ErrUnreachable), e.Attempts, asked, e.Words}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, err)
			}
			for _, part := range []string{"connection.http.shop (main.hcl:3): " + test.method + " " + s.URL + "/api/orders: ", test.problem, "x-request-id req-17"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, err)
				}
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		r      httpclient.Request
	}{
		{"JSON", 200, ` {"a":1} `, httpclient.Request{}},
		{"with a byte order mark", 200, "\xef\xbb\xbf[]", httpclient.Request{}},
		{"null", 200, "null", httpclient.Request{}},
		{"empty, which may be", 201, "", httpclient.Request{Method: "POST", Expect: httpclient.JSONOrEmpty}},
		{"accepted status", 404, `{"error":"none"}`, httpclient.Request{Accept: []int{404}}},
		{"XML", 200, "<?xml version='1.0'?><a/>\n", httpclient.Request{Expect: httpclient.XML}},
		{"XML in UTF-16", 200, "\xff\xfe<\x00a\x00/\x00>\x00", httpclient.Request{Expect: httpclient.XML}},
		{"anything", 200, "<html>", httpclient.Request{Expect: httpclient.Anything}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/octet-stream")
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			resp, err := client.Do(t.Context(), &test.r)
			if err != nil {
				t.Fatal(err)
			}
			if string(resp.Body) != test.body || resp.Status != test.status {
				t.Errorf("got %d %q", resp.Status, resp.Body)
			}
		})
	}
}

func TestRequestAsSent(t *testing.T) {
	var got []string
	_, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprintf("%s %s %s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("X-Kind"), r.Header.Get("Authorization"), body))
		io.WriteString(w, "{}")
	})
	requests := []*httpclient.Request{
		{Path: "orders/a%2Fb?x=1", Query: url.Values{"y": {"é &"}}},
		{Path: client.Base() + "?after=9"},
		{Path: "", Method: "POST", Body: []byte(`{"a":1}`), Header: http.Header{"X-Kind": {"person"}}},
		{Path: "/soap", Method: "POST", Body: []byte(`<a/>`), ContentType: "text/xml"},
	}
	for _, r := range requests {
		if _, err := client.Do(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"GET /api/orders/a%2Fb?x=1&y=%C3%A9+%26   Bearer canary-token-1 ",
		"GET /api?after=9   Bearer canary-token-1 ",
		`POST /api application/json person Bearer canary-token-1 {"a":1}`,
		"POST /api/soap text/xml  Bearer canary-token-1 <a/>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImpossibleRequests(t *testing.T) {
	asked := 0
	_, client := serve(t, func(http.ResponseWriter, *http.Request) { asked++ })
	tests := map[string]*httpclient.Request{
		"leads to https://elsewhere.example:443": {Path: "https://elsewhere.example/x"},
		"leads to https://127.0.0.1:443":         {Path: "https://127.0.0.1/x"},
		"the path makes no URL":                  {Path: "/a\x00b"},
		"header X-Name has a line end":           {Header: http.Header{"X-Name": {"a\r\nX-Other: b"}}},
		"the request can't be made":              {Method: "NO METHOD"},
	}
	for want, r := range tests {
		_, err := client.Do(t.Context(), r)
		e := failure(t, err)
		if !strings.Contains(err.Error(), want) || e.Reason != httpclient.Impossible || e.Delivery != httpclient.NotSent || errors.Is(err, connector.ErrUnreachable) {
			t.Errorf("the error is %v (%+v), without %q", err, e.Reason, want)
		}
	}
	if asked > 0 {
		t.Errorf("the server was asked %d times", asked)
	}
}

func TestLostAnswers(t *testing.T) {
	var asked atomic.Int32
	abort := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		io.Copy(io.Discard, r.Body)
		if r.FormValue("part") != "" {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"a":`)
			w.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	}
	tests := []struct {
		name    string
		r       httpclient.Request
		asked   int32
		problem string
	}{
		{"GET", httpclient.Request{}, 3, "closed the connection without an answer"},
		{"GET, in part", httpclient.Request{Path: "?part=1"}, 3, "broke off within the answer"},
		{"POST", httpclient.Request{Method: "POST", Body: []byte("{}")}, 1, "closed the connection without an answer"},
		{"POST, in part", httpclient.Request{Method: "POST", Path: "?part=1", Body: []byte("{}")}, 1, "broke off within the answer"},
		{"search by POST", httpclient.Request{Method: "POST", Repeat: httpclient.Always, Body: []byte("{}")}, 3, ""},
		{"PUT", httpclient.Request{Method: "PUT", Body: []byte("{}")}, 3, ""},
		{"PUT that counts", httpclient.Request{Method: "PUT", Repeat: httpclient.Never, Body: []byte("{}")}, 1, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked.Store(0)
			_, client := serve(t, abort)
			_, err := client.Do(t.Context(), &test.r)
			if e := failure(t, err); e.Delivery != httpclient.Lost || e.Reason != httpclient.Unreachable {
				t.Errorf("delivery %v, reason %v: %v", e.Delivery, e.Reason, err)
			}
			if !strings.Contains(err.Error(), test.problem) {
				t.Errorf("the error lacks %q: %v", test.problem, err)
			}
			if asked.Load() != test.asked {
				t.Errorf("the server was asked %d times, not %d", asked.Load(), test.asked)
			}
		})
	}
}

func TestUnreachableServers(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer secure.Close()
	tests := []struct {
		name, url string
		want      []string
		attempts  int
	}{
		{"refused", "http://" + closed.Addr().String(), []string{"the connection is refused: nothing listens at " + closed.Addr().String(), "check host and port"}, 3},
		{"unknown name", "https://no-such-host.invalid", []string{"no-such-host.invalid", "(DNS)"}, 0},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), []string{"the server does not speak TLS"}, 1},
		{"foreign authority", secure.URL, []string{"an authority that is not trusted here", "ca_file"}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := newClient(t, httpclient.Options{URL: test.url, Config: quick(), Auth: httpclient.Bearer(token)}, connector.Env{})
			_, err := client.Do(t.Context(), &httpclient.Request{Method: "POST", Body: []byte("{}")})
			e := failure(t, err)
			if e.Reason != httpclient.Unreachable || e.Delivery != httpclient.NotSent || !errors.Is(err, connector.ErrUnreachable) {
				t.Errorf("reason %v, delivery %v", e.Reason, e.Delivery)
			}
			if test.attempts > 0 && e.Attempts != test.attempts {
				t.Errorf("%d attempts, not %d", e.Attempts, test.attempts)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, err)
				}
			}
		})
	}
}

func TestCancelStopsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hold := make(chan struct{})
	_, client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		select {
		case <-r.Context().Done():
		case <-hold:
		}
	})
	defer close(hold)
	if _, err := client.Do(ctx, &httpclient.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := client.Do(ctx, &httpclient.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestJudge(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		status := http.StatusOK
		fmt.Sscan(r.FormValue("status"), &status)
		w.WriteHeader(status)
		io.WriteString(w, `{"externalMessage":"the field is closed"}`)
	}))
	defer s.Close()
	judge := func(resp *httpclient.Response) httpclient.Verdict {
		return httpclient.Verdict{
			Failed: resp.URL.Query().Get("fine") == "", Final: true, Words: string(resp.Body[20:39]),
			Credentials: resp.Status == http.StatusTeapot,
		}
	}
	client := newClient(t, httpclient.Options{URL: s.URL, Config: quick(), Judge: judge}, connector.Env{})
	if _, err := client.Do(t.Context(), &httpclient.Request{Path: "?fine=1"}); err != nil {
		t.Error(err)
	}
	asked = 0
	for status, reason := range map[string]httpclient.Reason{"200": httpclient.Failed, "500": httpclient.Failed, "418": httpclient.Denied} {
		_, err := client.Do(t.Context(), &httpclient.Request{Path: "?status=" + status})
		if e := failure(t, err); e.Reason != reason || e.Words != "the field is closed" || e.Refused() != (reason == httpclient.Failed) {
			t.Errorf("%s: %+v", status, e)
		}
	}
	if asked != 3 {
		t.Errorf("the server was asked %d times, not 3", asked)
	}
}

// A canary in the answer, the URL and the headers is in no error and no log.
func TestSecretsStayHidden(t *testing.T) {
	var log bytes.Buffer
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", r.FormValue("api_key"))
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"message":"bad: %s %s","bsn":"999990019"}`, r.Header.Get("Authorization"), r.Header.Get("X-Tenant-Key"))
	}))
	defer s.Close()
	client := newClient(t, httpclient.Options{
		URL: s.URL, Config: quick(), Header: http.Header{"X-Tenant-Key": {"canary/3 é"}},
		Auth: httpclient.All(httpclient.Basic("koppel", "canary-2"), httpclient.Query("api_key", "canary & 4")),
	}, connector.Env{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	_, err := client.Do(t.Context(), &httpclient.Request{
		Method: "POST", Path: "/people/999990019?q=1", Title: "/people/{src.bsn}", Body: []byte(`{"bsn":"999990019","kin":[{"n":1}]}`),
	})
	e := failure(t, err)
	said := fmt.Sprintf("%v %+v %s %s", err, e.Cause, e.Body, e.ID)
	for _, canary := range []string{"canary", "Y2FuYXJ5", "a29wcGVs"} {
		if strings.Contains(said+log.String(), canary) {
			t.Errorf("%q is told:\n%s\n%s", canary, said, log.String())
		}
	}
	if strings.Contains(err.Error()+log.String(), "999990019") {
		t.Errorf("the number of a person is told:\n%v\n%s", err, log.String())
	}
	for _, want := range []string{"/people/{src.bsn}", `sent="{\"bsn\":…,\"kin\":[{\"n\":…}]}"`, "status=400"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
}
