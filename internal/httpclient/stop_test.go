package httpclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"koppel/internal/httpclient"
)

// Who is stopped while a request that may not be made twice is under way learns
// what became of it, unless the answer takes too long.
func TestStoppedMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		connected    bool
		took         time.Duration
		status       int
		refused      bool // the answer is a refusal of the server
		done         bool
		after        time.Duration // when Do returns
	}{
		{"a create", "POST", true, 20 * time.Second, 201, false, true, 20 * time.Second},
		{"a refused create", "POST", true, 20 * time.Second, 422, true, false, 20 * time.Second},
		{"one that hangs", "POST", true, 50 * time.Second, 201, false, false, 31 * time.Second},
		{"one without a connection", "POST", false, 20 * time.Second, 201, false, false, time.Second},
		{"a question", "GET", true, 20 * time.Second, 200, false, false, time.Second},
		{"what may be repeated", "PUT", true, 20 * time.Second, 200, false, false, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				client := clientOf(t, httpclient.Defaults(), func(r *http.Request) (*http.Response, error) {
					if trace := httptrace.ContextClientTrace(r.Context()); tt.connected {
						trace.GotConn(httptrace.GotConnInfo{})
						trace.WroteHeaders()
					}
					select {
					case <-time.After(tt.took):
						return answer(r, tt.status, strings.NewReader(`{}`), "Content-Type", "application/json")
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				})
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				resp, err := client.Do(ctx, &httpclient.Request{Method: tt.method, Path: "/x", Body: []byte(`{}`)})
				var said *httpclient.Error
				if refused := errors.As(err, &said) && said.Status == tt.status; (resp != nil) != tt.done || refused != tt.refused {
					t.Errorf("%v, %v", resp, err)
				}
				if err != nil && !tt.refused && !errors.Is(err, context.Canceled) {
					t.Errorf("%v is no end of the context", err)
				}
				if took := time.Since(began); took != tt.after {
					t.Errorf("took %v, want %v", took, tt.after)
				}
				if _, err := client.Do(ctx, &httpclient.Request{Method: tt.method, Path: "/x"}); !errors.Is(err, context.Canceled) {
					t.Errorf("the next one: %v", err)
				}
			})
		})
	}
}
