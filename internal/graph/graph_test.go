package graph_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/internal/graph"
	"koppel/internal/graph/graphtest"
)

// opened opens a connection to a tenant, which the test may change before.
func opened(t testing.TB, tenant *graphtest.Tenant, dir string, change func(*graph.Config)) (*graph.Client, error) {
	t.Helper()
	c := *tenant.Connection().Config.(*graph.Config)
	if change != nil {
		change(&c)
	}
	client, err := graph.New(c, connector.Env{Block: "connection.graph.tenant (main.hcl:3)", Dir: dir})
	if err == nil {
		t.Cleanup(func() { _ = client.Close() })
	}
	return client, err
}

func TestEntraErrors(t *testing.T) {
	tenant := graphtest.New(t)
	for number, want := range map[int]string{
		7000215: "the secret's value", 7000222: "has expired", 700016: "does not know this application", 90002: "no such tenant",
		70011: "check cloud, or url", 700027: "does not know the certificate", 1: "check client_id and client_secret",
	} {
		tenant.Token = func(w http.ResponseWriter, r *http.Request) {
			graphtest.EntraError(w, http.StatusUnauthorized, "invalid_client", number, "It failed.")
		}
		client, err := opened(t, tenant, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Get(t.Context(), graph.Question{Path: "/users"})
		if !errors.Is(err, connector.ErrUnreachable) {
			t.Errorf("%d: %v is not an error of the credentials", number, err)
		}
		for _, part := range []string{want, fmt.Sprintf("AADSTS%d: It failed.", number), "invalid_client", "connection.graph.tenant (main.hcl:3)", "/oauth2/v2.0/token"} {
			if !strings.Contains(fmt.Sprint(err), part) {
				t.Errorf("the error is %v, without %q", err, part)
			}
		}
	}
	if n := len(tenant.Requests); n > 0 {
		t.Errorf("%d requests without a token", n)
	}
}

// TestCertificate: the assertion is signed by RSA-PSS and names the certificate
// by its SHA-256 thumbprint, and its audience is the token endpoint.
func TestCertificate(t *testing.T) {
	tenant, dir := graphtest.New(t), t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	both := slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	if err := os.WriteFile(filepath.Join(dir, "app.pem"), both, 0o600); err != nil {
		t.Fatal(err)
	}
	var assertion string
	tenant.Token = func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("client_secret") != "" || r.FormValue("client_id") != graphtest.ClientID ||
			r.FormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			t.Errorf("the form is %v", r.Form)
		}
		assertion = r.FormValue("client_assertion")
		fmt.Fprint(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"x"}`)
	}
	client, err := opened(t, tenant, dir, func(c *graph.Config) { c.ClientSecret, c.CertificateFile = "", "app.pem" })
	if err != nil {
		t.Fatal(err)
	}
	_, _ = client.Get(t.Context(), graph.Question{Path: "/users"})
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		t.Fatalf("the assertion is %q", assertion)
	}
	signed := map[string]any{}
	for _, part := range parts[:2] {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || json.Unmarshal(b, &signed) != nil {
			t.Fatal(err)
		}
	}
	if signed["alg"] != "PS256" || signed["x5t#S256"] == nil || signed["x5t"] != nil || signed["sub"] != graphtest.ClientID ||
		!strings.Contains(fmt.Sprint(signed["aud"]), "/oauth2/v2.0/token") {
		t.Errorf("the assertion says %v", signed)
	}
}

// TestFederatedToken: the file is read anew for each token.
func TestFederatedToken(t *testing.T) {
	tenant, dir := graphtest.New(t), t.TempDir()
	file := filepath.Join(dir, "token")
	var got []string
	tenant.Token = func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.FormValue("client_assertion"))
		fmt.Fprint(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"x"}`)
	}
	client, err := opened(t, tenant, dir, func(c *graph.Config) { c.ClientSecret, c.FederatedTokenFile = "", "token" })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(t.Context(), graph.Question{Path: "/users"}); err == nil || !strings.Contains(err.Error(), "read federated_token_file") {
		t.Errorf("without the file the error is %v", err)
	}
	if client, err = opened(t, tenant, dir, func(c *graph.Config) { c.ClientSecret, c.FederatedTokenFile = "", "token" }); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first.token.x\n", "second.token.x\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		// Graph takes neither, so that another is asked for.
		_, _ = client.Get(t.Context(), graph.Question{Path: "/users"})
	}
	if !slices.Contains(got, "first.token.x") || got[len(got)-1] != "second.token.x" {
		t.Errorf("the tokens were %q", got)
	}
}

func TestRoles(t *testing.T) {
	tenant := graphtest.New(t)
	client, err := opened(t, tenant, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CheckRoles(t.Context(), graph.CalendarPermissions()); err != nil {
		t.Error(err)
	}
	tenant.Roles = nil
	if client, err = opened(t, tenant, "", nil); err != nil {
		t.Fatal(err)
	}
	if err := client.CheckRoles(t.Context(), graph.UserPermissions()); err == nil || !strings.Contains(err.Error(), "lacks the permission Directory.Read.All: its token allows none") {
		t.Errorf("the error is %v", err)
	}
}

// TestHeaders: each request has an id of its own, and preferences come with
// each page.
func TestHeaders(t *testing.T) {
	tenant := graphtest.New(t)
	tenant.Page = 1
	tenant.PutUser(`{"id":"1"}`)
	tenant.PutUser(`{"id":"2"}`)
	ids := map[string]bool{}
	tenant.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		ids[r.Header.Get("Client-Request-Id")] = true
		if r.Header.Get("Prefer") != "outlook.timezone=\"UTC\"" || r.Header.Get("ConsistencyLevel") != "eventual" {
			t.Errorf("the headers are %v", r.Header)
		}
		return false
	})
	client, err := opened(t, tenant, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	walk := client.Walk(graph.Question{Path: "/users?$select=id", Prefer: []string{`outlook.timezone="UTC"`}, Eventual: true})
	for {
		page, err := walk.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if page == nil {
			break
		}
	}
	if len(ids) != 2 || ids[""] {
		t.Errorf("the ids of requests are %v", ids)
	}
}

// TestLinks: the token goes to the configured host only, and links that lead in
// a circle, or on and on, come to an end.
func TestLinks(t *testing.T) {
	for name, test := range map[string]struct{ answer, want string }{
		"another host":                          {`{"value":[],"@odata.nextLink":"http://127.0.0.1:1/steal"}`, "a connection asks its own host only"},
		"itself":                                {`{"value":[{"id":"1"}],"@odata.nextLink":"URL"}`, "leads back to one that was read"},
		"another each time, with the same page": {`{"value":[{"id":"1"}],"@odata.nextLink":"URL?n=N"}`, "the same page of"},
		"another each time, and empty":          {`{"value":[],"@odata.nextLink":"URL?n=N"}`, "after 50 pages"},
		"no list":                               {`{"access_token":"x"}`, "has no list of values"},
		"on and an end":                         {`{"value":[],"@odata.nextLink":"URL?n=N","@odata.deltaLink":"URL"}`, "leads on and ends at once"},
	} {
		t.Run(name, func(t *testing.T) {
			tenant := graphtest.New(t)
			n := 0
			tenant.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
				n++
				fmt.Fprint(w, strings.NewReplacer("URL", tenant.URL+"/graph/v1.0/users", "=N", fmt.Sprint("=", n)).Replace(test.answer))
				return true
			})
			client, err := opened(t, tenant, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			walk := client.Walk(graph.Question{Path: tenant.URL + "/graph/v1.0/users"})
			walk.Most = 50
			for err = nil; err == nil; _, err = walk.Next(context.Background()) {
				if n > 100 {
					t.Fatal("it goes on without end")
				}
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, without %q", err, test.want)
			}
		})
	}
}

func TestGraphErrors(t *testing.T) {
	tenant := graphtest.New(t)
	client, err := opened(t, tenant, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	tenant.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		graphtest.Refuse(w, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
		return true
	})
	_, err = client.Page(t.Context(), graph.Question{Path: "/users", Needs: graph.UserPermissions()})
	for _, part := range []string{"Authorization_RequestDenied: Insufficient privileges", "request-id 5f2c9a10", "give it the application permission Directory.Read.All"} {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("the error is %v, without %q", err, part)
		}
	}
	if !errors.Is(err, connector.ErrUnreachable) {
		t.Error("it is no error of the credentials")
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*graph.Config){
		"tenant":        func(c *graph.Config) { c.Tenant = "https://login.example/x" },
		"of its own":    func(c *graph.Config) { c.Tenant = "common" },
		"client_id":     func(c *graph.Config) { c.ClientID = "" },
		"exactly one":   func(c *graph.Config) { c.CertificateFile = "x.pem" },
		"key_file":      func(c *graph.Config) { c.KeyFile = "x.pem" },
		"cloud":         func(c *graph.Config) { c.Cloud = "usgov" },
		"a version":     func(c *graph.Config) { c.URL = "https://graph.microsoft.com/v1.0/" },
		"login_url":     func(c *graph.Config) { c.LoginURL = "http://login.example" },
		"url is plain":  func(c *graph.Config) { c.URL = "http://graph.example" },
		"can't be used": func(c *graph.Config) { c.ClientSecret, c.CertificateFile = "", "nowhere.pem" },
	} {
		_, err := opened(t, graphtest.New(t), t.TempDir(), change)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, without %q", err, want)
		}
	}
	for cloud, host := range map[string]string{"": "https://graph.microsoft.com", "usgov": "https://graph.microsoft.us", "usgov_dod": "https://dod-graph.microsoft.us", "china": "https://microsoftgraph.chinacloudapi.cn"} {
		client, err := opened(t, graphtest.New(t), "", func(c *graph.Config) { c.Cloud, c.URL, c.LoginURL = cloud, "", "" })
		if err != nil || client.HTTPClient().Base() != host {
			t.Errorf("%s: %v, %v", cloud, client, err)
		}
	}
}
