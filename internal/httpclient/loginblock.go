package httpclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
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

// A granted is what the answer to a login holds.
type granted struct {
	token string
	life  time.Duration // 0: it does not say
	home  string        // empty: it names none
}

// longestLife is the longest lifetime that is believed, in seconds.
const longestLife = 1e9

// parseGrant takes token, lifetime and URL out of an answer. Its error goes on
// after "the answer to the login".
func parseGrant(body []byte, l Login) (granted, error) {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return granted{}, errors.New("is no JSON")
	}
	g := granted{}
	switch token := member(v, l.AccessToken).(type) {
	case string:
		g.token = token
	case nil:
	default:
		return g, fmt.Errorf("holds in %s no text", l.AccessToken)
	}
	if g.token == "" {
		return g, fmt.Errorf("has no %s", l.AccessToken)
	}
	if strings.ContainsFunc(g.token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return g, fmt.Errorf("holds in %s what no header can hold", l.AccessToken)
	}
	var life float64
	switch x := member(v, l.ExpiresIn).(type) {
	case float64:
		life = x
	case string:
		life, _ = strconv.ParseFloat(x, 64)
	}
	if life > 0 { // NaN is not
		g.life = time.Duration(min(life, longestLife) * float64(time.Second))
	}
	switch home := member(v, l.BaseURL).(type) {
	case string:
		g.home = strings.TrimSpace(home)
	case nil:
	default:
		return g, fmt.Errorf("holds in %s no text", l.BaseURL)
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
