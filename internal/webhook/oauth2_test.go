package webhook_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"koppel/internal/webhook"
)

// An issuer publishes keys.
type issuer struct {
	*httptest.Server
	keys  atomic.Value // []any
	down  atomic.Bool
	asked atomic.Int64
}

func newIssuer(t *testing.T, keys ...any) *issuer {
	t.Helper()
	is := &issuer{}
	is.keys.Store(keys)
	is.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		is.asked.Add(1)
		if is.down.Load() {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"keys": is.keys.Load()}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(is.Close)
	return is
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// published gives a public key as RFC 7517 has it.
func published(t *testing.T, id string, key crypto.PublicKey) map[string]any {
	t.Helper()
	switch key := key.(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "kid": id, "use": "sig", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}
	case *ecdsa.PublicKey:
		raw, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"kty": "EC", "kid": id, "crv": "P-256", "x": b64(raw[1:33]), "y": b64(raw[33:])}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "kid": id, "crv": "Ed25519", "x": b64(key)}
	}
	t.Fatalf("a %T", key)
	return nil
}

type keyring struct {
	rsa, other *rsa.PrivateKey
	ec         *ecdsa.PrivateKey
	ed         ed25519.PrivateKey
}

func newKeys(t *testing.T) keyring {
	t.Helper()
	var k keyring
	var errs [4]error
	k.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	k.other, errs[1] = rsa.GenerateKey(rand.Reader, 2048)
	k.ec, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, k.ed, errs[3] = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return k
}

func token(t *testing.T, method jwt.SigningMethod, id string, key any, claims jwt.MapClaims) string {
	t.Helper()
	tok := jwt.NewWithClaims(method, claims)
	if id != "" {
		tok.Header["kid"] = id
	}
	text, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func head(t *testing.T, v webhook.Verifier, token string) error {
	t.Helper()
	return v.Head(t.Context(), http.Header{"Authorization": {"Bearer " + token}})
}

func claims(now time.Time, change func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{"iss": "https://login.example", "aud": []string{"koppel", "other"}, "exp": now.Add(time.Minute).Unix(), "nbf": now.Unix()}
	if change != nil {
		change(c)
	}
	return c
}

// A token counts when a key of the issuer signed it, for this audience and this
// time; every other is refused, whatever its header says.
func TestSignedTokens(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	k := newKeys(t)
	is := newIssuer(t, published(t, "r", k.rsa.Public()), published(t, "e", k.ec.Public()), published(t, "d", k.ed.Public()), map[string]any{"kty": "new", "kid": "x"})
	v := webhook.OAuth2{Issuer: "https://login.example", Audience: "koppel", KeysURL: is.URL, Now: func() time.Time { return now }}.Verifier()
	der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	good := token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, nil))
	embedded := jwt.NewWithClaims(jwt.SigningMethodRS256, claims(now, nil))
	embedded.Header["jwk"] = published(t, "", k.other.Public())
	embedded.Header["jku"] = is.URL
	foreign, err := embedded.SignedString(k.other)
	if err != nil {
		t.Fatal(err)
	}
	change := func(name string, value any) func(jwt.MapClaims) { return func(c jwt.MapClaims) { c[name] = value } }
	for name, tt := range map[string]struct {
		token string
		want  bool
	}{
		"RSA":                 {good, true},
		"RSA-PSS":             {token(t, jwt.SigningMethodPS384, "r", k.rsa, claims(now, nil)), true},
		"ECDSA":               {token(t, jwt.SigningMethodES256, "e", k.ec, claims(now, nil)), true},
		"EdDSA":               {token(t, jwt.SigningMethodEdDSA, "d", k.ed, claims(now, nil)), true},
		"a clock behind":      {token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, change("nbf", now.Add(50*time.Second).Unix()))), true},
		"a clock ahead":       {token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, change("exp", now.Add(-50*time.Second).Unix()))), true},
		"expired":             {token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, change("exp", now.Add(-2*time.Minute).Unix()))), false},
		"not yet":             {token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, change("nbf", now.Add(2*time.Minute).Unix()))), false},
		"for ever":            {token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, func(c jwt.MapClaims) { delete(c, "exp") })), false},
		"another issuer":      {token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, change("iss", "https://login.example/"))), false},
		"no issuer":           {token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, func(c jwt.MapClaims) { delete(c, "iss") })), false},
		"another audience":    {token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, change("aud", "koppels"))), false},
		"no audience":         {token(t, jwt.SigningMethodRS256, "r", k.rsa, claims(now, func(c jwt.MapClaims) { delete(c, "aud") })), false},
		"another key":         {token(t, jwt.SigningMethodRS256, "r", k.other, claims(now, nil)), false},
		"a key of its own":    {foreign, false},
		"a name of no key":    {token(t, jwt.SigningMethodRS256, "z", k.rsa, claims(now, nil)), false},
		"a key of other kind": {token(t, jwt.SigningMethodRS256, "e", k.rsa, claims(now, nil)), false},
		"the public key":      {token(t, jwt.SigningMethodHS256, "r", public, claims(now, nil)), false},
		"no signature":        {token(t, jwt.SigningMethodNone, "r", jwt.UnsafeAllowNoneSignatureType, claims(now, nil)), false},
		"cut":                 {good[:len(good)-4], false},
		"no token":            {"a.b.c", false},
	} {
		err := head(t, v, tt.token)
		if (err == nil) != tt.want || err != nil && !errors.Is(err, webhook.ErrUnauthorized) {
			t.Errorf("%s: %v, want it to pass: %v", name, err, tt.want)
		}
	}
	if n := is.asked.Load(); n > 5 {
		t.Errorf("the keys were asked for %d times within a minute", n)
	}
	for range 20 {
		if err := head(t, v, token(t, jwt.SigningMethodRS256, "z", k.rsa, claims(now, nil))); !errors.Is(err, webhook.ErrUnauthorized) {
			t.Errorf("a name of no key: %v", err)
		}
	}
	if n := is.asked.Load(); n != 5 {
		t.Errorf("names of no key made the keys be asked for %d times within a minute", n)
	}
}

// A token that names no key is taken where one key only can have signed it.
func TestNamelessKeys(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	k := newKeys(t)
	is := newIssuer(t, published(t, "r", k.rsa.Public()), published(t, "e", k.ec.Public()), published(t, "d", k.ed.Public()))
	v := webhook.OAuth2{Issuer: "https://login.example", Audience: "koppel", KeysURL: is.URL, Now: func() time.Time { return now }}.Verifier()
	for name, text := range map[string]string{
		"RSA":     token(t, jwt.SigningMethodRS512, "", k.rsa, claims(now, nil)),
		"RSA-PSS": token(t, jwt.SigningMethodPS256, "", k.rsa, claims(now, nil)),
		"ECDSA":   token(t, jwt.SigningMethodES256, "", k.ec, claims(now, nil)),
		"EdDSA":   token(t, jwt.SigningMethodEdDSA, "", k.ed, claims(now, nil)),
	} {
		if err := head(t, v, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := head(t, v, token(t, jwt.SigningMethodRS256, "", k.other, claims(now, nil))); !errors.Is(err, webhook.ErrUnauthorized) {
		t.Errorf("another key: %v", err)
	}
}

// A new key is found once a token names it, some times at once and then every
// minute; keys that are known go on to count while the issuer is down, and
// without any nobody is refused for good.
func TestKeysChange(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	k := newKeys(t)
	is := newIssuer(t, published(t, "1", k.rsa.Public()))
	is.down.Store(true)
	v := webhook.OAuth2{Issuer: "https://login.example", Audience: "koppel", KeysURL: is.URL, Now: func() time.Time { return now }}.Verifier()
	first := func() error {
		return head(t, v, token(t, jwt.SigningMethodRS256, "1", k.rsa, claims(now, nil)))
	}
	second := func() error {
		return head(t, v, token(t, jwt.SigningMethodRS256, "2", k.other, claims(now, nil)))
	}
	if err := first(); err == nil || errors.Is(err, webhook.ErrUnauthorized) {
		t.Errorf("while nothing is known: %v", err)
	}
	is.down.Store(false)
	if err := first(); err != nil {
		t.Error(err)
	}
	is.keys.Store([]any{published(t, "2", k.other.Public())})
	if err := second(); err != nil {
		t.Errorf("a key that has just changed: %v", err)
	}
	for range 3 {
		if err := first(); !errors.Is(err, webhook.ErrUnauthorized) {
			t.Errorf("a key that was withdrawn: %v", err)
		}
	}
	is.keys.Store([]any{published(t, "1", k.rsa.Public()), published(t, "2", k.other.Public())})
	if err := first(); !errors.Is(err, webhook.ErrUnauthorized) {
		t.Errorf("a key that came back, within the minute: %v", err)
	}
	now = now.Add(time.Minute)
	if err := first(); err != nil {
		t.Error(err)
	}
	is.keys.Store([]any{published(t, "2", k.other.Public())})
	now = now.Add(2 * time.Hour)
	if err := second(); err != nil {
		t.Error(err)
	}
	if err := first(); !errors.Is(err, webhook.ErrUnauthorized) {
		t.Errorf("a key that was withdrawn: %v", err)
	}
	is.down.Store(true)
	now = now.Add(3 * time.Hour)
	if err := second(); err != nil {
		t.Errorf("while the issuer is down: %v", err)
	}
}

// The authorisation server is asked once about a token within a minute, and what
// it says of issuer, audience and time counts.
func TestIntrospection(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	answers := map[string]string{
		"good":     `{"active":true,"iss":"https://login.example","aud":"koppel","exp":1772366460}`,
		"list":     `{"active":true,"iss":"https://login.example","aud":["x","koppel"]}`,
		"inactive": `{"active":false}`,
		"expired":  `{"active":true,"iss":"https://login.example","aud":"koppel","exp":1772366000}`,
		"issuer":   `{"active":true,"iss":"https://other.example","aud":"koppel"}`,
		"audience": `{"active":true,"iss":"https://login.example","aud":"x"}`,
		"none":     `{"active":true}`,
		"silent":   `{"active":true,"aud":"koppel"}`,
	}
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		user, password, _ := q.BasicAuth()
		text, known := answers[q.PostFormValue("token")]
		if asked[q.PostFormValue("token")]++; user != "koppel" || password != "s" || !known {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(text)) // a client that is gone notices itself
	}))
	defer server.Close()
	v := webhook.OAuth2{Issuer: "https://login.example", Audience: "koppel", IntrospectionURL: server.URL, ClientID: "koppel", ClientSecret: "s",
		Now: func() time.Time { return now }}.Verifier()
	for range 2 {
		for name := range answers {
			err := head(t, v, name)
			if want := name == "good" || name == "list" || name == "silent"; (err == nil) != want || !want && !errors.Is(err, webhook.ErrUnauthorized) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := head(t, v, "unknown"); err == nil || errors.Is(err, webhook.ErrUnauthorized) {
			t.Errorf("an error of the server: %v", err)
		}
	}
	if asked["good"] != 1 || asked["inactive"] != 1 || asked["unknown"] != 2 {
		t.Errorf("asked %v", asked)
	}
	now = now.Add(2 * time.Minute)
	answers["good"] = `{"active":false}`
	if err := head(t, v, "good"); !errors.Is(err, webhook.ErrUnauthorized) {
		t.Errorf("a token that was revoked: %v", err)
	}
}

func TestCheckURL(t *testing.T) {
	for text, want := range map[string]bool{
		"https://login.example/keys": true, "http://127.0.0.1:9/keys": true, "http://localhost/keys": true, "http://[::1]/keys": true,
		"http://login.example/keys": false, "file:///etc/passwd": false, "https://": false, "//login.example": false, "https://a:b@login.example": false, "": false,
	} {
		if err := webhook.CheckURL(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWanted(t *testing.T) {
	for _, tt := range []struct {
		patterns []string
		topic    string
		want     bool
	}{
		{nil, "", true}, {nil, "a.b", true},
		{[]string{"a.*"}, "a.b", true}, {[]string{"a.*"}, "a.b.c", false}, {[]string{"a.*"}, "a", false}, {[]string{"a.*"}, "a.", false},
		{[]string{"*"}, "a", true}, {[]string{"*"}, "", false}, {[]string{"*.b", "c"}, "c", true}, {[]string{"a"}, "A", false},
		{[]string{"*.*"}, "a.b", true}, {[]string{"a.*.c"}, "a.b.c", true},
	} {
		if got := webhook.Wanted(tt.patterns, tt.topic); got != tt.want {
			t.Errorf("Wanted(%q, %q) = %v", tt.patterns, tt.topic, got)
		}
	}
}
