package httpclient

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"koppel/engine/connector"
	"koppel/internal/soap"
)

// Options describe a connection.
type Options struct {
	// URL is what paths are appended to.
	URL string
	// Query is the escaped query that every request to a path carries.
	Query  string
	Config Config
	// Auth puts the credentials on requests; nil: there are none.
	Auth Authenticator
	// Header goes with every request to the connection's own host.
	Header http.Header
	// Certificates are shown to a server that asks for one.
	Certificates []tls.Certificate
	// UsernameToken is for those who write the body of requests.
	UsernameToken *UsernameToken
	// Judge, when set, sees every answer: where a system says by the body that
	// something failed, or that it is no use to ask again. It may be called from
	// several goroutines.
	Judge func(*Response) Verdict
	// StaysBusy: the system goes on with a request that was given up for its
	// time, so that to make it again soon only adds to the load.
	StaysBusy bool
	// Secrets lists texts, beside those of Auth, that must be in no message and
	// no log.
	Secrets []string
	// Tenant tells apart what is reached at the same URL: the account that leads
	// to one of several tenants. Empty: the URL says it all.
	Tenant string
}

// A UsernameToken is the user of auth "wsse".
type UsernameToken = soap.UsernameToken

// A Client asks one system. It is safe for use by several goroutines; all its
// users share its rate, its concurrency, its credentials and its breaker.
type Client struct {
	*shared
	address string // of the connection; empty when it is not known
}

// shared is what all users of a connection have in common.
type shared struct {
	base    *url.URL
	moved   atomic.Pointer[url.URL] // where the login sent us
	options Options
	retry   Retry
	client  *http.Client
	gate    *gate
	log     *slog.Logger
	now     func() time.Time
	calls   func(connector.Call) // nil: nobody listens
}

// New makes the client of a connection. Nothing is asked before Do. When env
// has a client, its transport is used in place of one of the connection's own.
func New(o Options, env connector.Env) (*Client, error) {
	if err := o.Config.Validate(""); err != nil {
		return nil, err
	}
	base, err := o.Config.parseURL("url", o.URL)
	if err != nil {
		return nil, err
	}
	if o.UsernameToken != nil {
		o.Secrets = append(slices.Clone(o.Secrets), string(o.UsernameToken.Password))
	}
	s := &shared{base: base, options: o, retry: o.Config.retries(), gate: newGate(o.Config), log: env.Log, now: env.Now, calls: env.Calls}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	// Redirects are followed by an attempt, which knows whose host is whose.
	s.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if env.HTTP != nil {
		s.client.Transport = env.HTTP.Transport
	} else if s.client.Transport, err = newTransport(o.Config, env.Dir, o.Certificates); err != nil {
		return nil, err
	}
	return &Client{shared: s, address: env.Block}, nil
}

// A Speaker is what a connection opens whose system is asked over HTTP. It is
// all that a connection kind needs so that source http, sink http and lookups
// use it: the kind says OverHTTP, and what it opens is a Speaker and a
// connector.Asker (both a line each, with a *Client inside). Nothing names the
// kinds.
type Speaker interface {
	// HTTPClient is the client of the connection: its base URL, to which paths
	// are appended, its credentials and headers on every request, its rate and
	// concurrency, and its way to tell what an answer means (Options.Judge). It
	// gives the same one each time and asks nothing.
	HTTPClient() *Client
}

// HTTPClient is the client itself.
func (c *Client) HTTPClient() *Client { return c }

// For opens a connection and gives its client, whose errors name the
// connection. What the connection opens is a Speaker.
func For(ctx context.Context, c connector.Connection) (*Client, error) {
	if c.Get == nil {
		return nil, &connector.FieldError{Field: "connection", Problem: "is missing"}
	}
	opened, err := c.Get(ctx)
	if err != nil {
		return nil, err
	}
	speaker, ok := opened.(Speaker)
	if !ok {
		return nil, fmt.Errorf("open %s: a connection of kind %s is not asked over HTTP", c.Address, c.Kind)
	}
	client := speaker.HTTPClient()
	if client.address == "" {
		client = &Client{shared: client.shared, address: c.Address}
	}
	return client, nil
}

// Base is the URL of the connection, without a slash at its end.
func (c *Client) Base() string { return strings.TrimSuffix(c.base.String(), "/") }

// Place names the system, without secrets: its URL, and the tenant where that
// does not say it all. What was read from one place or written there says
// nothing of another.
func (c *Client) Place() string {
	if c.options.Tenant == "" {
		return c.Base()
	}
	return c.Base() + " as " + c.options.Tenant
}

// Address names the connection and its place in the file, for errors; empty
// when it is not known.
func (c *Client) Address() string { return c.address }

// UsernameToken is that of the connection; nil: it has none.
func (c *Client) UsernameToken() *UsernameToken { return c.options.UsernameToken }

// Close closes connections that wait for the next request.
func (c *Client) Close() error {
	c.client.CloseIdleConnections()
	return nil
}
