package graph_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/graph"
)

// aadsts is the number in an answer, which must stand in its text too.
func aadsts(out map[string]any) string {
	codes, _ := out["error_codes"].([]any)
	if len(codes) != 1 {
		return fmt.Sprint(out)
	}
	text := fmt.Sprintf("AADSTS%.0f", codes[0])
	if !strings.HasPrefix(out["error_description"].(string), text+": ") {
		return fmt.Sprint(out)
	}
	return text
}

func TestToken(t *testing.T) {
	c := start(t, graph.Options{})
	for name, one := range map[string]struct {
		tenant  string
		changed map[string]string
		want    string
	}{
		"domain":             {"voorbeeld.example", nil, "200"},
		"public scope":       {c.Tenant, map[string]string{"scope": "https://graph.microsoft.com/.default"}, "200"},
		"unknown tenant":     {"11111111-1111-4111-8111-111111111111", nil, "400 invalid_request AADSTS90002"},
		"malformed tenant":   {"nothing", nil, "400 invalid_request AADSTS900023"},
		"unknown app":        {c.Tenant, map[string]string{"client_id": "11111111-1111-4111-8111-111111111111"}, "400 unauthorized_client AADSTS700016"},
		"wrong secret":       {c.Tenant, map[string]string{"client_secret": "wrong"}, "401 invalid_client AADSTS7000215"},
		"id for a secret":    {c.Tenant, map[string]string{"client_secret": c.SecretID}, "401 invalid_client AADSTS7000215"},
		"expired secret":     {c.Tenant, map[string]string{"client_secret": c.ExpiredSecret}, "401 invalid_client AADSTS7000222"},
		"no secret":          {c.Tenant, map[string]string{"client_secret": ""}, "401 invalid_client AADSTS7000216"},
		"another scope":      {c.Tenant, map[string]string{"scope": "https://graph.microsoft.us/.default"}, "400 invalid_scope AADSTS70011"},
		"no scope":           {c.Tenant, map[string]string{"scope": ""}, "400 invalid_request AADSTS900144"},
		"another grant type": {c.Tenant, map[string]string{"grant_type": "password"}, "400 unsupported_grant_type AADSTS70003"},
	} {
		status, out := c.token(one.tenant, one.changed)
		got := fmt.Sprint(status)
		if status != 200 {
			got = fmt.Sprint(status, " ", out["error"], " ", aadsts(out))
		}
		if got != one.want {
			t.Errorf("%s: %s, want %s", name, got, one.want)
		}
	}
}

// roles reads an access token as a caller may.
func roles(t *testing.T, token string) any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c["roles"]
}

func TestAccess(t *testing.T) {
	c := start(t, graph.Options{})
	if diff := cmp.Diff([]any{"Directory.Read.All", "Calendars.Read"}, roles(t, c.bearer)); diff != "" {
		t.Error(diff)
	}
	want := func(when, wanted string) {
		t.Helper()
		if resp, out := c.ask("GET", "/v1.0/users?$top=1", ""); fmt.Sprint(resp.StatusCode, " ", code(out)) != wanted {
			t.Errorf("%s: %d %v", when, resp.StatusCode, out)
		}
	}
	want("fresh", "200 ")
	c.RevokeTokens()
	want("revoked", "401 InvalidAuthenticationToken")
	c.login()
	c.now = c.now.Add(time.Hour)
	want("after an hour", "401 InvalidAuthenticationToken")
	c.bearer = "nonsense"
	want("nonsense", "401 InvalidAuthenticationToken")
	if err := c.Set("roles", ""); err != nil {
		t.Fatal(err)
	}
	c.login()
	if got := roles(t, c.bearer); got != nil {
		t.Errorf("roles %v", got)
	}
	want("without a role", "403 Authorization_RequestDenied")
}

// sign makes an assertion; changed overwrites claims.
func (c *tenant) sign(key *rsa.PrivateKey, header map[string]string, changed jwt.MapClaims) string {
	c.t.Helper()
	all := jwt.MapClaims{
		"aud": c.url + "/" + c.Tenant + "/oauth2/v2.0/token", "iss": c.ClientID, "sub": c.ClientID, "jti": "1",
		"nbf": c.now.Unix(), "exp": c.now.Add(10 * time.Minute).Unix(),
	}
	for name, v := range changed {
		all[name] = v
	}
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, all)
	for name, v := range header {
		token.Header[name] = v
	}
	text, err := token.SignedString(key)
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

func TestAssertions(t *testing.T) {
	c := start(t, graph.Options{})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: c.now.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Data.Insert("certificates", dataset.Row{"name": "a", "pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}); err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&other.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Data.Insert("federations", dataset.Row{
		"issuer": "https://idp.example", "subject": "koppel", "pem": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	}); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	named := map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
	padded := map[string]string{"x5t#S256": base64.StdEncoding.EncodeToString(sum[:])}
	outside := jwt.MapClaims{"iss": "https://idp.example", "sub": "koppel", "aud": "api://AzureADTokenExchange"}
	for name, one := range map[string]struct {
		assertion, want string
	}{
		"good":           {c.sign(key, named, nil), ""},
		"padded":         {c.sign(key, padded, nil), ""},
		"another key":    {c.sign(other, named, nil), "AADSTS700027"},
		"unknown":        {c.sign(key, nil, nil), "AADSTS700027"},
		"audience":       {c.sign(key, named, jwt.MapClaims{"aud": "https://elsewhere.example"}), "AADSTS700023"},
		"subject":        {c.sign(key, named, jwt.MapClaims{"sub": "someone"}), "AADSTS700021"},
		"too old":        {c.sign(key, named, jwt.MapClaims{"exp": c.now.Add(-time.Minute).Unix()}), "AADSTS700024"},
		"no id":          {c.sign(key, named, jwt.MapClaims{"jti": ""}), "AADSTS50027"},
		"no token":       {"nonsense", "AADSTS50027"},
		"federated":      {c.sign(other, nil, outside), ""},
		"federated, bad": {c.sign(key, nil, outside), "AADSTS700027"},
	} {
		status, out := c.token(c.Tenant, map[string]string{
			"client_secret": "", "client_assertion": one.assertion, "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		})
		if got := out["error_codes"]; one.want == "" && status != 200 || one.want != "" && aadsts(out) != one.want {
			t.Errorf("%s: %d %v %v", name, status, got, out["error_description"])
		}
	}
}
