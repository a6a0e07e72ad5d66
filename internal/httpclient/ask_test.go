package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"koppel/engine/connector"
)

func TestAsk(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		media, out string
		want       string
		is         error
	}{
		"answer":       {200, "application/json", `{"id":1}`, `{"id":1}`, nil},
		"nothing":      {204, "", "", "", nil},
		"no such":      {404, "application/json", `{"message":"no such account"}`, "", connector.ErrNone},
		"page of none": {404, "text/html", "<html><body>Not found</body></html>", "", connector.ErrNone},
		"gone":         {410, "", "", "", connector.ErrNone},
		"refused":      {422, "application/json", `{"message":"that is no number"}`, "", connector.ErrRefused},
		"credentials":  {401, "application/json", `{}`, "", connector.ErrUnreachable},
		"login page":   {200, "text/html", "<html><title>Sign in</title></html>", "", errAny},
		"cut":          {200, "application/json", `{"id":`, "", errAny},
		"broken":       {500, "application/json", `{"message":"boom"}`, "", errAny},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if got := r.Method + " " + r.RequestURI + " " + r.Header.Get("X-Kind") + " " + string(body); got != `POST /api/a%2Fb?q=1+%26+2 staff {"x":1}` {
					t.Errorf("it was asked %s", got)
				}
				if c.media != "" {
					w.Header().Set("Content-Type", c.media)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.out)
			}))
			defer server.Close()
			config := Defaults()
			config.Retry = &Retry{Attempts: 1}
			client, err := New(Options{URL: server.URL + "/api", Config: config}, connector.Env{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.Ask(context.Background(), connector.Question{Method: "POST", Path: "/a%2Fb", Query: []connector.Param{{Name: "q", Value: "1 & 2"}},
				Headers: []connector.Param{{Name: "X-Kind", Value: "staff"}}, Body: []byte(`{"x":1}`), Type: "application/json", Sensitive: true})
			if string(got) != c.want || (err == nil) != (c.is == nil) || c.is != errAny && !errors.Is(err, c.is) {
				t.Fatalf("%s, %v", got, err)
			}
			if known := errors.Is(err, connector.ErrNone) || errors.Is(err, connector.ErrRefused); c.is == errAny && known {
				t.Errorf("nobody knows, and it says %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "a%2Fb") {
				t.Errorf("a sensitive question is shown: %v", err)
			}
		})
	}
}

// errAny stands for an error that says nothing of the question.
var errAny = errors.New("any")
