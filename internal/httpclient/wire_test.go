package httpclient_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// Credentials go to the connection's own host only, and data nowhere else.
func TestRedirects(t *testing.T) {
	var seen []string
	note := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			seen = append(seen, fmt.Sprintf("%s %s %s %q %q %q", name, r.Method, r.URL.Path, r.Header.Get("Authorization")+r.Header.Get("X-Key"), r.Header.Get("X-Kvk"), body))
			switch r.URL.Path {
			case "/end":
				io.WriteString(w, "{}")
			case "/closed":
				w.WriteHeader(http.StatusUnauthorized)
			case "/loop":
				http.Redirect(w, r, "/loop", http.StatusFound)
			default:
				status := http.StatusFound
				fmt.Sscan(r.FormValue("status"), &status)
				http.Redirect(w, r, r.FormValue("to"), status)
			}
		}
	}
	other := httptest.NewServer(note("other"))
	defer other.Close()
	own := httptest.NewServer(note("own"))
	defer own.Close()
	client := newClient(t, httpclient.Options{
		URL: own.URL, Config: quick(), Header: http.Header{"X-Key": {"canary-key"}}, Auth: httpclient.Bearer(token),
	}, connector.Env{})
	const mine = `"Bearer canary-token-1canary-key" "7"`
	tests := []struct {
		method, path, problem string
		seen                  []string
	}{
		{"GET", "/a?to=/end", "", []string{"own GET /a " + mine + ` ""`, "own GET /end " + mine + ` ""`}},
		{"GET", "/a?to=" + other.URL + "/end", "", []string{"own GET /a " + mine + ` ""`, `other GET /end "" "" ""`}},
		{"GET", "/a?to=" + other.URL + "/closed", "401 Unauthorized at " + other.Listener.Addr().String() + ", where it was redirected", []string{"own GET /a " + mine + ` ""`, `other GET /closed "" "" ""`}},
		{"POST", "/a?to=/end", "another address", []string{"own POST /a " + mine + ` "x"`}},
		{"POST", "/a?status=307&to=/end", "", []string{"own POST /a " + mine + ` "x"`, "own POST /end " + mine + ` "x"`}},
		{"POST", "/a?status=308&to=" + other.URL + "/end", "another host, " + other.URL + "/end, where data is not sent", []string{"own POST /a " + mine + ` "x"`}},
		{"GET", "/a?to=ftp://shop.example/x", "which is not https", []string{"own GET /a " + mine + ` ""`}},
		{"GET", "/a?to=http://shop.example/x", "plain http", []string{"own GET /a " + mine + ` ""`}},
	}
	for _, test := range tests {
		seen = nil
		r := &httpclient.Request{Method: test.method, Path: test.path, Header: http.Header{"X-Kvk": {"7"}}}
		if test.method == "POST" {
			r.Body = []byte("x")
		}
		_, err := client.Do(t.Context(), r)
		if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
			t.Errorf("%s %s: the error is %v", test.method, test.path, err)
		}
		if diff := cmp.Diff(test.seen, seen); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", test.method, test.path, diff)
		}
	}
	seen = nil
	if _, err := client.Do(t.Context(), &httpclient.Request{Path: "/loop"}); err == nil || !strings.Contains(err.Error(), "again and again") || len(seen) != 11 {
		t.Errorf("after %d requests the error is %v", len(seen), err)
	}
}

func TestBodies(t *testing.T) {
	big := "[" + strings.Repeat(`{"name":"Saar"},`, 10000) + "{}]"
	pack := func(w http.ResponseWriter, keep int) {
		var b strings.Builder
		z := gzip.NewWriter(&b)
		io.WriteString(z, big)
		z.Close()
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, b.String()[:min(keep, b.Len())])
	}
	_, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/gzip":
			if r.Header.Get("Accept-Encoding") != "gzip" {
				t.Errorf("gzip is not asked for")
			}
			pack(w, 1<<30)
		case "/api/cut":
			pack(w, 200)
		case "/api/plain":
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, big)
		case "/api/chunks":
			w.(http.Flusher).Flush()
			io.WriteString(w, big)
		case "/api/script":
			w.Header().Set("Content-Type", "text/html; charset=UTF-8")
			io.WriteString(w, big)
		case "/api/known":
			w.Header().Set("Content-Length", fmt.Sprint(len(big)))
			io.WriteString(w, big)
		}
	})
	for _, path := range []string{"/gzip", "/chunks", "/known", "/script"} {
		buffer := make([]byte, 0, 64)
		resp, err := client.Do(t.Context(), &httpclient.Request{Path: path, Into: buffer})
		if err != nil || string(resp.Body) != big {
			t.Errorf("%s: %v", path, err)
		}
		_, err = client.Do(t.Context(), &httpclient.Request{Path: path, Limit: 1 << 10})
		if e := failure(t, err); e.Reason != httpclient.Garbled || !strings.Contains(err.Error(), "the answer is longer than") {
			t.Errorf("%s: %v", path, err)
		}
	}
	_, err := client.Do(t.Context(), &httpclient.Request{Path: "/cut"})
	if e := failure(t, err); e.Delivery != httpclient.Lost || e.Attempts != 3 || !strings.Contains(err.Error(), "broke off") {
		t.Errorf("%v", err)
	}
	_, err = client.Do(t.Context(), &httpclient.Request{Path: "/plain"})
	if e := failure(t, err); e.Delivery != httpclient.Lost || !strings.Contains(err.Error(), "can't be unpacked") {
		t.Errorf("%v", err)
	}
}

func TestProxy(t *testing.T) {
	var got string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.String() + " " + r.Header.Get("Proxy-Authorization")
		io.WriteString(w, "{}")
	}))
	defer proxy.Close()
	c := quick()
	c.InsecureHTTP = true
	c.Proxy = connector.Secret(strings.Replace(proxy.URL, "http://", "http://koppel:geheim@", 1))
	client := newClient(t, httpclient.Options{URL: "http://shop.example", Config: c}, connector.Env{})
	if _, err := client.Do(t.Context(), &httpclient.Request{Path: "/x"}); err != nil {
		t.Fatal(err)
	}
	if got != "http://shop.example/x Basic a29wcGVsOmdlaGVpbQ==" {
		t.Errorf("the proxy got %s", got)
	}
	proxy.Close()
	client = newClient(t, httpclient.Options{URL: "http://shop.example", Config: c}, connector.Env{})
	_, err := client.Do(t.Context(), &httpclient.Request{Path: "/x"})
	if e := failure(t, err); e.Delivery != httpclient.NotSent || !strings.Contains(err.Error(), "the proxy can't be reached") || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v", err)
	}
}

func TestWrongArguments(t *testing.T) {
	auth := func(a httpclient.Auth) httpclient.HTTPConfig {
		return httpclient.HTTPConfig{URL: "https://shop.example", Auth: &a}
	}
	shared := func(change func(*httpclient.Config)) httpclient.HTTPConfig {
		c := httpclient.HTTPConfig{URL: "https://shop.example", Config: quick()}
		change(&c.Config)
		return c
	}
	tests := []struct {
		config httpclient.HTTPConfig
		want   string
	}{
		{httpclient.HTTPConfig{}, "url is empty"},
		{httpclient.HTTPConfig{URL: "shop.example"}, "url does not start with https://"},
		{httpclient.HTTPConfig{URL: "https://"}, "url names no host"},
		{httpclient.HTTPConfig{URL: "http://shop.example"}, "url is plain http"},
		{httpclient.HTTPConfig{URL: "https://koppel:geheim@shop.example"}, "url holds a user or a password"},
		{httpclient.HTTPConfig{URL: "https://shop.example?a=b"}, "url has a query"},
		{httpclient.HTTPConfig{URL: "https://shop.example/%zz"}, "url is no URL"},
		{httpclient.HTTPConfig{URL: "https://shop.example", Headers: httpclient.Headers{"a b": "c"}}, `"a b", which is no name of a header`},
		{shared(func(c *httpclient.Config) { c.Rate = "fast" }), `rate "fast" is no rate`},
		{shared(func(c *httpclient.Config) { c.Rate = "0/s" }), "is no rate"},
		{shared(func(c *httpclient.Config) { c.Timeout = -1 }), "timeout is negative"},
		{shared(func(c *httpclient.Config) { c.MaxConcurrency = -1 }), "max_concurrency is negative"},
		{shared(func(c *httpclient.Config) { c.Retry.Attempts = -1 }), "retry.attempts is negative"},
		{shared(func(c *httpclient.Config) { c.Retry.Min = -1 }), "retry.min"},
		{shared(func(c *httpclient.Config) { c.Proxy = "proxy" }), "proxy is no URL of a proxy"},
		{shared(func(c *httpclient.Config) { c.CAFile = "none.pem" }), "ca_file can't be read"},
		{auth(httpclient.Auth{Kind: "basic", Username: "koppel"}), "auth.password is missing"},
		{auth(httpclient.Auth{Kind: "bearer", Token: "t", Username: "koppel"}), `auth.username has no meaning in auth "bearer"`},
		{auth(httpclient.Auth{Kind: "api_key", Value: "v"}), "exactly one of them says where"},
		{auth(httpclient.Auth{Kind: "api_key", Value: "v", Header: "h", Query: "q"}), "exactly one of them says where"},
		{auth(httpclient.Auth{Kind: "oauth2", TokenURL: "https://login.example", ClientID: "k"}), "exactly one of them proves"},
		{auth(httpclient.Auth{Kind: "oauth2", TokenURL: "https://login.example", ClientID: "k", ClientSecret: "s", KeyFile: "k"}), "belongs to certificate_file"},
		{auth(httpclient.Auth{Kind: "oauth2", TokenURL: "http://login.example", ClientID: "k", ClientSecret: "s"}), "auth.token_url is plain http"},
		{auth(httpclient.Auth{Kind: "oauth2", TokenURL: "https://login.example", ClientID: "k", CertificateFile: "none.crt"}), "auth.certificate_file can't be used"},
		{auth(httpclient.Auth{Kind: "totp", Account: "a", Token: "t", Secret: "123456"}), "auth.secret is no base32"},
		{auth(httpclient.Auth{Kind: "mtls", CertFile: "none.crt"}), "auth.cert_file can't be used"},
	}
	for _, test := range tests {
		_, err := httpclient.Kind().Open(t.Context(), &test.config, connector.Env{Dir: t.TempDir()})
		var field *connector.FieldError
		if !errors.As(err, &field) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("the error is %v, without %q", err, test.want)
		}
	}
	good := []httpclient.HTTPConfig{
		{URL: "http://localhost:8080/"}, {URL: "http://127.0.0.1"}, {URL: "http://[::1]:80/a"},
		shared(func(c *httpclient.Config) { c.Rate, c.Proxy = "5 / m", "none" }),
		auth(httpclient.Auth{Kind: "wsse", Username: "koppel", Password: "geheim"}),
	}
	for _, c := range good {
		if _, err := httpclient.Kind().Open(t.Context(), &c, connector.Env{}); err != nil {
			t.Errorf("%s: %v", c.URL, err)
		}
	}
}
