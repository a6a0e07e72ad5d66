package crashtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"koppel/internal/webhook"
)

// A partner receives messages, outlives every kill, and knows a message that it
// has by its ID.
type partner struct {
	mu      sync.Mutex
	seen    map[string]bool
	rows    map[string]string // the record by key, as the messages tell
	again   int
	strange []string // what a follower can't make sense of
}

func newPartner(t *testing.T) (*partner, string) {
	p := &partner{seen: map[string]bool{}, rows: map[string]string{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, server.URL
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed amid
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var m struct {
		ID, Op, Key    string
		Record, Before json.RawMessage
	}
	switch err := json.Unmarshal(body, &m); {
	case err != nil || webhook.Verify(r.Header.Get(webhook.SignatureHeader), []byte("a test secret"), body) != nil:
		p.strange = append(p.strange, "a message that is not signed: "+string(body))
		return
	case p.seen[m.ID]:
		p.again++
		return
	}
	p.seen[m.ID] = true
	held, there := p.rows[m.Key]
	if before := string(m.Before); there && held != before || !there && before != "null" || (m.Op == "create") == there {
		p.strange = append(p.strange, fmt.Sprintf("%s %s of %s, and it holds %q", m.Op, m.Key, before, held))
	}
	if p.rows[m.Key] = string(m.Record); m.Op == "delete" {
		delete(p.rows, m.Key)
	}
}

// check holds what the partner knows against the truth.
func (p *partner) check(t *testing.T, round int, want map[string]string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.strange) > 0 {
		t.Fatalf("round %d: %s", round, strings.Join(p.strange, "\n"))
	}
	got := map[string]string{}
	for key, row := range p.rows {
		var r struct{ Name, City string }
		if err := json.Unmarshal([]byte(row), &r); err != nil {
			t.Fatal(err)
		}
		got[key] = r.Name + "|" + r.City
	}
	wantSame(t, round, want, got)
}

func webhookSink(urls ...string) string {
	var b strings.Builder
	b.WriteString("sink \"webhook\" \"people\" {\n  topic = \"people.{op}\"\n")
	for i, url := range urls {
		fmt.Fprintf(&b, "  receiver \"r%d\" {\n    url = %q\n    auth \"websub\" { secret = \"a test secret\" }\n  }\n", i, url)
	}
	return b.String() + "}\n"
}

// TestKillWebhook kills runs and the sending behind them wherever they are: each
// change is told to each receiver under one ID, in order, and none is missing.
func TestKillWebhook(t *testing.T) {
	one, oneURL := newPartner(t)
	two, twoURL := newPartner(t)
	into := strings.Replace(pipeline("source.file.people", "sink.webhook.people"), "  where =", "  first_run = \"send\"\n  where =", 1)
	into = strings.Replace(into, "guard {", "guard {\n    updates = 1000000000\n   ", 1)
	p := newProject(t, fileSource+webhookSink(oneURL, twoURL)+strings.ReplaceAll(into, "deletes = 1000000000 }", "deletes = 1000000000\n  }"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000) / 30)
	length := firstLength
	kills := 0
	for round := range number(t, "KOPPEL_KILLS", 20) {
		verb := []string{"run", "apply"}[round%2]
		c.file(t, p.path("people.jsonl"))
		want := truth(t, p.path("people.jsonl"))
		if verb == "apply" {
			if err := os.Remove(p.path("a.plan")); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			p.whole("plan")
		}
		if _, ended := p.kill(moment(c.random, length), verb); !ended {
			kills++
		}
		if said, took, err := p.try(verb); err == nil {
			length = (length + took) / 2
		} else if !strings.Contains(said, "was applied already") {
			t.Fatalf("round %d: %v\n%s", round, err, said)
		}
		p.whole("run") // what was told twice would show by now
		one.check(t, round, want)
		two.check(t, round, want)
		p.wantClean()
		c.mutate(true)
	}
	t.Logf("%d messages, %d came again, %d kills", len(one.seen)+len(two.seen), one.again+two.again, kills)
}
