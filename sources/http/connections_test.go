package http_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/afas"
	"koppel/internal/alleyoop"
	"koppel/internal/httpclient"
	httpsink "koppel/sinks/http"
	source "koppel/sources/http"
)

// A source and a sink ask through any connection that speaks HTTP, with the
// base URL and the credentials of that connection.
func TestConnectionsOfOtherKinds(t *testing.T) {
	for _, test := range []struct {
		kind   connector.Kind[any]
		config func(url string) any
		path   connectortest.Text
		want   string // path and credentials that arrive
		media  string // Content-Type of a request without a body
	}{
		{afas.Kind(), func(url string) any {
			c := afas.Defaults()
			c.URL, c.Token = url+"/ProfitRestServices", "0123456789abcdef"
			return &c
		}, "/connectors/People", "/ProfitRestServices/connectors/People AfasToken PHRva2VuPjx2ZXJzaW9uPjE8L3ZlcnNpb24+PGRhdGE+MDEyMzQ1Njc4OWFiY2RlZjwvZGF0YT48L3Rva2VuPg== ", ""},
		{alleyoop.Kind(), func(url string) any {
			return &alleyoop.Config{URL: url + "/api?office=7", Username: "koppel", Password: "pass", APIKey: "key", Config: httpclient.Defaults()}
		}, "", "/api?office=7 Basic a29wcGVsOnBhc3M= key", "application/json"},
	} {
		t.Run(test.kind.Name, func(t *testing.T) {
			var got []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = append(got, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")+" "+r.Header.Get("X-apiKey")+" "+r.Header.Get("Content-Type"))
				io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				json.NewEncoder(w).Encode([]any{map[string]any{"id": "1"}})
			}))
			defer server.Close()
			opened, err := test.kind.Open(t.Context(), test.config(server.URL), connector.Env{})
			if err != nil {
				t.Fatal(err)
			}
			defer opened.(io.Closer).Close()
			connection := connector.Connection{Address: "connection.x.y", Kind: test.kind.Name, Get: func(context.Context) (any, error) { return opened, nil }}
			if rec, err := read(t, &source.Config{Connection: connection, Method: "GET", Path: test.path}, connector.Env{}, ""); err != nil || len(rec.All()) != 1 {
				t.Errorf("read %d records: %v", len(rec.All()), err)
			}
			target, err := httpsink.Kind().Open(t.Context(), &httpsink.Config{Connection: connection, Create: &httpsink.Call{Path: test.path}}, connector.Env{})
			if err != nil {
				t.Fatal(err)
			}
			out, err := target.Write(t.Context(), []record.Change{{Op: record.Create, Key: record.Key("1"), After: []byte(`{"id":"1"}`)}})
			if err != nil || len(out) != 1 || out[0].Status != connector.Applied {
				t.Errorf("%v %v", out, err)
			}
			if diff := cmp.Diff([]string{"GET " + test.want + " " + test.media, "POST " + test.want + " application/json"}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
