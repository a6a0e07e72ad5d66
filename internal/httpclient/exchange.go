package httpclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"koppel/engine/connector"
)

// An Exchange describes how the token of a login becomes one to act for
// somebody else: a token exchange (RFC 8693, section 2.1) in which the token of
// the login is the subject, and whom to act for is named by a parameter of its
// own.
type Exchange struct {
	// Path is below the URL that the login named.
	Path string
	// Subject is whom to act for, Param the parameter that names him.
	Subject, Param string
}

// exchange takes the token of whom the account acts for. What it is sent with
// is renewed by another login.
func (a *loginAsker) exchange(ctx context.Context, login *grant) (*grant, error) {
	x := a.o.Exchange
	if x == nil {
		return login, nil
	}
	base := a.client.Base()
	if login.home != nil {
		base = login.home.String()
	}
	c := a.config
	c.Retry = &a.retry
	secrets := []string{string(a.o.Token), string(a.o.Secret), login.token}
	client, err := New(Options{URL: base, Config: c, Auth: Bearer(connector.Secret(login.token)), Secrets: secrets}, a.env)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	form := url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":        {login.token},
		"subject_token_type":   {accessTokenType},
		"requested_token_type": {accessTokenType},
		x.Param:                {x.Subject},
	}
	resp, err := client.Do(ctx, &Request{
		Method: http.MethodPost, Path: x.Path, Body: []byte(form.Encode()), ContentType: formType, Repeat: Always, Limit: 1 << 20,
	})
	if err != nil {
		return nil, x.explain(ctx, err)
	}
	g, err := parseGrant(resp.Body, a.login)
	if err == nil && g.token == login.token {
		err = errors.New("holds the token of the account itself")
	}
	if err != nil {
		return nil, unusable(resp, err)
	}
	next := newGrant(g.token, g.life)
	next.home, next.hidden = login.home, login.token
	next.endWith(login)
	return next, nil
}

const accessTokenType = "urn:ietf:params:oauth:token-type:access_token"

// explain makes a refusal of the exchange one of the credentials.
func (x *Exchange) explain(ctx context.Context, err error) error {
	failed, ok := err.(*Error)
	if ctx.Err() != nil || !ok {
		return err
	}
	e := *failed
	e.Reason = Unreachable
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		e.Reason, e.Hint = Denied, "check whom the connection acts for, and that the account may do so"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		e.Reason = Denied
	}
	return &e
}
