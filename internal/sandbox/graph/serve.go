package graph

import (
	"errors"
	"net/http"
	"strings"

	"koppel/internal/sandbox/traffic"
)

func (s *System) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) { s.token(exchange(w, r)) })
	get := func(path, role string, answer func(*traffic.Exchange) (any, error)) {
		s.mux.HandleFunc("GET /v1.0"+path, func(w http.ResponseWriter, r *http.Request) {
			s.answer(exchange(w, r), role, answer)
		})
	}
	const directory, calendars = "Directory.Read.All", "Calendars.Read"
	get("/users", directory, s.listUsers)
	get("/users/delta", directory, s.usersDelta)
	get("/users/{id}", directory, s.oneUser)
	get("/users/{id}/manager", directory, s.manager)
	get("/directory/deletedItems/microsoft.graph.user", directory, s.deletedUsers)
	get("/groups", directory, s.listGroups)
	get("/groups/{id}", directory, s.oneGroup)
	for _, list := range []string{"members", "transitiveMembers"} {
		get("/groups/{id}/"+list, directory, s.members(list, false))
		get("/groups/{id}/"+list+"/microsoft.graph.user", directory, s.members(list, true))
	}
	get("/subscriptions", "", s.listSubscriptions)
	get("/subscriptions/{id}", "", s.oneSubscription)
	for pattern, answer := range map[string]func(*traffic.Exchange) (any, error){
		"POST /v1.0/subscriptions": s.subscribe, "PATCH /v1.0/subscriptions/{id}": s.renew, "DELETE /v1.0/subscriptions/{id}": s.unsubscribe,
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(exchange(w, r), calendars, answer) })
	}
	get("/users/{id}/calendarView", calendars, s.mailboxed(s.calendarView))
	get("/users/{id}/calendar/calendarView", calendars, s.mailboxed(s.calendarView))
	get("/users/{id}/calendarView/delta", calendars, s.mailboxed(s.viewDelta))
	get("/users/{id}/events", calendars, s.mailboxed(s.listEvents))
	get("/users/{id}/events/{event}", calendars, s.mailboxed(s.oneEvent))
	s.mux.HandleFunc("POST /v1.0/$batch", func(w http.ResponseWriter, r *http.Request) { s.answer(exchange(w, r), "", s.batch) })
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.answer(exchange(w, r), "", func(*traffic.Exchange) (any, error) {
			return nil, refuse(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '%s'.", strings.Trim(r.URL.Path, "/"))
		})
	})
}

// exchange gives a handler of the mux back what it was called with.
func exchange(w http.ResponseWriter, r *http.Request) *traffic.Exchange {
	x := w.(*traffic.Exchange)
	x.Request = r
	return x
}

func (s *System) serve(x *traffic.Exchange) {
	id := s.requestID(x)
	x.Header().Set("request-id", id)
	x.Header().Set("client-request-id", clientID(x, id))
	s.mux.ServeHTTP(x, x.Request)
}

// answer lets a caller in and answers it.
func (s *System) answer(x *traffic.Exchange, role string, answer func(*traffic.Exchange) (any, error)) {
	err := s.admit(x.Request, role)
	var body any
	if err == nil {
		body, err = answer(x)
	}
	status := http.StatusOK
	if r, ok := body.(reply); ok {
		status, body = r.status, r.body
	}
	var e *refusal
	switch {
	case err == nil && body == nil:
		x.WriteHeader(status)
	case err == nil:
		x.Header().Set("Content-Type", "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8")
		x.JSON(status, body)
	case errors.As(err, &e):
		s.fail(x, e)
	default:
		s.fail(x, &refusal{status: http.StatusInternalServerError, code: "generalException", text: err.Error()})
	}
}

// base is the address under which the caller reaches this server.
func base(r *http.Request) string { return "http://" + r.Host }

// A page is one answer with a list.
type page struct {
	Context string           `json:"@odata.context"`
	Count   *int             `json:"@odata.count,omitempty"`
	Value   []map[string]any `json:"value"`
	Next    string           `json:"@odata.nextLink,omitempty"`
	Delta   string           `json:"@odata.deltaLink,omitempty"`
}

func metadata(r *http.Request, what string) string { return base(r) + "/v1.0/$metadata#" + what }
