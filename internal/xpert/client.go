package xpert

import (
	"context"
	"net/http"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// A Client asks one Suite. It is safe for use by several goroutines, which share
// its login.
type Client struct{ http *httpclient.Client }

// New makes the client of a connection. It logs in when it is asked for the
// first time.
func New(c Config, env connector.Env) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	auth, err := c.totp().Authenticator(c.Config, env)
	if err != nil {
		return nil, err
	}
	client, err := httpclient.New(httpclient.Options{
		URL: c.URL, Tenant: c.Account, Config: c.Config, Auth: auth, Judge: c.judge,
		Secrets: []string{string(c.Token), string(c.TOTPSecret)},
	}, env)
	if err != nil {
		return nil, err
	}
	return &Client{http: client}, nil
}

// HTTPClient is what its requests go through. Paths stand below the URL that the
// login named.
func (c *Client) HTTPClient() *httpclient.Client { return c.http }

// Close closes connections that wait for the next request.
func (c *Client) Close() error { return c.http.Close() }

// Ask answers a lookup: any path below the URL that the login named.
func (c *Client) Ask(ctx context.Context, q connector.Question) ([]byte, error) {
	return c.http.Ask(ctx, q)
}

// Check logs in, unless somebody has before, and takes the token of the user
// that the connection acts for.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.http.Token(ctx)
	return err
}

// judge says whose authorisations do not allow what was asked.
func (c *Config) judge(resp *httpclient.Response) httpclient.Verdict {
	if resp.Status != http.StatusForbidden {
		return httpclient.Verdict{}
	}
	who := "the API account " + c.Account
	if c.Impersonate != "" {
		who = "the user " + c.Impersonate + ", for whom the API account " + c.Account + " acts,"
	}
	return httpclient.Verdict{Hint: who + " lacks an authorisation for this: an administrator gives it in the user management of the Xpert Suite"}
}
