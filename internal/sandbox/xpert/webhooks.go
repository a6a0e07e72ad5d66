package xpert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// The states of a delivery. One that failed is tried again when it is due, one
// that was given up only when somebody asks for it.
const (
	waiting = "waiting"
	sent    = "sent"
	failed  = "failed"
	givenUp = "given up"
	stopped = "stopped" // the receiver was removed
)

// waits is how long after the last attempt the next one is made, as the vendor
// says.
func waits() []time.Duration {
	return []time.Duration{time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour}
}

// announce puts what a transaction did into the log of deliveries, one for each
// receiver: {"id","topic","time","accountId"}, where the last names what it is
// about. It belongs to the transaction.
func (s *System) announce(tx *dataset.Tx, edits []dataset.Edit) error {
	for _, e := range edits {
		if !slices.Contains(collections, e.Table) {
			continue
		}
		topic := strings.ToUpper(e.Table[:1]) + e.Table[1:] + "." + map[string]string{"insert": "Create", "update": "Update", "delete": "Delete"}[e.Op]
		for _, receiver := range tx.Rows("receivers") {
			if !s.gets(tx, receiver, e.Table, topic) {
				continue
			}
			id := strings.Replace(newToken(), "xs", "wh", 1)
			body, err := json.Marshal(map[string]any{
				"id": id, "topic": topic, "time": tx.Now().Format(time.RFC3339), strings.TrimSuffix(e.Table, "s") + "Id": e.Row["id"],
			})
			if err != nil {
				return err
			}
			_, err = tx.Insert("deliveries", dataset.Row{
				"id": id, "receiver": receiver["id"], "topic": topic, "status": waiting, "attempts": 0, "due": tx.Now(), "body": string(body),
			})
			if err != nil {
				return err
			}
			select {
			case s.wake <- struct{}{}:
			default: // it is awake
			}
		}
	}
	return nil
}

// gets tells whether a receiver is told of something: its topics name it, and
// its API account may see it.
func (s *System) gets(tx *dataset.Tx, receiver dataset.Row, table, topic string) bool {
	account := tx.Get("api_accounts", dataset.Text(receiver["account"]))
	return receiver["removed"] != true && account != nil && account["active"] == true &&
		slices.Contains(strings.Fields(dataset.Text(receiver["topics"])), topic) &&
		slices.Contains(strings.Fields(dataset.Text(account["authorisations"])), table+".read")
}

// Deliver sends all deliveries that wait or have failed, whenever they are due,
// or the one with an id, whatever became of it before. It gives their rows as
// they are then.
func (s *System) Deliver(ctx context.Context, id string) ([]dataset.Row, error) {
	return s.deliver(ctx, func(row dataset.Row) bool {
		return row["id"] == id || id == "" && (row["status"] == waiting || row["status"] == failed)
	})
}

// deliverDue sends what is due.
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
	for _, row := range s.Data.Rows("deliveries") {
		if !which(row) {
			continue
		}
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		if err := s.attempt(ctx, row); err != nil {
			return done, err
		}
		s.Data.View(func(tx *dataset.Tx) { done = append(done, tx.Get("deliveries", dataset.Text(row["id"]))) })
	}
	return done, nil
}

// attempt sends one delivery and notes what became of it.
func (s *System) attempt(ctx context.Context, row dataset.Row) error {
	var receiver dataset.Row
	s.Data.View(func(tx *dataset.Tx) { receiver = tx.Get("receivers", dataset.Text(row["receiver"])) })
	if receiver == nil || receiver["removed"] == true {
		return s.Data.Update("deliveries", dataset.Text(row["id"]), dataset.Row{"status": stopped})
	}
	n, _ := row["attempts"].(int64)
	code, err := s.send(ctx, receiver, []byte(dataset.Text(row["body"])))
	if ctx.Err() != nil {
		return ctx.Err() // it was broken off here
	}
	note := dataset.Row{"attempts": n + 1, "code": nil, "problem": nil, "status": sent}
	if code > 0 {
		note["code"] = code
	}
	if err == nil && (code < 200 || code > 299) {
		err = fmt.Errorf("it says %d %s", code, http.StatusText(code))
	}
	if err != nil {
		note["problem"], note["status"] = err.Error(), givenUp
		if int(n) < len(waits()) {
			note["status"], note["due"] = failed, s.o.Now().UTC().Add(waits()[n])
		}
	}
	return s.Data.Update("deliveries", dataset.Text(row["id"]), note)
}

// send posts a body to a receiver, signed or with a token, and gives the status
// of the answer.
func (s *System) send(ctx context.Context, receiver dataset.Row, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, dataset.Text(receiver["url"]), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if dataset.Text(receiver["protocol"]) == "oauth2" {
		token, err := s.tokenFor(ctx, receiver)
		if err != nil {
			return 0, fmt.Errorf("get a token for it: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	} else {
		req.Header.Set("X-Hub-Signature", signature(dataset.Text(receiver["method"]), dataset.Text(receiver["secret"]), body))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close() // the status is known
	return resp.StatusCode, err
}

// signature is that of WebSub (W3C Recommendation of 2018, section 7.1):
// METHOD=HEX of the HMAC of the body.
func signature(method, secret string, body []byte) string {
	methods := map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}
	if methods[method] == nil {
		method = "sha256"
	}
	mac := hmac.New(methods[method], []byte(secret))
	mac.Write(body)
	return method + "=" + hex.EncodeToString(mac.Sum(nil))
}

// tokenFor asks the token service of a receiver for a token.
func (s *System) tokenFor(ctx context.Context, receiver dataset.Row) (string, error) {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {dataset.Text(receiver["clientId"])}, "client_secret": {dataset.Text(receiver["clientSecret"])},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, dataset.Text(receiver["tokenUrl"]), strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("it says %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil || answer.AccessToken == "" {
		return "", fmt.Errorf("the answer holds no access_token")
	}
	return answer.AccessToken, nil
}
