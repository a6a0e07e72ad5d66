package graphevents

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

// A throttling is a tenant in which some mailboxes answer their first request
// with 429, to come again in a minute.
type throttling struct {
	sync.Mutex
	start    time.Time
	asked    map[string]int
	answered map[string]time.Duration // since the start
	under    int
	most     int // requests at once
}

func (h *throttling) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(status int, body string) *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
	}
	if strings.HasSuffix(r.URL.Path, "/token") {
		return answer(200, `{"token_type":"Bearer","expires_in":3599,"access_token":"t"}`), nil
	}
	box := strings.Split(r.URL.Path, "/")[3]
	h.Lock()
	h.asked[box]++
	h.under++
	h.most = max(h.most, h.under)
	first := h.asked[box] == 1
	h.Unlock()
	time.Sleep(time.Millisecond)
	h.Lock()
	defer h.Unlock()
	h.under--
	if first && strings.HasPrefix(box, "slow") {
		refused := answer(429, `{"error":{"code":"ApplicationThrottled","message":"MailboxConcurrency"}}`)
		refused.Header.Set("Retry-After", "60")
		return refused, nil
	}
	h.answered[box] = time.Since(h.start)
	return answer(200, fmt.Sprintf(`{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users('%s')/calendarView","value":[]}`, box)), nil
}

// An ending counts the partitions that were read whole.
type ending struct {
	connector.Reader
	whole int
}

func (e *ending) Parts([]string) error { return nil }

func (e *ending) Fail(_ string, err error) error { return err }

func (e *ending) Begin(string, connector.Mode) (connector.Cursor, error) { return nil, nil }

func (e *ending) End(string, connector.Cursor, connector.Interval) error {
	e.whole++
	return nil
}

// TestThrottledMailboxes: mailboxes that are throttled wait, however many they
// are, and no other mailbox waits for them.
func TestThrottledMailboxes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &throttling{start: time.Now(), asked: map[string]int{}, answered: map[string]time.Duration{}}
		config := graph.Defaults()
		config.Tenant, config.ClientID, config.ClientSecret = "contoso.onmicrosoft.com", "app", "secret"
		client, err := graph.New(config, connector.Env{Now: time.Now, HTTP: &http.Client{Transport: h}})
		if err != nil {
			t.Fatal(err)
		}
		var boxes []string
		for i := range 80 {
			boxes = append(boxes, fmt.Sprintf("slow%d", i))
		}
		for i := range 800 {
			boxes = append(boxes, fmt.Sprintf("free%d", i))
		}
		s, err := Kind().Open(t.Context(), &Config{
			Connection: connector.Connection{Address: "connection.graph.tenant", Kind: "graph", Get: func(context.Context) (any, error) { return client, nil }},
			Mailboxes:  connector.Selection{List: boxes}, Mailbox: "id", Past: connector.Duration(time.Hour), Future: connector.Duration(time.Hour),
		}, connector.Env{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		out := &ending{}
		if err := s.Read(t.Context(), out); err != nil || out.whole != len(boxes) {
			t.Fatalf("%d mailboxes were read: %v", out.whole, err)
		}
		for box, at := range h.answered {
			if slow := strings.HasPrefix(box, "slow"); slow && at < time.Minute || !slow && at > time.Minute/2 {
				t.Errorf("%s was answered after %s", box, at)
			}
		}
		if h.most > 8 {
			t.Errorf("%d requests were under way at once", h.most)
		}
		// One that ends early leaves nothing behind.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		clear(h.asked)
		if err := s.Read(ctx, &ending{}); err == nil {
			t.Error("it ended well without an end")
		}
	})
}
