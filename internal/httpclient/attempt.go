package httpclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// An attempt is one try of a request, with the clock that bounds it.
type attempt struct {
	c      *Client
	r      *Request
	outer  context.Context // of the caller
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
	let    func() bool // ends the wait for the end of outer
	// sent: the head of the request was written, at least in part.
	sent, connected, answered atomic.Bool
	last                      *http.Request // the one whose credentials were refused
	redirected                bool
}

// errStalled ends an attempt in which nothing moved for too long.
var errStalled = errors.New("nothing moves any more")

// outlasts is how long an attempt that may not be made twice goes on after its
// caller was stopped: to learn what became of it saves a record in doubt.
const outlasts = 30 * time.Second

// maxRedirects is how many redirects are followed.
const maxRedirects = 10

// begin starts the clock of an attempt. It must be ended.
func (c *Client) begin(ctx context.Context, r *Request) *attempt {
	a := &attempt{c: c, r: r, outer: ctx, limit: time.Duration(c.options.Config.Timeout)}
	if a.limit <= 0 {
		a.limit = time.Duration(Defaults().Timeout)
	}
	if a.ctx, a.cancel = context.WithCancelCause(ctx); !r.repeatable() {
		a.cancel(nil)
		a.ctx, a.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
		a.let = context.AfterFunc(ctx, a.stopped)
	}
	a.timer = time.AfterFunc(a.limit, func() { a.cancel(errStalled) })
	a.ctx = httptrace.WithClientTrace(a.ctx, &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { a.connected.Store(true); a.moved() },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { a.moved() },
		WroteHeaders:         func() { a.sent.Store(true); a.moved() },
		WroteRequest:         func(httptrace.WroteRequestInfo) { a.moved() },
		GotFirstResponseByte: func() { a.answered.Store(true); a.moved() },
	})
	return a
}

// moved starts the clock anew: something came or went.
func (a *attempt) moved() { a.timer.Reset(a.limit) }

// stopped ends the attempt because its caller was stopped: at once before there
// is a connection, else when the answer takes too long.
func (a *attempt) stopped() {
	why := context.Cause(a.outer)
	if !a.connected.Load() || errors.Is(why, context.DeadlineExceeded) {
		a.cancel(why)
		return
	}
	patience := time.AfterFunc(outlasts, func() { a.cancel(why) })
	context.AfterFunc(a.ctx, func() { patience.Stop() })
}

func (a *attempt) end() {
	if a.let != nil {
		a.let()
	}
	a.timer.Stop()
	a.cancel(nil)
}

// run makes the request, follows redirects and reads the answer.
func (a *attempt) run(u *url.URL) (*Response, *Error) {
	method, body := a.r.method(), a.r.Body
	if a.r.Renew != nil {
		var err error
		if body, err = a.r.Renew(); err != nil {
			return nil, &Error{Problem: "the request can't be made", Reason: Impossible, Cause: err}
		}
	}
	for hops := 0; ; hops++ {
		resp, failed := a.send(method, u, body)
		if failed != nil {
			return nil, failed
		}
		next := redirect(resp, method)
		if next == nil || a.r.Stay {
			return a.receive(resp, u)
		}
		resp.Body.Close()
		if failed := a.c.allowed(u, next, method, hops); failed != nil {
			failed.Status = resp.StatusCode
			return nil, failed
		}
		u, a.redirected = next, true
	}
}

// send makes one request and gives the answer, whose body is not read yet.
func (a *attempt) send(method string, u *url.URL, body []byte) (*http.Response, *Error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(a.ctx, method, u.String(), reader)
	if err != nil {
		return nil, &Error{Problem: "the request can't be made: " + a.c.redact(err.Error()), Reason: Impossible}
	}
	if a.c.own(u) {
		a.dress(req)
		if failed := a.authorize(req); failed != nil {
			return nil, failed
		}
	} else {
		accept(req, a.r.Expect)
	}
	if name := badHeader(req.Header); name != "" {
		return nil, &Error{Problem: "the request can't be made: the value of header " + name + " has a line end or a control character", Reason: Impossible}
	}
	a.last = req
	resp, err := a.c.client.Do(req)
	if err != nil {
		return nil, a.unreachable(err, u)
	}
	a.answered.Store(true)
	return resp, nil
}

func (a *attempt) authorize(req *http.Request) *Error {
	auth := a.c.options.Auth
	if auth == nil {
		return nil
	}
	// A login has a clock of its own, and may have to wait for the next code.
	a.timer.Stop()
	defer a.moved()
	if err := auth.Authorize(a.outer, req); err != nil {
		return credentialsError(a.c.shared, err)
	}
	return nil
}

// credentialsError is the error of an Authenticator. It was asked for a token
// as often as it may be.
func credentialsError(s *shared, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		failed := *known
		failed.again, failed.Delivery = never, NotSent
		return &failed
	}
	return &Error{Reason: Denied, Problem: "the credentials can't be had", Words: s.redact(oneLine(err.Error(), longestWords)), Hint: credentialsHint}
}

// accept asks for what the answer must be.
func accept(req *http.Request, c Content) {
	req.Header.Set("User-Agent", "koppel")
	req.Header.Set("Accept-Encoding", "gzip")
	switch c {
	case JSON, JSONOrEmpty, DataOrEmpty:
		req.Header.Set("Accept", "application/json")
	case XML, XMLOrEmpty:
		req.Header.Set("Accept", "application/xml, text/xml, application/soap+xml")
	default:
		req.Header.Set("Accept", "*/*")
	}
}

// dress puts the headers of the connection and of the request on it.
func (a *attempt) dress(req *http.Request) {
	accept(req, a.r.Expect)
	if a.r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
		if a.r.ContentType != "" {
			req.Header.Set("Content-Type", a.r.ContentType)
		}
	}
	for _, header := range []http.Header{a.c.options.Header, a.r.Header} {
		for name, values := range header {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
}

// badHeader names a header whose value can't be sent.
func badHeader(h http.Header) string {
	for name, values := range h {
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return name
			}
		}
	}
	return ""
}

// redirect is where an answer leads; nil: it is an answer itself. Only a GET
// or HEAD goes where it is sent, others only when they may go unchanged.
func redirect(resp *http.Response, method string) *url.URL {
	safe := method == http.MethodGet || method == http.MethodHead
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if !safe {
			return nil
		}
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	next, err := resp.Location()
	if err != nil {
		return nil
	}
	return next
}

// allowed tells why a redirect is not followed: nothing goes to another host
// but a question without credentials.
func (c *Client) allowed(from, to *url.URL, method string, hops int) *Error {
	shown := c.redact(to.Scheme + "://" + to.Host + to.Path)
	failed := &Error{Reason: Failed, Delivery: Answered, Hint: "check the url of the connection and the path"}
	switch {
	case hops >= maxRedirects:
		failed.Problem = "the server redirects again and again, at last to " + shown
	case to.Scheme != "https" && (from.Scheme == "https" || to.Scheme != "http"):
		failed.Problem = "the server redirects to " + shown + ", which is not https"
	case !c.own(to) && method != http.MethodGet && method != http.MethodHead:
		failed.Problem = "the server redirects to another host, " + shown + ", where data is not sent"
	case !c.own(to) && to.Scheme == "http" && !c.options.Config.InsecureHTTP && !isLoopback(to.Hostname()):
		failed.Problem = "the server redirects to " + shown + ", which is plain http"
	default:
		return nil
	}
	return failed
}
