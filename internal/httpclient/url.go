package httpclient

import (
	"errors"
	"net/url"
	"strings"
)

// resolve makes the URL of a request.
func (s *shared) resolve(r *Request) (*url.URL, error) {
	text := r.Path
	if !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") {
		text = strings.TrimSuffix(s.base.String(), "/")
		if r.Path != "" {
			if !strings.HasPrefix(r.Path, "/") && !strings.HasPrefix(r.Path, "?") {
				text += "/"
			}
			text += r.Path
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the path makes no URL")
	}
	u.Fragment = ""
	if len(r.Query) > 0 {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += r.Query.Encode()
	}
	if !s.own(u) {
		return nil, errors.New("the URL leads to another host than the connection's")
	}
	return u, nil
}

// own tells whether a URL leads to the connection's own host.
func (s *shared) own(u *url.URL) bool { return origin(u) == origin(s.base) }

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
