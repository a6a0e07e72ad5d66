package httpclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// roundTrip answers requests without a network, so that time can be the
// bubble's.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(r *http.Request, status int, body io.Reader, header ...string) (*http.Response, error) {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: -1, Request: r}
	for i := 0; i < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp, nil
}

func clientOf(t testing.TB, c httpclient.Config, f roundTrip) *httpclient.Client {
	t.Helper()
	return newClient(t, httpclient.Options{URL: "https://shop.example", Config: c}, connector.Env{HTTP: &http.Client{Transport: f}})
}

func TestPauses(t *testing.T) {
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	tests := []struct {
		name     string
		header   func() []string
		from, to time.Duration // of the first pause
	}{
		{"own", func() []string { return nil }, 500 * time.Millisecond, 1500 * time.Millisecond},
		{"seconds", func() []string { return []string{"Retry-After", "70"} }, 70 * time.Second, 70 * time.Second},
		{"none", func() []string { return []string{"Retry-After", "0"} }, 500 * time.Millisecond, 1500 * time.Millisecond},
		{"date", func() []string { return []string{"Retry-After", date(90 * time.Second)} }, 89 * time.Second, 90 * time.Second},
		{"date of a clock that is wrong", func() []string {
			return []string{"Date", date(-time.Hour), "Retry-After", date(-time.Hour + 20*time.Second)}
		}, 20 * time.Second, 20 * time.Second},
		{"neither", func() []string { return []string{"Retry-After", "soon"} }, 500 * time.Millisecond, 1500 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				c := httpclient.Defaults()
				c.Retry = &httpclient.Retry{Attempts: 9, Min: connector.Duration(time.Second), Max: connector.Duration(4 * time.Second)}
				header := test.header()
				client := clientOf(t, c, func(r *http.Request) (*http.Response, error) {
					if at = append(at, time.Now()); len(at) == 1 {
						return answer(r, 429, strings.NewReader(""), header...)
					}
					return answer(r, 503, strings.NewReader(""))
				})
				_, err := client.Do(t.Context(), &httpclient.Request{})
				if failure(t, err).Attempts != 9 || len(at) != 9 {
					t.Errorf("%d attempts: %v", len(at), err)
				}
				for i := 1; i < len(at); i++ {
					pause := at[i].Sub(at[i-1])
					if i == 1 && (pause < test.from || pause > test.to) {
						t.Errorf("the first pause is %v", pause)
					}
					if i > 1 && (pause < 500*time.Millisecond || pause > 4*time.Second) {
						t.Errorf("pause %d is %v", i, pause)
					}
				}
			})
		})
	}
}

// A pause that the server asks for holds for all users of the connection.
func TestRetryAfterHoldsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var at []time.Duration
		client := clientOf(t, httpclient.Defaults(), func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(start))
			if len(at) == 1 {
				return answer(r, 503, strings.NewReader(""), "Retry-After", "60")
			}
			return answer(r, 200, strings.NewReader("{}"))
		})
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				if _, err := client.Do(t.Context(), &httpclient.Request{Method: "POST"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if diff := cmp.Diff([]time.Duration{0, time.Minute, time.Minute, time.Minute}, at); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A request that is alone in what it asks about holds no other.
func TestRetryAfterOfOneAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		at := map[string][]time.Duration{}
		client := clientOf(t, httpclient.Defaults(), func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			at[r.URL.Path] = append(at[r.URL.Path], time.Since(start))
			if r.URL.Path == "/a" && len(at["/a"]) == 1 {
				return answer(r, 429, strings.NewReader(""), "Retry-After", "60")
			}
			return answer(r, 200, strings.NewReader("{}"))
		})
		var wg sync.WaitGroup
		for i, path := range []string{"/a", "/b", "/c"} {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				if _, err := client.Do(t.Context(), &httpclient.Request{Path: path, Alone: true}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if diff := cmp.Diff(map[string][]time.Duration{"/a": {0, time.Minute}, "/b": {time.Second}, "/c": {2 * time.Second}}, at); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestRateAndConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := httpclient.Defaults()
		c.Rate, c.MaxConcurrency = "10/s", 3
		var mu sync.Mutex
		now, most := 0, 0
		client := clientOf(t, c, func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return answer(r, 200, strings.NewReader("{}"))
		})
		start := time.Now()
		var wg sync.WaitGroup
		for range 9 {
			wg.Go(func() {
				if _, err := client.Do(t.Context(), &httpclient.Request{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); most != 3 || took < 3*time.Second || took > 4*time.Second {
			t.Errorf("%d at once, and all took %v", most, took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := httpclient.Defaults()
		c.Rate = "120/m"
		client := clientOf(t, c, func(r *http.Request) (*http.Response, error) { return answer(r, 200, strings.NewReader("{}")) })
		start := time.Now()
		for range 121 {
			if _, err := client.Do(t.Context(), &httpclient.Request{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("121 requests at 120/m took %v", took)
		}
	})
}

// A slow body is waited for as long as something comes.
func TestTimeouts(t *testing.T) {
	tests := []struct {
		name  string
		trip  roundTrip
		want  string
		after time.Duration
	}{
		{"slow and steady", func(r *http.Request) (*http.Response, error) {
			return answer(r, 200, &drip{text: "[" + strings.Repeat(" ", 100) + "]", pause: 50 * time.Second, ctx: r.Context()})
		}, "", 102 * 50 * time.Second},
		{"stops", func(r *http.Request) (*http.Response, error) {
			return answer(r, 200, &drip{text: "[   ", pause: 50 * time.Second, ctx: r.Context(), stop: true})
		}, "the answer stopped for more than 1m0s", 4*50*time.Second + time.Minute},
		{"never begins", func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, "within 1m0s", time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := httpclient.Defaults()
				c.Timeout = connector.Duration(time.Minute)
				c.Retry = &httpclient.Retry{Attempts: 1}
				start := time.Now()
				_, err := clientOf(t, c, test.trip).Do(t.Context(), &httpclient.Request{})
				if test.want == "" && err != nil || test.want != "" && !strings.Contains(failure(t, err).Problem, test.want) {
					t.Errorf("the error is %v", err)
				}
				if took := time.Since(start); took != test.after {
					t.Errorf("it took %v, not %v", took, test.after)
				}
			})
		})
	}
}

// drip gives one byte after each pause, and then the end or nothing any more.
type drip struct {
	text  string
	pause time.Duration
	stop  bool
	ctx   context.Context
}

func (d *drip) Read(b []byte) (int, error) {
	if d.text == "" {
		if !d.stop {
			return 0, io.EOF
		}
		<-d.ctx.Done()
		return 0, d.ctx.Err()
	}
	time.Sleep(d.pause)
	b[0], d.text = d.text[0], d.text[1:]
	return 1, nil
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, down := 0, true
		c := httpclient.Defaults()
		c.Retry = &httpclient.Retry{Attempts: 4}
		client := clientOf(t, c, func(r *http.Request) (*http.Response, error) {
			if asked++; down {
				return nil, errors.New("down")
			}
			return answer(r, 200, strings.NewReader("{}"))
		})
		for range 5 {
			if _, err := client.Do(t.Context(), &httpclient.Request{}); !errors.Is(err, connector.ErrUnreachable) {
				t.Errorf("the error is %v", err)
			}
		}
		if asked != 10 {
			t.Errorf("a system that is down is asked %d times", asked)
		}
		down = false
		time.Sleep(31 * time.Second)
		for range 3 {
			if _, err := client.Do(t.Context(), &httpclient.Request{}); err != nil {
				t.Error(err)
			}
		}
	})
}

// A system in which every second request fails is not asked twice as often for
// ever.
func TestRetryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		client := clientOf(t, httpclient.Defaults(), func(r *http.Request) (*http.Response, error) {
			if asked++; asked%2 == 1 {
				return answer(r, 500, strings.NewReader(""))
			}
			return answer(r, 200, strings.NewReader("{}"))
		})
		failed := 0
		for range 300 {
			if _, err := client.Do(t.Context(), &httpclient.Request{}); err != nil {
				failed++
			}
		}
		if failed < 50 || asked > 450 {
			t.Errorf("%d requests, %d failed", asked, failed)
		}
	})
}

func TestCancelEndsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		client := clientOf(t, httpclient.Defaults(), func(r *http.Request) (*http.Response, error) {
			return answer(r, 503, strings.NewReader(""), "Retry-After", "100")
		})
		start := time.Now()
		_, err := client.Do(ctx, &httpclient.Request{})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("after %v the error is %v", time.Since(start), err)
		}
	})
}

// What an earlier attempt may have done is not undone by a later one that
// never reached the server.
func TestLostStaysLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		client := clientOf(t, httpclient.Defaults(), func(r *http.Request) (*http.Response, error) {
			if n++; n == 1 {
				httptrace.ContextClientTrace(r.Context()).WroteHeaders()
				return nil, io.EOF
			}
			return nil, errors.New("no way to the server")
		})
		_, err := client.Do(t.Context(), &httpclient.Request{Method: "PUT", Body: []byte("{}")})
		if e := failure(t, err); e.Delivery != httpclient.Lost || e.Attempts != 5 {
			t.Errorf("delivery %v after %d attempts: %v", e.Delivery, e.Attempts, err)
		}
	})
}
