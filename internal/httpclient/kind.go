package httpclient

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"koppel/engine/connector"
)

// HTTPConfig are the arguments of an http connection.
type HTTPConfig struct {
	URL     string  `hcl:"url" doc:"what the paths of sources, sinks and lookups are appended to, such as https://shop.example/api"`
	Headers Headers `hcl:"headers,optional" doc:"headers of every request"`
	Auth    *Auth   `hcl:"auth,block" doc:"the credentials"`
	Config  `hcl:",embed"`
}

// Headers are header values by name. They may hold secrets, so they are never
// printed.
type Headers map[string]string

// Auth are the arguments of an auth block. Which of them there are is by its
// label.
type Auth struct {
	Kind     string           `hcl:"kind,label" oneof:"basic bearer api_key" doc:"how the system knows who asks"`
	Username string           `hcl:"username,optional" doc:"basic: the user"`
	Password connector.Secret `hcl:"password,optional" doc:"basic: the password"`
	Token    connector.Secret `hcl:"token,optional" doc:"bearer: the token"`
	Header   string           `hcl:"header,optional" doc:"api_key: the header that carries the key"`
	Query    string           `hcl:"query,optional" doc:"api_key: the query value that carries the key, where the system takes no header"`
	Value    connector.Secret `hcl:"value,optional" doc:"api_key: the key"`
}

// String hides the values.
func (h Headers) String() string { return fmt.Sprintf("%d headers", len(h)) }

// GoString hides the values.
func (h Headers) GoString() string { return h.String() }

// MarshalText hides the values.
func (h Headers) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Header gives them as a request carries them.
func (h Headers) Header() http.Header {
	header := http.Header{}
	for name, value := range h {
		header.Set(name, value)
	}
	return header
}

// Secrets lists the values.
func (h Headers) Secrets() []string {
	var list []string
	for _, value := range h {
		list = append(list, value)
	}
	slices.Sort(list)
	return list
}

// Validate checks the arguments.
func (c *HTTPConfig) Validate() error {
	if c.URL == "" {
		return &connector.FieldError{Field: "url", Problem: "is empty"}
	}
	return c.Config.Validate(c.URL)
}

// Kind is the connection kind http; it opens a *Client.
func Kind() connector.Kind[any] {
	kind := connector.Define("http", "A system that is asked over HTTP.", HTTPConfig{Config: Defaults()},
		func(_ context.Context, c HTTPConfig, env connector.Env) (any, error) {
			return New(Options{URL: c.URL, Config: c.Config, Auth: c.Auth.authenticator(), Header: c.Headers.Header()}, env)
		})
	kind.Lookups = true
	return kind
}

// authenticator makes what the block describes; nil for none.
func (a *Auth) authenticator() Authenticator {
	switch {
	case a == nil:
		return nil
	case a.Kind == "basic":
		return Basic(a.Username, a.Password)
	case a.Kind == "bearer":
		return Bearer(a.Token)
	case a.Query != "":
		return Query(a.Query, a.Value)
	}
	return Header(a.Header, a.Value)
}
