package httpclient

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // RFC 6238 in the form that all authenticator programs use
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"koppel/engine/connector"
)

// A Login describes a login with a one-time code: the request, and where its
// answer holds what. Names of the answer are dotted paths.
type Login struct {
	Path        string            `hcl:"path,optional" doc:"below the connection's url; default /oauth2/token"`
	Format      string            `hcl:"format,optional" oneof:"form json" doc:"how the values are sent; default form"`
	Account     string            `hcl:"account,optional" doc:"the name that account is sent by; default username"`
	Token       string            `hcl:"token,optional" doc:"the name that token is sent by; default password"`
	Code        string            `hcl:"code,optional" doc:"the name that the code is sent by; default otp"`
	Params      map[string]string `hcl:"params,optional" doc:"what else is sent; default { grant_type = \"password\" }"`
	AccessToken string            `hcl:"access_token,optional" doc:"where the answer holds the token, a dotted path; default access_token"`
	ExpiresIn   string            `hcl:"expires_in,optional" doc:"where the answer holds its lifetime in seconds; default expires_in"`
	BaseURL     string            `hcl:"base_url,optional" doc:"where the answer holds the URL that requests go to from then on, if it does; default base_url"`
}

// withDefaults fills in what a block leaves out.
func (l *Login) withDefaults() Login {
	full := Login{
		Path: "/oauth2/token", Format: "form", Account: "username", Token: "password", Code: "otp",
		Params: map[string]string{"grant_type": "password"}, AccessToken: "access_token", ExpiresIn: "expires_in", BaseURL: "base_url",
	}
	if l == nil {
		return full
	}
	for _, p := range []struct{ to, from *string }{
		{&full.Path, &l.Path}, {&full.Format, &l.Format}, {&full.Account, &l.Account}, {&full.Token, &l.Token}, {&full.Code, &l.Code},
		{&full.AccessToken, &l.AccessToken}, {&full.ExpiresIn, &l.ExpiresIn}, {&full.BaseURL, &l.BaseURL},
	} {
		if *p.from != "" {
			*p.to = *p.from
		}
	}
	if l.Params != nil {
		full.Params = l.Params
	}
	return full
}

// TOTP describes an account that logs in with a token and a code that changes
// every 30 seconds (RFC 6238).
type TOTP struct {
	URL     string // of the login's server
	Account string
	Token   connector.Secret
	Secret  connector.Secret // base32
	Login   *Login
}

// Authenticator makes the authenticator. It logs in once for all users of the
// connection and asks where the login says.
func (o TOTP) Authenticator(c Config, env connector.Env) (Authenticator, error) {
	key, err := decodeSecret(string(o.Secret))
	if err != nil {
		return nil, err
	}
	c.Rate = ""
	client, err := New(Options{URL: o.URL, Config: c, Secrets: []string{string(o.Token), string(o.Secret)}}, env)
	if err != nil {
		return nil, err
	}
	asker := &loginAsker{o: o, login: o.Login.withDefaults(), key: key, client: client, config: c}
	return &session{newGrants(asker.ask, string(o.Token), string(o.Secret))}, nil
}

// A session is a login that may say where requests go.
type session struct{ *grants }

// Home is what the login said.
func (s *session) Home(ctx context.Context) (*url.URL, error) {
	now, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	return now.home, nil
}

// decodeSecret reads a secret as authenticator programs show it: base32, in
// groups, without padding.
func decodeSecret(text string) ([]byte, error) {
	clean := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "=", "").Replace(text))
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(clean)
	if err != nil || len(key) == 0 {
		return nil, &connector.FieldError{Field: "auth.secret", Problem: "is no base32 text", Hint: "it is the long text of letters and digits 2 to 7 that stands beside the QR code, not a code of six digits"}
	}
	return key, nil
}

// period is how long a code is good (RFC 6238, section 5.2).
const period = 30 * time.Second

// code is the one-time password of six digits of a window, a count of periods
// since 1970 (RFC 4226, section 5.3).
func code(key []byte, window int64) string {
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(window)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1e6)
}

// A loginAsker logs in.
type loginAsker struct {
	o      TOTP
	login  Login
	key    []byte
	client *Client
	config Config

	mu   sync.Mutex
	last int64 // the window whose code was sent
}

// window waits until there is a code that was not sent yet: servers take each
// one once.
func (a *loginAsker) window(ctx context.Context) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	window := now.Unix() / int64(period/time.Second)
	if window <= a.last {
		window = a.last + 1
		if err := sleep(ctx, time.Unix(window*int64(period/time.Second), 0).Sub(now)); err != nil {
			return 0, err
		}
	}
	a.last = window
	return window, nil
}

func (a *loginAsker) ask(ctx context.Context) (*grant, error) {
	window, err := a.window(ctx)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for name, value := range a.login.Params {
		values[name] = value
	}
	values[a.login.Account], values[a.login.Token], values[a.login.Code] = a.o.Account, string(a.o.Token), code(a.key, window)
	r := &Request{Method: http.MethodPost, Path: a.login.Path, Repeat: Never, Limit: 1 << 20}
	if a.login.Format == "json" {
		r.Body, err = json.Marshal(values)
	} else {
		form := url.Values{}
		for name, value := range values {
			form.Set(name, value)
		}
		r.Body, r.ContentType = []byte(form.Encode()), "application/x-www-form-urlencoded"
	}
	if err != nil {
		return nil, fmt.Errorf("write the login: %w", err)
	}
	resp, err := a.client.Do(ctx, r)
	if err != nil {
		return nil, a.explain(ctx, err)
	}
	return a.read(resp)
}

// explain makes a refusal of the login one of the credentials.
func (a *loginAsker) explain(ctx context.Context, err error) error {
	failed, ok := err.(*Error)
	if ctx.Err() != nil || !ok {
		return err
	}
	e := *failed
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		e.Reason, e.Hint = Denied, "check account, token and secret in the auth block, and the clock of this machine"
	default:
		e.Reason = Unreachable
	}
	return &e
}

// read takes token, lifetime and URL out of the answer.
func (a *loginAsker) read(resp *Response) (*grant, error) {
	var v any
	fail := func(problem string) (*grant, error) {
		return nil, &Error{Reason: Denied, Delivery: Answered, Request: "POST " + resp.URL.String(), Status: resp.Status, ID: resp.ID, Problem: problem, Hint: "check the login block of the connection"}
	}
	if err := json.Unmarshal(resp.Body, &v); err != nil {
		return fail("the answer to the login is no JSON")
	}
	token, _ := member(v, a.login.AccessToken).(string)
	if token == "" {
		return fail("the answer to the login has no " + a.login.AccessToken)
	}
	var lifetime float64
	switch x := member(v, a.login.ExpiresIn).(type) {
	case float64:
		lifetime = x
	case string:
		lifetime, _ = strconv.ParseFloat(x, 64)
	}
	g := newGrant(token, time.Duration(min(max(lifetime, 0), 1e9)*float64(time.Second)))
	if text, _ := member(v, a.login.BaseURL).(string); text != "" {
		home, err := a.config.parseURL("base_url", text)
		if err != nil {
			return fail("the answer to the login has a " + a.login.BaseURL + " that can't be used: it " + strings.TrimPrefix(err.Error(), "base_url "))
		}
		g.home = home
	}
	return g, nil
}

// member is the value at a dotted path; nil: there is none.
func member(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}
