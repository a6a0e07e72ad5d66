package afas

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

const (
	// mostCalls is how many calls AFAS advises to have under way at once.
	mostCalls = 5
	// timeout is a little more than the 900 s after which AFAS gives a call up
	// itself: it goes on working when a client gives up before.
	timeout = 920 * time.Second
)

// Config are the arguments of an afas connection.
type Config struct {
	Environment   string           `hcl:"environment,optional" doc:"the participant number, five digits such as \"12345\": the digits of the environment's name O12345AA; or give url"`
	Stage         string           `hcl:"stage,optional" oneof:"production test accept" doc:"which of the environments of that number; default production"`
	URL           string           `hcl:"url,optional" doc:"in place of environment and stage: such as \"https://12345.rest.afas.online/ProfitRestServices\""`
	Token         connector.Secret `hcl:"token,optional" doc:"the classic token of the app connector: the whole XML, <token><version>1</version><data>…</data></token>, or its data part; or give client_id and client_secret"`
	ClientID      string           `hcl:"client_id,optional" doc:"OAuth: the client id of the app connector"`
	ClientSecret  connector.Secret `hcl:"client_secret,optional" doc:"OAuth: the client secret"`
	IntegrationID string           `hcl:"integration_id,optional" doc:"sent as IntegrationId: subscription and project number such as \"12345_678900\", which AFAS asks of partner integrations"`
	Language      string           `hcl:"language,optional" oneof:"en-us nl-nl nl-be fr-fr de-de" doc:"the language of AFAS's messages; default: that of the environment"`

	httpclient.Config `hcl:",embed"`
}

// Defaults are the arguments of a connection that gives none.
func Defaults() Config {
	c := Config{Config: httpclient.Defaults()}
	c.MaxConcurrency, c.Timeout = mostCalls, connector.Duration(timeout)
	return c
}

// Kind is the connection kind afas; it opens a *Client.
func Kind() connector.Kind[any] {
	k := connector.Define("afas", "An environment of AFAS Profit.", Defaults(),
		func(_ context.Context, c Config, env connector.Env) (any, error) { return New(c, env) })
	k.OverHTTP = true
	return k
}

var (
	participant = regexp.MustCompile(`^[1-9][0-9]{4}$`)
	environment = regexp.MustCompile(`^[A-Za-z]([1-9][0-9]{4})[A-Za-z0-9]{2}$`)
)

// Validate checks the arguments.
func (c *Config) Validate() error {
	if err := c.validateAddress(); err != nil {
		return err
	}
	oauth := c.ClientID != "" || c.ClientSecret != ""
	switch {
	case c.Token != "" && oauth:
		return &connector.FieldError{Field: "token", Problem: "is given beside client_id or client_secret", Hint: "an app connector has one or the other: the classic token, or OAuth"}
	case c.ClientSecret != "" && c.ClientID == "":
		return &connector.FieldError{Field: "client_id", Problem: "is missing beside client_secret"}
	case c.ClientID != "" && c.ClientSecret == "":
		return &connector.FieldError{Field: "client_secret", Problem: "is missing beside client_id"}
	case c.Token == "" && !oauth:
		return &connector.FieldError{Field: "token", Problem: "is missing", Hint: "give the token of the app connector, or client_id and client_secret for OAuth"}
	case c.MaxConcurrency < 1 || c.MaxConcurrency > mostCalls:
		return &connector.FieldError{Field: "max_concurrency", Problem: fmt.Sprintf("is not from 1 to %d", mostCalls), Hint: "AFAS takes no more calls at once"}
	}
	if c.Token != "" {
		if _, err := ParseToken(c.Token); err != nil {
			return err
		}
	}
	return c.Config.Validate(c.baseURL())
}

// validateAddress checks the arguments that say where the environment is.
func (c *Config) validateAddress() error {
	switch {
	case c.Environment == "" && c.URL == "":
		return &connector.FieldError{Field: "environment", Problem: "is missing, and so is url", Hint: `give the participant number, such as environment = "12345"`}
	case c.Environment != "" && c.URL != "":
		return &connector.FieldError{Field: "url", Problem: "is given beside environment", Hint: "give one of the two"}
	case c.URL != "" && c.Stage != "":
		return &connector.FieldError{Field: "stage", Problem: "is given beside url, which says it already"}
	case c.Environment != "" && !participant.MatchString(c.Environment):
		hint := `write the five digits alone, such as "12345"`
		if m := environment.FindStringSubmatch(c.Environment); m != nil {
			hint = fmt.Sprintf("of the environment's name only the digits go here: %q", m[1])
		}
		return &connector.FieldError{Field: "environment", Problem: "is no participant number", Hint: hint}
	}
	return c.validateURL()
}

// validateURL finds addresses at which nothing can answer.
func (c *Config) validateURL() error {
	u, err := url.Parse(c.URL)
	if c.URL == "" || err != nil || !strings.HasSuffix(strings.ToLower(u.Hostname()), ".afas.online") {
		return nil // httpclient looks at the rest
	}
	switch {
	case strings.Contains(u.Hostname(), ".soap"):
		return &connector.FieldError{Field: "url", Problem: "is that of the SOAP services", Hint: "write such as https://12345.rest.afas.online/ProfitRestServices"}
	case strings.Trim(u.Path, "/") == "":
		return &connector.FieldError{Field: "url", Problem: "lacks the path /ProfitRestServices"}
	}
	return nil
}

// baseURL is where the REST services are.
func (c *Config) baseURL() string {
	if c.URL != "" {
		return c.URL
	}
	stage := c.Stage
	if stage == "production" {
		stage = ""
	}
	return fmt.Sprintf("https://%s.rest%s.afas.online/ProfitRestServices", c.Environment, stage)
}

// header are the headers of every request.
func (c *Config) header() http.Header {
	h := http.Header{}
	if c.IntegrationID != "" {
		h.Set("IntegrationId", c.IntegrationID)
	}
	if c.Language != "" {
		h.Set("Accept-Language", c.Language)
	}
	return h
}
