package httpclient

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // RFC 6238 in the form that all authenticator programs use
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"koppel/engine/connector"
)

// TOTP describes an account that logs in with a token and a code that changes
// every 30 seconds (RFC 6238).
type TOTP struct {
	URL     string // of the login's server
	Account string
	Token   connector.Secret
	Secret  connector.Secret // base32
	Login   *Login
	// Exchange, when set, acts for somebody else once the account is logged in.
	Exchange *Exchange
}

// Validate checks the secret.
func (o TOTP) Validate() error {
	_, err := decodeSecret(string(o.Secret))
	return err
}

// Authenticator makes the authenticator. It logs in once for all users of the
// connection and asks where the login says. No code is sent twice, whatever
// process or connection on this machine sends it.
func (o TOTP) Authenticator(c Config, env connector.Env) (Authenticator, error) {
	key, err := decodeSecret(string(o.Secret))
	if err != nil {
		return nil, err
	}
	retry := c.retries()
	once := Retry{Attempts: 1, Min: retry.Min, Max: retry.Max} // each attempt has a code of its own
	c.Rate, c.Retry = "", &once
	client, err := New(Options{URL: o.URL, Config: c, Secrets: []string{string(o.Token), string(o.Secret)}}, env)
	if err != nil {
		return nil, err
	}
	asker := &loginAsker{o: o, login: o.Login.withDefaults(), key: key, client: client, config: c, retry: retry, env: env}
	asker.windows = newWindows(key, client.Base()+"\n"+o.Account, client.now, client.log)
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
