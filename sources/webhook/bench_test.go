package webhook_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"koppel/sources/webhook"
)

// perSecond is how many deliveries BenchmarkDeliver makes in a second.
const perSecond = 3000

// BenchmarkDeliver delivers signed bodies of 1 kB at an even rate over HTTP, each
// durable before its answer, and tells how long answers took since the moment at
// which a delivery was due. Run it with -benchtime=30000x, which is ten seconds.
func BenchmarkDeliver(b *testing.B) {
	d := newDoor(b, func(c *webhook.Config) { c.Auth = webhook.Auth{Kind: "websub", Secret: "canary-secret"} })
	server := httptest.NewServer(d)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	bodies, headers := make([]string, b.N), make([]string, b.N)
	for i := range bodies {
		bodies[i] = fmt.Sprintf(`{"id":"%d","topic":"Accounts.Update","accountId":%d,"text":"%s"}`, i, i, strings.Repeat("x", 950))
		headers[i] = signed(b, bodies[i])
	}
	took := make([]time.Duration, b.N)
	due := make(chan int, b.N)
	var all sync.WaitGroup
	b.ResetTimer()
	began := time.Now()
	at := func(i int) time.Time { return began.Add(time.Duration(i) * time.Second / perSecond) }
	for range 256 {
		all.Go(func() {
			for i := range due {
				q, err := http.NewRequest(http.MethodPost, server.URL+"/hooks/x", strings.NewReader(bodies[i]))
				if err != nil {
					b.Error(err)
					return
				}
				q.Header.Set("X-Hub-Signature", headers[i])
				res, err := client.Do(q)
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				if res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
					b.Error(res.Status, err)
				}
				took[i] = time.Since(at(i))
			}
		})
	}
	for i := range b.N {
		time.Sleep(time.Until(at(i)))
		due <- i
	}
	close(due)
	all.Wait()
	elapsed := time.Since(began)
	slices.Sort(took)
	ms := func(share float64) float64 { return float64(took[int(share*float64(b.N-1))].Microseconds()) / 1000 }
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "deliveries/s")
	b.ReportMetric(ms(.5), "p50-ms")
	b.ReportMetric(ms(.99), "p99-ms")
	b.ReportMetric(ms(1), "most-ms")
}
