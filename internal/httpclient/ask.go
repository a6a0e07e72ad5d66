package httpclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/soap"
)

// longestAnswer bounds the answer to one question of a lookup, in bytes.
const longestAnswer = 16 << 20

// withheld stands for a question that holds something sensitive.
const withheld = "(a question with something sensitive in it)"

// Ask asks a question of a lookup, which is a read whatever its method. A
// status of 404 or 410 says that there is nothing. A fault of SOAP refuses the
// question, whatever its status.
func (c *Client) Ask(ctx context.Context, q connector.Question) ([]byte, error) {
	r := question(q)
	c.Envelop(r)
	resp, err := c.Do(ctx, r)
	var failed *Error
	switch {
	case err == nil && len(resp.Body) == 0:
		return nil, nil
	case err == nil:
		return c.answer(resp, q, r)
	case !errors.As(err, &failed):
		return nil, err
	case failed.Status == http.StatusNotFound || failed.Status == http.StatusGone:
		return nil, &meaning{err, connector.ErrNone}
	case failed.Refused(), failed.Reason == Failed && soap.FaultOf(failed.Body, "") != nil:
		return nil, &meaning{err, connector.ErrRefused}
	}
	return nil, err
}

// A meaning is an error in the system's words that says what it means as well.
type meaning struct {
	error
	means error
}

func (e *meaning) Unwrap() []error { return []error{e.error, e.means} }

// question is the request of a question.
func question(q connector.Question) *Request {
	r := &Request{
		Method: q.Method, Path: q.Path, Query: url.Values{}, Header: http.Header{}, Body: q.Body, ContentType: q.Type,
		Repeat: Always, Expect: DataOrEmpty, Limit: longestAnswer,
	}
	for _, p := range q.Query {
		r.Query.Add(p.Name, p.Value)
	}
	for _, p := range q.Headers {
		r.Header.Set(p.Name, p.Value)
	}
	if q.Sensitive {
		r.Title = withheld
	}
	if q.Records != "" || strings.Contains(q.Type, "xml") {
		r.Expect = XMLOrEmpty
	}
	return r
}

// answer makes JSON of the answer to a question.
func (c *Client) answer(resp *Response, q connector.Question, r *Request) ([]byte, error) {
	body := bytes.TrimSpace(bytes.TrimPrefix(resp.Body, []byte("\xef\xbb\xbf")))
	about := func(err error) error {
		shown := resp.URL.String()
		if r.Title != "" {
			shown = r.Title
		}
		return &Error{Reason: Garbled, Delivery: Answered, Connection: c.address, Request: r.method() + " " + c.redact(shown), Status: resp.Status,
			ID: resp.ID, Problem: "the answer can't be used: " + err.Error(), Cause: err}
	}
	if bytes.HasPrefix(body, []byte{'<'}) || r.Expect == XMLOrEmpty {
		out, err := fromXML(resp, q.Records)
		if err != nil {
			return nil, about(err)
		}
		return out, nil
	}
	if record.KindOf(body) == record.Object && record.Valid(body, record.Limits{Size: longestAnswer}) == nil {
		if words, failed := c.ErrorInside(func(name string) []byte { return record.Member(body, name) }); failed {
			return nil, about(fmt.Errorf("it says that something failed: %s; if it did not, say what does by error in the connection", words))
		}
	}
	return resp.Body, nil
}
