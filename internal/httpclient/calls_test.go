package httpclient_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"koppel/engine/connector"
	"koppel/internal/httpclient"

	"github.com/google/go-cmp/cmp"
)

// Each attempt is told of, also one that is made again.
func TestCallsAreTold(t *testing.T) {
	var asked atomic.Int64
	server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{}`))
	})
	var told []connector.Call
	c := newClient(t, httpclient.Options{URL: server.URL, Config: quick()}, connector.Env{
		Block: "connection.http.shop (main.hcl:3)", Calls: func(call connector.Call) { told = append(told, call) }})
	if _, err := c.Do(t.Context(), &httpclient.Request{Path: "/orders"}); err != nil {
		t.Fatal(err)
	}
	for i := range told {
		if told[i].Took <= 0 || told[i].Waited < 0 || told[i].Began.IsZero() {
			t.Errorf("times: %+v", told[i])
		}
		told[i] = connector.Call{Connection: told[i].Connection, Method: told[i].Method, Status: told[i].Status, Attempt: told[i].Attempt}
	}
	want := []connector.Call{
		{Connection: "connection.http.shop", Method: "GET", Status: 503, Attempt: 1},
		{Connection: "connection.http.shop", Method: "GET", Status: 200, Attempt: 2},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
