package httpclient

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"koppel/engine/connector"
)

// Auth are the arguments of an auth block; which of them there are is by its
// label.
type Auth struct {
	Kind     string           `hcl:"kind,label" oneof:"basic bearer api_key oauth2 totp mtls wsse" doc:"how the system knows who asks"`
	Username string           `hcl:"username,optional" doc:"basic, wsse: the user"`
	Password connector.Secret `hcl:"password,optional" doc:"basic, wsse: the password"`
	// PasswordType is that of a UsernameToken.
	PasswordType string `hcl:"password_type,optional" oneof:"text digest" doc:"wsse: how the password travels: text, the default, or digest, a hash of it with the time and a nonce"`

	Token  connector.Secret `hcl:"token,optional" doc:"bearer, totp: the token"`
	Header string           `hcl:"header,optional" doc:"api_key: the header that carries the key"`
	Query  string           `hcl:"query,optional" doc:"api_key: the query value that carries the key, for systems that take no header"`
	Value  connector.Secret `hcl:"value,optional" doc:"api_key: the key"`

	TokenURL        string            `hcl:"token_url,optional" doc:"oauth2: where tokens are given, for the grant client_credentials"`
	ClientID        string            `hcl:"client_id,optional" doc:"oauth2: the client"`
	ClientSecret    connector.Secret  `hcl:"client_secret,optional" doc:"oauth2: the client's secret"`
	CertificateFile string            `hcl:"certificate_file,optional" doc:"oauth2: in place of a secret, a certificate (PEM) whose key signs an assertion"`
	AssertionFile   string            `hcl:"assertion_file,optional" doc:"oauth2: in place of a secret, a file with an assertion that another program keeps fresh (a federated token)"`
	KeyID           string            `hcl:"key_id,optional" doc:"oauth2: the name of the certificate's key at the server, where it wants one"`
	Scopes          []string          `hcl:"scopes,optional" doc:"oauth2: what is asked for"`
	Params          map[string]string `hcl:"params,optional" doc:"oauth2: what else is sent, such as { audience = \"…\" }"`

	Account string           `hcl:"account,optional" doc:"totp: the name of the account"`
	Secret  connector.Secret `hcl:"secret,optional" doc:"totp: the secret of the codes, base32"`
	Login   *Login           `hcl:"login,block" doc:"totp: the login, as far as it differs from the default"`

	CertFile string `hcl:"cert_file,optional" doc:"mtls: the certificate (PEM) that is shown to the server"`
	KeyFile  string `hcl:"key_file,optional" doc:"mtls, oauth2: the certificate's key (PEM, without a password); default: it stands beside the certificate"`
}

// authArguments lists, for each label, the arguments that must be there and
// those that may.
func authArguments(kind string) (must, may []string) {
	switch kind {
	case "basic":
		return []string{"username", "password"}, nil
	case "wsse":
		return []string{"username", "password"}, []string{"password_type"}
	case "bearer":
		return []string{"token"}, nil
	case "api_key":
		return []string{"value"}, []string{"header", "query"}
	case "oauth2":
		return []string{"token_url", "client_id"}, []string{"client_secret", "certificate_file", "key_file", "assertion_file", "key_id", "scopes", "params"}
	case "totp":
		return []string{"account", "token", "secret"}, []string{"login"}
	case "mtls":
		return []string{"cert_file"}, []string{"key_file"}
	}
	return nil, nil
}

// given tells which arguments there are.
func (a *Auth) given() map[string]bool {
	return map[string]bool{
		"username": a.Username != "", "password": a.Password != "", "password_type": a.PasswordType != "",
		"token": a.Token != "", "header": a.Header != "", "query": a.Query != "",
		"value": a.Value != "", "token_url": a.TokenURL != "", "client_id": a.ClientID != "", "client_secret": a.ClientSecret != "",
		"certificate_file": a.CertificateFile != "", "assertion_file": a.AssertionFile != "", "key_id": a.KeyID != "", "scopes": a.Scopes != nil,
		"params": a.Params != nil, "account": a.Account != "", "secret": a.Secret != "", "login": a.Login != nil,
		"cert_file": a.CertFile != "", "key_file": a.KeyFile != "",
	}
}

// Validate checks the arguments against the label.
func (a *Auth) Validate() error {
	must, may := authArguments(a.Kind)
	given := a.given()
	known := slices.Concat(must, may)
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
	case a.Kind == "api_key" && given["header"] == given["query"]:
		return &connector.FieldError{Field: "auth.header", Problem: "or query: exactly one of them says where the key goes"}
	case a.Kind == "oauth2":
		return a.oneProof(given)
	}
	return nil
}

// oneProof wants one way in which a client of OAuth 2.0 proves who it is.
func (a *Auth) oneProof(given map[string]bool) error {
	n := 0
	for _, name := range []string{"client_secret", "certificate_file", "assertion_file"} {
		if given[name] {
			n++
		}
	}
	if n != 1 {
		return &connector.FieldError{Field: "auth.client_secret", Problem: "or certificate_file or assertion_file: exactly one of them proves who the client is"}
	}
	if (given["key_file"] || given["key_id"]) && !given["certificate_file"] {
		return &connector.FieldError{Field: "auth.key_file", Problem: "or key_id belongs to certificate_file, which is not there"}
	}
	return nil
}

// Options adds what the block describes to the options of a connection that is
// no connection block, such as the receiver of a webhook.
func (a *Auth) Options(o Options, env connector.Env) (Options, error) { return a.options(o, env) }

// options adds what the block describes to the options of a connection.
func (a *Auth) options(o Options, env connector.Env) (Options, error) {
	var one Authenticator
	var err error
	switch a.Kind {
	case "basic":
		one = Basic(a.Username, a.Password)
	case "bearer":
		one = Bearer(a.Token)
	case "api_key":
		if one = Header(a.Header, a.Value); a.Query != "" {
			one = Query(a.Query, a.Value)
		}
	case "oauth2":
		one, err = OAuth2{
			TokenURL: a.TokenURL, ClientID: a.ClientID, ClientSecret: a.ClientSecret, CertificateFile: a.CertificateFile,
			KeyFile: a.KeyFile, AssertionFile: a.AssertionFile, KeyID: a.KeyID, Scopes: a.Scopes, Params: a.Params,
		}.Authenticator(o.Config, env)
	case "totp":
		one, err = TOTP{URL: o.URL, Account: a.Account, Token: a.Token, Secret: a.Secret, Login: a.Login}.Authenticator(o.Config, env)
	case "mtls":
		certificate, loadErr := loadCertificate("auth.cert_file", a.CertFile, a.KeyFile, env.Dir)
		o.Certificates, err = append(o.Certificates, certificate), loadErr
	case "wsse":
		o.UsernameToken = &UsernameToken{Username: a.Username, Password: a.Password, Digest: a.PasswordType == "digest"}
	}
	if one != nil {
		o.Auth = one
	}
	return o, err
}
