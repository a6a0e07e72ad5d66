package graphtest

import "net/http"

// A box is a mailbox with a calendar.
type box struct{}

func (t *Tenant) answerCalendar(w http.ResponseWriter, r *http.Request, who string, steps []string) {
	Refuse(w, http.StatusNotFound, "ErrorInvalidUser", "The requested user is invalid.")
}
