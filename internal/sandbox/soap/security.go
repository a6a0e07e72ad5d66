package soap

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// How old a digest may be.
const maxAge = 5 * time.Minute

// admit lets a caller in by a UsernameToken (OASIS WS-Security UsernameToken
// Profile 1.0) or by basic authentication.
func (s *System) admit(c *call) error {
	refused := &fault{http.StatusInternalServerError, "wsse:FailedAuthentication", "the security token could not be authenticated", ""}
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	if user, password, ok := c.Request.BasicAuth(); ok && same(user, s.Username) && same(password, s.Password) {
		return nil
	}
	token := c.header.child(security, "Security").child(security, "UsernameToken")
	if token.XMLName.Local == "" {
		return &fault{http.StatusInternalServerError, "wsse:InvalidSecurity", "the security header is missing", ""}
	}
	password := token.child(security, "Password")
	if !same(strings.TrimSpace(token.child(security, "Username").Text), s.Username) {
		return refused
	}
	if !strings.HasSuffix(password.attr("Type"), "#PasswordDigest") {
		if !same(password.Text, s.Password) {
			return refused
		}
		return nil
	}
	return s.admitDigest(token, password.Text, refused)
}

// admitDigest checks Base64(SHA-1(nonce + created + password)); a nonce counts
// once, and not for long.
func (s *System) admitDigest(token *node, digest string, refused *fault) error {
	text := strings.TrimSpace(token.child(security, "Nonce").Text)
	created := strings.TrimSpace(token.child(utility, "Created").Text)
	nonce, err := base64.StdEncoding.DecodeString(text)
	at, badTime := time.Parse(time.RFC3339, created)
	if err != nil || len(nonce) == 0 || badTime != nil {
		return &fault{http.StatusInternalServerError, "wsse:InvalidSecurityToken", "a digest needs a nonce and the time of its creation", ""}
	}
	if age := s.o.Now().Sub(at); age > maxAge || age < -maxAge {
		return &fault{http.StatusInternalServerError, "wsse:MessageExpired", "the token is too old", ""}
	}
	sum := sha1.Sum([]byte(string(nonce) + created + s.Password))
	if subtle.ConstantTimeCompare([]byte(digest), []byte(base64.StdEncoding.EncodeToString(sum[:]))) != 1 {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nonces[text] {
		return &fault{http.StatusInternalServerError, "wsse:FailedAuthentication", "the nonce was used before", ""}
	}
	s.nonces[text] = true
	return nil
}
