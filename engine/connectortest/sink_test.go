package connectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
)

type shelfConfig struct {
	Name  string           `hcl:"name" doc:"which shelf"`
	Token connector.Secret `hcl:"token,optional" doc:"lets in"`
}

// A board is an outside system that holds rows by key.
type board struct {
	rows    map[string][]string
	refused string
	calls   int
	killAt  int // the call from which on it fails, from 1; 0: none
}

var errDead = errors.New("no answer")

// call is one request to the outside system.
func (b *board) call() error {
	if b.calls++; b.killAt > 0 && b.calls >= b.killAt {
		return errDead
	}
	return nil
}

// shelf is a sink with a planted bug; "" is right.
type shelf struct {
	shelfConfig
	bug   string
	board *board
	plan  bool
}

func (s *shelf) Traits() connector.Traits {
	identity := "shelf " + s.Name
	if s.bug == "tells" {
		identity += string([]byte(s.Token))
	}
	return connector.Traits{Deletes: true, Batch: 2, Journalled: s.bug == "lost journal", Identity: identity}
}

func (s *shelf) Write(ctx context.Context, batch []record.Change) ([]connector.Outcome, error) {
	var out []connector.Outcome
	for _, c := range batch {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		if err := s.board.call(); err != nil {
			if s.bug == "kill unseen" {
				return make([]connector.Outcome, len(batch)), nil
			}
			return out, err
		}
		out = append(out, s.apply(c))
	}
	if s.bug == "short answer" {
		out = out[1:]
	}
	return out, nil
}

func (s *shelf) apply(c record.Change) connector.Outcome {
	key := string(c.Key)
	switch {
	case key == s.board.refused && s.bug == "refused silently":
		return connector.Outcome{}
	case key == s.board.refused:
		return connector.Outcome{Status: connector.Refused, Message: "no room for it"}
	case s.board.refused != "" && s.bug == "refuses all":
		return connector.Outcome{Status: connector.Refused, Message: "no room"}
	case c.Op == record.Delete && s.bug == "keeps":
	case c.Op == record.Delete:
		delete(s.board.rows, key)
	case c.Op == record.Create && (s.bug == "doubles" || s.bug == "lost journal"):
		s.board.rows[key] = append(s.board.rows[key], s.row(c.After))
	case c.Op == record.Update && s.bug == "sends less":
	default:
		s.board.rows[key] = []string{s.row(c.After)}
	}
	return connector.Outcome{}
}

// row is the body without what is not sent.
func (s *shelf) row(body []byte) string {
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &m); err != nil {
		return err.Error()
	}
	if s.bug != "sends hidden" {
		delete(m, "hidden")
	}
	if s.bug == "null for empty" && string(m["name"]) == `""` {
		m["name"] = json.RawMessage("null")
	}
	// Marshal would escape HTML.
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return err.Error()
	}
	return b.String()
}

// Find looks creates up.
func (s *shelf) Find(_ context.Context, batch []record.Change) ([]connector.Found, error) {
	found := make([]connector.Found, len(batch))
	for i, c := range batch {
		if found[i].N = len(s.board.rows[string(c.Key)]); s.bug == "lost journal" || s.bug == "finds nothing" {
			found[i].N = 0
		}
	}
	if s.plan && s.bug == "writes in a plan" {
		s.board.rows["p9"] = []string{person("p9", "null", "1")}
	}
	return found, nil
}

func shelfSuite(bug string) SinkSuite {
	boards := map[string]*board{}
	return SinkSuite{
		Kind: connector.Define("shelf", "A shelf.", shelfConfig{}, func(_ context.Context, c shelfConfig, env connector.Env) (connector.Sink, error) {
			b := boards[c.Name]
			if b == nil {
				return nil, errors.New("there is no such shelf")
			}
			return &shelf{shelfConfig: c, bug: bug, board: b, plan: env.ReadOnly}, nil
		}),
		Setup: func(testing.TB) Target {
			b := &board{rows: map[string][]string{}}
			name := fmt.Sprintf("shelf-%d", len(boards))
			boards[name] = b
			return Target{
				Config: &shelfConfig{Name: name, Token: "canary-2"},
				Rows: func(testing.TB) []string {
					var all []string
					for _, rows := range b.rows {
						all = append(all, rows...)
					}
					return all
				},
				Refuse: func(_ testing.TB, id string) { b.refused = id },
				Kill: func(_ testing.TB, place int) (func(), bool) {
					b.calls, b.killAt = 0, place+1
					return func() { b.killAt = 0 }, place < 5
				},
			}
		},
	}
}

func TestGoodSinkPasses(t *testing.T) { Sink(t, shelfSuite("")) }

func TestBrokenSinksFail(t *testing.T) {
	tests := map[string]string{
		"keeps":            "delete (-want +got)",
		"sends less":       "update (-want +got)",
		"doubles":          "create (-want +got)",
		"sends hidden":     "create (-want +got)",
		"null for empty":   "create (-want +got)",
		"refused silently": "p2 has status 0, not 1",
		"refuses all":      "p1 has status 1, not 0",
		"short answer":     "1 outcomes for 2 changes",
		"lost journal":     "create once more (-want +got)",
		"finds nothing":    "find sees p1 0 times, not 1",
		"writes in a plan": "rows after looking (-want +got)",
		"tells":            "a secret is in a log",
	}
	for bug, want := range tests {
		t.Run(bug, func(t *testing.T) {
			if got := failuresOf(t, shelfSuite(bug).test); !strings.Contains(got, want) {
				t.Errorf("the suite says:\n%s\nwithout %q", got, want)
			}
		})
	}
}
