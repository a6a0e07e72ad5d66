package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// The states of a notification. One that failed is tried again when it is due.
const (
	waiting = "waiting"
	sent    = "sent"
	failed  = "failed"
	givenUp = "given up"
)

// How long after a failure a notification is sent again, first, and for how
// long in all.
const (
	resendFirst = 10 * time.Second
	resendFor   = 4 * time.Hour
)

// announce puts what a transaction did to calendars among the notifications,
// and what befell subscriptions. It belongs to the transaction.
func (s *System) announce(tx *dataset.Tx, edits []dataset.Edit) error {
	for _, e := range edits {
		var err error
		switch {
		case e.Table == "events":
			err = s.announceChange(tx, e)
		case e.Table == "lifecycle" && e.Op == "insert":
			err = s.announceLife(tx, e.Row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *System) announceChange(tx *dataset.Tx, e dataset.Edit) error {
	change := map[string]string{"insert": "created", "update": "updated", "delete": "deleted"}[e.Op]
	for _, sub := range tx.Rows("subscriptions") {
		if sub["mailbox"] != e.Row["mailbox"] || !s.alive(sub) || !slices.Contains(strings.Split(dataset.Text(sub["changeType"]), ","), change) {
			continue
		}
		id := look{}.id(e.Row)
		about := fmt.Sprintf("Users/%s/Events/%s", dataset.Text(sub["mailbox"]), id)
		err := s.enqueue(tx, sub, "notificationUrl", map[string]any{
			"changeType": change, "resource": about, "tenantId": s.Tenant,
			"resourceData": map[string]any{"@odata.type": "#Microsoft.Graph.Event", "@odata.id": about, "id": id},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// announceLife tells what befell the subscription to a mailbox.
func (s *System) announceLife(tx *dataset.Tx, row dataset.Row) error {
	event := dataset.Text(row["event"])
	if !slices.Contains([]string{"reauthorizationRequired", "subscriptionRemoved", "missed"}, event) {
		return fmt.Errorf("there is no lifecycle event %q", event)
	}
	for _, sub := range tx.Rows("subscriptions") {
		if sub["mailbox"] != row["mailbox"] || !s.alive(sub) {
			continue
		}
		if err := s.enqueue(tx, sub, "lifecycleNotificationUrl", map[string]any{"lifecycleEvent": event, "resource": sub["resource"], "organizationId": s.Tenant}); err != nil {
			return err
		}
		if event == "subscriptionRemoved" {
			if err := tx.Delete("subscriptions", key(sub)); err != nil {
				return err
			}
		}
	}
	return nil
}

// enqueue has a notification about a subscription sent to the address that
// stands in a column.
func (s *System) enqueue(tx *dataset.Tx, sub dataset.Row, column string, notice map[string]any) error {
	to := dataset.Text(sub[column])
	if to == "" {
		return nil
	}
	notice["subscriptionId"], notice["clientState"] = sub["id"], sub["clientState"]
	notice["subscriptionExpirationDateTime"] = s.subscription(sub)["expirationDateTime"]
	body, err := json.Marshal(map[string]any{"value": []any{notice}})
	if err != nil {
		return err
	}
	_, err = tx.Insert("notifications", dataset.Row{
		"id": fmt.Sprintf("%08d", tx.Next("notifications", "n", 1)), "n": tx.Next("notifications", "n", 1), "subscription": sub["id"],
		"url": to, "status": waiting, "attempts": 0, "made": tx.Now(), "due": tx.Now(), "body": string(body),
	})
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
	return err
}

// Deliver sends all notifications that wait or have failed, whenever they are
// due, or the one with an id, and gives their rows as they are then.
func (s *System) Deliver(ctx context.Context, id string) ([]dataset.Row, error) {
	return s.deliver(ctx, func(row dataset.Row) bool {
		return row["id"] == id || id == "" && (row["status"] == waiting || row["status"] == failed)
	})
}

func (s *System) deliverDue(ctx context.Context) error {
	now := s.o.Now()
	_, err := s.deliver(ctx, func(row dataset.Row) bool {
		due, _ := row["due"].(time.Time)
		return (row["status"] == waiting || row["status"] == failed) && !due.After(now)
	})
	return err
}

func (s *System) deliver(ctx context.Context, which func(dataset.Row) bool) ([]dataset.Row, error) {
	s.sending.Lock()
	defer s.sending.Unlock()
	done := []dataset.Row{}
	for _, row := range s.Data.Rows("notifications") {
		if !which(row) {
			continue
		}
		note := s.attempt(ctx, row)
		if ctx.Err() != nil {
			return done, ctx.Err() // it was broken off here
		}
		if err := s.Data.Update("notifications", key(row), note); err != nil {
			return done, err
		}
		s.Data.View(func(tx *dataset.Tx) { done = append(done, tx.Get("notifications", key(row))) })
	}
	return done, nil
}

// attempt sends a notification and says what became of it.
func (s *System) attempt(ctx context.Context, row dataset.Row) dataset.Row {
	n, _ := row["attempts"].(int64)
	note := dataset.Row{"attempts": n + 1, "status": sent, "problem": nil}
	err := s.post(ctx, dataset.Text(row["url"]), []byte(dataset.Text(row["body"])))
	if err == nil {
		return note
	}
	note["problem"], note["status"] = err.Error(), givenUp
	now := s.o.Now().UTC()
	if made, _ := row["made"].(time.Time); now.Sub(made) < resendFor {
		note["status"], note["due"] = failed, now.Add(resendFirst<<min(n, 8))
	}
	return note
}

func (s *System) post(ctx context.Context, to string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // the status is known
	_ = resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("it says %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return nil
}

// Listen starts the server on 127.0.0.1; port 0 takes any free one. It sends
// notifications as long as it is up.
func (s *System) Listen(port int) (*traffic.Sending, error) {
	return traffic.ListenSending(port, s.Traffic, s.deliverDue, s.wake, s.client.CloseIdleConnections)
}
