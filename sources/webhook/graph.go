package webhook

import (
	"crypto/rand"
	"encoding/hex"
	"html"
	"io"
	"net/http"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/webhook"
)

// maxValidation bounds the token that Graph wants back, in bytes.
const maxValidation = 4096

// validate answers the question that Graph asks before it makes a subscription:
// the decoded token as plain text, within ten seconds
// (learn.microsoft.com/graph/change-notifications-delivery-webhooks). It is
// escaped, as whoever asks decides what it is.
func validate(w http.ResponseWriter, q *http.Request) bool {
	token := q.URL.Query().Get("validationToken")
	if q.Method != http.MethodPost || token == "" || len(token) > maxValidation {
		return false
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, html.EscapeString(token)) // the sender is gone otherwise
	return true
}

// notifications makes the records of what Graph sends: one for each of the list
// value, whose member clientState must be the secret of the subscription and is
// left out. Their topic is what happened: created, updated, deleted, or what
// became of the subscription (reauthorizationRequired, subscriptionRemoved,
// missed). Graph gives them no id, so each is a delivery of its own.
func (r *receiver) notifications(header http.Header, canonical []byte) ([]connector.Event, error) {
	list := record.Member(canonical, "value")
	if record.KindOf(canonical) != record.Object || record.KindOf(list) != record.List {
		return nil, malformed("the body is no list of notifications")
	}
	var events []connector.Event
	var failed error
	var befell []func()
	record.Elements(list, func(raw []byte) bool {
		if state, _ := record.Text(record.Member(raw, "clientState")); record.KindOf(raw) != record.Object || !webhook.Equal(state, string(r.config.Auth.ClientState)) {
			id, _ := record.Text(record.Member(raw, "subscriptionId"))
			r.mistrust(id)
			failed = &refusal{status: http.StatusUnauthorized, problem: "not authorised: clientState is missing or another one"}
			return false
		}
		topic, _ := record.Text(record.Member(raw, "lifecycleEvent"))
		if topic == "" {
			topic, _ = record.Text(record.Member(raw, "changeType"))
		} else {
			id, _ := record.Text(record.Member(raw, "subscriptionId"))
			befell = append(befell, func() { r.disturb(topic, id) })
		}
		if !webhook.Wanted(r.config.Topics, topic) {
			return true
		}
		var e connector.Event
		id := make([]byte, 16)
		rand.Read(id) // never fails
		e, failed = r.event(header, hex.EncodeToString(id), topic, withoutState(raw))
		events = append(events, e)
		return failed == nil
	})
	if failed == nil {
		for _, tell := range befell {
			tell()
		}
	}
	return events, failed
}

// withoutState leaves the secret out of a notification.
func withoutState(raw []byte) []byte {
	var names []string
	record.Members(raw, func(name string, _ []byte) bool {
		if !strings.EqualFold(name, "clientState") {
			names = append(names, name)
		}
		return true
	})
	out := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(record.AppendString(out, name), ':')
		out = append(out, record.Member(raw, name)...)
	}
	return append(out, '}')
}
