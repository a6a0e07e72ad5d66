package console

import (
	"context"
	"errors"
	"net/http"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/state"
	"koppel/internal/view"
)

// A Refusal is the answer to a request that is not done.
type Refusal struct {
	FormatVersion string        `json:"format_version" doc:"version of this output"`
	Error         RefusalReason `json:"error" doc:"what is wrong"`
}

// RefusalReason says why a request is not done.
type RefusalReason struct {
	Code    string `json:"code" doc:"stable; for programs"`
	Message string `json:"message" doc:"what is wrong and what to do, for people"`
}

// A RefusalCode is one reason for which the API refuses requests. Its name is
// stable.
type RefusalCode struct {
	Code    string
	Status  int // of HTTP
	Meaning string
}

// RefusalCodes lists them, by status.
func RefusalCodes() []RefusalCode {
	return []RefusalCode{
		{"invalid", http.StatusBadRequest, "The request is not as the API wants it."},
		{"token_in_url", http.StatusBadRequest, "The token stands in the URL, where logs keep it. Revoke it."},
		{"token_missing", http.StatusUnauthorized, "There is no token in the request."},
		{"token_unknown", http.StatusUnauthorized, "The token is none, or was replaced."},
		{"token_expired", http.StatusUnauthorized, "The token has come to its end."},
		{"token_revoked", http.StatusUnauthorized, "The token was revoked."},
		{"role", http.StatusForbidden, "The token's role is not enough."},
		{"cross_origin", http.StatusForbidden, "A page of another site sent the request."},
		{"host", http.StatusForbidden, "The request came over loopback, under a name that is not this machine's."},
		{"not_found", http.StatusNotFound, "There is no such path."},
		{"unknown", http.StatusNotFound, "A name means nothing, or several things."},
		{"nothing", http.StatusNotFound, "There is nothing to decide on."},
		{"method", http.StatusMethodNotAllowed, "The path takes other methods; see Allow."},
		{"slow", http.StatusRequestTimeout, "The request took too long to come."},
		{"locked", http.StatusConflict, "Somebody else works on it; the message names who."},
		{"stale", http.StatusConflict, "The plan can't be applied any more, or the state belongs to another target."},
		{"too_large", http.StatusRequestEntityTooLarge, "The request is too large."},
		{"media_type", http.StatusUnsupportedMediaType, "The body is no JSON."},
		{"busy", http.StatusTooManyRequests, "Too much is going on; see Retry-After."},
		{"failed", http.StatusInternalServerError, "It failed; the message says why."},
		{"unreachable", http.StatusBadGateway, "A system can't be reached, or refuses the credentials."},
		{"stopping", http.StatusServiceUnavailable, "The service stops."},
	}
}

// A refused request says so by its code.
type refused struct{ code, message string }

func (e *refused) Error() string { return e.message }

func refuse(code, message string) error { return &refused{code, message} }

// codeOf gives the code of an error.
func codeOf(err error) string {
	var own *refused
	var (
		name      *dsl.NameError
		unknown   *engine.UnknownError
		ambiguous *engine.AmbiguousError
		locked    *state.LockedError
		stale     *engine.StaleError
		identity  *engine.IdentityError
		file      *plan.FileError
		large     *http.MaxBytesError
	)
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &name), errors.As(err, &unknown), errors.As(err, &ambiguous):
		return "unknown"
	case errors.As(err, &locked):
		return "locked"
	case errors.As(err, &stale), errors.As(err, &identity), errors.As(err, &file):
		return "stale"
	case errors.As(err, &large):
		return "too_large"
	case errors.Is(err, connector.ErrUnreachable):
		return "unreachable"
	case errors.Is(err, context.Canceled):
		return "stopping"
	}
	return "failed"
}

// writeRefusal answers with an error.
func writeRefusal(w http.ResponseWriter, err error) int {
	code, status := codeOf(err), http.StatusInternalServerError
	for _, c := range RefusalCodes() {
		if c.Code == code {
			status = c.Status
		}
	}
	message := err.Error()
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="koppel"`)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "5")
	}
	if code == "stopping" {
		message = "it was stopped before it was done"
	}
	writeHeader(w, status)
	_ = view.WriteJSON(w, Refusal{FormatVersion: view.FormatVersion, Error: RefusalReason{Code: code, Message: message}})
	return status
}

// writeHeader begins an answer in JSON.
func writeHeader(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
}
