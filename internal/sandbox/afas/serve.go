package afas

import (
	"net/http"
	"net/url"
	"strings"

	"koppel/internal/sandbox/traffic"
)

// A call is one call whose caller is known.
type call struct {
	*traffic.Exchange
	rights rights
}

func (s *System) routes() {
	s.mux = http.NewServeMux()
	open := func(pattern string, serve func(*call)) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			serve(&call{Exchange: exchange(w, r)})
		})
	}
	known := func(pattern string, serve func(*call)) {
		open(pattern, func(c *call) {
			if s.admit(c) {
				serve(c)
			}
		})
	}
	open("POST /oauth/token", s.oauth)
	open("POST /otprequest", s.otp)
	open("POST /otpvalidation", s.otp)
	known("GET /connectors/{connector}", s.get)
	known("GET /connectors/{connector}/{fields}/{values}", s.getByPath)
	known("POST /connectors/{connector}", s.update)
	known("PUT /connectors/{connector}", s.update)
	known("POST /connectors/{connector}/{sub}", s.update)
	known("DELETE /connectors/{connector}/{object}/{key}/{value}", s.remove)
	known("GET /metainfo", s.metainfo)
	known("GET /metainfo/get/{connector}", s.metainfoGet)
	known("GET /metainfo/update/{connector}", s.metainfoUpdate)
	known("GET /profitversion", s.version)
	known("GET /fileconnector/{id}/{name}", s.file)
	known("GET /subjectconnector/{subject}/{id}", s.file)
	known("/", func(c *call) { c.empty(http.StatusNotFound) })
}

// exchange gives a handler of the mux back what it was called with.
func exchange(w http.ResponseWriter, r *http.Request) *traffic.Exchange {
	x := w.(*traffic.Exchange)
	x.Request = r
	return x
}

// serve answers one call: what holds for all comes first.
func (s *System) serve(x *traffic.Exchange) {
	r := x.Request
	x.Header().Set("X-Trace-Identifier", s.reference(x, "trace"))
	switch {
	case r.Close: // AFAS's load balancer resets such connections
		x.Break()
		return
	case len(r.URL.RawQuery)+1 > maxQuery && r.URL.RawQuery != "",
		len(r.URL.Path) < len(Path) || !strings.EqualFold(r.URL.Path[:len(Path)], Path):
		(&call{Exchange: x}).empty(http.StatusNotFound)
		return
	}
	below := r.Clone(r.Context())
	below.URL = &url.URL{Path: r.URL.Path[len(Path):], RawQuery: r.URL.RawQuery}
	if r.URL.RawPath != "" {
		below.URL.RawPath = r.URL.RawPath[len(Path):]
	}
	if below.URL.Path == "" {
		below.URL.Path = "/"
	}
	s.mux.ServeHTTP(x, below)
	x.Request = r
}

// empty answers with a status and no body, as errors before Profit do.
func (c *call) empty(status int) {
	c.Header().Set("Content-Type", "application/xml; charset=utf-8")
	c.WriteHeader(status)
}
