package afas

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"koppel/internal/sandbox/dataset"
)

// rights is what a caller may see: one row in so many; 0: none.
type rights struct{ oneIn int }

// admit lets a caller in; false: it was refused.
func (s *System) admit(c *call) bool {
	scheme, value, _ := strings.Cut(c.Request.Header.Get("Authorization"), " ")
	known := false
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		if known = s.bearer(value); known {
			c.rights = rights{oneIn: 1}
		} else {
			c.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		}
	case strings.EqualFold(scheme, "AfasToken"):
		token, err := base64.StdEncoding.DecodeString(value)
		if err != nil { // an error and not a refusal since Profit 7
			s.fail(c.Exchange, unexpectedProblem())
			return false
		}
		c.rights, known = s.classic(string(token))
	}
	switch {
	case !known:
		c.empty(http.StatusUnauthorized)
	case s.o.Integration != "" && c.Request.Header.Get("IntegrationId") != s.o.Integration:
		c.empty(http.StatusForbidden)
		known = false
	}
	return known
}

func (s *System) classic(token string) (rights, bool) {
	for good, may := range map[string]rights{s.Token: {1}, s.LimitedToken: {10}, s.LeftToken: {0}} {
		if subtle.ConstantTimeCompare([]byte(token), []byte(good)) == 1 {
			return may, true
		}
	}
	return rights{}, false
}

func (s *System) bearer(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	end, ok := s.tokens[token]
	return ok && s.o.Now().Before(end)
}

// RevokeTokens ends all OAuth tokens at once.
func (s *System) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// oauth gives out tokens for client credentials: by form or, since Profit 9, by
// basic authentication.
func (s *System) oauth(c *call) {
	c.Request.Body = http.NoBody
	form, err := parseForm(c.Body)
	refuse := func(status int, code string) { c.JSON(status, map[string]string{"error": code}) }
	if err != nil || form.Get("grant_type") == "" {
		refuse(http.StatusBadRequest, "invalid_request")
		return
	}
	if form.Get("grant_type") != "client_credentials" {
		refuse(http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	id, secret, basic := c.Request.BasicAuth()
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if id != s.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(s.ClientSecret)) != 1 {
		if basic {
			c.Header().Set("WWW-Authenticate", `Basic realm="ProfitRestServices"`)
			refuse(http.StatusUnauthorized, "invalid_client")
		} else {
			refuse(http.StatusBadRequest, "invalid_client")
		}
		return
	}
	s.mu.Lock()
	r := dataset.Rand(s.o.Seed+uint64(c.Call.N), "access token")
	token := fmt.Sprintf("SANDBOX.%016x%016x", r.Uint64(), r.Uint64())
	s.tokens[token] = s.o.Now().Add(s.o.TokenLife)
	s.mu.Unlock()
	c.Header().Set("Cache-Control", "no-store")
	c.JSON(http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(s.o.TokenLife.Seconds()),
	})
}

// otp answers 201 to everyone, as AFAS does also for wrong keys.
func (s *System) otp(c *call) { c.WriteHeader(http.StatusCreated) }
