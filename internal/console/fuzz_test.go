package console_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"koppel/internal/console"
)

// Whatever is sent to the API is answered in JSON, by what asks for it or with a
// refusal that is listed, and never with a failure of the API's own.
func FuzzRequest(f *testing.F) {
	paths := []string{"/held/approve", "/held/reject", "/failed/retry", "/failed/dismiss", "/pause", "/resume", "/deliveries/resend", "/runs", "/plans",
		"/plans/x/apply", "/runs/1/undo", "/held", "/failed", "/history", "/explain", "/deliveries", "/runs/1", "/state", "/status"}
	f.Add(byte(0), "", `{"pipelines":["people"],"only":["1"],"reason":"because","for":"24h"}`)
	f.Add(byte(2), "", `{"pipelines":[],"only":null}`)
	f.Add(byte(4), "", `{"pipelines":["people"],"reason":""}`)
	f.Add(byte(6), "", `{"deliveries":["x"]}`)
	f.Add(byte(8), "", `{"pipelines":["nobody"],"as_of":"2026-01-01T00:00:00Z","save":true}`)
	f.Add(byte(11), "limit=1&after=AA", "")
	f.Add(byte(13), "pipeline=people&key=%5B1%5D", "")
	b := newStill(f)
	f.Fuzz(func(t *testing.T, which byte, query, body string) {
		path := paths[int(which)%len(paths)]
		method := "GET"
		if body != "" {
			method = "POST"
		}
		q := httptest.NewRequestWithContext(context.Background(), method, "http://127.0.0.1/api/v1"+path, strings.NewReader(body))
		q.URL.RawQuery = query
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Authorization", "Bearer "+b.admin)
		w := httptest.NewRecorder()
		b.api.ServeHTTP(w, q)
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %s?%s: %d %q", method, path, query, w.Code, w.Body)
		}
		if w.Code < 400 {
			return
		}
		var no console.Refusal
		if err := json.Unmarshal(w.Body.Bytes(), &no); err != nil {
			t.Fatal(err)
		}
		listed := slices.ContainsFunc(console.RefusalCodes(), func(c console.RefusalCode) bool { return c.Code == no.Error.Code && c.Status == w.Code })
		if !listed || w.Code >= 500 {
			t.Fatalf("%s %s?%s of %q: %d %s", method, path, query, body, w.Code, w.Body)
		}
	})
}
