package graph

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// mostAtOnce is how many requests are under way at once by default: Outlook
// takes four for one mailbox, and these go to as many mailboxes.
const mostAtOnce = 8

// Config are the arguments of a graph connection.
type Config struct {
	Tenant             string           `hcl:"tenant" doc:"the tenant: its id, or one of its domains such as \"contoso.onmicrosoft.com\""`
	ClientID           string           `hcl:"client_id" doc:"the application (client) id of the app registration"`
	ClientSecret       connector.Secret `hcl:"client_secret,optional" doc:"the value of a client secret (not its id); or give certificate_file or federated_token_file"`
	CertificateFile    string           `hcl:"certificate_file,optional" doc:"a PEM file with a certificate that the app registration knows; its key signs an assertion"`
	KeyFile            string           `hcl:"key_file,optional" doc:"a PEM file with the certificate's key, without a password; default: it stands in certificate_file"`
	FederatedTokenFile string           `hcl:"federated_token_file,optional" doc:"a file with a token of another identity provider that the app registration trusts; read anew for each token, as another program keeps it fresh"`
	Cloud              string           `hcl:"cloud,optional" oneof:"public usgov usgov_dod china" doc:"which of Microsoft's clouds the tenant is in; default public"`
	LoginURL           string           `hcl:"login_url,optional" doc:"in place of cloud: where tokens are given, such as \"https://login.microsoftonline.com\""`
	URL                string           `hcl:"url,optional" doc:"in place of cloud: where Graph is, without a version, such as \"https://graph.microsoft.com\""`

	httpclient.Config `hcl:",embed"`
}

// A cloud is where Entra ID and Graph are.
type cloud struct{ login, graph string }

// clouds gives the hosts of a national cloud.
func clouds(name string) cloud {
	switch name {
	case "usgov":
		return cloud{"https://login.microsoftonline.us", "https://graph.microsoft.us"}
	case "usgov_dod":
		return cloud{"https://login.microsoftonline.us", "https://dod-graph.microsoft.us"}
	case "china":
		return cloud{"https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"}
	}
	return cloud{"https://login.microsoftonline.com", "https://graph.microsoft.com"}
}

// Defaults are the arguments of a connection that gives none.
func Defaults() Config {
	c := Config{Config: httpclient.Defaults()}
	c.MaxConcurrency = mostAtOnce
	return c
}

// Kind is the connection kind graph; it opens a *Client.
func Kind() connector.Kind[any] {
	k := connector.Define("graph", "A Microsoft 365 tenant, asked by an app registration through Microsoft Graph.", Defaults(),
		func(_ context.Context, c Config, env connector.Env) (any, error) { return New(c, env) })
	k.OverHTTP = true
	return k
}

var (
	tenantForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)
	clientForm  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]*$`)
	versionPath = regexp.MustCompile(`/(v1\.0|beta)/*$`)
)

// Validate checks the arguments.
func (c *Config) Validate() error {
	switch {
	case !tenantForm.MatchString(c.Tenant):
		return &connector.FieldError{Field: "tenant", Problem: "is no tenant", Hint: `write its id or one of its domains, such as "contoso.onmicrosoft.com"`}
	case c.Tenant == "common" || c.Tenant == "organizations" || c.Tenant == "consumers":
		return &connector.FieldError{Field: "tenant", Problem: "is no tenant of its own", Hint: "an application signs in to one tenant: write its id or one of its domains"}
	case !clientForm.MatchString(c.ClientID):
		return &connector.FieldError{Field: "client_id", Problem: "is no client id", Hint: "it is the application (client) id on the overview of the app registration"}
	case c.Cloud != "" && (c.LoginURL != "" || c.URL != ""):
		return &connector.FieldError{Field: "cloud", Problem: "is given beside login_url or url, which say it already"}
	case versionPath.MatchString(c.URL):
		return &connector.FieldError{Field: "url", Problem: "ends in a version", Hint: "write it without, such as https://graph.microsoft.com"}
	}
	if err := c.oneProof(); err != nil {
		return err
	}
	if err := c.Config.Validate(c.loginURL()); err != nil {
		return renamed(err, "url", "login_url")
	}
	return c.Config.Validate(c.baseURL())
}

// oneProof wants one way in which the application proves who it is.
func (c *Config) oneProof() error {
	n := 0
	for _, given := range []bool{c.ClientSecret != "", c.CertificateFile != "", c.FederatedTokenFile != ""} {
		if given {
			n++
		}
	}
	switch {
	case n != 1:
		return &connector.FieldError{Field: "client_secret", Problem: "or certificate_file or federated_token_file: exactly one of them proves who the application is"}
	case c.KeyFile != "" && c.CertificateFile == "":
		return &connector.FieldError{Field: "key_file", Problem: "belongs to certificate_file, which is not there"}
	}
	return nil
}

func (c *Config) loginURL() string {
	if c.LoginURL != "" {
		return strings.TrimRight(c.LoginURL, "/")
	}
	return clouds(c.Cloud).login
}

func (c *Config) baseURL() string {
	if c.URL != "" {
		return strings.TrimRight(c.URL, "/")
	}
	return clouds(c.Cloud).graph
}

// authenticator makes what gets tokens for the application.
func (c *Config) authenticator(env connector.Env) (httpclient.Authenticator, error) {
	auth, err := httpclient.OAuth2{
		TokenURL: c.loginURL() + "/" + url.PathEscape(c.Tenant) + "/oauth2/v2.0/token", ClientID: c.ClientID,
		ClientSecret: c.ClientSecret, CertificateFile: c.CertificateFile, KeyFile: c.KeyFile, AssertionFile: c.FederatedTokenFile,
		Scopes: []string{c.baseURL() + "/.default"}, InBody: true, PSS: true,
	}.Authenticator(c.Config, env)
	if err != nil {
		return nil, renamed(renamed(renamed(err, "auth.token_url", "login_url"), "auth.certificate_file", "certificate_file"), "auth.key_file", "key_file")
	}
	return auth, nil
}

// renamed gives an error about an argument the name that it has here.
func renamed(err error, from, to string) error {
	var field *connector.FieldError
	if !errors.As(err, &field) || field.Field != from {
		return err
	}
	return &connector.FieldError{Field: to, Problem: field.Problem, Hint: field.Hint}
}
