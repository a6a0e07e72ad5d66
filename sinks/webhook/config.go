// Package webhook is the sink kind webhook: each change as a signed message to
// those who want to know of it.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// Config are the arguments of a webhook sink.
type Config struct {
	Topic     connector.Template `hcl:"topic" doc:"what a message is about, such as \"employees.{op}\": {op} is create, update or delete (of a notice: failed, held or recovered), {pipeline} the pipeline's name, {record.x} a mapped field; what is neither a letter nor a digit nor one of - and _ in a value becomes _"`
	Body      connector.Program  `hcl:"body,optional" doc:"jq over {id, topic, time, op, key, record, before, changed} that makes the body; null: this change is not told; default: that object"`
	Headers   httpclient.Headers `hcl:"headers,optional" doc:"headers of every message, beside Content-Type and those of the protocol"`
	Receivers []Receiver         `hcl:"receiver,block" doc:"one who gets messages"`
}

// Receiver are the arguments of a receiver block.
type Receiver struct {
	Name   string           `hcl:"name,label" doc:"names the receiver: what is stored for it belongs to the name, so that its url may change"`
	URL    connector.Secret `hcl:"url" doc:"where messages are posted to"`
	Topics []string         `hcl:"topics,optional" doc:"topics it gets, such as \"employees.*\": * stands for one segment between dots; default: all"`
	Auth   *Auth            `hcl:"auth,block" doc:"how the receiver knows who sends"`

	Timeout        connector.Duration `hcl:"timeout,optional" doc:"how long the receiver may take to answer; default 15s"`
	Rate           string             `hcl:"rate,optional" doc:"the most messages in a time, such as 50/s; default: no bound"`
	MaxConcurrency int                `hcl:"max_concurrency,optional" doc:"the most messages at once; default 4"`
	CAFile         string             `hcl:"ca_file,optional" doc:"a PEM file with the certificates of the authorities that the receiver's certificate may come from, beside those of the machine"`
	Proxy          connector.Secret   `hcl:"proxy,optional" doc:"the URL of a proxy, or \"none\"; default: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say"`
	InsecureHTTP   bool               `hcl:"insecure_http,optional" doc:"allow http:// to hosts other than this machine: everything then travels in the clear"`
}

// Auth are the arguments of an auth block.
type Auth struct {
	Kind   string           `hcl:"kind,label" oneof:"websub oauth2 bearer basic none" doc:"how the receiver knows who sends"`
	Secret connector.Secret `hcl:"secret,optional" doc:"websub: the secret under which bodies are signed, in the header X-Hub-Signature"`
	Method string           `hcl:"method,optional" oneof:"sha1 sha256 sha384 sha512" doc:"websub: how they are signed; default sha256"`

	Token    connector.Secret `hcl:"token,optional" doc:"bearer: the token"`
	Username string           `hcl:"username,optional" doc:"basic: the user"`
	Password connector.Secret `hcl:"password,optional" doc:"basic: the password"`

	TokenURL     string            `hcl:"token_url,optional" doc:"oauth2: where tokens are given, for the grant client_credentials; a token is used until it expires or is refused"`
	ClientID     string            `hcl:"client_id,optional" doc:"oauth2: the client"`
	ClientSecret connector.Secret  `hcl:"client_secret,optional" doc:"oauth2: the client's secret"`
	Scopes       []string          `hcl:"scopes,optional" doc:"oauth2: what is asked for"`
	Params       map[string]string `hcl:"params,optional" doc:"oauth2: what else is sent, such as { audience = \"…\" }"`
}

// static: what Write makes is stored with the state and sent later.
var static = connector.Traits{Outbox: true, Ordered: true, Deletes: true, Identity: "webhook"}

// Kind is the sink kind webhook.
func Kind() connector.Kind[connector.Sink] {
	k := connector.Define("webhook",
		"Each change as a message to those who want to know of it. A change is delivered when its messages are stored; koppel serve, and each koppel run at its end, sends them, in order per receiver and key. What is not answered by 2xx is sent again after 1, 2, 6 and 24 hours, and then given up; koppel deliveries shows and resends.",
		Config{}, open)
	k.Static = static
	k.Static.Identity = ""
	k.FirstRun = true
	k.Version = 1
	return k
}

// Validate checks the arguments against each other.
func (c *Config) Validate() error {
	if len(c.Receivers) == 0 {
		return &connector.FieldError{Field: "receiver", Problem: "is missing: nobody gets anything", Hint: "write receiver \"NAME\" { url = … }"}
	}
	if c.Topic == nil {
		return &connector.FieldError{Field: "topic", Problem: "is missing", Hint: "write such as \"employees.{op}\""}
	}
	if _, err := c.Topic.Fill(func(name string) (any, bool) { return "", knownName(name) }); err != nil {
		return &connector.FieldError{Field: "topic", Problem: strings.TrimPrefix(err.Error(), "fill in the template: "), Hint: "a topic knows {op}, {pipeline} and mapped fields as {record.x}"}
	}
	for name := range c.Headers {
		if slices.Contains([]string{http.CanonicalHeaderKey("content-length"), headerID, headerTopic, headerAttempt, signatureHeader}, http.CanonicalHeaderKey(name)) {
			return &connector.FieldError{Field: "headers", Problem: name + " is set by the protocol"}
		}
	}
	seen := map[string]bool{}
	for i := range c.Receivers {
		r := &c.Receivers[i]
		if seen[r.Name] {
			return &connector.FieldError{Field: "receiver", Problem: fmt.Sprintf("%q is there twice", r.Name)}
		}
		seen[r.Name] = true
		if err := r.validate(); err != nil {
			return err
		}
	}
	return nil
}

func knownName(name string) bool {
	member, ok := strings.CutPrefix(name, "record.")
	return name == "op" || name == "pipeline" || ok && member != ""
}

// Notifies says that a webhook sink can tell people of runs.
func (*Config) Notifies() error { return nil }

func (r *Receiver) validate() error {
	fail := func(field, problem, hint string) error {
		return &connector.FieldError{Field: "receiver." + field, Problem: problem, Hint: hint}
	}
	for _, topic := range r.Topics {
		if topic == "" || slices.Contains(strings.Split(topic, "."), "") {
			return fail("topics", fmt.Sprintf("%q has an empty segment", topic), "write such as \"employees.*\"")
		}
		if slices.ContainsFunc(strings.Split(topic, "."), func(s string) bool { return s != "*" && strings.Contains(s, "*") }) {
			return fail("topics", fmt.Sprintf("%q has a * beside other letters", topic), "* stands for a whole segment, as in \"employees.*\"")
		}
	}
	if r.Auth != nil {
		if err := r.Auth.validate(); err != nil {
			return err
		}
	}
	base, _, _ := strings.Cut(string(r.URL), "?")
	config := r.config()
	err := config.Validate(base)
	var problem *connector.FieldError
	if errors.As(err, &problem) {
		return fail(problem.Field, problem.Problem, problem.Hint)
	}
	return err
}

// config are the arguments as a connection has them.
func (r *Receiver) config() httpclient.Config {
	c := httpclient.Config{Timeout: r.Timeout, Rate: r.Rate, MaxConcurrency: r.MaxConcurrency, CAFile: r.CAFile, Proxy: r.Proxy,
		InsecureHTTP: r.InsecureHTTP, Retry: &httpclient.Retry{Attempts: 1}}
	if c.Timeout == 0 {
		c.Timeout = connector.Duration(15 * time.Second)
	}
	if c.MaxConcurrency == 0 {
		c.MaxConcurrency = 4
	}
	return c
}

func (a *Auth) validate() error {
	if a.Kind == "none" || a.Kind == "" {
		return nil
	}
	if a.Kind != "websub" {
		auth := a.http()
		if a.Secret != "" || a.Method != "" {
			return &connector.FieldError{Field: "receiver.auth.secret", Problem: fmt.Sprintf("has no meaning in auth %q", a.Kind)}
		}
		err := auth.Validate()
		var problem *connector.FieldError
		if errors.As(err, &problem) {
			return &connector.FieldError{Field: "receiver." + problem.Field, Problem: problem.Problem, Hint: problem.Hint}
		}
		return err
	}
	if a.Secret == "" {
		return &connector.FieldError{Field: "receiver.auth.secret", Problem: "is missing or empty in auth \"websub\""}
	}
	return nil
}

// http are the credentials as a connection has them.
func (a *Auth) http() *httpclient.Auth {
	return &httpclient.Auth{Kind: a.Kind, Token: a.Token, Username: a.Username, Password: a.Password,
		TokenURL: a.TokenURL, ClientID: a.ClientID, ClientSecret: a.ClientSecret, Scopes: a.Scopes, Params: a.Params}
}

func open(_ context.Context, c Config, env connector.Env) (connector.Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &sink{c: c, env: env, masks: map[string]bool{}, unsent: map[string]bool{}, posts: map[string]*post{}}
	for _, f := range env.Shape.Fields {
		s.masks[f.Name] = f.Sensitive
		s.unsent[f.Name] = !f.Send
		s.sensitive = s.sensitive || f.Sensitive && f.Send
	}
	for i := range c.Receivers {
		s.posts[c.Receivers[i].Name] = &post{r: &c.Receivers[i]}
	}
	return s, nil
}

// matches tells whether a receiver wants a topic.
func (r *Receiver) matches(topic string) bool {
	if len(r.Topics) == 0 {
		return true
	}
	segments := strings.Split(topic, ".")
	return slices.ContainsFunc(r.Topics, func(pattern string) bool {
		wanted := strings.Split(pattern, ".")
		return slices.EqualFunc(wanted, segments, func(w, s string) bool { return w == "*" || w == s })
	})
}
