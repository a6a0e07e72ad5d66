package http_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/httpclient"
	"koppel/internal/xpert"
	source "koppel/sources/http"
)

// A desk stands before a shop: it lets an account in by a code that counts once,
// and only those who are in get through. Its clock, and that of who asks, goes on
// with each login.
type desk struct {
	t    testing.TB
	shop http.Handler

	mu    sync.Mutex
	clock time.Time
	codes map[string]bool
	token string
}

func (d *desk) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clock
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/oauth2/token" {
		d.mu.Lock()
		in := r.Header.Get("Authorization") == "Bearer "+d.token
		d.mu.Unlock()
		if !in {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.StripPrefix("/suite", d.shop).ServeHTTP(w, r)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	code := r.PostFormValue("otp")
	if d.codes[code] {
		d.t.Errorf("the code %s is sent twice", code)
	}
	d.codes[code] = true
	d.clock = d.clock.Add(30 * time.Second)
	d.token = fmt.Sprintf("canary-session-%d", len(d.codes))
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":%q,"expires_in":3600,"base_url":"http://%s/suite"}`, d.token, r.Host)
}

func TestConformanceBehindALogin(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	kind := source.Kind()
	kind.Connections = append(kind.Connections, xpert.Kind())
	connectortest.Source(t, connectortest.SourceSuite{
		Kind: kind, Page: size,
		Setup: func(t testing.TB, records []string) connectortest.Origin {
			d := &desk{t: t, shop: &shop{records: records, most: size}, clock: time.Unix(1_800_000_000, 0), codes: map[string]bool{}}
			server := httptest.NewServer(d)
			t.Cleanup(server.Close)
			shared := httpclient.Defaults()
			shared.Retry = &httpclient.Retry{Attempts: 3, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
			c := source.Kind().Config().(*source.Config)
			c.Connection = connector.Connection{Address: "connection.xpert.suite", Kind: "xpert", Config: &xpert.Config{
				URL: server.URL, Account: "koppel", Token: "canary-api-token", TOTPSecret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", Config: shared,
			}}
			c.Path, c.Records = connectortest.Text("/people"), jq(".data[]")
			c.Pagination = &source.Pagination{Kind: "cursor", Param: "after", Value: jq(".next")}
			return connectortest.Origin{Config: c, Env: connector.Env{Now: d.now}, Canaries: []string{"canary-session"}}
		},
	})
}
