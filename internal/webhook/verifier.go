package webhook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"koppel/engine/connector"
)

// ErrUnauthorized marks an error of a Verifier: who delivers did not prove that
// it may. Any other error says that it could not be found out now, and that the
// same delivery may pass later.
var ErrUnauthorized = errors.New("not authorised")

// A Verifier tells whether a delivery comes from who may deliver. It is safe for
// concurrent use.
type Verifier interface {
	// Head looks at the header, before anything of the body is read.
	Head(ctx context.Context, header http.Header) error
	// Body looks at the raw bytes of the body, before they are parsed.
	Body(header http.Header, body []byte) error
}

// Open lets everybody deliver.
type Open struct{}

// Head lets everybody in.
func (Open) Head(context.Context, http.Header) error { return nil }

// Body lets everything in.
func (Open) Body(http.Header, []byte) error { return nil }

// WebSub wants a signature of the body in SignatureHeader.
type WebSub struct{ Secret connector.Secret }

// Head wants one signature.
func (w WebSub) Head(_ context.Context, header http.Header) error {
	switch n := len(header.Values(SignatureHeader)); n {
	case 1:
		return nil
	case 0:
		return fmt.Errorf("%w: the header %s is missing", ErrUnauthorized, SignatureHeader)
	default:
		return fmt.Errorf("%w: there are %d headers %s", ErrUnauthorized, n, SignatureHeader)
	}
}

// Body checks the signature.
func (w WebSub) Body(header http.Header, body []byte) error {
	if err := Verify(header.Get(SignatureHeader), []byte(w.Secret), body); err != nil {
		return fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	return nil
}

// Bearer wants a token that is always the same (RFC 6750).
type Bearer struct{ Token connector.Secret }

// Head checks the token, in a time that does not tell how much of it is right.
func (b Bearer) Head(_ context.Context, header http.Header) error {
	token, err := bearer(header)
	if err != nil {
		return err
	}
	if !Equal(token, string(b.Token)) {
		return fmt.Errorf("%w: the token is another one", ErrUnauthorized)
	}
	return nil
}

// Body lets everything in.
func (Bearer) Body(http.Header, []byte) error { return nil }

// Equal compares what was sent with a secret, in a time that does not tell how
// much of it is right, nor how long the secret is. An empty secret is equal to
// nothing.
func Equal(sent, secret string) bool {
	a, b := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && secret != ""
}

// bearer gives the token of the header Authorization.
func bearer(header http.Header) (string, error) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", fmt.Errorf("%w: the header Authorization is missing, or there are several", ErrUnauthorized)
	}
	scheme, token, found := strings.Cut(values[0], " ")
	if token = strings.TrimSpace(token); !found || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fmt.Errorf("%w: the header Authorization is not Bearer with a token", ErrUnauthorized)
	}
	return token, nil
}
