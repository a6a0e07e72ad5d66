package httpclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"koppel/engine/connector"
)

// Do makes a request, as often as it takes and as it may be made, and gives
// the answer. Its errors are *Error, or that of ctx when it ended.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u, failed := c.resolve(ctx, r)
	if failed != nil {
		return nil, c.complete(ctx, failed, r, r.Path)
	}
	wait := pauses(c.retry)
	renewed := false
	var before *Error
	for n := 1; ; n++ {
		resp, failed, last := c.try(ctx, r, u, n)
		if failed == nil {
			return resp, nil
		}
		failed = failed.following(before, n)
		before = failed
		if ctx.Err() == nil && failed.Status == http.StatusUnauthorized && !renewed && last != nil && c.renew(last) {
			renewed = true
			if u, failed = c.resolve(ctx, r); failed != nil { // a login may lead elsewhere
				return nil, c.complete(ctx, failed, r, r.Path)
			}
			continue
		}
		pause, again := c.again(failed, r, n, wait.NextBackOff())
		if ctx.Err() != nil || !again {
			return nil, c.complete(ctx, failed, r, u.String())
		}
		if err := r.wait(func() error { return sleep(ctx, pause) }); err != nil {
			return nil, err
		}
	}
}

// following is the error of the n-th attempt, which follows another: what may
// have been done by an earlier one may still have been done, and one that was
// not made says nothing.
func (e *Error) following(before *Error, n int) *Error {
	if before != nil && e.unasked {
		before.again = never
		return before
	}
	if e.Request == "" {
		e.Attempts = n
	}
	if before != nil && before.Delivery == Lost && e.Delivery == NotSent {
		e.Delivery = Lost
	}
	return e
}

// renew tells whether there are other credentials to try.
func (c *Client) renew(last *http.Request) bool {
	return c.options.Auth != nil && c.options.Auth.Renew(last)
}

// complete says of an error which request it is about.
func (c *Client) complete(ctx context.Context, e *Error, r *Request, shown string) error {
	if err := ctx.Err(); err != nil && (e.Delivery != Answered || r.repeatable()) {
		return err // else what the server said counts
	}
	if e.Connection = c.address; e.Request != "" {
		return e // of a request for a token
	}
	if r.Title != "" {
		shown = c.led(r.Title)
	}
	e.Request = r.method() + " " + c.redact(shown)
	return e
}

// led is a title, which was made before a login may have led elsewhere, as it
// stands there.
func (c *Client) led(title string) string {
	moved := c.moved.Load()
	rest, below := strings.CutPrefix(title, c.Base())
	if moved == nil || !below {
		return title
	}
	return strings.TrimSuffix(moved.String(), "/") + rest
}

// again tells whether a request that failed n times is made once more, and
// after how long.
func (c *Client) again(e *Error, r *Request, n int, pause time.Duration) (time.Duration, bool) {
	if e.again == never || e.again == whenHarmless && !r.repeatable() || n >= c.retry.Attempts {
		return 0, false
	}
	if !c.gate.spend() {
		e.Hint = "so much of what this connection was asked has failed that nothing is tried again for now"
		return 0, false
	}
	pause = min(pause, time.Duration(c.retry.Max))
	if e.after > 0 {
		if !r.Alone {
			c.gate.hold(e.after)
		}
		pause = e.after
	}
	return pause, true
}

// try makes a request once, when it is its turn. last is the request whose
// answer it is.
func (c *Client) try(ctx context.Context, r *Request, u *url.URL, n int) (resp *Response, failed *Error, last *http.Request) {
	asked := time.Now()
	leave, err := c.gate.enter(ctx)
	if err != nil {
		if !errors.As(err, &failed) {
			failed = &Error{Reason: Unreachable, Problem: "it was given up", Cause: err}
		}
		return nil, failed, nil
	}
	a := c.begin(ctx, r)
	defer a.end()
	start := time.Now()
	resp, failed = a.run(u)
	var outcome error
	switch {
	case failed == nil:
		c.gate.earn()
	case ctx.Err() != nil || failed.Reason == Impossible:
		outcome = errUncounted
	case failed.Reason == Unreachable && failed.Status != http.StatusTooManyRequests:
		outcome = failed
	}
	leave(outcome)
	took := time.Since(start)
	c.report(ctx, r, u, resp, failed, took)
	c.tell(connector.Call{Method: r.method(), Attempt: n, Waited: start.Sub(asked), Began: start, Took: took}, resp, failed)
	return resp, failed, a.last
}

// tell tells of an attempt who counts them.
func (c *Client) tell(call connector.Call, resp *Response, failed *Error) {
	if c.calls == nil {
		return
	}
	switch {
	case resp != nil:
		call.Status = resp.Status
	case failed != nil:
		call.Status = failed.Status
	}
	call.Connection, _, _ = strings.Cut(c.address, " (") // where the block stands is no part of its name
	c.calls(call)
}

// report writes an attempt to the log, for those who look for a fault. Of
// bodies it shows the form, never a value.
func (c *Client) report(ctx context.Context, r *Request, u *url.URL, resp *Response, failed *Error, took time.Duration) {
	if !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	shown := u.String()
	if r.Title != "" {
		shown = r.Title
	}
	fields := []slog.Attr{
		slog.String("connection", c.address), slog.String("method", r.method()), slog.String("url", c.redact(shown)),
		slog.Duration("took", took),
	}
	if len(r.Body) > 0 {
		fields = append(fields, slog.String("sent", outline(r.Body)))
	}
	if resp != nil {
		fields = append(fields, slog.Int("status", resp.Status), slog.Int("bytes", len(resp.Body)), slog.String("answer", outline(resp.Body)), slog.String("ids", c.redact(resp.ID)))
	}
	if failed != nil {
		fields = append(fields, slog.Int("status", failed.Status), slog.String("problem", failed.Problem), slog.String("answer", outline(failed.Body)), slog.String("ids", failed.ID))
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "http", fields...)
}

// outline is the form of a JSON text: its names and brackets, with a mark for
// each value, as values may be sensitive. Of other texts it gives the length.
func outline(body []byte) string {
	const most = 500
	if len(body) == 0 {
		return ""
	}
	if body[0] != '{' && body[0] != '[' {
		return fmt.Sprintf("%d bytes", len(body))
	}
	return outlineJSON(body[:min(len(body), 8*most)], most)
}
