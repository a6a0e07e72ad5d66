package console_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"koppel/internal/console"
)

func TestRefusals(t *testing.T) {
	b := newBench(t)
	expired := b.token("old", console.Admin, time.Hour)
	revoked := b.token("lost", console.Admin, 0)
	if _, err := b.engine().RevokeToken(t.Context(), "lost", "noor"); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Hour)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	tests := []struct {
		name, token, method, path string
		body                      any
		edit                      func(*http.Request)
		status                    int
		code                      string
	}{
		{name: "no token", method: "GET", path: "/status", status: 401, code: "token_missing"},
		{name: "no token for the description", method: "GET", path: "/openapi.json", status: 401, code: "token_missing"},
		{name: "no token for what is not there", method: "GET", path: "/nothing", status: 401, code: "token_missing"},
		{name: "another scheme", method: "GET", path: "/status", edit: header("Authorization", "Basic "+b.admin), status: 401, code: "token_missing"},
		{name: "two tokens", token: b.admin, method: "GET", path: "/status",
			edit: func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+b.viewer) }, status: 401, code: "token_missing"},
		{name: "wrong token", token: b.admin[:len(b.admin)-1] + "!", method: "GET", path: "/status", status: 401, code: "token_unknown"},
		{name: "name for a token", token: "deploy", method: "GET", path: "/status", status: 401, code: "token_unknown"},
		{name: "expired", token: expired, method: "GET", path: "/status", status: 401, code: "token_expired"},
		{name: "revoked", token: revoked, method: "GET", path: "/status", status: 401, code: "token_revoked"},
		{name: "token in the URL", token: b.admin, method: "GET", path: "/status?access_token=" + b.admin, status: 400, code: "token_in_url"},
		{name: "viewer runs", token: b.viewer, method: "POST", path: "/runs", body: "{}", status: 403, code: "role"},
		{name: "viewer approves", token: b.viewer, method: "POST", path: "/held/approve", body: "{}", status: 403, code: "role"},
		{name: "viewer rejects", token: b.viewer, method: "POST", path: "/held/reject", body: "{}", status: 403, code: "role"},
		{name: "viewer retries", token: b.viewer, method: "POST", path: "/failed/retry", body: "{}", status: 403, code: "role"},
		{name: "viewer dismisses", token: b.viewer, method: "POST", path: "/failed/dismiss", body: "{}", status: 403, code: "role"},
		{name: "viewer undoes", token: b.viewer, method: "POST", path: "/runs/1/undo", status: 403, code: "role"},
		{name: "viewer applies", token: b.viewer, method: "POST", path: "/plans/01JD0000000000000000000000/apply", status: 403, code: "role"},
		{name: "viewer saves a plan", token: b.viewer, method: "POST", path: "/plans", body: `{"save": true}`, status: 403, code: "role"},
		{name: "other method", token: b.admin, method: "DELETE", path: "/runs", status: 405, code: "method"},
		{name: "unknown path", token: b.admin, method: "GET", path: "/run", status: 404, code: "not_found"},
		{name: "odd path", token: b.admin, method: "GET", path: "/plans/..%2f..%2fstate.db", status: 404, code: "not_found"},
		{name: "path with a nul", token: b.admin, method: "GET", path: "/plans/a%00b", status: 404, code: "unknown"},
		{name: "origin of another site", token: b.admin, method: "POST", path: "/runs", body: "{}", edit: header("Origin", "https://evil.example"), status: 403, code: "cross_origin"},
		{name: "browser on another site", token: b.admin, method: "GET", path: "/status", edit: header("Sec-Fetch-Site", "cross-site"), status: 403, code: "cross_origin"},
		{name: "rebound name", token: b.admin, method: "GET", path: "/status", edit: host("evil.example"), status: 403, code: "host"},
		{name: "rebound name with a port", token: b.admin, method: "GET", path: "/status", edit: host("localhost.evil.example:80"), status: 403, code: "host"},
		{name: "foreign address", token: b.admin, method: "GET", path: "/status", edit: host("192.0.2.1"), status: 403, code: "host"},
		{name: "form", token: b.admin, method: "POST", path: "/runs", body: "{}", edit: header("Content-Type", "text/plain"), status: 415, code: "media_type"},
		{name: "unknown member", token: b.admin, method: "POST", path: "/runs", body: `{"pipeline": "people"}`, status: 400, code: "invalid"},
		{name: "no JSON", token: b.admin, method: "POST", path: "/runs", body: `{"key": `, status: 400, code: "invalid"},
		{name: "two values", token: b.admin, method: "POST", path: "/plans", body: `{} {}`, status: 400, code: "invalid"},
		{name: "huge body", token: b.admin, method: "POST", path: "/plans", body: `{"key": "` + strings.Repeat("x", 2<<20) + `"}`, status: 413, code: "too_large"},
		{name: "huge end", token: b.admin, method: "POST", path: "/plans", body: `{}` + strings.Repeat(" ", 2<<20), status: 413, code: "too_large"},
		{name: "unknown parameter", token: b.viewer, method: "GET", path: "/runs?pipelines=people", status: 400, code: "invalid"},
		{name: "limit", token: b.viewer, method: "GET", path: "/runs?limit=0", status: 400, code: "invalid"},
		{name: "after", token: b.viewer, method: "GET", path: "/runs?after=***", status: 400, code: "invalid"},
		{name: "unknown pipeline", token: b.viewer, method: "GET", path: "/runs?pipeline=peple", status: 404, code: "unknown"},
		{name: "unknown run", token: b.viewer, method: "GET", path: "/runs/99", status: 404, code: "unknown"},
		{name: "run that is no number", token: b.viewer, method: "GET", path: "/runs/x", status: 400, code: "invalid"},
		{name: "no reason", token: b.admin, method: "POST", path: "/held/approve", body: `{"pipelines": ["people"]}`, status: 400, code: "invalid"},
		{name: "nothing held", token: b.admin, method: "POST", path: "/held/approve", body: `{"pipelines": ["people"], "reason": "x"}`, status: 404, code: "nothing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			edits := []func(*http.Request){}
			if test.edit != nil {
				edits = append(edits, test.edit)
			}
			a := b.do(test.token, test.method, test.path, test.body, edits...)
			if words := a.refused(t, test.status, test.code); len(words) < 20 {
				t.Errorf("it says only %q", words)
			}
			if test.status == 401 && a.Header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
			if test.status == 405 && a.Header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
	for _, secret := range []string{b.admin, b.viewer, expired, revoked} {
		if strings.Contains(b.log.String(), secret) {
			t.Error("the log holds a token")
		}
	}
}

// A path that is not clean runs nothing.
func TestUncleanPathsRunNothing(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/plans/%2e%2e%2fx", "/plans/../plans", "/runs/1%2f..%2f2/undo"} {
		if a := b.do(b.admin, "GET", path, nil); a.StatusCode/100 == 2 {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if text := b.log.String(); strings.Count(text, "msg=api") != 3 {
		t.Errorf("the log tells of more than three requests:\n%s", text)
	}
}

func TestLocalHosts(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.3.2.1", "[::1]:8080", "localhost."} {
		if a := b.do(b.viewer, "GET", "/status", nil, func(r *http.Request) { r.Host = name }); a.StatusCode != 200 {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

// The state holds hashes of secrets, and an export too.
func TestSecretsAreNotStored(t *testing.T) {
	b := newBench(t)
	var out bytes.Buffer
	if err := b.store.Export(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"table":"token"`) || strings.Contains(out.String(), b.admin) || strings.Contains(out.String(), strings.TrimPrefix(b.admin, "koppel_")) {
		t.Error("the export has no tokens, or a secret")
	}
}

func TestUseOfATokenIsRemembered(t *testing.T) {
	b := newBench(t)
	b.pass(time.Minute)
	b.do(b.viewer, "GET", "/status", nil)
	b.api.Close()
	all, err := b.engine().Tokens(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	if !all[0].Used.IsZero() || !all[1].Used.Equal(b.clock()) {
		t.Errorf("used: %v, %v", all[0].Used, all[1].Used)
	}
}
