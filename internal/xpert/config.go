package xpert

import (
	"context"
	"errors"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// Config are the arguments of an xpert connection.
type Config struct {
	URL         string           `hcl:"url" doc:"where the account logs in, such as https://suite.example; later requests go where the login's answer says"`
	Account     string           `hcl:"account" doc:"the name of the API account"`
	Token       connector.Secret `hcl:"token" doc:"its password, the API token"`
	TOTPSecret  connector.Secret `hcl:"totp_secret" doc:"the secret of its codes, base32: what is shown once when the account is made, beside the API token"`
	Impersonate string           `hcl:"impersonate,optional" doc:"a user to act for: what is done counts as done by this user, and is bound by this user's authorisations"`
	Login       *Login           `hcl:"login,block" doc:"the login, as far as it differs from the default"`

	httpclient.Config `hcl:",embed"`
}

// Login are the arguments of a login block.
type Login struct {
	httpclient.Login `hcl:",embed"`
	ExchangePath     string `hcl:"exchange_path,optional" doc:"with impersonate: where the token of the login is exchanged (RFC 8693), below the URL that the login named; default: path"`
	Subject          string `hcl:"subject,optional" doc:"with impersonate: the name that the user is sent by; default requested_subject"`
}

// Kind is the connection kind xpert; it opens a *Client.
func Kind() connector.Kind[any] {
	k := connector.Define("xpert", "An Xpert Suite (Otherside at Work), asked by an API account.", Config{Config: httpclient.Defaults()},
		func(_ context.Context, c Config, env connector.Env) (any, error) { return New(c, env) })
	k.OverHTTP = true
	return k
}

// Validate checks the arguments.
func (c *Config) Validate() error {
	switch l := c.Login; {
	case c.URL == "":
		return &connector.FieldError{Field: "url", Problem: "is empty"}
	case strings.TrimSpace(c.Account) == "":
		return &connector.FieldError{Field: "account", Problem: "is empty", Hint: "it is the name that the account has in the user management of the Xpert Suite"}
	case l != nil && c.Impersonate == "" && (l.ExchangePath != "" || l.Subject != ""):
		return &connector.FieldError{Field: "login.exchange_path", Problem: "or subject has no meaning without impersonate"}
	}
	if err := c.Config.Validate(c.URL); err != nil {
		return err
	}
	if c.Token == "" {
		return &connector.FieldError{Field: "token", Problem: "is empty", Hint: "it is shown once, when the API account is made"}
	}
	return renamed(c.totp().Validate())
}

// renamed gives the secret of the codes the name that it has here.
func renamed(err error) error {
	var field *connector.FieldError
	if errors.As(err, &field) && field.Field == "auth.secret" {
		return &connector.FieldError{Field: "totp_secret", Problem: field.Problem, Hint: field.Hint}
	}
	return err
}

// defaultPath is where an account logs in, unless the file says otherwise.
const defaultPath = "/oauth2/token"

// totp describes the login.
func (c *Config) totp() httpclient.TOTP {
	o := httpclient.TOTP{URL: c.URL, Account: c.Account, Token: c.Token, Secret: c.TOTPSecret}
	exchange := &httpclient.Exchange{Path: defaultPath, Subject: c.Impersonate, Param: "requested_subject"}
	if l := c.Login; l != nil {
		o.Login = &l.Login
		for _, path := range []string{l.Path, l.ExchangePath} {
			if path != "" {
				exchange.Path = path
			}
		}
		if l.Subject != "" {
			exchange.Param = l.Subject
		}
	}
	if c.Impersonate != "" {
		o.Exchange = exchange
	}
	return o
}
