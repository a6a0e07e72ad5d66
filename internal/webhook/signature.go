// Package webhook is the protocol of webhooks, both ways: the signatures that
// senders put on a body, and who may deliver.
package webhook

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// SignatureHeader carries the signature of a body (W3C WebSub, 8 "Authenticated
// Content Distribution").
const SignatureHeader = "X-Hub-Signature"

// DefaultMethod is how bodies are signed that Koppel sends.
const DefaultMethod = "sha256"

// ErrSignature says that a body was not signed by who knows the secret.
var ErrSignature = errors.New("the signature does not fit the body")

// Sign gives the value of SignatureHeader for the raw bytes of a body:
// method=hexdigest, the digest an HMAC under secret. The methods are sha1,
// sha256, sha384 and sha512.
func Sign(method string, secret, body []byte) (string, error) {
	mac, err := digest(method, secret, body)
	if err != nil {
		return "", err
	}
	return method + "=" + hex.EncodeToString(mac), nil
}

// Verify checks the value of SignatureHeader against the raw bytes of a body, in
// a time that does not tell how much of it is right. Method and digest are
// read without regard to case. Its errors wrap ErrSignature.
func Verify(header string, secret, body []byte) error {
	method, text, found := strings.Cut(strings.TrimSpace(header), "=")
	if !found {
		return fmt.Errorf("%w: the header is not method=hexdigest", ErrSignature)
	}
	got, err := hex.DecodeString(text)
	if err != nil {
		return fmt.Errorf("%w: the digest is not hexadecimal", ErrSignature)
	}
	want, err := digest(strings.ToLower(method), secret, body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if !hmac.Equal(got, want) {
		return ErrSignature
	}
	return nil
}

// digest refuses an empty secret: everybody knows it.
func digest(method string, secret, body []byte) ([]byte, error) {
	if len(secret) == 0 {
		return nil, errors.New("the secret is empty")
	}
	var algorithm func() hash.Hash
	switch method {
	case "sha1":
		algorithm = sha1.New
	case "sha256":
		algorithm = sha256.New
	case "sha384":
		algorithm = sha512.New384
	case "sha512":
		algorithm = sha512.New
	default:
		return nil, errors.New("the method is none of sha1, sha256, sha384 and sha512")
	}
	mac := hmac.New(algorithm, secret)
	mac.Write(body)
	return mac.Sum(nil), nil
}
