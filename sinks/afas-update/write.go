package afasupdate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/afas"
	"koppel/internal/httpclient"
)

// write carries out one change.
func (s *sink) write(ctx context.Context, c *record.Change) (connector.Outcome, error) {
	switch {
	case c.Op == record.Delete:
		return s.remove(ctx, c)
	case c.Op == record.Create && s.config.inserts():
		return s.put(ctx, c, http.MethodPost, nil)
	case s.config.Find == nil || c.Op != record.Create:
		return s.put(ctx, c, http.MethodPut, nil)
	}
	// The record stands in AFAS already: a unique value that it has is refused
	// when it is written again.
	rows, err := s.lookup(ctx, c.Key)
	if err != nil || len(rows) != 1 {
		return s.put(ctx, c, http.MethodPut, nil)
	}
	return s.put(ctx, c, http.MethodPut, rows[0])
}

// put sends a record by POST or PUT. What a row of AFAS has already is left
// out; nil: nothing is known.
func (s *sink) put(ctx context.Context, c *record.Change, method string, row []byte) (connector.Outcome, error) {
	body, count, err := s.body(c, row)
	if s.learn(ctx, c, err) {
		body, count, err = s.body(c, row)
	}
	if err != nil {
		return connector.Outcome{Status: connector.Refused, Message: err.Error()}, nil
	}
	if count == 0 && c.Op != record.Create || count == 0 && row != nil {
		return connector.Outcome{Answer: s.answerOf(row)}, nil
	}
	path := "/connectors/" + url.PathEscape(s.config.Connector)
	out, err := s.call(ctx, &httpclient.Request{Method: method, Path: path, Title: path, Body: body})
	if err == nil && out.Status == connector.Applied && out.Answer == nil && c.Op == record.Create {
		out.Answer = []byte(`{"results":null}`)
	}
	if err != nil || out.Status != connector.Refused || row != nil {
		return out, err
	}
	return s.reconsider(ctx, c, method, out, count)
}

// reconsider looks at what AFAS holds after a refusal: an earlier call may have
// been carried out though its answer was lost, and a unique value that stands
// there already is refused.
func (s *sink) reconsider(ctx context.Context, c *record.Change, method string, refusal connector.Outcome, count int) (connector.Outcome, error) {
	if err := s.known(ctx); err != nil {
		return refusal, err
	}
	rows, err := s.lookup(ctx, c.Key)
	if err != nil || len(rows) != 1 {
		return refusal, nil
	}
	_, left, err := s.body(c, rows[0])
	switch {
	case err != nil || left == count:
		return refusal, nil
	case left == 0:
		return connector.Outcome{Answer: s.answerOf(rows[0])}, nil
	case method == http.MethodPost:
		return refusal, nil // it is there and is not what was to be inserted
	}
	return s.put(ctx, c, method, rows[0])
}

// known finds out, once, whether a refusal is about the connector as such, so
// that no other record will be taken.
func (s *sink) known(ctx context.Context) error {
	if s.looked {
		return nil
	}
	s.looked = true
	_, err := s.client.UpdateConnector(ctx, s.config.Connector)
	var unknown *afas.UnknownError
	if errors.As(err, &unknown) {
		return err
	}
	return nil
}

// remove deletes a record.
func (s *sink) remove(ctx context.Context, c *record.Change) (connector.Outcome, error) {
	if c.Protect != nil {
		rows, err := s.lookup(ctx, c.Key)
		if err != nil {
			return connector.Outcome{}, err
		}
		if len(rows) != 1 && (len(rows) > 1 || s.config.Find == nil) || len(rows) == 1 && c.Protect(rows[0]) {
			return connector.Outcome{Status: connector.Protected}, nil
		}
	}
	path, title, err := s.deletePath(c)
	if s.learn(ctx, c, err) {
		path, title, err = s.deletePath(c)
	}
	if err != nil {
		return connector.Outcome{Status: connector.Refused, Message: err.Error()}, nil
	}
	out, err := s.call(ctx, &httpclient.Request{Method: http.MethodDelete, Path: path, Title: title})
	if err != nil || out.Status != connector.Refused {
		return out, err
	}
	if err := s.known(ctx); err != nil {
		return out, err
	}
	if s.config.Find != nil {
		if rows, err := s.lookup(ctx, c.Key); err == nil && len(rows) == 0 {
			return connector.Outcome{}, nil // it is gone
		}
	}
	return out, nil
}

// deletePath names a record: /connectors/{UC}/{Object}/@A,@B/{a},{b}.
func (s *sink) deletePath(c *record.Change) (path, title string, err error) {
	if len(s.config.Keys) == 0 {
		return "", "", errors.New("a delete names the record by its keys, and the sink has none: give keys, or write deletes { action = \"keep\" }")
	}
	var names, values []string
	for _, name := range s.config.Keys {
		text, ok := s.keyText(c, c.Before, name)
		switch {
		case !ok:
			return "", "", unknownKey(name)
		case strings.Contains(text, ","):
			return "", "", fmt.Errorf("the key %s holds a comma, by which AFAS parts keys: delete it in Profit", name)
		}
		names, values = append(names, "@"+url.PathEscape(name)), append(values, url.PathEscape(text))
	}
	title = "/connectors/" + url.PathEscape(s.config.Connector) + "/" + url.PathEscape(s.config.root()) + "/" + strings.Join(names, ",")
	return title + "/" + strings.Join(values, ","), title, nil
}

// errUnknownKey marks a record of which a key that AFAS gave is not known.
var errUnknownKey = errors.New("is not known")

func unknownKey(name string) error {
	return fmt.Errorf("the key %s %w: map it, or let AFAS give it (its answer to the create is kept)", name, errUnknownKey)
}

// learn looks up the keys that AFAS gave, where its answer was lost; true: they
// are known now.
func (s *sink) learn(ctx context.Context, c *record.Change, err error) bool {
	if !errors.Is(err, errUnknownKey) || c.Answer != nil {
		return false
	}
	rows, err := s.lookup(ctx, c.Key)
	if err != nil || len(rows) != 1 {
		return false
	}
	c.Answer = s.answerOf(rows[0])
	return true
}

// serverTime is when AFAS gives a call up: what it then says tells nothing of
// what it did.
const serverTime = 890 * time.Second

// call makes a request that changes something.
func (s *sink) call(ctx context.Context, r *httpclient.Request) (connector.Outcome, error) {
	r.Expect, r.ContentType = httpclient.JSONOrEmpty, "application/json;charset=utf-8"
	begun := s.env.Now()
	resp, err := s.client.Do(ctx, r)
	var failed *httpclient.Error
	switch {
	case err == nil:
		return connector.Outcome{Answer: answered(resp.Body)}, nil
	case !errors.As(err, &failed):
		return connector.Outcome{}, err
	case failed.Delivery == httpclient.Lost, failed.Refused() && s.env.Now().Sub(begun) > serverTime:
		return connector.Outcome{Status: connector.Unknown, Message: failed.Error()}, nil
	case failed.Refused():
		return connector.Outcome{Status: connector.Refused, Message: words(failed)}, nil
	}
	return connector.Outcome{Status: connector.NotSent, Message: failed.Error()}, err
}

// words are AFAS's own, or all that is known of the refusal.
func words(failed *httpclient.Error) string {
	if failed.Words == "" {
		return failed.Error()
	}
	if failed.ID != "" {
		return failed.Words + " (" + failed.ID + ")"
	}
	return failed.Words
}

// answered keeps the results of an answer; nil: there are none.
func answered(body []byte) []byte {
	if record.Valid(body, record.Limits{}) != nil {
		return nil
	}
	results := record.Member(body, "results")
	if record.KindOf(results) != record.Object {
		return nil
	}
	answer, err := record.AppendBody(nil, append(append([]byte(`{"results":`), results...), '}'))
	if err != nil {
		return nil
	}
	return answer
}

// answerOf is a row in the form of an answer; nil for none.
func (s *sink) answerOf(row []byte) []byte {
	if row == nil {
		return nil
	}
	b := record.AppendString([]byte(`{"results":{`), s.config.root())
	answer, err := record.AppendBody(nil, append(append(append(b, ':'), row...), "}}"...))
	if err != nil {
		return nil
	}
	return answer
}
