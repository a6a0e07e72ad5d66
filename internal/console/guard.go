package console

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"koppel/engine"
	"koppel/engine/state"
)

// Open lets a page be read without a token over loopback, by programs of this
// machine. Over other addresses, and through a proxy, it wants a token.
func (a *API) Open(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := checkSite(r)
		if err == nil && (!OverLoopback(r) || forwarded(r)) {
			_, err = a.Authorize(r, Viewer)
		}
		if err != nil {
			a.log(r, "", writeRefusal(w, err))
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWait))
		page.ServeHTTP(w, r)
	})
}

// checkSite refuses what a page of another site has a browser send, and what
// comes in over loopback under a foreign name (DNS rebinding).
func checkSite(r *http.Request) error {
	if !localHost(r) {
		return refuse("host", "this request came over loopback under the name "+clip(r.Host)+", which is not this machine's; a proxy must send the address that it forwards to as Host")
	}
	// Reading is held to the same rule as writing.
	asked := &http.Request{Method: http.MethodPost, Host: r.Host, Header: r.Header, URL: r.URL}
	if err := http.NewCrossOriginProtection().Check(asked); err != nil {
		return refuse("cross_origin", "a page of another site sent this request, and this API is for programs")
	}
	return nil
}

// localHost tells whether a request that came in over loopback names this
// machine as its host. One that came in over another address passes.
func localHost(r *http.Request) bool {
	if !OverLoopback(r) {
		return true
	}
	name := r.Host
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		name = host
	}
	name = strings.Trim(name, "[]")
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(strings.TrimSuffix(name, "."), "localhost")
}

// OverLoopback tells whether a request came in at a loopback address of this
// machine.
func OverLoopback(r *http.Request) bool {
	at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	ip, err := netip.ParseAddrPort(at.String())
	return err == nil && ip.Addr().Unmap().IsLoopback()
}

// forwarded tells whether a proxy says that it forwards a request.
func forwarded(r *http.Request) bool {
	return slices.ContainsFunc([]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"},
		func(name string) bool { return r.Header.Get(name) != "" })
}

// Authorize finds the token of a request, and checks that its role is enough.
func (a *API) Authorize(r *http.Request, role string) (state.Token, error) {
	var none state.Token
	for _, name := range []string{"token", "access_token", "api_key"} {
		if r.URL.Query().Has(name) {
			return none, refuse("token_in_url", "a token in a URL ends up in logs: revoke it with koppel token revoke, and send its successor as Authorization: Bearer TOKEN")
		}
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(secret) == "" || len(r.Header.Values("Authorization")) > 1 {
		return none, refuse("token_missing", "send a token as Authorization: Bearer TOKEN; koppel token create NAME --role viewer makes one")
	}
	e := &engine.Engine{Store: a.opts.Store, Now: a.opts.Now}
	all, err := e.Tokens(r.Context())
	if err != nil {
		return none, err
	}
	t, ok := find(all, strings.TrimSpace(secret))
	now := a.opts.Now()
	switch {
	case !ok:
		return none, refuse("token_unknown", "this token is not known; koppel token list shows those there are, and koppel token create makes one")
	case !t.Revoked.IsZero():
		return none, refuse("token_revoked", "the token "+t.Name+" was revoked; koppel token create makes another")
	case t.ExpiredAt(now):
		return none, refuse("token_expired", "the token "+t.Name+" expired at "+t.Expires.UTC().Format(time.RFC3339)+"; koppel token create makes another")
	case role == Admin && t.Role != Admin:
		return none, refuse("role", "the token "+t.Name+" is for a "+t.Role+", and this is for an admin")
	}
	a.remember(t, now)
	return t, nil
}

// usedEvery is how often the use of a token is remembered.
const usedEvery = time.Minute

// remember notes that a token was used, beside the request: the state may be
// busy with a run.
func (a *API) remember(t state.Token, now time.Time) {
	if !a.stale(t.Name, now) {
		return
	}
	a.beside(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.life), usedEvery)
		defer cancel()
		e := &engine.Engine{Store: a.opts.Store, Now: func() time.Time { return now }}
		if err := e.UseToken(ctx, t); err != nil {
			a.opts.Log.Warn("remember the use of a token", "token", t.Name, "error", err)
		}
	})
}

// stale tells whether the use of a token is to be remembered again.
func (a *API) stale(name string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.used[name]
	if now.Sub(last) < usedEvery && !now.Before(last) {
		return false
	}
	a.used[name] = now
	return true
}

// clip shortens what a client sent.
func clip(text string) string {
	const most = 80
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "�")
}
