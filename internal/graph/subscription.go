package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// A Subscription has Graph send notifications of changes to an address
// (learn.microsoft.com/graph/api/resources/subscription).
type Subscription struct {
	ID       string
	Resource string // as it was asked for: users/ID/events
	URL      string // where notifications go
	Expires  time.Time
}

// Events is the resource that the events in the calendar of a mailbox are.
func Events(mailbox string) string { return "users/" + url.PathEscape(mailbox) + "/events" }

// Waiting is that of httpclient.Request: it lets others have their turn while
// one mailbox is throttled.
type Waiting func(pause func() error) error

// Subscriptions lists those of the application in the tenant.
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	var list []Subscription
	walk := c.Walk(Question{Path: "/subscriptions", About: []string{"subscriptions"}})
	for {
		page, err := walk.Next(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the subscriptions: %w", err)
		}
		if page == nil {
			return list, nil
		}
		for _, row := range page.Rows {
			s, err := subscriptionOf(row)
			if err != nil {
				return nil, fmt.Errorf("list the subscriptions: %w", err)
			}
			list = append(list, s)
		}
	}
}

func subscriptionOf(row []byte) (Subscription, error) {
	text := func(name string) string {
		s, _ := record.Text(record.Member(row, name))
		return s
	}
	s := Subscription{ID: text("id"), Resource: text("resource"), URL: text("notificationUrl")}
	until, err := time.Parse(time.RFC3339, text("expirationDateTime"))
	if err != nil || s.ID == "" {
		return s, fmt.Errorf("%w: a subscription has no id, or none that tells when it expires", connector.ErrIncomplete)
	}
	s.Expires = until
	return s, nil
}

// Subscribe has changes of a resource told to an address, which Graph asks at
// once whether it wants that. It is never repeated by itself when its answer was
// lost: Subscriptions tells what became of it.
func (c *Client) Subscribe(ctx context.Context, s Subscription, state connector.Secret, w Waiting) (Subscription, error) {
	body, err := json.Marshal(map[string]string{
		"changeType": "created,updated,deleted", "notificationUrl": s.URL, "lifecycleNotificationUrl": s.URL, "resource": s.Resource,
		"expirationDateTime": s.Expires.UTC().Format(time.RFC3339), "clientState": string(state),
	})
	if err != nil {
		return s, err
	}
	answer, err := c.change(ctx, &httpclient.Request{Method: http.MethodPost, Path: "/subscriptions", Body: body}, w)
	if err != nil {
		return s, err
	}
	return subscriptionOf(answer)
}

// Renew has a subscription live until another time, and gives when it ends: Graph
// may grant less. It also authorises one that Graph wants to be authorised again.
func (c *Client) Renew(ctx context.Context, id string, until time.Time, w Waiting) (time.Time, error) {
	body, err := json.Marshal(map[string]string{"expirationDateTime": until.UTC().Format(time.RFC3339)})
	if err != nil {
		return until, err
	}
	answer, err := c.change(ctx, &httpclient.Request{Method: http.MethodPatch, Path: "/subscriptions/" + url.PathEscape(id), Body: body, Repeat: httpclient.Always}, w)
	if err != nil {
		return until, err
	}
	if s, err := subscriptionOf(answer); err == nil {
		return s.Expires, nil
	}
	return until, nil // it is renewed, and the list of subscriptions tells the rest
}

// Unsubscribe ends a subscription. One that is gone is no error.
func (c *Client) Unsubscribe(ctx context.Context, id string, w Waiting) error {
	_, err := c.change(ctx, &httpclient.Request{
		Method: http.MethodDelete, Path: "/subscriptions/" + url.PathEscape(id), Expect: httpclient.Anything, Accept: []int{http.StatusNotFound},
	}, w)
	return err
}

// change makes a request about one subscription: being throttled there says
// nothing of the others.
func (c *Client) change(ctx context.Context, r *httpclient.Request, w Waiting) ([]byte, error) {
	r.Path = Version + r.Path
	r.Title, r.Alone, r.Waiting = r.Path, true, w
	r.Header = http.Header{"Client-Request-Id": {uuid.NewString()}}
	resp, err := c.http.Do(ctx, r)
	if err != nil {
		return nil, explain(err, CalendarPermissions())
	}
	return resp.Body, nil
}
