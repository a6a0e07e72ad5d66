package httpclient

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" // the thumbprint x5t is defined so (RFC 7515, section 4.1.7)
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"koppel/engine/connector"
)

// assertionLife is how long an assertion is good: the most that some servers
// take (AFAS Profit 9).
const assertionLife = 5 * time.Minute

// loadCertificate reads a certificate and its key from PEM files; without a
// key file the key stands beside the certificate.
func loadCertificate(field, file, keyFile, dir string) (tls.Certificate, error) {
	if keyFile == "" {
		keyFile = file
	}
	certificate, err := tls.LoadX509KeyPair(at(dir, file), at(dir, keyFile))
	if err != nil {
		return certificate, &connector.FieldError{
			Field: field, Problem: fmt.Sprintf("can't be used: %v", err),
			Hint: "it needs a certificate as PEM, and its key as PEM without a password in key_file",
		}
	}
	return certificate, nil
}

// signer makes assertions that are signed with the key of a certificate
// (RFC 7523, section 3).
func signer(certificate tls.Certificate, o OAuth2) (func() (string, error), error) {
	var method jwt.SigningMethod
	switch key := certificate.PrivateKey.(type) {
	case *rsa.PrivateKey:
		method = jwt.SigningMethodRS256
		if o.PSS {
			method = jwt.SigningMethodPS256
		}
	case *ecdsa.PrivateKey:
		methods := map[int]jwt.SigningMethod{256: jwt.SigningMethodES256, 384: jwt.SigningMethodES384, 521: jwt.SigningMethodES512}
		method = methods[key.Curve.Params().BitSize]
	case ed25519.PrivateKey:
		method = jwt.SigningMethodEdDSA
	}
	if method == nil {
		return nil, &connector.FieldError{Field: "auth.key_file", Problem: "holds a key of a kind that assertions are not signed with"}
	}
	one, two := sha1.Sum(certificate.Certificate[0]), sha256.Sum256(certificate.Certificate[0])
	return func() (string, error) {
		now := time.Now()
		token := jwt.NewWithClaims(method, jwt.RegisteredClaims{
			Issuer: o.ClientID, Subject: o.ClientID, Audience: jwt.ClaimStrings{o.TokenURL}, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now.Add(-time.Second)), ExpiresAt: jwt.NewNumericDate(now.Add(assertionLife - 10*time.Second)),
		})
		if !o.PSS {
			token.Header["x5t"] = base64.RawURLEncoding.EncodeToString(one[:])
		}
		token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(two[:])
		if o.KeyID != "" {
			token.Header["kid"] = o.KeyID
		}
		text, err := token.SignedString(certificate.PrivateKey)
		if err != nil {
			return "", fmt.Errorf("sign an assertion: %w", err)
		}
		return text, nil
	}, nil
}
