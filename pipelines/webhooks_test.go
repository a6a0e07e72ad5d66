package pipelines_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/internal/sandbox/dataset"
)

const hookSecret = "the secret of the receiver"

// receive serves the sources to which others deliver, and registers them with the
// simulated Suite, which delivers what happened before the first run: some
// accounts changed.
func (c *coupling) receive() {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "main.hcl"))
	if err != nil {
		c.t.Fatal(err)
	}
	if !strings.Contains(string(text), `source "webhook"`) {
		return
	}
	c.more = map[string]string{"xpert_hook_secret": hookSecret}
	e := c.engine()
	for _, src := range e.Project.Sources {
		if src.Path == "" {
			continue
		}
		opened, err := src.Open(c.t.Context(), connector.Env{Block: src.Address, Dir: c.dir, Now: time.Now, Log: slog.New(slog.DiscardHandler), Key: src.Key, Inbox: engine.Inbox(e.Store, src.Address)})
		if err != nil {
			c.t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle(src.Path, opened.(http.Handler))
		server := httptest.NewServer(mux)
		c.t.Cleanup(server.Close)
		c.register("koppel", server.URL+src.Path, hookSecret)
	}
	for _, key := range []string{"5001", "5002", "5005", "5008"} {
		if err := c.box.Xpert.Data.Update("accounts", key, dataset.Row{"active": true}); err != nil {
			c.t.Fatal(err)
		}
	}
	c.deliverWebhooks("")
}

func (c *coupling) register(name, url, secret string) {
	c.t.Helper()
	_, err := c.box.Xpert.Data.Insert("receivers", dataset.Row{
		"id": name, "url": url, "topics": "Accounts.Create Accounts.Update Accounts.Delete Employees.Update", "account": c.box.Xpert.Account, "secret": secret,
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *coupling) deliverWebhooks(id string) {
	c.t.Helper()
	if _, err := c.box.Xpert.Deliver(c.t.Context(), id); err != nil {
		c.t.Fatal(err)
	}
}

// What the Suite delivers twice counts once, and what is signed by another
// secret is refused and tried again.
func TestXpertWebhooks(t *testing.T) {
	c := &coupling{t: t, dir: t.TempDir(), now: time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC)}
	c.copyFrom(os.DirFS("xpert-accounts-by-webhook"))
	c.serve()
	c.receive()
	data := c.box.Xpert.Data
	deliveries := data.Rows("deliveries")
	for _, row := range deliveries {
		if row["status"] != "sent" || row["code"] != int64(200) {
			t.Errorf("%v", row)
		}
		c.deliverWebhooks(dataset.Text(row["id"]))
	}
	if len(deliveries) != 4 {
		t.Fatalf("%d deliveries", len(deliveries))
	}
	e := c.engine()
	counts, err := e.Store.Inbox().Counts(t.Context())
	if err != nil || counts["source.webhook.accounts"].Waiting != 4 {
		t.Errorf("%+v %v", counts, err)
	}
	url := dataset.Text(data.Rows("receivers")[0]["url"])
	c.register("wrong", url, "another secret")
	if err := data.Update("accounts", "5001", dataset.Row{"lastName": "Testma"}); err != nil {
		t.Fatal(err)
	}
	c.deliverWebhooks("")
	status := map[string]string{}
	for _, row := range data.Rows("deliveries")[4:] {
		status[dataset.Text(row["receiver"])] = dataset.Text(row["status"]) + " " + dataset.Text(row["code"])
	}
	if status["koppel"] != "sent 200" || status["wrong"] != "failed 401" {
		t.Errorf("%v", status)
	}
	if _, err := e.Run(t.Context(), engine.Options{}); err != nil {
		t.Fatal(err)
	}
	c.noteTargets("after")
	if got := string(c.golden.Files[len(c.golden.Files)-1].Data); !strings.Contains(got, "Noor van Testma") || strings.Count(got, "\n") != 5 {
		t.Errorf("%s", got)
	}
}
