package http_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	httpsink "koppel/sinks/http"
	source "koppel/sources/http"
	"koppel/sources/soap"
)

// {today} and {now} are of the run's clock in the project's time zone, whatever
// the machine's.
func TestTodayIsTheDateOfTheProject(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); r.Header.Get("SOAPAction") != "" {
			_, after, _ := bytes.Cut(body, []byte("<a>"))
			at, _, _ := bytes.Cut(after, []byte("</a>"))
			got = append(got, string(at))
			io.WriteString(w, `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><b xmlns=""/></Body></Envelope>`)
			return
		}
		got = append(got, r.URL.Query().Get("at"))
		io.WriteString(w, "[]")
	}))
	defer server.Close()
	client, err := httpclient.New(httpclient.Options{URL: server.URL, Config: httpclient.Defaults()}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	connection := connector.Connection{Address: "connection.http.x", Get: func(context.Context) (any, error) { return client, nil }}
	at := time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)
	env := connector.Env{Now: func() time.Time { return at.Add(time.Hour) }, Clock: at.In(time.FixedZone("", 3600))}
	query := map[string]connector.Template{"at": connectortest.Text("{today} {now}")}
	if _, err := read(t, &source.Config{Connection: connection, Method: "GET", Path: connectortest.Text("/"), Query: query}, env, ""); err != nil {
		t.Fatal(err)
	}
	sink, err := httpsink.Kind().Open(t.Context(), &httpsink.Config{Connection: connection, Create: &httpsink.Call{Query: query}}, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(t.Context(), []record.Change{{Op: record.Create, Key: record.Key("1"), After: []byte(`{}`)}}); err != nil {
		t.Fatal(err)
	}
	messages, err := soap.Kind().Open(t.Context(), &soap.Config{Connection: connection, Envelope: connectortest.Text("<a>{today} {now}</a>"), Records: "/Envelope/Body/b/c"}, env)
	if err != nil {
		t.Fatal(err)
	}
	if err := messages.Read(t.Context(), &connectortest.Recorder{}); err != nil {
		t.Fatal(err)
	}
	const want = "2026-03-02 2026-03-01T23:30:00Z"
	if diff := cmp.Diff([]string{want, want, want}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
