package xpert_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
	simulated "koppel/internal/sandbox/xpert"
	"koppel/internal/xpert"
)

// A suite is a simulated Suite whose clock, and that of the connections to it,
// goes on by half a minute each time it is read, so that nobody waits for a
// code.
type suite struct {
	*simulated.System
	url   string
	clock atomic.Int64
	log   bytes.Buffer
	mu    sync.Mutex
}

func (s *suite) now() time.Time { return time.Unix(s.clock.Load(), 0) }

func (s *suite) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func start(t testing.TB, o simulated.Options) *suite {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	s := &suite{}
	s.clock.Store(1_800_000_000)
	o.Now = s.now
	var err error
	if s.System, err = simulated.New(o); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// open opens a connection as the language does.
func (s *suite) open(t testing.TB, change func(*xpert.Config)) *xpert.Client {
	t.Helper()
	c := xpert.Kind().Config().(*xpert.Config)
	c.URL, c.Account, c.Token, c.TOTPSecret = s.url, s.Account, connector.Secret(s.Token), connector.Secret(s.TOTPSecret)
	c.Retry = &httpclient.Retry{Attempts: 3, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	if change != nil {
		change(c)
	}
	opened, err := xpert.Kind().Open(t.Context(), c, connector.Env{
		Now: func() time.Time { return time.Unix(s.clock.Add(30), 0) },
		Log: slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := opened.(*xpert.Client)
	t.Cleanup(func() { client.Close() })
	return client
}

func (s *suite) logins() int { return s.Traffic.Counts().Action["POST "+simulated.LoginPath] }

func TestOneLogin(t *testing.T) {
	s := start(t, simulated.Options{})
	c := s.open(t, nil)
	if s.logins() != 0 {
		t.Error("opening logs in")
	}
	for range 2 {
		if err := c.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() {
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				if _, err := c.Ask(t.Context(), connector.Question{Method: "GET", Path: fmt.Sprintf("/accounts/%d", 5001+i)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	ask()
	if s.logins() != 1 {
		t.Errorf("%d logins", s.logins())
	}
	s.RevokeTokens()
	ask()
	if s.logins() != 2 {
		t.Errorf("%d logins after all tokens were revoked", s.logins())
	}
}

// What the account may not do is said once, with what to do, and nothing is
// tried again.
func TestForbidden(t *testing.T) {
	s := start(t, simulated.Options{})
	c := s.open(t, func(c *xpert.Config) {
		c.Account, c.Token, c.TOTPSecret = s.LimitedAccount, connector.Secret(s.LimitedToken), connector.Secret(s.LimitedTOTPSecret)
	})
	_, err := c.Ask(t.Context(), connector.Question{Method: "GET", Path: "/employees/1001"})
	if !errors.Is(err, connector.ErrRefused) || !strings.Contains(err.Error(), "lacks the authorisation employees.read") ||
		!strings.Contains(err.Error(), "the API account sandbox-limited lacks an authorisation for this: an administrator gives it") {
		t.Errorf("%v", err)
	}
	if n := s.Traffic.Counts().Status["403"]; n != 1 {
		t.Errorf("asked %d times", n)
	}
	if _, err := c.Ask(t.Context(), connector.Question{Method: "GET", Path: "/accounts/1"}); !errors.Is(err, connector.ErrNone) {
		t.Errorf("%v", err)
	}
}

// What is said of a request names where the login led, also where the words were
// made before it.
func TestTitleLeadsWhereTheLoginDid(t *testing.T) {
	s := start(t, simulated.Options{})
	c := s.open(t, func(c *xpert.Config) {
		c.Account, c.Token, c.TOTPSecret = s.LimitedAccount, connector.Secret(s.LimitedToken), connector.Secret(s.LimitedTOTPSecret)
	})
	_, err := c.HTTPClient().Do(t.Context(), &httpclient.Request{Path: "/employees", Title: s.url + "/employees?after=…"})
	var said *httpclient.Error
	if !errors.As(err, &said) || said.Request != "GET "+s.url+simulated.Path+"/employees?after=…" {
		t.Errorf("%v", err)
	}
}

func TestImpersonate(t *testing.T) {
	s := start(t, simulated.Options{})
	c := s.open(t, func(c *xpert.Config) { c.Impersonate = s.User })
	if _, err := c.Ask(t.Context(), connector.Question{Method: "GET", Path: "/accounts/5001"}); err != nil {
		t.Error(err)
	}
	_, err := c.Ask(t.Context(), connector.Question{Method: "GET", Path: "/employees/1001"})
	if err == nil || !strings.Contains(err.Error(), "the user "+s.User+", for whom the API account sandbox acts, lacks") {
		t.Errorf("%v", err)
	}
	for user, want := range map[string]string{"nobody@example.org": "there is no such user", s.Account: "there is no such user"} {
		err := s.open(t, func(c *xpert.Config) { c.Impersonate = user }).Check(t.Context())
		if !errors.Is(err, connector.ErrUnreachable) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "check whom the connection acts for") {
			t.Errorf("%s: %v", user, err)
		}
	}
	limited := s.open(t, func(c *xpert.Config) {
		c.Account, c.Token, c.TOTPSecret = s.LimitedAccount, connector.Secret(s.LimitedToken), connector.Secret(s.LimitedTOTPSecret)
		c.Impersonate = s.User
	})
	if err := limited.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "the account may not act for users") {
		t.Errorf("%v", err)
	}
}

// No secret is in an error or a log: not those of the file, and no token of a
// session, also where the system repeats them.
func TestSecretsStayHidden(t *testing.T) {
	s := start(t, simulated.Options{})
	var seen []string
	repeat := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token != "" {
			seen = append(seen, token)
		}
		recorded := httptest.NewRecorder()
		s.Traffic.ServeHTTP(recorded, r)
		for name, values := range recorded.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("X-Request-Id", "r "+token)
		w.Header().Del("Content-Length")
		body := recorded.Body.String()
		if recorded.Code >= 400 {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Del("Content-Encoding")
			body = fmt.Sprintf(`{"error":"x","error_description":"%s %s %s"}`, token, s.Token, s.TOTPSecret)
		}
		w.WriteHeader(recorded.Code)
		fmt.Fprint(w, body)
	})
	server := httptest.NewServer(repeat)
	defer server.Close()
	s.url = server.URL
	var said strings.Builder
	for _, change := range []func(*xpert.Config){
		func(c *xpert.Config) { c.Impersonate = s.User },
		func(c *xpert.Config) { c.Impersonate = "nobody" },
		func(c *xpert.Config) { c.Account = "nobody" },
		func(c *xpert.Config) {
			c.Login = &xpert.Login{Login: httpclient.Login{AccessToken: "nowhere"}}
		},
	} {
		c := s.open(t, change)
		for _, path := range []string{"/employees/1001", "/accounts/1", "/nothing"} {
			_, err := c.Ask(t.Context(), connector.Question{Method: "GET", Path: path})
			fmt.Fprintf(&said, "%v\n%+v\n", err, err)
			var failed *httpclient.Error
			if errors.As(err, &failed) {
				said.Write(failed.Body)
			}
		}
		fmt.Fprintf(&said, "%+v", c.HTTPClient().Place())
	}
	said.WriteString(s.log.String())
	text := said.String()
	if len(seen) < 4 || !strings.Contains(text, "‹sensitive›") || !strings.Contains(text, "level=DEBUG") {
		t.Fatalf("%d tokens; %s", len(seen), text)
	}
	for _, secret := range append(seen, s.Token, s.TOTPSecret) {
		if strings.Contains(text, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

// Two accounts on one server are two places.
func TestPlace(t *testing.T) {
	s := start(t, simulated.Options{})
	c := s.open(t, nil)
	named, err := httpclient.For(t.Context(), connector.Connection{Address: "connection.xpert.suite", Get: func(context.Context) (any, error) { return c, nil }})
	if err != nil || named.Place() != s.url+" as sandbox" {
		t.Errorf("%v %v", named.Place(), err)
	}
}
