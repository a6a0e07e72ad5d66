package connectortest

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"koppel/engine/connector"
)

type linkConfig struct {
	URL   string           `hcl:"url" doc:"where the pages are"`
	Token connector.Secret `hcl:"token,optional" doc:"a secret"`
}

type linkedConfig struct {
	Connection connector.Connection `hcl:"connection" doc:"where the pages are"`
}

// A link is what the connection opens.
type link struct {
	url    string
	client *http.Client
	closed *int
}

func (l *link) Close() error { *l.closed++; return nil }

// linkSuite is for a source that reads the pages over a connection, with a
// planted bug; "" is right.
func linkSuite(bug string, opened, closed *int) SourceSuite {
	connection := connector.Define("link", "A link.", linkConfig{}, func(_ context.Context, c linkConfig, env connector.Env) (any, error) {
		*opened++
		client := env.HTTP
		if bug == "own client" {
			client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		}
		return &link{c.URL, client, closed}, nil
	})
	suite := webSuite("")
	suite.Kind = connector.Define("linked", "Pages.", linkedConfig{}, func(ctx context.Context, c linkedConfig, _ connector.Env) (connector.Source, error) {
		if c.Connection.Get == nil {
			return nil, &connector.FieldError{Field: "connection", Problem: "is missing"}
		}
		got, err := c.Connection.Get(ctx)
		if err != nil {
			return nil, err
		}
		l := got.(*link)
		if bug == "endless" {
			return &endless{l.url, l.client}, nil
		}
		return &web{l.url, "", l.client}, nil
	})
	suite.Kind.Connections = []connector.Kind[any]{connection}
	setup := suite.Setup
	suite.Setup = func(t testing.TB, records []string) Origin {
		url := setup(t, records).Config.(*webConfig).URL
		return Origin{Config: &linkedConfig{connector.Connection{Address: "connection.link.x", Kind: "link", Config: &linkConfig{URL: url, Token: "canary-9"}}}}
	}
	return suite
}

// endless asks for the same page until it is another one.
type endless struct {
	url    string
	client *http.Client
}

func (e *endless) Read(ctx context.Context, out connector.Reader) error {
	w := &web{e.url, "takes any page", e.client}
	for number := 0; ; {
		page, err := w.page(ctx, number)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && page.Last:
			return out.Fail("", http.ErrNotSupported)
		case err == nil && page.Number == number:
			number++
		}
	}
}

func TestSuiteOpensConnections(t *testing.T) {
	tests := map[string]string{
		"":           "",
		"own client": "makes no request over Env.HTTP of its connection",
		"endless":    "makes requests without end",
	}
	for bug, want := range tests {
		t.Run(bug, func(t *testing.T) {
			opened, closed := 0, 0
			suite := linkSuite(bug, &opened, &closed)
			got := failuresOf(t, func(t tester) {
				suite.readFaulty(t, &journal{}, &faulty{fault: "repeated answer", place: 1, forGood: true})
			})
			if !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("the suite says:\n%s\nwith %q wanted", got, want)
			}
			if opened == 0 {
				t.Errorf("no connection was opened")
			}
		})
	}
	t.Run("whole", func(t *testing.T) {
		opened, closed := 0, 0
		t.Run("suite", func(t *testing.T) { Source(t, linkSuite("", &opened, &closed)) })
		if opened == 0 || opened != closed {
			t.Errorf("%d connections were opened, %d closed", opened, closed)
		}
	})
	t.Run("unknown kind", func(t *testing.T) {
		opened, closed := 0, 0
		suite := linkSuite("", &opened, &closed)
		suite.Kind.Connections = nil
		got := failuresOf(t, func(t tester) { suite.counts(t, &journal{}) })
		if !strings.Contains(got, `no kind of connection "link"`) {
			t.Errorf("the suite says:\n%s", got)
		}
	})
}
