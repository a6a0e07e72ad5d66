package alleyoop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// A Client asks one installation. It is safe for use by several goroutines.
type Client struct {
	http  *httpclient.Client
	query string // of the URL
	user  string
	key   func() connector.Secret
}

// HTTPClient is the client below, for kinds that ask in their own words.
func (c *Client) HTTPClient() *httpclient.Client { return c.http }

// Address is the URL of the installation.
func (c *Client) Address() string {
	if c.query == "" {
		return c.http.Base()
	}
	return c.http.Base() + "?" + c.query
}

// Close closes connections that wait for the next request.
func (c *Client) Close() error { return c.http.Close() }

// Ask asks a question of a lookup, whose headers are named as they travel, with
// X-. A header without a value asks for nothing: without it the answer would be
// about all clients.
func (c *Client) Ask(ctx context.Context, q connector.Question) ([]byte, error) {
	for _, h := range q.Headers {
		if strings.TrimSpace(h.Value) == "" {
			return nil, fmt.Errorf("the header %s is empty: %w", h.Name, connector.ErrNone)
		}
	}
	if q.Path == "/" {
		q.Path = ""
	}
	return c.http.Ask(ctx, q)
}

// A call is one request. Headers are named without X- and have values.
type call struct {
	method  string
	action  string
	headers []Header
	request httpclient.Request // body, what to expect, what may be repeated
}

// A Header is an optional value of a request, named without X-.
type Header struct{ Name, Value string }

// do makes a call. A header without a value is not sent.
func (c *Client) do(ctx context.Context, one call) (*httpclient.Response, error) {
	r := one.request
	r.Method = one.method
	r.Title = c.Address() + " with X-action " + one.action
	r.Header = http.Header{}
	if r.ContentType != "" {
		r.Header.Set("Content-Type", r.ContentType)
	}
	r.Header.Set("X-action", one.action)
	for _, h := range one.headers {
		if h.Value != "" {
			r.Header.Set("X-"+h.Name, h.Value)
		}
	}
	resp, err := c.http.Do(ctx, &r)
	return resp, explain(err)
}

// explain says which of the credentials to look at.
func explain(err error) error {
	var failed *httpclient.Error
	if !errors.As(err, &failed) || failed.Reason != httpclient.Denied {
		return err
	}
	failed.Hint = "check username and password of the connection, and api_key, which is another one for each office"
	if aboutKey(failed.Words) {
		failed.Hint = "check api_key of the connection; it is another one for each office"
	}
	return err
}

// Checked refuses a header value that would not arrive as it is: header
// fields are one line, and white space around them is lost.
func Checked(name, value string) error {
	for _, r := range value {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("%s holds a line end or another control character, which a header can't carry", name)
		}
	}
	if strings.TrimSpace(value) != value {
		return fmt.Errorf("%s starts or ends with white space, which a header loses", name)
	}
	return nil
}
