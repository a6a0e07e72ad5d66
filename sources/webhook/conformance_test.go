package webhook_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/state/sqlite"
	"koppel/sources/webhook"
)

// inbox gives an inbox of a state of its own.
func inbox(t testing.TB) connector.Inbox {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine.Inbox(s, "source.webhook.x")
}

func TestConformance(t *testing.T) {
	tenant := connector.Connection{Address: "connection.graph.tenant", Kind: "graph"}
	connectortest.Source(t, connectortest.SourceSuite{
		Kind: webhook.Kind(),
		Setup: func(t testing.TB, records []string) connectortest.Origin {
			in := inbox(t)
			for i, r := range records {
				if _, err := in.Put(t.Context(), []connector.Event{{ID: fmt.Sprint(i), At: time.Now(), Body: []byte(r)}}); err != nil {
					t.Fatal(err)
				}
			}
			c := webhook.Kind().Config().(*webhook.Config)
			c.Path, c.Auth = "/hooks/x", webhook.Auth{Kind: "websub", Secret: "canary-secret"}
			return connectortest.Origin{Config: c, Env: connector.Env{Inbox: in}}
		},
		Wrong: []connectortest.Wrong{
			wrong("no path", "path", func(c *webhook.Config) { c.Path = "" }),
			wrong("a URL", "path", func(c *webhook.Config) { c.Path = "https://example.org/hooks" }),
			wrong("a pattern", "path", func(c *webhook.Config) { c.Path = "/hooks/{id}" }),
			wrong("dots", "path", func(c *webhook.Config) { c.Path = "/hooks/../api" }),
			wrong("the service's own path", "path", func(c *webhook.Config) { c.Path = "/api/runs" }),
			wrong("no secret", "auth.secret", func(c *webhook.Config) { c.Auth.Secret = "" }),
			wrong("another's argument", "auth.token", func(c *webhook.Config) { c.Auth.Token = "x" }),
			wrong("no keys", "auth.jwks_url", func(c *webhook.Config) { c.Auth = webhook.Auth{Kind: "oauth2", Issuer: "i", Audience: "a"} }),
			wrong("keys in the clear", "auth.jwks_url", func(c *webhook.Config) {
				c.Auth = webhook.Auth{Kind: "oauth2", Issuer: "i", Audience: "a", KeysURL: "http://login.example/keys"}
			}),
			wrong("topics of nothing", "topics", func(c *webhook.Config) { c.Topics = []string{"a"} }),
			wrong("no rate", "rate", func(c *webhook.Config) { c.Rate = "often" }),
			wrong("notices of nobody", "auth.url", func(c *webhook.Config) {
				c.Auth = webhook.Auth{Kind: "graph", ClientState: "s", URL: "https://koppel.example/hooks/x"}
			}),
			wrong("notices to nowhere", "auth.url", func(c *webhook.Config) {
				c.Auth = webhook.Auth{Kind: "graph", ClientState: "s", Connection: tenant}
			}),
			wrong("notices to another path", "auth.url", func(c *webhook.Config) {
				c.Auth = webhook.Auth{Kind: "graph", ClientState: "s", Connection: tenant, URL: "https://koppel.example/hooks/y"}
			}),
			wrong("notices in the clear", "auth.url", func(c *webhook.Config) {
				c.Auth = webhook.Auth{Kind: "graph", ClientState: "s", Connection: tenant, URL: "http://koppel.example/hooks/x"}
			}),
			wrong("notices with a password", "auth.url", func(c *webhook.Config) {
				c.Auth = webhook.Auth{Kind: "graph", ClientState: "s", Connection: tenant, URL: "https://a:b@koppel.example/hooks/x"}
			}),
			wrong("no size", "max_size", func(c *webhook.Config) { c.MaxSize = 0 }),
		},
	})
}

func wrong(name, want string, change func(*webhook.Config)) connectortest.Wrong {
	return connectortest.Wrong{Name: name, Want: want, Change: func(config any) { change(config.(*webhook.Config)) }}
}
