// Package webhook is the source kind "webhook": events that others deliver over
// HTTP.
package webhook

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"koppel/engine/connector"
	"koppel/internal/graph"
	"koppel/internal/httpclient"
	"koppel/internal/webhook"
)

// Config holds the arguments of a source of this kind.
type Config struct {
	Path    string            `hcl:"path" doc:"where koppel serve is delivered to: /hooks/crm; each source has a path of its own"`
	Auth    Auth              `hcl:"auth,block" doc:"how who delivers proves that it may"`
	ID      connector.Program `hcl:"id,optional" doc:"jq over the body that gives the id of a delivery: a text or number that is the same when it is repeated; default: .id"`
	Topic   connector.Program `hcl:"topic,optional" doc:"jq over the body that gives the topic; default: none"`
	Topics  []string          `hcl:"topics,optional" doc:"the topics that are kept, such as Accounts.Update or Accounts.*: * is one segment; default: all"`
	Rate    string            `hcl:"rate,optional" doc:"the most deliveries in a time, such as 100/s; more are answered 429; default: no bound"`
	MaxSize int               `hcl:"max_size,optional" doc:"the largest body, in bytes; larger ones are answered 413"`
	Most    int               `hcl:"max_concurrency,optional" doc:"the most deliveries that are taken in at once"`
}

// Auth are the arguments of an auth block; which of them there are is by its
// label.
type Auth struct {
	Kind             string           `hcl:"kind,label" oneof:"websub oauth2 bearer graph none" doc:"websub: a signature of the body in the header X-Hub-Signature, method=hexdigest, with sha1, sha256, sha384 or sha512; oauth2: an access token; bearer: a token that is always the same; graph: change notifications of Microsoft Graph; none: nothing, whoever reaches the path may deliver"`
	Secret           connector.Secret `hcl:"secret,optional" doc:"websub: the secret of the signature"`
	Token            connector.Secret `hcl:"token,optional" doc:"bearer: the token"`
	Issuer           string           `hcl:"issuer,optional" doc:"oauth2: who gives the tokens, as their claim iss says"`
	Audience         string           `hcl:"audience,optional" doc:"oauth2: for whom they are, as their claim aud says"`
	KeysURL          string           `hcl:"jwks_url,optional" doc:"oauth2: where the issuer's keys are; the tokens are then signed JWTs"`
	IntrospectionURL string           `hcl:"introspection_url,optional" doc:"oauth2: in place of jwks_url, where is asked whether a token is active (RFC 7662)"`
	ClientID         string           `hcl:"client_id,optional" doc:"oauth2 with introspection_url: as whom is asked"`
	ClientSecret     connector.Secret `hcl:"client_secret,optional" doc:"oauth2 with introspection_url: the secret of client_id"`
	ClientState      connector.Secret `hcl:"client_state,optional" doc:"graph: the secret that each notification repeats, of at most 128 characters"`
	// Connection and URL go together.
	Connection connector.Connection `hcl:"connection,optional" doc:"graph: the tenant that koppel serve asks for notifications, about each mailbox that pipelines read by graph_events through this connection; they start those pipelines; default: none is asked for, and what comes is taken in"`
	URL        string               `hcl:"url,optional" doc:"graph with connection: the https address at which Microsoft reaches path"`
}

// Kind defines the source kind "webhook".
func Kind() connector.Kind[connector.Source] {
	k := connector.Define("webhook",
		"Events that others deliver to koppel serve over HTTP. The record is {id, topic, received, headers, body}: headers in lower case, without credentials and signatures. A delivery is on disk before it is answered with 200; one whose id came before, within 30 days, is answered so and has no second effect. Absence proves nothing: what is gone is told by deleted. With a key other than the id, the last event of a key counts. An arrival starts the pipelines that read the source.",
		Config{MaxSize: 1 << 20, Most: 256}, open)
	k.DefaultKey = []string{"id"}
	k.Connections = []connector.Kind[any]{graph.Kind()}
	k.Event = true
	return k
}

// ReceivedAt is the path at which the source is delivered to.
func (c *Config) ReceivedAt() string { return c.Path }

// SubscribedTo is the tenant that is asked for notifications, and the address
// that these are sent to.
func (c *Config) SubscribedTo() (connection, place string) {
	if c.Auth.Kind != "graph" || c.Auth.Connection.Address == "" {
		return "", ""
	}
	place, _ = address(c.Auth.URL)
	return c.Auth.Connection.Address, place
}

// DefaultKey is the id of a delivery.
func (c *Config) DefaultKey() []string { return []string{"id"} }

// reserved are the paths of the service itself.
func reserved() []string { return []string{"/api", "/metrics", "/healthz", "/readyz", "/saml"} }

// Validate checks the arguments against each other.
func (c *Config) Validate() error {
	if err := c.checkPath(); err != nil {
		return err
	}
	if _, err := httpclient.Limiter(c.Rate); err != nil {
		return err
	}
	switch {
	case c.MaxSize < 1 || c.MaxSize > 64<<20:
		return &connector.FieldError{Field: "max_size", Problem: fmt.Sprintf("is %d", c.MaxSize), Hint: "write a number of bytes between 1 and 67108864"}
	case c.Most < 1 || c.Most > 10_000:
		return &connector.FieldError{Field: "max_concurrency", Problem: fmt.Sprintf("is %d", c.Most), Hint: "write a number between 1 and 10000"}
	case c.Auth.Kind == "graph" && (c.ID != nil || c.Topic != nil):
		return &connector.FieldError{Field: "id", Problem: "and topic have no meaning in a source with auth \"graph\"", Hint: "the topic is what happened: created, updated, deleted, missed and so on"}
	case c.Topics != nil && c.Topic == nil && c.Auth.Kind != "graph":
		return &connector.FieldError{Field: "topics", Problem: "needs topic, which says what the topic of a body is", Hint: "such as topic = jq(\".topic\")"}
	}
	for _, t := range c.Topics {
		for segment := range strings.SplitSeq(t, ".") {
			if segment == "" || segment != "*" && strings.Contains(segment, "*") {
				return &connector.FieldError{Field: "topics", Problem: fmt.Sprintf("holds %q, which is no topic", t), Hint: "* stands for one whole segment between dots, as in Accounts.*"}
			}
		}
	}
	if err := c.Auth.Validate(); err != nil {
		return err
	}
	return c.checkURL()
}

// checkURL wants the address at which Graph reaches the path. A proxy may have the
// path below one of its own.
func (c *Config) checkURL() error {
	wrong := func(problem, hint string) error {
		return &connector.FieldError{Field: "auth.url", Problem: problem, Hint: hint}
	}
	text, asked := c.Auth.URL, c.Auth.Connection.Address != ""
	u, err := url.Parse(text)
	switch {
	case text == "" && !asked:
	case text == "":
		return wrong("is missing beside connection", "write the https address at which Microsoft reaches "+c.Path)
	case !asked:
		return wrong("has no meaning without connection", "name the connection that is asked for notifications")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return wrong("is no address", "write such as https://koppel.example"+c.Path)
	case webhook.CheckURL(text) != nil:
		return wrong("is not https", "Graph sends notifications to https only: write such as https://koppel.example"+c.Path)
	case !strings.HasSuffix(u.Path, c.Path):
		return wrong("does not end in the path of the source", "write such as https://koppel.example"+c.Path)
	}
	return nil
}

func (c *Config) checkPath() error {
	wrong := func(problem, hint string) error {
		return &connector.FieldError{Field: "path", Problem: problem, Hint: hint}
	}
	u, err := url.Parse(c.Path)
	switch {
	case c.Path == "":
		return wrong("is empty", "write a path such as /hooks/crm")
	case err != nil || u.Path != c.Path || !strings.HasPrefix(c.Path, "/") || strings.ContainsFunc(c.Path, func(r rune) bool {
		return r > unicode.MaxASCII || unicode.IsSpace(r) || strings.ContainsRune(`{}?#%\`, r)
	}):
		return wrong(fmt.Sprintf("is %q, which is no path", c.Path), "write a path such as /hooks/crm, without a host and a query")
	case strings.HasSuffix(c.Path, "/") || strings.Contains(c.Path, "//") || strings.Contains(c.Path+"/", "/./") || strings.Contains(c.Path+"/", "/../"):
		return wrong(fmt.Sprintf("is %q, which has an empty segment or one of dots", c.Path), "write a path such as /hooks/crm")
	}
	for _, r := range reserved() {
		if c.Path == r || strings.HasPrefix(c.Path, r+"/") {
			return wrong(fmt.Sprintf("begins with %s, which is the service's own", r), "write a path such as /hooks/crm")
		}
	}
	return nil
}

// arguments lists, for each label, the arguments that must be there and those
// that may.
func arguments(kind string) (must, may []string) {
	switch kind {
	case "websub":
		return []string{"secret"}, nil
	case "bearer":
		return []string{"token"}, nil
	case "oauth2":
		return []string{"issuer", "audience"}, []string{"jwks_url", "introspection_url", "client_id", "client_secret"}
	case "graph":
		return []string{"client_state"}, []string{"connection", "url"}
	}
	return nil, nil
}

func (a *Auth) given() map[string]bool {
	return map[string]bool{
		"secret": a.Secret != "", "token": a.Token != "", "issuer": a.Issuer != "", "audience": a.Audience != "", "jwks_url": a.KeysURL != "",
		"introspection_url": a.IntrospectionURL != "", "client_id": a.ClientID != "", "client_secret": a.ClientSecret != "", "client_state": a.ClientState != "",
		"connection": a.Connection.Address != "", "url": a.URL != "",
	}
}

// Validate checks the arguments against the label.
func (a *Auth) Validate() error {
	must, may := arguments(a.Kind)
	given, known := a.given(), slices.Concat(must, may)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if given[name] && !slices.Contains(known, name) {
			return &connector.FieldError{Field: "auth." + name, Problem: fmt.Sprintf("has no meaning in auth %q", a.Kind), Hint: "its arguments are " + strings.Join(known, ", ")}
		}
	}
	for _, name := range must {
		if !given[name] {
			return &connector.FieldError{Field: "auth." + name, Problem: fmt.Sprintf("is missing or empty in auth %q", a.Kind)}
		}
	}
	switch {
	case a.Kind == "oauth2" && given["jwks_url"] == given["introspection_url"]:
		return &connector.FieldError{Field: "auth.jwks_url", Problem: "or introspection_url: exactly one of them says how a token is checked"}
	case given["jwks_url"] && (given["client_id"] || given["client_secret"]):
		return &connector.FieldError{Field: "auth.client_id", Problem: "and client_secret belong to introspection_url, which is not there"}
	case len(a.ClientState) > 128:
		return &connector.FieldError{Field: "auth.client_state", Problem: "is longer than 128 characters, which Graph does not take"}
	}
	for name, text := range map[string]string{"jwks_url": a.KeysURL, "introspection_url": a.IntrospectionURL} {
		if text != "" {
			if err := webhook.CheckURL(text); err != nil {
				return &connector.FieldError{Field: "auth." + name, Problem: err.Error(), Hint: "write https://…"}
			}
		}
	}
	return nil
}

func open(_ context.Context, c Config, env connector.Env) (connector.Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return newReceiver(c, env)
}

// verifier gives what checks the deliveries.
func (a *Auth) verifier(env connector.Env) webhook.Verifier {
	switch a.Kind {
	case "websub":
		return webhook.WebSub{Secret: a.Secret}
	case "bearer":
		return webhook.Bearer{Token: a.Token}
	case "oauth2":
		return webhook.OAuth2{Issuer: a.Issuer, Audience: a.Audience, KeysURL: a.KeysURL, IntrospectionURL: a.IntrospectionURL,
			ClientID: a.ClientID, ClientSecret: a.ClientSecret, Now: env.Now, Client: env.HTTP}.Verifier()
	}
	return webhook.Open{}
}
