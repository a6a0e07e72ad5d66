package graph

import (
	"net/http"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// The limits of Outlook for one app and one mailbox.
const (
	mailboxConcurrent = 4
	mailboxRequests   = 10_000 // in ten minutes
)

// A mailbox is what the service remembers of the calls to one.
type mailbox struct {
	inflight int
	begun    time.Time // of the ten minutes that are counted
	count    int
	refused  *dataset.Row // the setting that the penalty came from
	until    time.Time
}

// mailboxed answers calls for a mailbox that can be read and is not busy.
func (s *System) mailboxed(answer func(*traffic.Exchange, dataset.Row) (any, error)) func(*traffic.Exchange) (any, error) {
	return func(x *traffic.Exchange) (any, error) {
		id := x.Request.PathValue("id")
		owner := s.user(id)
		if owner == nil {
			if strings.Contains(id, "@") {
				return nil, refuse(http.StatusNotFound, "ErrorInvalidUser", "The requested user '%s' is invalid.", id)
			}
			return nil, noResource(id)
		}
		var row dataset.Row
		s.Data.View(func(tx *dataset.Tx) { row = tx.Get("mailboxes", key(owner)) })
		if err := unreadable(row, id); err != nil {
			return nil, err
		}
		if err := s.enter(row); err != nil {
			return nil, err
		}
		defer s.leave(row)
		return answer(x, row)
	}
}

// unreadable says why a mailbox can't be read; nil: it can.
func unreadable(row dataset.Row, id string) error {
	if row == nil {
		return refuse(http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
	}
	switch dataset.Text(row["state"]) {
	case "", "ok":
		return nil
	case "access_policy":
		return refuse(http.StatusForbidden, "ErrorAccessDenied", "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.")
	case "invalid_user":
		return refuse(http.StatusNotFound, "ErrorInvalidUser", "The requested user '%s' is invalid.", id)
	case "not_discovered":
		return refuse(http.StatusNotFound, "ResourceNotFound", "Resource could not be discovered.")
	case "not_supported":
		return refuse(http.StatusNotFound, "MailboxNotSupportedForRESTAPI", "REST API is not yet supported for this mailbox.")
	case "locked":
		return refuse(http.StatusLocked, "resourceLocked", "The mailbox is locked.")
	}
	return refuse(http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
}

// enter counts a call in; too many at once or in ten minutes are refused, and so
// is one during the penalty that the mailbox is set to give.
func (s *System) enter(row dataset.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.open[key(row)]
	if m == nil {
		m = &mailbox{}
		s.open[key(row)] = m
	}
	now := s.o.Now()
	if now.Sub(m.begun) >= 10*time.Minute {
		m.begun, m.count = now, 0
	}
	m.count++
	form := dataset.Text(row["retry_after"])
	if seconds, _ := row["refuse_seconds"].(int64); seconds > 0 && !m.punished(row) {
		m.refused, m.until = &row, now.Add(time.Duration(seconds)*time.Second)
	}
	switch {
	case now.Before(m.until):
		return s.throttled("TooManyRequests", "Please retry again later.", form, m.until.Sub(now))
	case m.count > mailboxRequests:
		return s.throttled("ApplicationThrottled", "Application is over its MailboxRequests limit.", form, m.begun.Add(10*time.Minute).Sub(now))
	case m.inflight >= mailboxConcurrent:
		return s.throttled("ApplicationThrottled", "Application is over its MailboxConcurrency limit.", form, time.Second)
	}
	m.inflight++
	return nil
}

// punished tells whether a setting has led to a penalty already.
func (m *mailbox) punished(row dataset.Row) bool { return m.refused != nil && sameRow(*m.refused, row) }

func (s *System) leave(row dataset.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[key(row)].inflight--
}

// preferences reads the Prefer headers of a call.
func preferences(r *http.Request) map[string]string {
	list := map[string]string{}
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Prefer"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		list[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return list
}
