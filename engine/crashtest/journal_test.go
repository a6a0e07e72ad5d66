package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// A ledger is a target in another process whose create can't be repeated:
// each POST adds a row. It lives in the parent and outlives every kill.
type ledger struct {
	mu     sync.Mutex
	rows   map[string][]json.RawMessage
	posts  map[string]int
	refuse string // a key that is refused, with its record in the words
}

func newLedger(t *testing.T) (*ledger, string) {
	t.Helper()
	l := &ledger{rows: map[string][]json.RawMessage{}, posts: map[string]int{}}
	s := httptest.NewServer(l)
	t.Cleanup(s.Close)
	return l, s.URL
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := r.URL.Query().Get("key")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller died; nothing was taken
	}
	if key == l.refuse && key != "" && r.Method != http.MethodGet {
		http.Error(w, fmt.Sprintf("this is not acceptable: %s", body), http.StatusUnprocessableEntity)
		return
	}
	switch r.Method {
	case http.MethodPost:
		l.posts[key]++
		l.rows[key] = append(l.rows[key], body)
	case http.MethodPut:
		l.rows[key] = []json.RawMessage{body}
	case http.MethodDelete:
		delete(l.rows, key)
		delete(l.posts, key)
	}
	for _, row := range l.rows[key] {
		fmt.Fprintf(w, "%s\n", row)
	}
}

type journalConfig struct {
	URL  string `hcl:"url" doc:"where the ledger listens"`
	Mute bool   `hcl:"mute,optional" doc:"it can't be asked"`
}

// A journal is the sink that writes to a ledger.
type journal struct{ url string }

// A findingJournal can ask it, too.
type findingJournal struct{ journal }

func journalKind() connector.Kind[connector.Sink] {
	k := connector.Define("journal", "A ledger for tests.", journalConfig{},
		func(_ context.Context, c journalConfig, _ connector.Env) (connector.Sink, error) {
			if c.Mute {
				return journal{c.URL}, nil
			}
			return findingJournal{journal{c.URL}}, nil
		})
	k.Static = journal{}.Traits()
	return k
}

func (j journal) Traits() connector.Traits {
	return connector.Traits{Journalled: true, Deletes: true, Undoable: true, Identity: "ledger"}
}

var methods = map[record.Op]string{record.Create: http.MethodPost, record.Update: http.MethodPut, record.Delete: http.MethodDelete}

func (j journal) Write(ctx context.Context, batch []record.Change) ([]connector.Outcome, error) {
	var out []connector.Outcome
	for _, c := range batch {
		code, text, err := j.call(ctx, methods[c.Op], c.Key, c.After)
		switch {
		case err != nil:
			return append(out, connector.Outcome{Status: connector.Unknown, Message: err.Error()}), nil
		case code == http.StatusUnprocessableEntity:
			out = append(out, connector.Outcome{Status: connector.Refused, Message: text})
		case code != http.StatusOK:
			return out, fmt.Errorf("status %d: %s", code, text)
		default:
			out = append(out, connector.Outcome{})
		}
	}
	return out, nil
}

func (j journal) call(ctx context.Context, method string, key record.Key, body []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, j.url+"/?key="+url.QueryEscape(key.String()), bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// Find looks keys up.
func (j findingJournal) Find(ctx context.Context, batch []record.Change) ([]connector.Found, error) {
	found := make([]connector.Found, len(batch))
	for i, c := range batch {
		_, text, err := j.call(ctx, http.MethodGet, c.Key, nil)
		if err != nil {
			return nil, err
		}
		found[i] = connector.Found{N: strings.Count(text, "\n"), Key: c.Key, Row: []byte(text)}
	}
	return found, nil
}
