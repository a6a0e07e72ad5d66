package httpclient_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// open opens an http connection as the language does.
func open(t testing.TB, c httpclient.HTTPConfig, env connector.Env) (*httpclient.Client, error) {
	t.Helper()
	if c.Timeout == 0 {
		c.Config = quick()
	}
	opened, err := httpclient.Kind().Open(t.Context(), &c, env)
	if err != nil {
		return nil, err
	}
	client, err := httpclient.For(t.Context(), connector.Connection{Address: "connection.http.shop", Get: func(context.Context) (any, error) { return opened, nil }})
	t.Cleanup(func() { client.Close() })
	return client, err
}

func TestStaticCredentials(t *testing.T) {
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = fmt.Sprint(r.URL.RawQuery, r.Header["Authorization"], r.Header["X-Key"], r.Header["X-Tenant"])
		io.WriteString(w, "{}")
	}))
	defer s.Close()
	tests := []struct {
		auth httpclient.Auth
		want string
	}{
		{httpclient.Auth{Kind: "basic", Username: "koppel", Password: "geheim"}, "q=1[Basic a29wcGVsOmdlaGVpbQ==] [] [acme]"},
		{httpclient.Auth{Kind: "bearer", Token: "t"}, "q=1[Bearer t] [] [acme]"},
		{httpclient.Auth{Kind: "api_key", Header: "x-key", Value: "k"}, "q=1[] [k] [acme]"},
		{httpclient.Auth{Kind: "api_key", Query: "key", Value: "k&"}, "key=k%26&q=1[] [] [acme]"},
	}
	for _, test := range tests {
		client, err := open(t, httpclient.HTTPConfig{URL: s.URL, Headers: httpclient.Headers{"x-tenant": "acme"}, Auth: &test.auth}, connector.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Do(t.Context(), &httpclient.Request{Path: "?q=1"}); err != nil {
			t.Error(err)
		}
		if got != test.want {
			t.Errorf("%s: sent %s, not %s", test.auth.Kind, got, test.want)
		}
	}
}

// A tokenServer gives tokens and takes the last one it gave.
type tokenServer struct {
	*httptest.Server
	mu       sync.Mutex
	given    int
	lifetime int
	revoked  bool
	forms    []string
	refuse   string
}

func newTokenServer(t testing.TB) *tokenServer {
	s := &tokenServer{lifetime: 3600}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		user, password, _ := r.BasicAuth()
		s.forms = append(s.forms, fmt.Sprintf("%s:%s %s %s %s", user, password, r.FormValue("grant_type"), r.FormValue("scope"), r.FormValue("client_assertion")))
		if s.refuse != "" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":%q,"error_description":"no such client; %s"}`, s.refuse, password)
			return
		}
		s.given++
		s.revoked = false
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":"%d","token_type":"bearer"}`, s.given, s.lifetime)
		return
	}
	if s.revoked || r.Header.Get("Authorization") != fmt.Sprintf("Bearer token-%d", s.given) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	io.WriteString(w, "{}")
}

func (s *tokenServer) config() httpclient.HTTPConfig {
	return httpclient.HTTPConfig{URL: s.URL, Auth: &httpclient.Auth{
		Kind: "oauth2", TokenURL: s.URL + "/token", ClientID: "koppel", ClientSecret: "canary-secret", Scopes: []string{"a", "b"},
	}}
}

func TestOAuth2AsksOnceForAll(t *testing.T) {
	s := newTokenServer(t)
	client, err := open(t, s.config(), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := client.Do(t.Context(), &httpclient.Request{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	ask()
	if diff := cmp.Diff([]string{"koppel:canary-secret client_credentials a b "}, s.forms); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.mu.Lock()
	s.revoked = true
	s.mu.Unlock()
	ask()
	if s.given != 2 {
		t.Errorf("%d tokens were given, not 2", s.given)
	}
}

func TestOAuth2Refused(t *testing.T) {
	s := newTokenServer(t)
	s.refuse = "invalid_client"
	client, err := open(t, s.config(), connector.Env{Block: "connection.http.shop (main.hcl:7)"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, err := client.Do(t.Context(), &httpclient.Request{})
		e := failure(t, err)
		if e.Reason != httpclient.Denied || e.Delivery != httpclient.NotSent || !errors.Is(err, connector.ErrUnreachable) {
			t.Errorf("%+v", e)
		}
		for _, want := range []string{"connection.http.shop (main.hcl:7): POST " + s.URL + "/token: no token is given: 401 invalid_client: no such client", "check client_id and client_secret"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error lacks %q: %v", want, err)
			}
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("the secret is told: %v", err)
		}
	}
	if len(s.forms) != 2 { // the secret in a header, and in the form
		t.Errorf("the server was asked %d times: %q", len(s.forms), s.forms)
	}
	s.Close()
	client, err = open(t, s.config(), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(t.Context(), &httpclient.Request{})
	if e := failure(t, err); e.Reason != httpclient.Unreachable || !strings.Contains(err.Error(), "nothing listens") || !strings.Contains(err.Error(), "auth.token_url") {
		t.Errorf("the error is %v", err)
	}
}

// The token is renewed before it ends, and while the server of tokens is down
// the one that still holds is used.
func TestOAuth2Renews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		given, used, down := 0, []string{}, false
		trip := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/token" {
				used = append(used, r.Header.Get("Authorization"))
				return answer(r, 200, strings.NewReader("{}"))
			}
			if down {
				return nil, errors.New("down")
			}
			given++
			return answer(r, 200, strings.NewReader(fmt.Sprintf(`{"access_token":"t%d","expires_in":600}`, given)), "Content-Type", "application/json")
		})
		c := httpclient.HTTPConfig{URL: "https://shop.example", Auth: &httpclient.Auth{Kind: "oauth2", TokenURL: "https://login.example/token?tenant=a", ClientID: "k", ClientSecret: "secret"}}
		client, err := open(t, c, connector.Env{HTTP: &http.Client{Transport: trip}})
		if err != nil {
			t.Fatal(err)
		}
		ask := func() {
			if _, err := client.Do(t.Context(), &httpclient.Request{}); err != nil {
				t.Error(err)
			}
		}
		ask()
		time.Sleep(539 * time.Second)
		ask()
		time.Sleep(2 * time.Second)
		ask()
		down = true
		time.Sleep(545 * time.Second)
		ask()
		if diff := cmp.Diff([]string{"Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"}, used); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// writePEM writes a certificate for 127.0.0.1 and its key, signed by itself.
func writePEM(t testing.TB, dir, name string, key any, public any) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".crt": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestOAuth2Assertions(t *testing.T) {
	dir := t.TempDir()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, dir, "rsa", rsaKey, rsaKey.Public())
	writePEM(t, dir, "ec", ecKey, ecKey.Public())
	for name, public := range map[string]any{"rsa": rsaKey.Public(), "ec": ecKey.Public()} {
		s := newTokenServer(t)
		c := s.config()
		c.Auth.ClientSecret, c.Auth.CertificateFile, c.Auth.KeyFile, c.Auth.KeyID = "", name+".crt", name+".key", "key-1"
		client, err := open(t, c, connector.Env{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Do(t.Context(), &httpclient.Request{}); err != nil {
			t.Fatal(err)
		}
		assertion := s.forms[0][strings.LastIndexByte(s.forms[0], ' ')+1:]
		token, err := jwt.Parse(assertion, func(*jwt.Token) (any, error) { return public, nil }, jwt.WithAudience(s.URL+"/token"), jwt.WithIssuer("koppel"), jwt.WithSubject("koppel"), jwt.WithExpirationRequired())
		if err != nil || token.Header["kid"] != "key-1" || token.Header["x5t#S256"] == nil {
			t.Errorf("%s: %v: %v", name, token, err)
		}
	}
	s := newTokenServer(t)
	c := s.config()
	c.Auth.ClientSecret, c.Auth.AssertionFile = "", "federated"
	client, err := open(t, c, connector.Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(t.Context(), &httpclient.Request{}); err == nil || !strings.Contains(err.Error(), "read assertion_file") {
		t.Errorf("the error is %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "federated"), []byte("a.b.c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err = open(t, c, connector.Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(t.Context(), &httpclient.Request{}); err != nil || !strings.HasSuffix(s.forms[0], " a.b.c") {
		t.Errorf("%q: %v", s.forms, err)
	}
}

// The server's certificate comes from an authority of our own, and the server
// wants one of the client.
func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ours := writePEM(t, dir, "client", key, key.Public())
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q", r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	pool := x509.NewCertPool()
	pool.AddCert(ours)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s.StartTLS()
	defer s.Close()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "authority.pem"), authority, 0o600); err != nil {
		t.Fatal(err)
	}
	c := httpclient.HTTPConfig{URL: s.URL, Config: quick()}
	c.CAFile = "authority.pem"
	client, err := open(t, c, connector.Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(t.Context(), &httpclient.Request{}); err == nil || !strings.Contains(err.Error(), `an auth block "mtls"`) {
		t.Errorf("without a certificate the error is %v", err)
	}
	c.Auth = &httpclient.Auth{Kind: "mtls", CertFile: "client.crt", KeyFile: "client.key"}
	if client, err = open(t, c, connector.Env{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(t.Context(), &httpclient.Request{})
	if err != nil || string(resp.Body) != `"client"` {
		t.Errorf("%v", err)
	}
}
