package serve

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
)

// routes are the handlers that are mounted now.
type routes struct {
	mu  sync.Mutex
	by  map[string]http.Handler
	mux atomic.Pointer[http.ServeMux]
}

// Route mounts a handler under a pattern of http.ServeMux ("/metrics", "POST
// /hooks/xpert", "/api/"), in the place of one that is there under the same
// pattern. A nil handler takes it away. It works while the service runs. An
// error says that the pattern is none, or conflicts with another.
func (s *Service) Route(pattern string, h http.Handler) error {
	r := &s.routes
	r.mu.Lock()
	defer r.mu.Unlock()
	next := map[string]http.Handler{}
	for p, other := range r.by {
		next[p] = other
	}
	next[pattern] = h
	if h == nil {
		delete(next, pattern)
	}
	mux, err := muxOf(next)
	if err != nil {
		return fmt.Errorf("mount %q: %w", pattern, err)
	}
	r.by = next
	r.mux.Store(mux)
	return nil
}

// muxOf makes a mux. That of net/http panics on a pattern that it refuses.
func muxOf(by map[string]http.Handler) (mux *http.ServeMux, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	mux = http.NewServeMux()
	for pattern, h := range by {
		mux.Handle(pattern, h)
	}
	return mux, nil
}

// ServeHTTP answers by what is mounted.
func (r *routes) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if mux := r.mux.Load(); mux != nil {
		mux.ServeHTTP(w, q)
		return
	}
	http.NotFound(w, q)
}

// ServeHTTP answers a request by what is mounted: for tests, and for callers
// with a server of their own.
func (s *Service) ServeHTTP(w http.ResponseWriter, q *http.Request) { s.routes.ServeHTTP(w, q) }
