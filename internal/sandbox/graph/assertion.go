package graph

import (
	"crypto"
	"crypto/sha1" //nolint:gosec // the older thumbprint is SHA-1
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertion checks a JWT that the app signed with a certificate, or that an
// outside identity provider gave it.
func (s *System) assertion(x *traffic.Exchange, form url.Values) *tokenError {
	if form.Get("client_assertion_type") != assertionType {
		return entra("invalid_request", 900144, "The request body must contain the following parameter: 'client_assertion_type'.")
	}
	var c jwt.RegisteredClaims
	text := form.Get("client_assertion")
	token, _, err := jwt.NewParser().ParseUnverified(text, &c)
	if err != nil {
		return entra("invalid_client", 50027, "JWT token is invalid or malformed.")
	}
	if key, audience := s.federated(c.Issuer, c.Subject); key != nil {
		return s.verify(text, key, []string{audience})
	}
	if !strings.EqualFold(c.Issuer, s.ClientID) || !strings.EqualFold(c.Subject, s.ClientID) {
		return entra("invalid_client", 700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
	}
	key := s.certificate(token.Header)
	if key == nil {
		return entra("invalid_client", 700027, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]")
	}
	if c.ID == "" {
		return entra("invalid_client", 50027, "JWT token is invalid or malformed: 'jti' is missing.")
	}
	endpoint := base(x.Request) + x.Request.URL.Path
	return s.verify(text, key, []string{endpoint})
}

// verify checks the signature, the times and the audience of an assertion.
func (s *System) verify(text string, key crypto.PublicKey, audiences []string) *tokenError {
	var c jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithTimeFunc(s.o.Now), jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{"PS256", "RS256"}))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return entra("invalid_client", 700024, "Client assertion is not within its valid time range.")
	case err != nil:
		return entra("invalid_client", 700027, "Client assertion failed signature validation.")
	case !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(audiences, a) }):
		return entra("invalid_client", 700023, "Client assertion audience claim does not match Realm issuer.")
	}
	return nil
}

// certificate is the key of the registered certificate that a header names by
// its thumbprint, in either spelling of base64; nil: there is none.
func (s *System) certificate(header map[string]any) crypto.PublicKey {
	named := func(name string, sum []byte) bool {
		text := strings.TrimRight(fmt.Sprint(header[name]), "=")
		return text == base64.RawURLEncoding.EncodeToString(sum) || text == base64.RawStdEncoding.EncodeToString(sum)
	}
	for _, row := range s.Data.Rows("certificates") {
		block, _ := pem.Decode([]byte(dataset.Text(row["pem"])))
		if block == nil {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		long, short := sha256.Sum256(block.Bytes), sha1.Sum(block.Bytes) //nolint:gosec // see the import
		if named("x5t#S256", long[:]) || named("x5t", short[:]) {
			return c.PublicKey
		}
	}
	return nil
}

// federated is the key of the identity provider that is trusted for an issuer
// and a subject, and the audience that it must write; nil: none is.
func (s *System) federated(issuer, subject string) (crypto.PublicKey, string) {
	for _, row := range s.Data.Rows("federations") {
		if row["issuer"] != issuer || row["subject"] != subject {
			continue
		}
		if block, _ := pem.Decode([]byte(dataset.Text(row["pem"]))); block != nil {
			if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
				audience := dataset.Text(row["audience"])
				if audience == "" {
					audience = "api://AzureADTokenExchange"
				}
				return key, audience
			}
		}
	}
	return nil, ""
}
