package alleyoop_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	protocol "koppel/internal/alleyoop"
	"koppel/internal/httpclient"
	"koppel/sources/alleyoop"
)

// config names a server in a configuration.
func config(url string) *alleyoop.Config {
	shared := httpclient.Defaults()
	shared.Retry = &httpclient.Retry{Attempts: 3, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	return &alleyoop.Config{Action: "clients", Connection: connector.Connection{
		Address: "connection.alleyoop.office", Kind: "alleyoop",
		Config: &protocol.Config{URL: url, Username: "koppel", Password: "canary-password", APIKey: "canary-key", Config: shared},
	}}
}

// answers is a server that gives one answer to everything.
func answers(t testing.TB, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestConformance(t *testing.T) {
	connectortest.Source(t, connectortest.SourceSuite{
		Kind: alleyoop.Kind(),
		Setup: func(t testing.TB, records []string) connectortest.Origin {
			c := config(answers(t, "[\n"+strings.Join(records, ",\n ")+"\n]"))
			c.Headers = alleyoop.Headers{"bsn": "999990019"}
			return connectortest.Origin{Config: c, Canaries: []string{"999990019", "canary-password", "canary-key"}}
		},
		Wrong: []connectortest.Wrong{
			{Name: "header", Change: func(c any) { c.(*alleyoop.Config).Headers = alleyoop.Headers{"kvkk": "1"} }, Want: "kvk"},
			{Name: "X- in front", Change: func(c any) { c.(*alleyoop.Config).Headers = alleyoop.Headers{"X-kvk": "1"} }, Want: "leave X- out"},
			{Name: "header twice", Change: func(c any) { c.(*alleyoop.Config).Headers = alleyoop.Headers{"kvk": "1", "KVK": "2"} }, Want: "twice"},
			{Name: "line end", Change: func(c any) { c.(*alleyoop.Config).Headers = alleyoop.Headers{"name": "a\nX-b: c"} }, Want: "line end"},
			{Name: "no connection", Change: func(c any) { c.(*alleyoop.Config).Connection = connector.Connection{} }, Want: "connection"},
			{Name: "definitions take none", Change: func(c any) {
				c.(*alleyoop.Config).Action, c.(*alleyoop.Config).Headers = "process-definitions", alleyoop.Headers{"kvk": "1"}
			}, Want: "takes no headers"},
		},
	})
}

// TestAnswersThatAreNoList: none of them is a clean end.
func TestAnswersThatAreNoList(t *testing.T) {
	for name, body := range map[string]string{
		"object": `{"clientId":"c"}`, "error": `{"error":"the database is being compacted"}`, "text": `"ok"`, "null": `null`,
		"cut": `[{"clientId":"c"},{"clie`, "two lists": `[{"clientId":"c"}][]`, "numbers": `[1]`, "in a list": `[[{"clientId":"c"}]]`,
		"null in it": `[{"clientId":"c"},null]`, "not closed": `[{"clientId":"c"}`, "tail": `[{"clientId":"c"}]]`, "empty": ``,
	} {
		t.Run(name, func(t *testing.T) {
			rec := read(t, config(answers(t, body)))
			if rec.Complete() || len(rec.Errs()) == 0 {
				t.Errorf("complete %v with %d records", rec.Complete(), len(rec.All()))
			}
		})
	}
}

func read(t *testing.T, c *alleyoop.Config) *connectortest.Recorder {
	t.Helper()
	conn, err := protocol.New(*c.Connection.Config.(*protocol.Config), connector.Env{Block: "connection.alleyoop.office (main.hcl:1)"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c.Connection.Get = func(ctx context.Context) (any, error) { return conn, nil }
	src, err := alleyoop.Kind().Open(t.Context(), c, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := connectortest.Read(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestHeaders: what has a value is sent under the vendor's name, the rest is
// not.
func TestHeaders(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = w.Write([]byte("[]"))
	}))
	defer server.Close()
	for _, test := range []struct {
		action  string
		headers alleyoop.Headers
		want    map[string]string
	}{
		{"clients", nil, map[string]string{}},
		{"clients", alleyoop.Headers{"KVK": "12345678", "name": "", "wage": "1"}, map[string]string{"X-Kvk": "12345678", "X-Wage": "1"}},
		{"process-definitions", nil, map[string]string{}},
		{"process-instances", alleyoop.Headers{"processkey": "CONTROLE_08", "periodStart": "2025-01-01"}, map[string]string{"X-Processkey": "CONTROLE_08", "X-Periodstart": "2025-01-01"}},
		{"tasks", alleyoop.Headers{"taskId": "1", "group": "g", "signal": "S"}, map[string]string{"X-Taskid": "1", "X-Group": "g", "X-Signal": "S"}},
		{"task-history", alleyoop.Headers{"clientId": "c"}, map[string]string{"X-Clientid": "c"}},
	} {
		c := config(server.URL)
		c.Action, c.Headers = test.action, test.headers
		if rec := read(t, c); !rec.Complete() {
			t.Errorf("%s: %v", test.action, rec.Errs())
		}
		test.want["X-Action"], test.want["X-Apikey"] = test.action, "canary-key"
		sent := map[string]string{}
		for name, values := range got {
			if strings.HasPrefix(name, "X-") {
				sent[name] = strings.Join(values, "|")
			}
		}
		if diff := cmp.Diff(test.want, sent); diff != "" {
			t.Errorf("%s %s (-want +got)\n%s", test.action, test.headers, diff)
		}
		if user, password, _ := (&http.Request{Header: got}).BasicAuth(); user != "koppel" || password != "canary-password" || got.Get("Content-Type") != "application/json" {
			t.Errorf("%s: user %q, content type %q", test.action, user, got.Get("Content-Type"))
		}
	}
}

func TestDefaultKeys(t *testing.T) {
	for action, want := range map[string]string{
		"clients": "clientId", "process-definitions": "key", "process-instances": "instanceId", "tasks": "taskId", "task-history": "taskId",
	} {
		c := alleyoop.Config{Action: action}
		if got := strings.Join(c.DefaultKey(), " "); got != want {
			t.Errorf("%s: %s, want %s", action, got, want)
		}
		if hides := len(c.Sensitive()) > 0; hides != (action == "clients") {
			t.Errorf("%s: sensitive %v", action, c.Sensitive())
		}
	}
}
