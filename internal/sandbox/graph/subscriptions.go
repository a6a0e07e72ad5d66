package graph

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// The life of a subscription to events without data, and how many one mailbox
// has at most.
const (
	shortestLife  = 45 * time.Minute
	longestLife   = 10_080 * time.Minute
	mostOfMailbox = 1000
)

// A reply is an answer with another status than 200; a nil body: none.
type reply struct {
	status int
	body   any
}

// wish is what a caller gives for a subscription.
type wish struct {
	ChangeType               string    `json:"changeType"`
	NotificationURL          string    `json:"notificationUrl"`
	LifecycleNotificationURL string    `json:"lifecycleNotificationUrl"`
	Resource                 string    `json:"resource"`
	ExpirationDateTime       time.Time `json:"expirationDateTime"`
	ClientState              string    `json:"clientState"`
}

func badSubscription(text string, args ...any) error {
	return refuse(http.StatusBadRequest, "InvalidRequest", text, args...)
}

// subscribe makes a subscription, once both addresses have answered.
func (s *System) subscribe(x *traffic.Exchange) (any, error) {
	var w wish
	if err := json.Unmarshal(x.Body, &w); err != nil {
		return nil, badSubscription("Invalid JSON: %v", err)
	}
	parts := strings.Split(strings.Trim(w.Resource, "/"), "/")
	if len(parts) != 3 || !strings.EqualFold(parts[0], "users") || !strings.EqualFold(parts[2], "events") {
		return nil, badSubscription("Resource '%s' is not supported.", w.Resource)
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	x.Request.SetPathValue("id", parts[1])
	return s.mailboxed(func(x *traffic.Exchange, box dataset.Row) (any, error) { return s.subscribed(x, &w, box) })(x)
}

func (w *wish) check() error {
	for change := range strings.SplitSeq(w.ChangeType, ",") {
		if !slices.Contains([]string{"created", "updated", "deleted"}, change) {
			return badSubscription("ChangeType '%s' is not supported.", w.ChangeType)
		}
	}
	for _, address := range []string{w.NotificationURL, w.LifecycleNotificationURL} {
		u, err := url.Parse(address)
		optional := address == "" && address != w.NotificationURL
		if !optional && (err != nil || u.Scheme != "https" && u.Hostname() != "127.0.0.1") {
			return badSubscription("NotificationUrl '%s' must use https.", address)
		}
	}
	if len(w.ClientState) > 128 {
		return badSubscription("ClientState is longer than 128 characters.")
	}
	return nil
}

// lasts gives how long a subscription lives that shall live until a moment.
func (s *System) lasts(until time.Time) (time.Time, error) {
	now := s.o.Now().UTC()
	switch {
	case !until.After(now):
		return until, badSubscription("ExpirationDateTime is in the past.")
	case until.After(now.Add(longestLife)):
		return until, badSubscription("Subscription expiration can only be %d minutes in the future.", int(longestLife/time.Minute))
	case until.Before(now.Add(shortestLife)):
		until = now.Add(shortestLife)
	}
	return until.UTC(), nil
}

func (s *System) subscribed(x *traffic.Exchange, w *wish, box dataset.Row) (any, error) {
	until, err := s.lasts(w.ExpirationDateTime)
	if err != nil {
		return nil, err
	}
	for _, address := range slices.Compact([]string{w.NotificationURL, w.LifecycleNotificationURL}) {
		if address == "" {
			continue
		}
		if err := s.handshake(x, address); err != nil {
			return nil, refuse(http.StatusBadRequest, "ValidationError", "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request: %v", err)
		}
	}
	s.mu.Lock()
	s.subscriptions++
	r := dataset.Rand(s.o.Seed+s.subscriptions, "graph subscription")
	s.mu.Unlock()
	row := dataset.Row{
		"id": guid(r.Uint64(), r.Uint64()), "mailbox": key(box), "resource": w.Resource, "changeType": w.ChangeType, "notificationUrl": w.NotificationURL,
		"lifecycleNotificationUrl": orNull(w.LifecycleNotificationURL), "clientState": orNull(w.ClientState), "expirationDateTime": until,
	}
	err = s.Data.Change(func(tx *dataset.Tx) error {
		n := 0
		for _, other := range tx.Rows("subscriptions") {
			if other["mailbox"] == row["mailbox"] && s.alive(other) {
				n++
			}
		}
		if n >= mostOfMailbox {
			return refuse(http.StatusForbidden, "ErrorSubscriptionLimit", "The mailbox has %d subscriptions.", n)
		}
		_, err := tx.Insert("subscriptions", row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return reply{http.StatusCreated, s.subscription(row)}, nil
}

// handshake asks an address whether it wants to be sent notifications.
func (s *System) handshake(x *traffic.Exchange, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	token := "Validation: Testing client application reachability for subscription Request-Id: " + s.requestID(x)
	q := u.Query()
	q.Set("validationToken", token)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(x.Request.Context(), http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK || string(body) != token || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain"):
		return fmt.Errorf("it answered %d", resp.StatusCode)
	}
	return nil
}

// alive tells whether a subscription has not expired.
func (s *System) alive(row dataset.Row) bool {
	until, _ := row["expirationDateTime"].(time.Time)
	return until.After(s.o.Now())
}

// subscription shows a subscription; its clientState is never shown again.
func (s *System) subscription(row dataset.Row) map[string]any {
	out := map[string]any{"applicationId": s.ClientID, "clientState": nil}
	for _, name := range []string{"id", "resource", "changeType", "notificationUrl", "lifecycleNotificationUrl"} {
		out[name] = row[name]
	}
	until, _ := row["expirationDateTime"].(time.Time)
	out["expirationDateTime"] = until.Format("2006-01-02T15:04:05.0000000Z")
	return out
}

// live gives a subscription that has not expired.
func (s *System) live(id string) (dataset.Row, error) {
	var row dataset.Row
	s.Data.View(func(tx *dataset.Tx) { row = tx.Get("subscriptions", id) })
	if row == nil || !s.alive(row) {
		return nil, refuse(http.StatusNotFound, "ResourceNotFound", "The object was not found.")
	}
	return row, nil
}

// subscriptionsPage is how many subscriptions stand on a page.
const subscriptionsPage = 20

func (s *System) listSubscriptions(x *traffic.Exchange) (any, error) {
	out := page{Context: metadata(x.Request, "subscriptions"), Value: []map[string]any{}}
	after := x.Request.URL.Query().Get("$skiptoken")
	rows := s.Data.Rows("subscriptions")
	slices.SortFunc(rows, func(a, b dataset.Row) int { return strings.Compare(key(a), key(b)) })
	for _, row := range rows {
		if !s.alive(row) || key(row) <= after {
			continue
		}
		if len(out.Value) == subscriptionsPage {
			last := dataset.Text(out.Value[len(out.Value)-1]["id"])
			out.Next = base(x.Request) + "/v1.0/subscriptions?$skiptoken=" + url.QueryEscape(last)
			break
		}
		out.Value = append(out.Value, s.subscription(row))
	}
	return out, nil
}

func (s *System) oneSubscription(x *traffic.Exchange) (any, error) {
	row, err := s.live(x.Request.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.subscription(row), nil
}

// renew lets a subscription live longer.
func (s *System) renew(x *traffic.Exchange) (any, error) {
	var w wish
	if err := json.Unmarshal(x.Body, &w); err != nil {
		return nil, badSubscription("Invalid JSON: %v", err)
	}
	row, err := s.live(x.Request.PathValue("id"))
	if err != nil {
		return nil, err
	}
	until, err := s.lasts(w.ExpirationDateTime)
	if err != nil {
		return nil, err
	}
	if err := s.Data.Update("subscriptions", key(row), dataset.Row{"expirationDateTime": until}); err != nil {
		return nil, err
	}
	row, err = s.live(key(row))
	if err != nil {
		return nil, err
	}
	return s.subscription(row), nil
}

func (s *System) unsubscribe(x *traffic.Exchange) (any, error) {
	row, err := s.live(x.Request.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := s.Data.Delete("subscriptions", key(row)); err != nil {
		return nil, err
	}
	return reply{status: http.StatusNoContent}, nil
}
