package http_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	source "koppel/sources/http"
)

const (
	benchPages = 200
	benchRows  = 1000
)

// benchPage is a page of a directory of persons, of 430 kB.
func benchPage(page int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"data":[`)
	for i := range benchRows {
		if i > 0 {
			b.WriteByte(',')
		}
		n := page*benchRows + i
		fmt.Fprintf(&b, `{"id":"%d","givenName":"Saar","prefix":"van der","surname":"Berg","mail":"s.berg%d@example.org","active":true,"fte":0.8,`+
			`"address":{"street":"Dorpsstraat 1","city":"Utrecht","zip":"3511 AB"},"categories":["a","b","c"],"mobilePhone":"+31600000000",`+
			`"department":"KAZ-01","jobTitle":"Adviseur","startDate":"2020-01-01","manager":{"mail":"x@example.org","id":%d},`+
			`"updated_at":"2026-01-01T10:00:00Z","notes":null,"employeeNumber":%d}`, n, n, n, n)
	}
	fmt.Fprintf(&b, `],"meta":{"next":%s}}`, map[bool]string{true: strconv.Quote("c" + strconv.Itoa(page+1)), false: "null"}[page+1 < benchPages])
	return b.Bytes()
}

// benchTransport answers from memory.
func benchTransport() (roundTrip, int64) {
	pages, size := make([][]byte, benchPages), int64(0)
	for i := range pages {
		pages[i] = benchPage(i)
		size += int64(len(pages[i]))
	}
	return func(r *http.Request) (*http.Response, error) {
		n := 0
		if after := r.URL.Query().Get("after"); after != "" {
			n, _ = strconv.Atoi(after[1:])
		}
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
			Body: io.NopCloser(bytes.NewReader(pages[n])), ContentLength: int64(len(pages[n])),
		}, nil
	}, size
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// sink takes records and does nothing with them.
type sink struct{ complete bool }

func (*sink) Parts([]string) error                                   { return nil }
func (*sink) Begin(string, connector.Mode) (connector.Cursor, error) { return nil, nil }
func (*sink) Records(string, int64, []byte) error                    { return nil }
func (*sink) Remove(string, record.Key, string) error                { return nil }
func (s *sink) End(string, connector.Cursor, connector.Interval) error {
	s.complete = true
	return nil
}
func (*sink) Fail(_ string, err error) error { return err }

// BenchmarkDecode is what 200 pages of 1,000 rows cost beside the network.
func BenchmarkDecode(b *testing.B) {
	transport, size := benchTransport()
	b.SetBytes(size)
	for b.Loop() {
		readBench(b, "https://shop.example", transport)
	}
}

// BenchmarkOverhead compares with bare requests to a server on loopback that
// begins each answer after some time. Both read the same pages in turns, over a
// connection that stays open; the least time of each counts. %over is the share
// that the connector costs beyond the bare requests, ms/page what it costs.
func BenchmarkOverhead(b *testing.B) {
	pages := make([][]byte, benchPages)
	for i := range pages {
		pages[i] = benchPage(i)
	}
	for _, latency := range []time.Duration{0, 5 * time.Millisecond, 25 * time.Millisecond} {
		b.Run(latency.String(), func(b *testing.B) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(latency)
				n := 0
				if after := r.URL.Query().Get("after"); after != "" {
					n, _ = strconv.Atoi(after[1:])
				}
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Length", strconv.Itoa(len(pages[n])))
				w.Write(pages[n])
			}))
			defer server.Close()
			bare, own := time.Hour, time.Hour
			for b.Loop() {
				bare = min(bare, timed(func() { bareBench(b, server.URL) }))
				own = min(own, timed(func() { readBench(b, server.URL, http.DefaultTransport) }))
			}
			b.ReportMetric(100*(own.Seconds()/bare.Seconds()-1), "%over")
			b.ReportMetric((own-bare).Seconds()*1000/benchPages, "ms/page")
		})
	}
}

func timed(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

// bareBench reads all pages by their numbers, each whole into memory.
func bareBench(b *testing.B, url string) {
	for i := range benchPages {
		page := url + "/people"
		if i > 0 {
			page += "?after=c" + strconv.Itoa(i)
		}
		resp, err := http.Get(page)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
	}
}

func readBench(b *testing.B, url string, transport http.RoundTripper) {
	client, err := httpclient.New(httpclient.Options{URL: url, Config: httpclient.Defaults()}, connector.Env{HTTP: &http.Client{Transport: transport}})
	if err != nil {
		b.Fatal(err)
	}
	c := source.Kind().Config().(*source.Config)
	c.Connection = connector.Connection{Get: func(context.Context) (any, error) { return client, nil }}
	c.Path = connectortest.Text("/people")
	c.Records, c.Pagination = jq(".data[]"), &source.Pagination{Kind: "cursor", Param: "after", Value: jq(".meta.next")}
	s, err := source.Kind().Open(b.Context(), c, connector.Env{})
	if err != nil {
		b.Fatal(err)
	}
	out := &sink{}
	if err := s.Read(b.Context(), out); err != nil || !out.complete {
		b.Fatal(err)
	}
}
