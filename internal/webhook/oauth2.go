package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"koppel/engine/connector"
)

// OAuth2 says which access tokens count: JWTs that an issuer signed (RFC 9068),
// or what an authorisation server says is active (RFC 7662).
type OAuth2 struct {
	Issuer, Audience string
	// KeysURL is where the issuer's keys are (RFC 7517); empty: IntrospectionURL is
	// asked about each token.
	KeysURL          string
	IntrospectionURL string
	ClientID         string
	ClientSecret     connector.Secret
	Now              func() time.Time
	// Client asks for keys and introspects; nil: one that follows no redirect.
	Client *http.Client
}

// leeway is how far the clocks of issuer and receiver may differ.
const leeway = time.Minute

// algorithms are those whose keys can be published: with an HMAC, whoever knows
// the public key could sign, and none is no signature.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Verifier makes the verifier. It asks nobody before the first delivery.
func (o OAuth2) Verifier() Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		o.Client = NewClient()
	}
	if o.KeysURL == "" {
		return &introspection{OAuth2: o, known: map[[32]byte]verdict{}}
	}
	return &signed{OAuth2: o, keys: &keySet{url: o.KeysURL, client: o.Client, now: o.Now}}
}

// signed checks JWTs.
type signed struct {
	OAuth2
	keys *keySet
}

// Head checks signature, issuer, audience and times of the token.
func (s *signed) Head(ctx context.Context, header http.Header) error {
	text, err := bearer(header)
	if err != nil {
		return err
	}
	var unavailable error
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(s.Now), jwt.WithAudience(s.Audience), jwt.WithIssuer(s.Issuer), jwt.WithStrictDecoding(),
	}
	_, err = jwt.NewParser(options...).ParseWithClaims(text, &jwt.RegisteredClaims{}, func(t *jwt.Token) (any, error) {
		// Nothing else of the header is believed: jku, x5u and jwk name keys of
		// whoever made the token.
		id, _ := t.Header["kid"].(string)
		key, err := s.keys.find(ctx, id, t.Method.Alg())
		if err != nil && !errors.Is(err, errNoKey) {
			unavailable = err
		}
		return key, err
	})
	switch {
	case unavailable != nil:
		return unavailable
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	return nil
}

// Body lets everything in.
func (s *signed) Body(http.Header, []byte) error { return nil }

// CheckURL refuses what no token or key should be asked for: plain http to other
// machines, and what is no URL of a server.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return errors.New("is no URL of a server, or holds a password")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return errors.New("is not https")
	}
	ip := net.ParseIP(u.Hostname())
	if strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback() {
		return nil
	}
	return errors.New("is plain http, which anyone on the way can read and change")
}
