package webhook

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"html"
	"io"
	"net/http"
	"slices"
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

// notices are what one delivery of Graph says.
type notices struct {
	events    []connector.Event
	trusted   int
	refused   int  // of another secret
	changed   told // of which something changed
	lost      told // of which notifications were lost
	disturbed bool
}

// A told is a set of parts.
type told struct {
	some  bool
	all   bool // it is not known which
	parts []string
}

func (t *told) add(parts []string) {
	t.some = true
	t.all = t.all || len(parts) == 0
	t.parts = append(t.parts, parts...)
}

// list gives them, each once; none: any.
func (t *told) list() []string {
	if t.all {
		return nil
	}
	slices.Sort(t.parts)
	return slices.Compact(t.parts)
}

// notified takes in what Graph sends, and says what became of it. Notifications
// stand for themselves: those that can't be trusted leave the others as they are.
func (r *receiver) notified(ctx context.Context, header http.Header, body []byte) (string, error) {
	n, err := r.notifications(header, body)
	if n.disturbed && r.listener != nil {
		defer r.listener.Disturbed()
	}
	if err != nil {
		return "", err
	}
	if n.lost.some && r.listener != nil {
		inner, cancel := context.WithTimeout(ctx, storeWait)
		defer cancel()
		if err := r.listener.Lost(inner, n.lost.list()); err != nil {
			return "", err
		}
	}
	status, err := r.keep(ctx, n.events)
	if err == nil && n.changed.some && r.listener != nil {
		r.listener.Changed(n.changed.list())
	}
	return status, err
}

// notifications makes the records of what Graph sends: one for each of the list
// value, whose member clientState must be the secret of the subscription and is
// left out. Their topic is what happened: created, updated, deleted, or what
// became of the subscription (reauthorizationRequired, subscriptionRemoved,
// missed; learn.microsoft.com/graph/change-notifications-lifecycle-events). Graph
// gives them no id, so each is a delivery of its own.
func (r *receiver) notifications(header http.Header, body []byte) (*notices, error) {
	n := &notices{}
	canonical, err := record.AppendBody(nil, body)
	if err != nil {
		return n, malformed("the body is no JSON: %v", err)
	}
	list := record.Member(canonical, "value")
	if record.KindOf(canonical) != record.Object || record.KindOf(list) != record.List {
		return n, malformed("the body is no list of notifications")
	}
	record.Elements(list, func(raw []byte) bool {
		err = r.notification(n, header, raw)
		return err == nil
	})
	if err == nil && n.refused > 0 {
		problem := "not authorised: clientState is missing or another one"
		if n.trusted == 0 {
			err = &refusal{status: http.StatusUnauthorized, problem: problem}
		} else {
			r.env.Log.Warn("notifications were refused; others came with them", "source", r.env.Block, "refused", n.refused, "problem", problem)
		}
	}
	return n, err
}

// notification takes one in.
func (r *receiver) notification(n *notices, header http.Header, raw []byte) error {
	text := func(name string) string {
		s, _ := record.Text(record.Member(raw, name))
		return s
	}
	id := text("subscriptionId")
	if record.KindOf(raw) != record.Object || !webhook.Equal(text("clientState"), string(r.config.Auth.ClientState)) {
		// One of ours that never repeated the present secret was made with an
		// earlier one, which Graph does not let be changed.
		n.disturbed = !r.proven.has(id) && r.standing.remake(id) || n.disturbed
		n.refused++
		return nil
	}
	n.trusted++
	topic := text("lifecycleEvent")
	parts, ours, news := r.standing.about(id, topic == "missed")
	if r.config.Auth.Connection.Address == "" {
		parts, ours, news = nil, true, false
	}
	if n.disturbed = n.disturbed || news; !ours {
		return nil
	}
	if len(parts) > 0 {
		r.proven.add(id)
	}
	switch topic {
	case "missed":
		n.lost.add(parts)
	case "subscriptionRemoved":
		r.standing.remake(id) // Graph may still list it
		n.disturbed = true
	case "reauthorizationRequired":
		r.standing.renew(id)
		n.disturbed = true
	case "":
		if topic = text("changeType"); webhook.Wanted(r.config.Topics, topic) {
			n.changed.add(parts)
		}
	}
	if !webhook.Wanted(r.config.Topics, topic) {
		return nil
	}
	key := make([]byte, 16)
	rand.Read(key) // never fails
	e, err := r.event(header, hex.EncodeToString(key), topic, withoutState(raw))
	n.events = append(n.events, e)
	return err
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
