package alleyoop

import (
	"context"
	"net/http"
	"net/url"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// Config are the arguments of an alleyoop connection.
type Config struct {
	URL               string           `hcl:"url" doc:"the one address of the installation, such as https://office.example/alleyoop/api"`
	Username          string           `hcl:"username" doc:"the user that AlleyOop knows the coupling by"`
	Password          connector.Secret `hcl:"password" doc:"the user's password"`
	APIKey            connector.Secret `hcl:"api_key" doc:"the key of this accountancy office"`
	httpclient.Config `hcl:",embed"`
}

// Validate checks the arguments.
func (c *Config) Validate() error {
	if c.URL == "" {
		return &connector.FieldError{Field: "url", Problem: "is empty"}
	}
	base, _ := splitQuery(c.URL)
	return c.Config.Validate(base)
}

// splitQuery takes the query from an address: the one URL of an installation
// may have one.
func splitQuery(address string) (base, query string) {
	u, err := url.Parse(address)
	if err != nil || u.RawQuery == "" {
		return address, ""
	}
	query, u.RawQuery = u.RawQuery, ""
	return u.String(), query
}

// Kind is the connection kind alleyoop; it opens a *Client.
func Kind() connector.Kind[any] {
	k := connector.Define("alleyoop", "An installation of AlleyOop (Workflow).", Config{Config: httpclient.Defaults()},
		func(_ context.Context, c Config, env connector.Env) (any, error) { return New(c, env) })
	k.OverHTTP = true
	return k
}

// New makes the client of an installation. Nothing is asked yet.
func New(c Config, env connector.Env) (*Client, error) {
	for _, missing := range []struct {
		field string
		empty bool
	}{{"username", c.Username == ""}, {"password", c.Password == ""}, {"api_key", c.APIKey == ""}} {
		if missing.empty {
			return nil, &connector.FieldError{Field: missing.field, Problem: "is empty"}
		}
	}
	base, query := splitQuery(c.URL)
	client, err := httpclient.New(httpclient.Options{
		URL: base, Query: query, Config: c.Config, Judge: judge,
		// AlleyOop wants it on every call, also where there is no body.
		Header: http.Header{"Content-Type": {"application/json"}},
		Auth:   httpclient.All(httpclient.Basic(c.Username, c.Password), httpclient.Header("X-apiKey", c.APIKey)),
	}, env)
	if err != nil {
		return nil, err
	}
	return &Client{http: client, query: query, user: c.Username, key: func() connector.Secret { return c.APIKey }}, nil
}

// For opens a connection of this kind and gives its client.
func For(ctx context.Context, c connector.Connection) (*Client, error) {
	if c.Get == nil {
		return nil, &connector.FieldError{Field: "connection", Problem: "is missing"}
	}
	opened, err := c.Get(ctx)
	if err != nil {
		return nil, err
	}
	client, ok := opened.(*Client)
	if !ok {
		return nil, &connector.FieldError{Field: "connection", Problem: "is no connection of kind alleyoop"}
	}
	named, err := httpclient.For(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Client{http: named, query: client.query, user: client.user, key: client.key}, nil
}
