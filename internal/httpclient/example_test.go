package httpclient_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"page":%q,"authorized":%t}`, r.FormValue("page"), r.Header.Get("Authorization") == "Bearer t0ken")
	}))
	defer server.Close()

	client, err := httpclient.New(httpclient.Options{
		URL: server.URL, Config: httpclient.Defaults(), Auth: httpclient.Bearer("t0ken"),
	}, connector.Env{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	resp, err := client.Do(context.Background(), &httpclient.Request{Path: "/orders", Query: url.Values{"page": {"1"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Status, string(resp.Body))
	// Output: 200 {"page":"1","authorized":true}
}
