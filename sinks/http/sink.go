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
	w := &writing{batch: batch, out: make([]connector.Outcome, len(batch)), looks: make([]lookFor, len(batch))}
	err := s.spread(ctx, len(batch), func(i int) (err error) {
		w.out[i], w.looks[i], err = s.one(ctx, &batch[i])
		return err
	}, func(i int) {
		w.out[i] = connector.Outcome{Status: connector.NotSent, Message: "an earlier change stopped the sink"}
	})
	if err == nil {
		err = s.settle(ctx, w)
	}
	return w.out, err
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
// change all the same. What find may tell of a create is looked up later.
func (s *sink) one(ctx context.Context, c *record.Change) (connector.Outcome, lookFor, error) {
	r := s.requests[blocks[c.Op]]
	if r == nil {
		return refusal(fmt.Sprintf("the sink has no block %s, so that it can't %s", blocks[c.Op], c.Op)), nothing, nil
	}
	if c.Op == record.Delete && c.Protect != nil {
		if out, done, err := s.protected(ctx, c); done || err != nil {
			return out, nothing, err
		}
	}
	req, err := r.make(ctx, &filled{s: s, c: c})
	if err != nil {
		if ctx.Err() != nil {
			return connector.Outcome{Status: connector.NotSent, Message: ctx.Err().Error()}, nothing, ctx.Err()
		}
		return refusal("the request can't be made: " + err.Error()), nothing, nil
	}
	s.client.Envelop(req)
	resp, err := s.client.Do(ctx, req)
	if err != nil {
		return s.failed(ctx, c, err)
	}
	if words, failed := s.errorInside(c, resp.Body); failed {
		return refusal(words + " (the answer says that something failed; if it did not, say what does by error in the connection)"), nothing, nil
	}
	if isPage(resp) {
		return s.lost(c, "the answer is a web page, not that of a service; check the url, the path and the credentials")
	}
	return s.applied(ctx, c, resp)
}

// applied keeps what the target answered.
func (s *sink) applied(ctx context.Context, c *record.Change, resp *httpclient.Response) (connector.Outcome, lookFor, error) {
	if c.Op == record.Update && c.Answer == nil && c.Ref != nil {
		return connector.Outcome{Answer: c.Ref}, nothing, nil // a record that was taken over
	}
	if c.Op != record.Create || s.config.Answer == nil {
		return connector.Outcome{}, nothing, nil
	}
	answer, err := s.keep(ctx, resp)
	if err == nil {
		return connector.Outcome{Answer: answer}, nothing, nil
	}
	// The record is there, and its id has to be looked up.
	return s.lost(c, "it was created, and its answer can't be used: "+err.Error())
}

// failed tells what a request that failed came to.
func (s *sink) failed(ctx context.Context, c *record.Change, err error) (connector.Outcome, lookFor, error) {
	var failed *httpclient.Error
	if !errors.As(err, &failed) {
		return connector.Outcome{Status: connector.Unknown, Message: "the call was given up: " + err.Error()}, nothing, err
	}
	missing := failed.Status == nethttp.StatusNotFound || failed.Status == nethttp.StatusGone
	switch {
	case c.Op == record.Delete && missing:
		return connector.Outcome{}, nothing, nil
	case failed.Status == nethttp.StatusConflict && c.Op == record.Create && s.config.Find != nil:
		return refusal(s.words(ctx, failed)), inTheWay, nil
	case failed.Refused():
		return refusal(s.words(ctx, failed)), nothing, nil
	case failed.Reason == httpclient.Failed && soap.FaultOf(failed.Body, "") != nil:
		return refusal(s.words(ctx, failed)), nothing, nil
	case failed.Delivery == httpclient.Lost:
		return s.lost(c, failed.Error())
	case failed.Delivery == httpclient.Answered && !errors.Is(err, connector.ErrUnreachable):
		return refusal(s.words(ctx, failed)), nothing, nil
	}
	return connector.Outcome{Status: connector.NotSent, Message: failed.Error()}, nothing, err
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
