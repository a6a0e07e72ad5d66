package httpclient

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const masked = "‹sensitive›"

// shortest is how long a secret must be to be looked for in texts: a shorter
// one would mask half of each.
const shortest = 4

// shortestHeader is how long the value of a header must be to be taken for a
// secret: most are none.
const shortestHeader = 8

// redact masks the secrets of the connection in a text, in the forms that they
// have in URLs, JSON and headers.
func (s *shared) redact(text string) string {
	if text == "" {
		return text
	}
	secrets := slices.Concat(s.options.Secrets, s.options.Config.proxySecrets())
	for name, values := range s.options.Header {
		if plainHeader(name) {
			continue
		}
		for _, v := range values {
			if len(v) >= shortestHeader {
				secrets = append(secrets, v)
			}
		}
	}
	if s.options.Auth != nil {
		secrets = append(secrets, s.options.Auth.Secrets()...)
	}
	return mask(text, secrets)
}

// Redact masks the secrets of the connection in a text.
func (c *Client) Redact(text string) string { return c.redact(text) }

// plainHeader tells that the value of a header is no secret.
func plainHeader(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "accept-language", "content-type", "user-agent", "prefer", "host":
		return true
	}
	return false
}

func mask(text string, secrets []string) string {
	// The longest first: one may be a part of another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if len(secret) < shortest {
			continue
		}
		quoted, err := json.Marshal(secret)
		if err != nil {
			quoted = []byte(`""`)
		}
		for _, form := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), string(quoted[1 : len(quoted)-1]),
			base64.StdEncoding.EncodeToString([]byte(secret)),
		} {
			if len(form) >= shortest {
				text = strings.ReplaceAll(text, form, masked)
			}
		}
	}
	return text
}
