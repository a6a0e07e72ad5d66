package httpclient

import (
	"context"
	"net/http"

	"koppel/engine/connector"
)

// An Authenticator puts the credentials of a connection on its requests. It is
// called for requests to the connection's own host only, from several
// goroutines.
type Authenticator interface {
	// Authorize sets headers or query values of req, before each attempt. An
	// error of it ends the request, which was not sent; it should be an *Error
	// of Client.Do where it asked a server for a token.
	Authorize(ctx context.Context, req *http.Request) error
	// Renew is called when the server refused req with 401. It forgets what it
	// put on req and returns true when Authorize may have better: the request
	// is then made once more.
	Renew(req *http.Request) bool
	// Secrets lists texts that must be in no message and no log.
	Secrets() []string
}

// fixed credentials are the same on every request.
type fixed struct {
	set     func(req *http.Request)
	secrets []string
}

func (f fixed) Authorize(_ context.Context, req *http.Request) error { f.set(req); return nil }
func (f fixed) Renew(*http.Request) bool                             { return false }
func (f fixed) Secrets() []string                                    { return f.secrets }

// Basic is HTTP Basic authentication (RFC 7617).
func Basic(username string, password connector.Secret) Authenticator {
	pair := &http.Request{Header: http.Header{}}
	pair.SetBasicAuth(username, string(password))
	value := pair.Header.Get("Authorization")
	return fixed{
		set:     func(req *http.Request) { req.Header.Set("Authorization", value) },
		secrets: []string{string(password), value[len("Basic "):]},
	}
}

// Bearer is a fixed bearer token (RFC 6750).
func Bearer(token connector.Secret) Authenticator {
	return Header("Authorization", "Bearer "+token, token)
}

// Header sets a header to a value; secrets are the parts of it that must not be
// shown.
func Header(name string, value connector.Secret, secrets ...connector.Secret) Authenticator {
	hidden := []string{string(value)}
	for _, s := range secrets {
		hidden = append(hidden, string(s))
	}
	return fixed{set: func(req *http.Request) { req.Header.Set(name, string(value)) }, secrets: hidden}
}

// Query sets a query value.
func Query(name string, value connector.Secret) Authenticator {
	return fixed{
		set: func(req *http.Request) {
			q := req.URL.Query()
			q.Set(name, string(value))
			req.URL.RawQuery = q.Encode()
		},
		secrets: []string{string(value)},
	}
}

// All puts several credentials on each request, such as a password and an API
// key.
func All(list ...Authenticator) Authenticator { return all(list) }

type all []Authenticator

func (a all) Authorize(ctx context.Context, req *http.Request) error {
	for _, one := range a {
		if err := one.Authorize(ctx, req); err != nil {
			return err
		}
	}
	return nil
}

func (a all) Renew(req *http.Request) bool {
	again := false
	for _, one := range a {
		again = one.Renew(req) || again
	}
	return again
}

func (a all) Secrets() []string {
	var list []string
	for _, one := range a {
		list = append(list, one.Secrets()...)
	}
	return list
}
