package httpclient

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"koppel/engine/connector"
)

// HTTPConfig are the arguments of an http connection.
type HTTPConfig struct {
	URL     string  `hcl:"url" doc:"what the paths of sources, sinks and lookups are appended to, such as https://shop.example/api"`
	Headers Headers `hcl:"headers,optional" doc:"headers of every request"`
	Auth    *Auth   `hcl:"auth,block" doc:"the credentials"`
	// Error is a program over the body of an answer.
	Error  connector.Program `hcl:"error,optional" doc:"jq that gives the message of an answer that says that something failed, whatever its status, such as jq(\".error.message\"); null and an empty text: nothing did, as far as the status is one of success; default: what error, errors, message and the like hold"`
	Config `hcl:",embed"`
}

// Headers are header values by name. They may hold secrets, so they are never
// printed.
type Headers map[string]string

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
	if c.Auth != nil {
		if err := c.Auth.Validate(); err != nil {
			return err
		}
	}
	for name := range c.Headers {
		if strings.Trim(name, headerLetters) != "" || name == "" {
			return &connector.FieldError{Field: "headers", Problem: fmt.Sprintf("has %q, which is no name of a header", name)}
		}
	}
	return c.Config.Validate(c.URL)
}

// headerLetters are the characters of names of headers (RFC 9110, section
// 5.6.2).
const headerLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

// Kind is the connection kind http; it opens a *Client.
func Kind() connector.Kind[any] {
	kind := connector.Define("http", "A system that is asked over HTTP.", HTTPConfig{Config: Defaults()},
		func(_ context.Context, c HTTPConfig, env connector.Env) (any, error) {
			if err := c.Validate(); err != nil {
				return nil, err
			}
			o := Options{URL: c.URL, Config: c.Config, Header: c.Headers.Header()}
			if c.Error != nil {
				o.Judge = judgeBy(c.Error)
			}
			if c.Auth != nil {
				var err error
				if o, err = c.Auth.options(o, env); err != nil {
					return nil, err
				}
			}
			return New(o, env)
		})
	kind.OverHTTP = true
	return kind
}
