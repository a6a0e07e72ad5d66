package graph

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// Version is the path under which the collections are that this package knows.
const Version = "/v1.0"

// A Client asks one tenant. It is safe for use by several goroutines.
type Client struct {
	http *httpclient.Client
	// place tells tenant and cloud apart, without secrets.
	place string
}

// New makes the client of a connection. Nothing is asked before it is used.
func New(c Config, env connector.Env) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	auth, err := c.authenticator(env)
	if err != nil {
		return nil, err
	}
	client, err := httpclient.New(httpclient.Options{URL: c.baseURL(), Config: c.Config, Auth: auth, Judge: judge}, env)
	if err != nil {
		return nil, err
	}
	return &Client{http: client, place: c.baseURL() + " " + c.Tenant}, nil
}

// For opens a connection and gives its client, whose errors name the
// connection.
func For(ctx context.Context, c connector.Connection) (*Client, error) {
	named, err := httpclient.For(ctx, c)
	if err != nil {
		return nil, err
	}
	opened, err := c.Get(ctx)
	if err != nil {
		return nil, err
	}
	client, ok := opened.(*Client)
	if !ok {
		return nil, fmt.Errorf("open %s: a connection of kind %s is no tenant of Microsoft 365", c.Address, c.Kind)
	}
	return &Client{http: named, place: client.place}, nil
}

// HTTPClient is what its requests go through. Paths begin with the version:
// /v1.0/users.
func (c *Client) HTTPClient() *httpclient.Client { return c.http }

// Close closes connections that wait for the next request.
func (c *Client) Close() error { return c.http.Close() }

// Place names tenant and cloud, without secrets. Links of delta queries belong
// to one.
func (c *Client) Place() string { return c.place }

// Ask answers a lookup: any path with its version, such as /v1.0/users/ID.
func (c *Client) Ask(ctx context.Context, q connector.Question) ([]byte, error) {
	answer, err := c.http.Ask(ctx, q)
	return answer, explain(err, nil)
}

// A Question asks for one page of a collection, or for one object.
type Question struct {
	// Path stands below the version, with its query; or a whole link that Graph
	// gave, which must lead to the configured host.
	Path string
	// Prefer and Eventual are headers, which Graph does not remember from page to
	// page.
	Prefer   []string
	Eventual bool // ConsistencyLevel, for what the directory calls advanced queries
	// Mailbox: it is about one mailbox, so that being throttled there says
	// nothing of the others.
	Mailbox bool
	// Waiting is that of httpclient.Request.
	Waiting func(pause func() error) error
	// About are the entity sets of which one the answer must be about, if it says
	// so: an answer to another question is none.
	About []string
	// Needs are application permissions of which one suffices, for errors.
	Needs []string
}

// Get asks a question and gives the answer's body.
func (c *Client) Get(ctx context.Context, q Question) ([]byte, error) {
	path := q.Path
	if !isLink(path) {
		path = Version + path
	}
	header := http.Header{"Client-Request-Id": {uuid.NewString()}}
	for _, p := range q.Prefer {
		header.Add("Prefer", p)
	}
	if q.Eventual {
		header.Set("ConsistencyLevel", "eventual")
	}
	resp, err := c.http.Do(ctx, &httpclient.Request{Path: path, Title: shown(path), Header: header, Alone: q.Mailbox, Waiting: q.Waiting})
	if err != nil {
		return nil, explain(err, q.Needs)
	}
	return resp.Body, nil
}
