package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// introspection asks the authorisation server about tokens (RFC 7662). What it
// said of one counts for a while, so that a burst asks once.
type introspection struct {
	OAuth2
	mu    sync.Mutex
	known map[[32]byte]verdict
}

// A verdict is what was said of a token, and until when that counts.
type verdict struct {
	err   error
	until time.Time
}

const (
	verdictKept  = time.Minute
	verdictsMost = 1000
	latest       = 1 << 40 // seconds
)

// Head asks whether the token is active, of the issuer and for this audience.
func (v *introspection) Head(ctx context.Context, header http.Header) error {
	token, err := bearer(header)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(token))
	v.mu.Lock()
	known, ok := v.known[sum]
	v.mu.Unlock()
	if now := v.Now(); ok && now.Before(known.until) && known.until.Sub(now) <= verdictKept {
		return known.err
	}
	said, until, err := v.ask(ctx, token)
	if err != nil {
		return fmt.Errorf("ask about the token: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= verdictsMost {
		clear(v.known)
	}
	v.known[sum] = verdict{said, until}
	return said
}

// Body lets everything in.
func (v *introspection) Body(http.Header, []byte) error { return nil }

// ask asks about one token; said is nil when it counts.
func (v *introspection) ask(ctx context.Context, token string) (said error, until time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.IntrospectionURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, until, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if v.ClientID != "" {
		req.SetBasicAuth(url.QueryEscape(v.ClientID), url.QueryEscape(string(v.ClientSecret)))
	}
	body, err := answer(v.Client, req)
	if err != nil {
		return nil, until, err
	}
	var claims struct {
		Active bool
		Iss    string
		Aud    any
		Exp    *float64
		Nbf    *float64
	}
	if err := json.Unmarshal(body, &claims); err != nil {
		return nil, until, fmt.Errorf("%s answered something else than RFC 7662 says", req.URL.Host)
	}
	now := v.Now()
	until = now.Add(verdictKept)
	// Any number may stand there; one that is too large for a time is the last one.
	at := func(seconds *float64) time.Time { return time.Unix(int64(min(max(*seconds, 0), latest)), 0) }
	if claims.Exp != nil && at(claims.Exp).Before(until) {
		until = at(claims.Exp)
	}
	refuse := func(why string) error { return fmt.Errorf("%w: the token %s", ErrUnauthorized, why) }
	switch {
	case !claims.Active:
		return refuse("is not active"), until, nil
	case claims.Exp != nil && now.After(at(claims.Exp).Add(leeway)):
		return refuse("has expired"), until, nil
	case claims.Nbf != nil && now.Add(leeway).Before(at(claims.Nbf)):
		return refuse("is not valid yet"), until, nil
	case claims.Iss != "" && v.Issuer != "" && claims.Iss != v.Issuer: // RFC 7662, 2.2: iss may be missing; who was asked is known
		return refuse("is of another issuer"), until, nil
	case v.Audience != "" && !isFor(claims.Aud, v.Audience):
		return refuse("is for another audience"), until, nil
	}
	return nil, until, nil
}

// isFor tells whether an audience is among those of a token: one text, or a list.
func isFor(aud any, audience string) bool {
	switch aud := aud.(type) {
	case string:
		return aud == audience
	case []any:
		return slices.Contains(aud, any(audience))
	}
	return false
}
