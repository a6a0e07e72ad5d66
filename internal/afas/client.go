package afas

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// A Client asks one environment of AFAS Profit. It is safe for use by several
// goroutines.
type Client struct {
	http     *httpclient.Client
	identity string
}

// New makes the client of a connection. Nothing is asked before it is used.
func New(c Config, env connector.Env) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	auth, err := authenticator(c, env)
	if err != nil {
		return nil, err
	}
	client, err := httpclient.New(httpclient.Options{
		URL: c.baseURL(), Config: c.Config, Auth: auth, Header: c.header(), Judge: judge, StaysBusy: true,
	}, env)
	if err != nil {
		return nil, err
	}
	return &Client{http: client, identity: client.Base()}, nil
}

// authenticator makes what puts the credentials on requests.
func authenticator(c Config, env connector.Env) (httpclient.Authenticator, error) {
	if c.Token == "" {
		return newOAuth(c, env)
	}
	token, err := ParseToken(c.Token)
	if err != nil {
		return nil, err
	}
	return httpclient.Header("Authorization", authorization(token), token, dataPart(token)), nil
}

// For opens a connection and gives its client, whose errors name the
// connection.
func For(ctx context.Context, c connector.Connection) (*Client, error) {
	named, err := httpclient.For(ctx, c)
	if err != nil {
		return nil, err
	}
	opened, err := c.Get(ctx)
	if err != nil {
		return nil, err
	}
	client, ok := opened.(*Client)
	if !ok {
		return nil, fmt.Errorf("open %s: a connection of kind %s is no environment of AFAS", c.Address, c.Kind)
	}
	return &Client{http: named, identity: client.identity}, nil
}

// HTTPClient is what its requests go through.
func (c *Client) HTTPClient() *httpclient.Client { return c.http }

// Close closes connections that wait for the next request.
func (c *Client) Close() error { return c.http.Close() }

// Identity names the environment, without secrets.
func (c *Client) Identity() string { return c.identity }

// Clock is the time at which an answer was made by the clock of AFAS; false:
// it does not say.
func Clock(h http.Header) (time.Time, bool) {
	t, err := http.ParseTime(h.Get("Date"))
	return t, err == nil
}

// explain adds to an error what is to be done about it.
func explain(err error) error {
	var failed *httpclient.Error
	if !errors.As(err, &failed) {
		return err
	}
	told := *failed
	switch {
	case failed.Status == http.StatusUnauthorized:
		told.Hint = "AFAS does not accept the credentials: they may be wrong, expired, or of another environment (each has its own), or the app connector does not have this connector; " +
			"a token can't be shown again, so make a new one in the app connector (general, management, app connector)"
	case failed.Status == http.StatusForbidden:
		told.Hint = "the app connector may only take calls from certain addresses, and that of this machine is not among them: see its IP rules"
	case failed.Status == http.StatusNotFound:
		told.Hint = "check environment, stage or url of the connection (its path is /ProfitRestServices) and the name of the connector; AFAS also says so of a query of more than 2049 characters"
	case failed.Status == http.StatusRequestEntityTooLarge:
		told.Hint = "AFAS takes 75 MB a call at most"
	default:
		return err
	}
	return &told
}

// judge reads the answers in which AFAS says by the body what is wrong. An
// externalMessage is about the call as such, whatever the status: the same call
// would get it again.
func judge(resp *httpclient.Response) httpclient.Verdict {
	success := resp.Status >= 200 && resp.Status < 300
	p, found := parseProblem(resp.Body)
	if !success && !found {
		// Obsolete since 2025 and of Profit itself, no more than the message.
		if text, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-Profit-Error")); err == nil && len(text) > 0 {
			p.External, found = string(text), true
		}
	}
	return httpclient.Verdict{
		Failed: success && found, Final: found, Words: p.String(),
		// An address that the IP rules do not name is refused like credentials.
		Credentials: resp.Status == http.StatusForbidden,
	}
}

// Ask answers a lookup: any path below /ProfitRestServices, such as
// /connectors/NAME with a filter.
func (c *Client) Ask(ctx context.Context, q connector.Question) ([]byte, error) {
	answer, err := c.http.Ask(ctx, q)
	return answer, explain(err)
}

// Do makes a request. Its errors are those of httpclient, with what to do about
// them where AFAS is known for it.
func (c *Client) Do(ctx context.Context, r *httpclient.Request) (*httpclient.Response, error) {
	resp, err := c.http.Do(ctx, r)
	return resp, explain(err)
}
