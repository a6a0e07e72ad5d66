package connectortest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// httpFaults are the ways in which one request can fail, by name.
func httpFaults() []string {
	return []string{
		"refused", "401", "429", "429 with Retry-After", "500", "503", "login page",
		"cut body", "body that ends early", "empty body", "repeated answer",
	}
}

// A faulty transport lets one request fail, counted from 0, or all from that
// one on, and passes on the others.
type faulty struct {
	base    http.RoundTripper
	fault   string // empty: none
	place   int
	forGood bool

	endless func() // ends a read that makes too many requests

	mu       sync.Mutex
	requests int
	last     []byte // the body of the latest answer that was passed on
}

var errRefused = errors.New("connection refused")

// RoundTrip counts the request and passes it on or lets it fail.
func (f *faulty) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.requests
	if f.requests++; f.requests > mostRequests {
		f.endless()
		return nil, errRefused
	}
	hit := f.fault != "" && (n == f.place || f.forGood && n > f.place)
	if hit && f.fault == "refused" {
		return nil, errRefused
	}
	resp, err := f.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if hit {
		f.damage(resp, body)
		return resp, nil
	}
	f.last = body
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// damage puts the fault into the answer.
func (f *faulty) damage(resp *http.Response, body []byte) {
	answer := func(status int, text string) {
		resp.StatusCode, resp.Status = status, http.StatusText(status)
		resp.ContentLength = int64(len(text))
		resp.Body = io.NopCloser(strings.NewReader(text))
	}
	switch f.fault {
	case "401":
		answer(http.StatusUnauthorized, "")
	case "503":
		answer(http.StatusServiceUnavailable, "<html><body>down</body></html>")
	case "429":
		answer(http.StatusTooManyRequests, "")
	case "429 with Retry-After":
		answer(http.StatusTooManyRequests, "")
		resp.Header.Set("Retry-After", "0")
	case "500":
		answer(http.StatusInternalServerError, `{"error":"something went wrong"}`)
	case "login page":
		answer(http.StatusOK, "<!DOCTYPE html><title>Sign in</title>")
		resp.Header.Set("Content-Type", "text/html; charset=utf-8")
	case "cut body":
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
	case "body that ends early":
		answer(resp.StatusCode, string(body[:len(body)/2]))
	case "empty body":
		answer(http.StatusOK, "")
	case "repeated answer":
		answer(http.StatusOK, string(f.last))
	}
}

// broken is a connection that breaks off.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// httpFaults lets each request of a read fail in each way, once and for good.
// A source that makes no requests has none.
func (s SourceSuite) httpFaults(t tester, j *journal) {
	requests := s.readFaulty(t, j, &faulty{})
	for _, fault := range httpFaults() {
		for place := range requests {
			if fault == "repeated answer" && place == 0 {
				continue // nothing was answered yet
			}
			t.run(fault, func(t tester) { s.readFaulty(t, j, &faulty{fault: fault, place: place}) })
			t.run(fault+" for good", func(t tester) { s.readFaulty(t, j, &faulty{fault: fault, place: place, forGood: true}) })
		}
	}
}

// mostRequests is how many requests a read under test makes at most.
const mostRequests = 1000

// readFaulty reads over the transport, judges the read and returns how many
// requests it made.
func (s SourceSuite) readFaulty(t testing.TB, j *journal, f *faulty) int {
	t.Helper()
	o, want := s.setup(t, 2*s.Page+1)
	connects := asksOverHTTP(o.Config)
	if o.Env.HTTP == nil {
		if !connects {
			return 0
		}
		o.Env.HTTP = shortLived()
	}
	client := *o.Env.HTTP
	if f.base = client.Transport; f.base == nil {
		f.base = http.DefaultTransport
	}
	client.Transport = f
	o.Env.HTTP = &client
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.endless = cancel
	rec := &Recorder{}
	err := s.read(ctx, t, j, o, rec)
	if f.requests > mostRequests {
		t.Errorf("place %d: the read makes requests without end", f.place)
	}
	if connects && f.requests == 0 {
		t.Errorf("the read makes no request over Env.HTTP of its connection")
	}
	judge(t, f.place, want, rec, err)
	return f.requests
}
