package httpclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"koppel/engine/connector"
)

// OAuth2 describes a client that gets tokens for itself: the grant
// client_credentials (RFC 6749, section 4.4). It proves who it is by one of
// a secret, a certificate with its key, whose signature it sends (RFC 7523,
// section 2.2), and a file with an assertion that another program keeps fresh.
type OAuth2 struct {
	TokenURL     string
	ClientID     string
	ClientSecret connector.Secret
	// CertificateFile and KeyFile are PEM; the key may stand in the first.
	CertificateFile, KeyFile string
	AssertionFile            string
	// KeyID is the name of the key at the server, where it wants one.
	KeyID  string
	Scopes []string
	// Params go with each question for a token: audience, resource.
	Params map[string]string
	// InBody: the secret goes into the body of the question at once. Otherwise a
	// header is tried first (RFC 6749, section 2.3.1).
	InBody bool
	// PSS: an assertion is signed by PS256 when the key is one of RSA, and the
	// certificate is named by its SHA-256 thumbprint only.
	PSS bool
}

// Authenticator makes the authenticator. The server of the tokens is reached
// as c says, without its rate.
func (o OAuth2) Authenticator(c Config, env connector.Env) (Authenticator, error) {
	u, err := url.Parse(o.TokenURL)
	if err != nil {
		return nil, &connector.FieldError{Field: "auth.token_url", Problem: "is no URL"}
	}
	query := u.Query()
	u.RawQuery = ""
	if _, err := c.parseURL("auth.token_url", u.String()); err != nil {
		return nil, err
	}
	sign, err := o.assertion(env.Dir)
	if err != nil {
		return nil, err
	}
	c.Rate = ""
	client, err := New(Options{URL: u.String(), Config: c, Secrets: []string{string(o.ClientSecret)}}, env)
	if err != nil {
		return nil, err
	}
	asker := &tokenAsker{o: o, client: client, query: query, sign: sign}
	asker.config = &clientcredentials.Config{
		ClientID: o.ClientID, ClientSecret: string(o.ClientSecret), TokenURL: o.TokenURL, Scopes: o.Scopes,
	}
	if sign != nil || o.InBody {
		asker.config.AuthStyle = oauth2.AuthStyleInParams
	}
	return newGrants(asker.ask, string(o.ClientSecret)), nil
}

// assertion gives what makes an assertion for each question; nil: there is a
// secret.
func (o OAuth2) assertion(dir string) (func() (string, error), error) {
	switch {
	case o.AssertionFile != "":
		return func() (string, error) {
			b, err := os.ReadFile(at(dir, o.AssertionFile))
			if err != nil {
				return "", &Error{Reason: Denied, Request: "read assertion_file", Problem: err.Error(), Hint: "another program must keep this file"}
			}
			return strings.TrimSpace(string(b)), nil
		}, nil
	case o.CertificateFile != "":
		certificate, err := loadCertificate("auth.certificate_file", o.CertificateFile, o.KeyFile, dir)
		if err != nil {
			return nil, err
		}
		return signer(certificate, o)
	}
	return nil, nil
}

// A tokenAsker asks for tokens.
type tokenAsker struct {
	o      OAuth2
	config *clientcredentials.Config
	client *Client
	query  url.Values
	sign   func() (string, error)
}

func (a *tokenAsker) ask(ctx context.Context) (*grant, error) {
	params := url.Values{}
	for name, value := range a.o.Params {
		params.Set(name, value)
	}
	config := a.config
	if a.sign != nil {
		assertion, err := a.sign()
		if err != nil {
			return nil, err
		}
		params.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		params.Set("client_assertion", assertion)
		config = &clientcredentials.Config{
			ClientID: a.o.ClientID, TokenURL: a.o.TokenURL, Scopes: a.o.Scopes, AuthStyle: oauth2.AuthStyleInParams,
		}
	}
	config.EndpointParams = params
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: a}))
	if err != nil {
		return nil, a.explain(ctx, err)
	}
	lifetime := time.Duration(0)
	if !token.Expiry.IsZero() {
		lifetime = max(time.Until(token.Expiry), time.Second)
	}
	return newGrant(token.AccessToken, lifetime), nil
}

// RoundTrip makes a question of the library one of a Client.
func (a *tokenAsker) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if v := req.Header.Get("Authorization"); v != "" {
		header.Set("Authorization", v)
	}
	resp, err := a.client.Do(req.Context(), &Request{
		Method: http.MethodPost, Query: a.query, Header: header, Body: body, ContentType: req.Header.Get("Content-Type"),
		Repeat: Always, Expect: Anything, Limit: 1 << 20,
		Accept: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden},
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: resp.Status, Status: fmt.Sprintf("%d %s", resp.Status, http.StatusText(resp.Status)),
		Header: resp.Header, Body: io.NopCloser(bytes.NewReader(resp.Body)), Request: req,
	}, nil
}

// explain says what a user can do about a token that was not given.
func (a *tokenAsker) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failed *Error
	var refused *oauth2.RetrieveError
	e := &Error{Request: "POST " + a.client.redact(a.o.TokenURL), Hint: "check auth.token_url of the connection"}
	switch {
	case errors.As(err, &failed):
		*e = *failed
		e.Reason, e.Hint = Unreachable, "check auth.token_url of the connection; "+failed.Hint
		e.Hint = strings.TrimSuffix(e.Hint, "; ")
	case errors.As(err, &refused):
		e.Reason, e.Delivery, e.Status = Denied, Answered, refused.Response.StatusCode
		e.Problem = fmt.Sprintf("no token is given: %d %s", e.Status, refused.ErrorCode)
		e.Words = a.client.redact(oneLine(refused.ErrorDescription, longestWords))
		if e.Words == "" && refused.ErrorCode == "" {
			e.Words = a.client.redact(wordsOf(refused.Body))
		}
		e.Hint = a.advice(refused.ErrorCode)
		e.ID = a.client.redact(requestIDs(refused.Response.Header))
	default:
		e.Reason, e.Problem = Unreachable, "the answer holds no token"
	}
	return e
}

// Token gives the present token of a connection with OAuth 2.0 or a login, to
// read what it allows or to see that there is one; empty: the connection has no
// such token.
func (c *Client) Token(ctx context.Context) (connector.Secret, error) {
	g, ok := c.options.Auth.(interface {
		get(context.Context) (*grant, error)
	})
	if !ok {
		return "", nil
	}
	now, err := g.get(ctx)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", c.complete(ctx, credentialsError(c.shared, err), &Request{}, "")
	}
	return connector.Secret(now.token), nil
}

func (a *tokenAsker) advice(code string) string {
	switch {
	case code == "invalid_scope":
		return "check auth.scopes of the connection"
	case a.o.AssertionFile != "":
		return "check client_id and assertion_file of the connection"
	case a.o.CertificateFile != "":
		return "check client_id and certificate_file of the connection, and that the server knows the certificate"
	}
	return "check client_id and client_secret of the connection"
}
