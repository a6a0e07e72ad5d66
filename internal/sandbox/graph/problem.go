package graph

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// A refusal is an answer that is not 2xx, in Graph's envelope.
type refusal struct {
	status int
	code   string
	text   string
	header http.Header
}

func (r *refusal) Error() string { return r.code + ": " + r.text }

func refuse(status int, code, text string, args ...any) error {
	return &refusal{status: status, code: code, text: fmt.Sprintf(text, args...)}
}

// badQuery is a query that the directory can't read.
func badQuery(text string, args ...any) error {
	return refuse(http.StatusBadRequest, "Request_UnsupportedQuery", text, args...)
}

// throttled refuses for a while; form is seconds, date or none.
func (s *System) throttled(code, text, form string, wait time.Duration) error {
	r := &refusal{status: http.StatusTooManyRequests, code: code, text: text, header: http.Header{}}
	switch form {
	case "date":
		r.header.Set("Retry-After", s.o.Now().Add(wait+time.Second-1).UTC().Format(http.TimeFormat))
	case "none":
	default:
		r.header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	return r
}

// fail answers with a refusal. The envelope spells innerError in two ways.
func (s *System) fail(x *traffic.Exchange, e *refusal) {
	for name, values := range e.header {
		x.Header()[name] = values
	}
	id := s.requestID(x)
	inner := map[string]any{"date": s.o.Now().UTC().Format("2006-01-02T15:04:05"), "request-id": id, "client-request-id": clientID(x, id)}
	name := "innerError"
	if x.Call.N%2 == 0 {
		name = "innererror"
	}
	x.JSON(e.status, map[string]any{"error": map[string]any{"code": e.code, "message": e.text, name: inner}})
}

// requestID is what Graph calls this request in its answer.
func (s *System) requestID(x *traffic.Exchange) string {
	r := dataset.Rand(s.o.Seed+uint64(x.Call.N), "graph request")
	return guid(r.Uint64(), r.Uint64())
}

func clientID(x *traffic.Exchange, id string) string {
	if own := x.Request.Header.Get("client-request-id"); own != "" {
		return own
	}
	return id
}

// refuseAs answers with a status that a fault asks for; the envelope of some is
// empty or has an empty code, as seen in the field.
func (s *System) refuseAs(x *traffic.Exchange, f traffic.Fault, status int) bool {
	texts := map[int]refusal{
		http.StatusUnauthorized:    {code: "InvalidAuthenticationToken", text: "Access token has expired or is not yet valid."},
		http.StatusForbidden:       {code: "Authorization_RequestDenied", text: "Insufficient privileges to complete the operation."},
		http.StatusTooManyRequests: {code: "TooManyRequests", text: "Please retry again later."},
		http.StatusLocked:          {code: "resourceLocked", text: "The resource is locked."},
		http.StatusGone:            {code: "SyncStateNotFound", text: "The sync state generation is not found."},
		http.StatusGatewayTimeout:  {code: "UnknownError", text: ""},
		http.StatusOK:              {code: "generalException", text: "An internal server error occurred."},
	}
	e, ok := texts[status]
	if !ok {
		e = refusal{code: "", text: http.StatusText(status)}
	}
	e.status = status
	if f.Message != "" {
		e.text = f.Message
	}
	if status == http.StatusServiceUnavailable && f.Message == "" {
		x.WriteHeader(status) // Exchange answers so without a body
		return true
	}
	s.fail(x, &e)
	return true
}
