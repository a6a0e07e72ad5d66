package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"strings"
	"sync"
	"sync/atomic"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/soap"
)

// A sink writes to one service.
type sink struct {
	config   Config
	client   *httpclient.Client
	env      connector.Env
	requests map[string]*request
	unsent   map[string]bool // fields that are not delivered
	// taken holds the earlier records that were found, and for which new one.
	taken map[string]record.Key
}

// Traits says that a create is journalled unless its request may be repeated.
func (s *sink) Traits() connector.Traits {
	t := connector.Traits{Batch: s.workers(), Undoable: true, Answers: true, Deletes: s.config.Delete != nil, Identity: s.identity()}
	if r := s.requests["create"]; r != nil && r.method != nethttp.MethodPut {
		t.Journalled = true
	}
	if r := s.requests["update"]; r != nil && r.method == nethttp.MethodPost {
		t.Journalled, t.Additive = true, true
	}
	return t
}

// place is where a request goes, without its query.
func (r *request) place() string {
	if r.path == nil {
		return ""
	}
	path, _, _ := strings.Cut(r.path.Source(), "?")
	return path
}

// identity names the collection: the service, and where records are made.
func (s *sink) identity() string {
	for _, block := range []string{"create", "update", "delete"} {
		if r := s.requests[block]; r != nil {
			return "http " + s.client.Place() + r.place()
		}
	}
	return "http " + s.client.Place()
}

// workers is how many changes are under way at most. A target that can't be
// asked leaves no more in doubt than one.
func (s *sink) workers() int {
	if s.config.Find == nil {
		return 1
	}
	return workers
}

// workers is how many requests are under way at most; the connection has a bound
// of its own.
const workers = 8

// Write applies changes, several at a time.
func (s *sink) Write(ctx context.Context, batch []record.Change) ([]connector.Outcome, error) {
	out := make([]connector.Outcome, len(batch))
	err := s.spread(ctx, len(batch), func(i int) (err error) {
		out[i], err = s.one(ctx, &batch[i])
		return err
	}, func(i int) {
		out[i] = connector.Outcome{Status: connector.NotSent, Message: "an earlier change stopped the sink"}
	})
	return out, err
}

// spread does something for each of n places, several at a time. After an error
// nothing more is begun; what was not is told to skipped, unless that is nil.
func (s *sink) spread(ctx context.Context, n int, do func(i int) error, skipped func(i int)) error {
	var (
		wg      sync.WaitGroup
		next    atomic.Int64
		mu      sync.Mutex
		stopped error
	)
	stop := func(err error) error {
		mu.Lock()
		defer mu.Unlock()
		if stopped == nil {
			stopped = err
		}
		return stopped
	}
	for range min(s.workers(), n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if stop(ctx.Err()) == nil {
					stop(do(i))
				} else if skipped != nil {
					skipped(i)
				}
			}
		})
	}
	wg.Wait()
	return stopped
}

var blocks = map[record.Op]string{record.Create: "create", record.Update: "update", record.Disable: "update", record.Delete: "delete"}

// one applies one change. With an error the outcome says what is known of the
// change all the same.
func (s *sink) one(ctx context.Context, c *record.Change) (connector.Outcome, error) {
	r := s.requests[blocks[c.Op]]
	if r == nil {
		return refusal(fmt.Sprintf("the sink has no block %s, so that it can't %s", blocks[c.Op], c.Op)), nil
	}
	if c.Op == record.Delete && c.Protect != nil {
		if out, done, err := s.protected(ctx, c); done || err != nil {
			return out, err
		}
	}
	req, err := r.make(ctx, &filled{s: s, c: c})
	if err != nil {
		if ctx.Err() != nil {
			return connector.Outcome{Status: connector.NotSent, Message: ctx.Err().Error()}, ctx.Err()
		}
		return refusal("the request can't be made: " + err.Error()), nil
	}
	s.client.Envelop(req)
	resp, err := s.client.Do(ctx, req)
	if err != nil {
		return s.failed(ctx, c, err)
	}
	if words, failed := s.errorInside(c, resp.Body); failed {
		return refusal(words + " (the answer says that something failed; if it did not, say what does by error in the connection)"), nil
	}
	if isPage(resp) {
		return s.lost(ctx, c, "the answer is a web page, not that of a service; check the url, the path and the credentials")
	}
	return s.applied(ctx, c, resp)
}

// applied keeps what the target answered.
func (s *sink) applied(ctx context.Context, c *record.Change, resp *httpclient.Response) (connector.Outcome, error) {
	if c.Op == record.Update && c.Answer == nil && c.Ref != nil {
		return connector.Outcome{Answer: c.Ref}, nil // a record that was taken over
	}
	if c.Op != record.Create || s.config.Answer == nil {
		return connector.Outcome{}, nil
	}
	answer, err := s.keep(ctx, resp)
	if err == nil {
		return connector.Outcome{Answer: answer}, nil
	}
	// The record is there, and its id has to be looked up.
	out := connector.Outcome{Status: connector.Unknown, Message: "it was created, and its answer can't be used: " + err.Error()}
	if found, err := s.look(ctx, c); err == nil && found.N == 1 && !found.Untold {
		return connector.Outcome{Answer: found.Answer}, nil
	}
	return out, nil
}

// failed tells what a request that failed came to.
func (s *sink) failed(ctx context.Context, c *record.Change, err error) (connector.Outcome, error) {
	var failed *httpclient.Error
	if !errors.As(err, &failed) {
		return connector.Outcome{Status: connector.Unknown, Message: "the call was given up: " + err.Error()}, err
	}
	missing := failed.Status == nethttp.StatusNotFound || failed.Status == nethttp.StatusGone
	switch {
	case c.Op == record.Delete && missing:
		return connector.Outcome{}, nil
	case failed.Status == nethttp.StatusConflict && c.Op == record.Create:
		return s.conflict(ctx, c, failed)
	case failed.Refused():
		return refusal(s.words(ctx, failed)), nil
	case failed.Reason == httpclient.Failed && soap.FaultOf(failed.Body, "") != nil:
		return refusal(s.words(ctx, failed)), nil
	case failed.Delivery == httpclient.Lost:
		return s.lost(ctx, c, failed.Error())
	case failed.Delivery == httpclient.Answered && !errors.Is(err, connector.ErrUnreachable):
		return refusal(s.words(ctx, failed)), nil
	}
	return connector.Outcome{Status: connector.NotSent, Message: failed.Error()}, err
}

// conflict takes over the record that stands in the way of a create, if it is
// the one that is meant: the next run compares it.
func (s *sink) conflict(ctx context.Context, c *record.Change, failed *httpclient.Error) (connector.Outcome, error) {
	out := refusal(s.words(ctx, failed))
	if s.config.Find == nil {
		return out, nil
	}
	found, err := s.look(ctx, c)
	switch {
	case err != nil || found.Untold:
		return out, nil
	case found.N > 1:
		return refusal(fmt.Sprintf("%s; find gives %d records that could be this one", out.Message, found.N)), nil
	case found.N == 0:
		return refusal(out.Message + "; find gives no such record"), nil
	case s.config.Update == nil:
		return connector.Outcome{Answer: found.Answer}, nil
	}
	// It stands there as somebody else left it.
	update := *c
	update.Op, update.Answer, update.Fields = record.Update, found.Answer, fieldsOf(s.sent(c.After))
	done, err := s.one(ctx, &update)
	if err == nil && done.Status == connector.Applied {
		done.Answer = found.Answer
	}
	return done, err
}

func fieldsOf(body []byte) (names []string) {
	record.Members(body, func(name string, _ []byte) bool {
		names = append(names, name)
		return true
	})
	return names
}

// lost looks up what became of a change whose answer did not come.
func (s *sink) lost(ctx context.Context, c *record.Change, words string) (connector.Outcome, error) {
	out := connector.Outcome{Status: connector.Unknown, Message: words}
	if c.Op != record.Create || s.config.Find == nil {
		return out, nil
	}
	found, err := s.look(ctx, c)
	if err == nil && found.N == 1 && !found.Untold {
		return connector.Outcome{Answer: found.Answer}, nil
	}
	// That it is not there yet proves nothing: the call may still be under way.
	return out, nil
}

// words are what the target says of a request that it refused.
func (s *sink) words(ctx context.Context, failed *httpclient.Error) string {
	if s.config.Error != nil {
		if body, err := decodeAnswer(failed.Body, ""); err == nil && body != nil {
			outputs, err := s.config.Error.Run(ctx, body)
			if err == nil && len(outputs) == 1 {
				if text, ok := plainText(outputs[0]); ok && text != "" {
					return text + " (" + failed.Problem + ")"
				}
			}
		}
	}
	if failed.Words == "" {
		return failed.Problem
	}
	return failed.Words + " (" + failed.Problem + ")"
}

func refusal(words string) connector.Outcome {
	return connector.Outcome{Status: connector.Refused, Message: words}
}

// answerOf is what {id} is taken from: what the target answered, or the handle
// of a record that is taken over.
func (s *sink) answerOf(c *record.Change) []byte {
	if c.Answer == nil {
		return c.Ref
	}
	return c.Answer
}

// keep makes what is kept of an answer.
func (s *sink) keep(ctx context.Context, resp *httpclient.Response) ([]byte, error) {
	v, err := decodeAnswer(resp.Body, resp.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	return s.keepOf(ctx, v)
}

func (s *sink) keepOf(ctx context.Context, v any) ([]byte, error) {
	if s.config.Answer == nil {
		return nil, nil
	}
	outputs, err := s.config.Answer.Run(ctx, v)
	switch {
	case err != nil:
		return nil, fmt.Errorf("answer: %w", err)
	case len(outputs) != 1:
		return nil, fmt.Errorf("answer: the program gives %d values, not one", len(outputs))
	}
	kept, ok := outputs[0].(map[string]any)
	if !ok {
		return nil, errors.New("answer: the program gives no object; write it as jq(\"{id}\")")
	}
	for name, value := range kept {
		if value == nil {
			return nil, fmt.Errorf("answer: %s is null", name)
		}
	}
	return record.Append(nil, kept)
}

// Check asks the service something that changes nothing.
func (s *sink) Check(ctx context.Context) error {
	_, err := s.client.Do(ctx, &httpclient.Request{Method: nethttp.MethodHead, Expect: httpclient.Anything})
	var failed *httpclient.Error
	if errors.As(err, &failed) && failed.Reason == httpclient.Failed {
		return nil // it answers, and takes the credentials
	}
	return err
}
