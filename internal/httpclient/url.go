package httpclient

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// Homed is an Authenticator whose login says where requests go from then on.
type Homed interface {
	// Home gives that URL, after it has logged in when it must; nil: it is that
	// of the connection. Its error is as that of Authorize.
	Home(ctx context.Context) (*url.URL, error)
}

// resolve makes the URL of a request.
func (c *Client) resolve(ctx context.Context, r *Request) (*url.URL, *Error) {
	base, failed := c.home(ctx)
	if failed != nil {
		return nil, failed
	}
	text := r.Path
	if !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") {
		text = strings.TrimSuffix(base.String(), "/")
		if r.Path != "" {
			if !strings.HasPrefix(r.Path, "/") && !strings.HasPrefix(r.Path, "?") {
				text += "/"
			}
			text += r.Path
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, &Error{Reason: Impossible, Problem: "the path makes no URL", Hint: "special characters of values are written as %XX"}
	}
	u.Fragment, u.User = "", nil
	queries := []string{u.RawQuery, r.Query.Encode()}
	if text != r.Path { // a whole URL says all that is asked
		queries = append([]string{c.options.Query}, queries...)
	}
	u.RawQuery = strings.Join(slices.DeleteFunc(queries, func(q string) bool { return q == "" }), "&")
	if !c.own(u) {
		return nil, &Error{
			Reason: Impossible, Problem: "the URL leads to " + origin(u) + ", and the connection to " + origin(base),
			Hint: "a connection asks its own host only",
		}
	}
	return u, nil
}

// home is where paths are appended.
func (c *Client) home(ctx context.Context) (*url.URL, *Error) {
	h, ok := c.options.Auth.(Homed)
	if !ok {
		return c.base, nil
	}
	u, err := h.Home(ctx)
	if err != nil {
		return nil, credentialsError(c.shared, err)
	}
	if u == nil {
		return c.base, nil
	}
	c.moved.Store(u)
	return u, nil
}

// own tells whether a URL leads to the connection's own host, or to where the
// login sent it.
func (s *shared) own(u *url.URL) bool {
	moved := s.moved.Load()
	return origin(u) == origin(s.base) || moved != nil && origin(u) == origin(moved)
}

// origin is scheme, host and port of a URL.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" && u.Scheme == "https" {
		port = "443"
	} else if port == "" {
		port = "80"
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
