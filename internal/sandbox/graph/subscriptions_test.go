package graph_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/graph"
)

// A listener is where notifications are sent.
type listener struct {
	*httptest.Server
	deaf   bool // it answers no question
	status int
	got    []string
}

func listen(t *testing.T) *listener {
	l := &listener{status: http.StatusAccepted}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.URL.Query().Get("validationToken"); token != "" && !l.deaf {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, token)
			return
		}
		body, _ := io.ReadAll(r.Body)
		l.got = append(l.got, string(body))
		w.WriteHeader(l.status)
	}))
	t.Cleanup(l.Close)
	return l
}

func (c *tenant) wish(l *listener, minutes int) string {
	return fmt.Sprintf(`{"changeType":"created,updated,deleted","notificationUrl":%q,"lifecycleNotificationUrl":%[1]q,"resource":"users/%s/events","expirationDateTime":%q,"clientState":"state"}`,
		l.URL, c.owner(0), c.now.Add(time.Duration(minutes)*time.Minute).Format(time.RFC3339))
}

func TestSubscriptionRules(t *testing.T) {
	c, l := start(t, graph.Options{}), listen(t)
	good := c.wish(l, 100)
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"good":               {good, 201},
		"too long":           {c.wish(l, 10_081), 400},
		"in the past":        {c.wish(l, -1), 400},
		"another resource":   {strings.Replace(good, "/events", "/messages", 1), 400},
		"another change":     {strings.Replace(good, "created,", "made,", 1), 400},
		"nobody":             {strings.Replace(good, c.owner(0), "nobody@example.org", 1), 404},
		"no https":           {strings.ReplaceAll(good, l.URL, "http://koppel.example/hook"), 400},
		"no JSON":            {"{", 400},
		"a long clientState": {strings.Replace(good, `"state"`, `"`+strings.Repeat("s", 129)+`"`, 1), 400},
	} {
		resp, out := c.ask("POST", "/v1.0/subscriptions", tt.body)
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d %v, want %d", name, resp.StatusCode, out, tt.want)
		}
	}
	l.deaf = true
	if resp, out := c.ask("POST", "/v1.0/subscriptions", good); resp.StatusCode != 400 || code(out) != "ValidationError" {
		t.Errorf("a deaf receiver: %d %v", resp.StatusCode, out)
	}
	list := c.get("/v1.0/subscriptions")["value"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["clientState"] != nil {
		t.Fatalf("there are %v", list)
	}
	id := list[0].(map[string]any)["id"].(string)
	until := c.now.Add(10_000 * time.Minute).UTC()
	if _, out := c.ask("PATCH", "/v1.0/subscriptions/"+id, fmt.Sprintf(`{"expirationDateTime":%q}`, until.Format(time.RFC3339))); out["expirationDateTime"] != until.Format("2006-01-02T15:04:05.0000000Z") {
		t.Errorf("renewed: %v", out)
	}
	c.now = until.Add(time.Second)
	c.login()
	if resp, _ := c.ask("GET", "/v1.0/subscriptions/"+id, ""); resp.StatusCode != 404 || len(c.get("/v1.0/subscriptions")["value"].([]any)) != 0 {
		t.Errorf("an expired one: %d", resp.StatusCode)
	}
}

func TestNotifications(t *testing.T) {
	c, l := start(t, graph.Options{}), listen(t)
	resp, sub := c.ask("POST", "/v1.0/subscriptions", c.wish(l, 100))
	if resp.StatusCode != 201 {
		t.Fatal(resp.StatusCode, sub)
	}
	var event dataset.Row
	for _, row := range c.Data.Rows("events") {
		if row["mailbox"] == c.owner(0) {
			event = row
		}
	}
	c.change("events", dataset.Text(event["id"]), dataset.Row{"subject": "Verplaatst"})
	l.status = 503
	c.deliver()
	l.status = 202
	c.deliver()
	c.deliver()
	if len(l.got) != 2 || l.got[0] != l.got[1] {
		t.Fatalf("sent %q", l.got)
	}
	var body struct{ Value []map[string]any }
	if err := json.Unmarshal([]byte(l.got[0]), &body); err != nil || len(body.Value) != 1 {
		t.Fatal(err, l.got[0])
	}
	if n := body.Value[0]; n["changeType"] != "updated" || n["clientState"] != "state" || n["subscriptionId"] != sub["id"] || n["tenantId"] != c.Tenant {
		t.Errorf("sent %v", n)
	}
	l.got = nil
	if _, err := c.Data.Insert("lifecycle", dataset.Row{"id": "1", "mailbox": c.owner(0), "event": "subscriptionRemoved"}); err != nil {
		t.Fatal(err)
	}
	c.deliver()
	if len(l.got) != 1 || !strings.Contains(l.got[0], `"lifecycleEvent":"subscriptionRemoved"`) || len(c.Data.Rows("subscriptions")) != 0 {
		t.Errorf("sent %q", l.got)
	}
	c.change("events", dataset.Text(event["id"]), dataset.Row{"subject": "Weer terug"})
	c.deliver()
	if len(l.got) != 1 {
		t.Errorf("sent %q without a subscription", l.got)
	}
}

func (c *tenant) deliver() {
	c.t.Helper()
	if _, err := c.Deliver(c.t.Context(), ""); err != nil {
		c.t.Fatal(err)
	}
}
