package httpclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A grant is what a login gave.
type grant struct {
	token string
	home  *url.URL // where requests go from then on; nil: where they went
	// renewAt is when to ask for the next, before the server takes this one no
	// more; zero: when it is refused. Until expires it can still be used.
	renewAt, expires time.Time
	hidden           string // another token that it was got with
}

// newGrant is a grant that the server takes for a lifetime; 0: it did not say.
func newGrant(token string, lifetime time.Duration) *grant {
	g := &grant{token: token}
	if lifetime > 0 {
		g.expires = time.Now().Add(lifetime)
		g.renewAt = g.expires.Add(-min(time.Minute, lifetime/10))
	}
	return g
}

// endWith lets a grant be renewed when another one is.
func (g *grant) endWith(other *grant) {
	if !other.renewAt.IsZero() && (g.renewAt.IsZero() || other.renewAt.Before(g.renewAt)) {
		g.renewAt, g.expires = other.renewAt, other.expires
	}
}

// denialStands is how long a refusal of the credentials stands: all who wait
// for a token share it, so that wrong credentials do not lock an account.
const denialStands = 30 * time.Second

// grants asks for tokens, one at a time for all users of a connection, keeps
// the present one and puts it on requests.
type grants struct {
	ask    func(context.Context) (*grant, error)
	hidden []string
	turn   chan struct{} // held by the one who asks

	mu       sync.Mutex
	now      *grant
	used     []string // tokens, those of the present grant and of the one before it
	denial   error
	deniedAt time.Time
}

func newGrants(ask func(context.Context) (*grant, error), secrets ...string) *grants {
	return &grants{ask: ask, hidden: secrets, turn: make(chan struct{}, 1)}
}

// fresh is the present grant; nil: another is needed, or the error that stands.
func (g *grants) fresh() (*grant, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now != nil && (g.now.renewAt.IsZero() || time.Now().Before(g.now.renewAt)) {
		return g.now, nil
	}
	if g.denial != nil && time.Since(g.deniedAt) < denialStands {
		return nil, g.denial
	}
	return nil, nil
}

// get gives a grant, and asks for one when it must.
func (g *grants) get(ctx context.Context) (*grant, error) {
	if now, err := g.fresh(); now != nil || err != nil {
		return now, err
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if now, err := g.fresh(); now != nil || err != nil {
		return now, err
	}
	next, err := g.ask(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.now, g.denial = next, nil
		g.used = append(g.used[max(len(g.used)-2, 0):], next.hidden, next.token)
		return next, nil
	}
	if g.now != nil && time.Now().Before(g.now.expires) {
		return g.now, nil // there is still time to try again
	}
	var failed *Error
	if errors.As(err, &failed) && failed.Reason == Denied {
		g.denial, g.deniedAt = err, time.Now()
	}
	return nil, err
}

// Authorize puts the token on a request.
func (g *grants) Authorize(ctx context.Context, req *http.Request) error {
	now, err := g.get(ctx)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+now.token)
	return nil
}

// Renew forgets the token that was refused.
func (g *grants) Renew(req *http.Request) bool {
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now != nil && g.now.token == token {
		g.now = nil
	}
	return true
}

// Secrets lists what was sent to get a token, and the tokens.
func (g *grants) Secrets() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append(append([]string{}, g.hidden...), g.used...)
}
