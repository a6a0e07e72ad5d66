package webhook

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// How long keys count, and how often they are asked for at most: some times in
// a row, for an issuer that changes its keys is followed at once, and then every
// minute, for anyone can send tokens that name keys which are not known.
const (
	keysKept  = time.Hour
	keysApart = time.Minute
	keysBurst = 5
	keysSize  = 1 << 20
	askWait   = 10 * time.Second
)

// errNoKey says that the issuer has no such key.
var errNoKey = errors.New("the issuer has no such key")

// NewClient makes an HTTP client for the addresses of a configuration. It follows
// no redirect: where it is sent, what it asks must not be known.
func NewClient() *http.Client {
	return &http.Client{Timeout: askWait, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// A keySet is the keys of an issuer as they were asked for last.
type keySet struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex // held while they are asked for: others wait for the answer
	keys  []webKey
	asked []time.Time // the latest times, at most keysBurst
	got   time.Time
	err   error
}

// A webKey is one key with what it may be used for.
type webKey struct {
	id, algorithm string
	key           any
}

// find gives the key that a token names, of which the algorithm may be one. An
// error that does not wrap errNoKey says that the keys can't be had now.
func (s *keySet) find(ctx context.Context, id, algorithm string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.got.IsZero() || s.now().Sub(s.got) > keysKept || s.now().Before(s.got)
	may := s.may()
	if old && may {
		s.ask(ctx)
	}
	key := s.pick(id, algorithm)
	if key == nil && !old && may { // the issuer may have taken a new one into use
		s.ask(ctx)
		key = s.pick(id, algorithm)
	}
	switch {
	case key != nil:
		return key, nil
	case s.got.IsZero():
		return nil, fmt.Errorf("ask for the issuer's keys: %w", s.err)
	}
	return nil, fmt.Errorf("%w as the token names", errNoKey)
}

// may tells whether the keys may be asked for now.
func (s *keySet) may() bool {
	now := s.now()
	s.asked = slices.DeleteFunc(s.asked, func(at time.Time) bool { return now.Sub(at) >= keysBurst*keysApart || now.Before(at) })
	return len(s.asked) < keysBurst || now.Sub(s.asked[len(s.asked)-1]) >= keysApart
}

// pick finds a key by its name; a token without one is taken when there is one
// key that fits.
func (s *keySet) pick(id, algorithm string) any {
	var found any
	n := 0
	for _, k := range s.keys {
		if (id == "" || k.id == id) && k.fits(algorithm) {
			found, n = k.key, n+1
		}
	}
	if n != 1 {
		return nil
	}
	return found
}

// fits tells whether signatures by an algorithm are made with such a key (RFC
// 7518, 3.1; RFC 8037, 3.1).
func (k *webKey) fits(algorithm string) bool {
	if k.algorithm != "" {
		return k.algorithm == algorithm
	}
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return algorithm == map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[key.Params().Name]
	}
	return algorithm == "EdDSA"
}

// ask replaces the keys. Where that fails, those that are known go on to count.
func (s *keySet) ask(ctx context.Context) {
	if s.asked = append(s.asked, s.now()); len(s.asked) > keysBurst {
		s.asked = s.asked[1:]
	}
	keys, err := s.fetch(context.WithoutCancel(ctx))
	if s.err = err; err == nil {
		s.keys, s.got = keys, s.now()
	}
}

func (s *keySet) fetch(ctx context.Context) ([]webKey, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	body, err := answer(s.client, req)
	if err != nil {
		return nil, err
	}
	return parseKeys(body)
}

// answer sends a request and gives the body of an answer with status 200.
func answer(client *http.Client, req *http.Request) ([]byte, error) {
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, keysSize+1))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered %s", req.URL.Host, res.Status)
	case len(body) > keysSize:
		return nil, fmt.Errorf("%s answered more than %d bytes", req.URL.Host, keysSize)
	}
	return body, nil
}

// A jwk is a key of RFC 7517 and 8037.
type jwk struct {
	Kty, Use, Kid, Alg, Crv, N, E, X, Y string
}

// parseKeys takes the keys out of a set that can check signatures. A key that it
// does not know is left out, as RFC 7517 says.
func parseKeys(body []byte) ([]webKey, error) {
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, errors.New("the answer is no set of keys")
	}
	var keys []webKey
	for _, raw := range set.Keys {
		var k jwk
		if json.Unmarshal(raw, &k) != nil || k.Use != "" && k.Use != "sig" {
			continue
		}
		if key := k.public(); key != nil {
			keys = append(keys, webKey{id: k.Kid, algorithm: k.Alg, key: key})
		}
	}
	return keys, nil
}

// public gives the key itself; nil: it is none that is known, or too weak.
func (k *jwk) public() any {
	switch k.Kty {
	case "RSA":
		n, e := number(k.N), number(k.E)
		if n == nil || e == nil || n.BitLen() < 2048 || n.BitLen() > 16384 || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
			return nil
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "EC":
		return k.elliptic()
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if k.Crv != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
			return nil
		}
		return ed25519.PublicKey(x)
	}
	return nil
}

func (k *jwk) elliptic() any {
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Crv]
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if curve == nil || errX != nil || errY != nil {
		return nil
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return nil
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil // it lies beside the curve
	}
	return key
}

func number(text string) *big.Int {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}
