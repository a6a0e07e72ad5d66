package httpclient

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
)

// Do makes a request, as often as it takes and as it may be made, and gives
// the answer. Its errors are *Error, or that of ctx when it ended.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u, err := c.resolve(r)
	if err != nil {
		return nil, c.fail(r, r.Path, &Error{Reason: Impossible, Problem: err.Error()})
	}
	resp, failed := c.attempt(ctx, r, u)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if failed != nil {
		return nil, c.fail(r, u.String(), failed)
	}
	return resp, nil
}

// fail completes an error.
func (c *Client) fail(r *Request, shown string, e *Error) *Error {
	if r.Title != "" {
		shown = r.Title
	}
	e.Connection, e.Request = c.address, r.method()+" "+shown
	return e
}

// attempt makes a request once.
func (c *Client) attempt(ctx context.Context, r *Request, u *url.URL) (*Response, *Error) {
	sent := false
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent = true }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), r.method(), u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, &Error{Reason: Impossible, Problem: "the request can't be made", Cause: err}
	}
	c.dress(req, r)
	if auth := c.options.Auth; auth != nil {
		if err := auth.Authorize(ctx, req); err != nil {
			return nil, &Error{Reason: Denied, Problem: "the credentials can't be had", Cause: err}
		}
	}
	resp, err := c.client.Do(req)
	delivery := NotSent
	if sent {
		delivery = Lost
	}
	if err != nil {
		return nil, &Error{Reason: Unreachable, Delivery: delivery, Problem: "the server can't be reached", Cause: err}
	}
	defer resp.Body.Close()
	limit := r.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, &Error{Reason: Unreachable, Delivery: Lost, Status: resp.StatusCode, Problem: "the answer breaks off", Cause: err}
	}
	out := &Response{Status: resp.StatusCode, Header: resp.Header, Body: body, URL: resp.Request.URL}
	return out, c.judge(r, out)
}

// dress puts the headers on a request.
func (c *Client) dress(req *http.Request, r *Request) {
	req.Header.Set("User-Agent", "koppel")
	req.Header.Set("Accept", "application/json")
	if len(r.Body) > 0 {
		req.Header.Set("Content-Type", "application/json")
		if r.ContentType != "" {
			req.Header.Set("Content-Type", r.ContentType)
		}
	}
	for _, header := range []http.Header{c.options.Header, r.Header} {
		for name, values := range header {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
}

// judge tells whether an answer is an error.
func (c *Client) judge(r *Request, resp *Response) *Error {
	var v Verdict
	if c.options.Judge != nil {
		v = c.options.Judge(resp)
	}
	success := resp.Status >= 200 && resp.Status < 300 || slices.Contains(r.Accept, resp.Status)
	if success && !v.Failed && !v.Credentials {
		return nil
	}
	e := &Error{
		Reason: Failed, Delivery: Answered, Status: resp.Status, Body: resp.Body, Words: v.Words, ID: resp.ID,
		Problem: fmt.Sprintf("the server says %d %s", resp.Status, http.StatusText(resp.Status)), final: v.Final,
	}
	if v.Credentials || resp.Status == http.StatusUnauthorized {
		e.Reason = Denied
	}
	return e
}
