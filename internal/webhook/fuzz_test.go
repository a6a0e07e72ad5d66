package webhook

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Keys that are taken from a set are of a kind that is known, and strong enough.
func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},7,null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err != nil && len(keys) > 0 {
			t.Fatalf("%d keys and %v", len(keys), err)
		}
		for _, k := range keys {
			switch key := k.key.(type) {
			case *rsa.PublicKey:
				if key.N.BitLen() < 2048 || key.E < 3 {
					t.Fatalf("a weak key: %d bits, exponent %d", key.N.BitLen(), key.E)
				}
			case *ecdsa.PublicKey:
				if _, err := key.Bytes(); err != nil {
					t.Fatal(err)
				}
			case ed25519.PublicKey:
				if len(key) != ed25519.PublicKeySize {
					t.Fatalf("a key of %d bytes", len(key))
				}
			default:
				t.Fatalf("a %T", key)
			}
		}
	})
}

// An answering transport gives the same body to every request.
type answering struct{ body []byte }

func (a *answering) RoundTrip(q *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(a.body)), Request: q, Header: http.Header{}}, nil
}

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// Of all tokens only the one counts that the issuer signed.
func FuzzToken(f *testing.F) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize))
	set := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":%q}]}`, base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey)))
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": "https://login.example", "aud": "koppel", "exp": noon().Add(time.Hour).Unix()})
	token.Header["kid"] = "1"
	good, err := token.SignedString(private)
	if err != nil {
		f.Fatal(err)
	}
	jwts := OAuth2{Issuer: "https://login.example", Audience: "koppel", KeysURL: "https://login.example/keys", Now: noon,
		Client: &http.Client{Transport: &answering{[]byte(set)}}}.Verifier()
	if err := jwts.Head(f.Context(), http.Header{"Authorization": {"Bearer " + good}}); err != nil {
		f.Fatal(err)
	}
	f.Add("Bearer " + good)
	f.Add("bearer " + good + "A")
	f.Add("Bearer eyJhbGciOiJub25lIn0.e30.")
	f.Add("Basic Og==")
	f.Fuzz(func(t *testing.T, value string) {
		_, sent, _ := strings.Cut(value, " ")
		sent = strings.TrimSpace(sent)
		for want, v := range map[string]Verifier{good: jwts, "a fixed token": Bearer{Token: "a fixed token"}} {
			switch err := v.Head(context.Background(), http.Header{"Authorization": {value}}); {
			case err == nil && sent != want:
				t.Fatalf("%q counts", value)
			case err != nil && !errors.Is(err, ErrUnauthorized):
				t.Fatalf("%q can't be judged: %v", value, err)
			}
		}
	})
}

// Whatever the authorisation server answers, a token counts only where that says
// so, for this audience and time, and for this issuer or none.
func FuzzIntrospection(f *testing.F) {
	f.Add([]byte(`{"active":true,"iss":"https://login.example","aud":["koppel"],"exp":1772370000,"nbf":1772366000}`))
	f.Add([]byte(`{"active":true,"iss":"https://login.example","aud":"koppel","nbf":1e300}`))
	f.Add([]byte(`{"active":false}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v := OAuth2{Issuer: "https://login.example", Audience: "koppel", IntrospectionURL: "https://login.example/ask", Now: noon,
			Client: &http.Client{Transport: &answering{body}}}.Verifier()
		if v.Head(context.Background(), http.Header{"Authorization": {"Bearer x"}}) != nil {
			return
		}
		var said struct {
			Active   bool
			Iss      string
			Aud      any
			Exp, Nbf *float64
		}
		if err := json.Unmarshal(body, &said); err != nil {
			t.Fatal(err)
		}
		list, _ := said.Aud.([]any)
		now := float64(noon().Unix())
		if !said.Active || said.Iss != "" && said.Iss != "https://login.example" || said.Aud != any("koppel") && !slices.Contains(list, any("koppel")) ||
			said.Exp != nil && *said.Exp < now-61 || said.Nbf != nil && *said.Nbf > now+61 {
			t.Fatalf("a token counts of which is said %s", body)
		}
	})
}
