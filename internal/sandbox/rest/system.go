// Package rest simulates a shop and a service desk behind a plain REST API:
// every usual way of paging and of logging in, searches, entity tags, and
// writes that are not safe to repeat.
package rest

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// Options of the system.
type Options struct {
	Seed   uint64
	Orders int // 0: 60
	Now    func() time.Time
	Log    *traffic.Log
	// TokenLife is how long an OAuth token lives; 0: an hour.
	TokenLife time.Duration
}

// Credentials that the system accepts; each way is enough by itself.
type Credentials struct {
	Username     string `json:"username"`
	Password     string `json:"password"`
	Bearer       string `json:"bearer"`
	APIKey       string `json:"api_key"` // in the header X-Api-Key or the query parameter api_key
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	TokenPath    string `json:"token_path"` // below the address of the server; scopes are records.read and records.write
}

// A System is one shop. It is safe for concurrent use.
type System struct {
	o       Options
	Data    *dataset.Store
	Traffic *traffic.Traffic
	Credentials

	mux *http.ServeMux

	mu       sync.Mutex
	tokens   map[string]token
	repeated map[string]answer // by Idempotency-Key
}

type token struct {
	end    time.Time
	scopes []string
}

// An answer is what a write was answered with.
type answer struct {
	status   int
	location string
	body     []byte
}

// Path is that of the API below the address of the server.
const Path = "/api"

// New makes a shop with orders, products, customers and visits, and a desk
// with tickets.
func New(o Options) (*System, error) {
	if o.Orders == 0 {
		o.Orders = 60
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	r := dataset.Rand(o.Seed, "rest credentials")
	secret := func() string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) }
	s := &System{o: o, tokens: map[string]token{}, repeated: map[string]answer{}, Credentials: Credentials{
		Username: "sandbox", Password: secret(), Bearer: secret(), APIKey: secret(), ClientID: "sandbox-client",
		ClientSecret: secret(), TokenPath: "/oauth/token",
	}}
	s.Data = dataset.New(func() time.Time { return o.Now().UTC() }, tables()...)
	s.Traffic = traffic.New(traffic.Options{
		System: "rest", Now: o.Now, Log: o.Log, Gzip: true, MaxBody: 10 << 20,
		Serve: func(x *traffic.Exchange) { s.mux.ServeHTTP(x, x.Request) }, Refuse: s.refuse, Action: action,
	})
	s.routes()
	return s, s.seed()
}

// action names the collection of a call.
func action(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, Path+"/") }

func (s *System) routes() {
	s.mux = http.NewServeMux()
	handle := func(pattern, scope string, serve func(*traffic.Exchange)) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			x := w.(*traffic.Exchange)
			x.Request = r
			if scope == "" || s.admit(x, scope) {
				serve(x)
			}
		})
	}
	const read, write = "records.read", "records.write"
	handle("POST /oauth/token", "", s.oauth)
	handle("GET /api/{collection}", read, s.list)
	handle("GET /api/by/{style}/{collection}", read, s.list)
	handle("POST /api/search/{collection}", read, s.search)
	handle("GET /api/{collection}/{id}", read, s.one)
	handle("POST /api/{collection}", write, s.create)
	handle("PATCH /api/{collection}/{id}", write, s.update)
	handle("PUT /api/{collection}/{id}", write, s.update)
	handle("DELETE /api/{collection}/{id}", write, s.remove)
	handle("GET /api/moved/{rest}", "", s.moved)
	handle("GET /api/moved-away/{rest}", "", s.moved)
	handle("/", "", func(x *traffic.Exchange) { fail(x, http.StatusNotFound, "not_found", "there is no such resource") })
}

// moved redirects to the same path, under the same or under another host name.
func (s *System) moved(x *traffic.Exchange) {
	to := &url.URL{Path: Path + "/" + x.Request.PathValue("rest"), RawQuery: x.Request.URL.RawQuery}
	if strings.HasPrefix(x.Request.URL.Path, Path+"/moved-away/") {
		to.Scheme, to.Host = "http", elsewhere(x.Request)
	}
	x.Header().Set("Location", to.String())
	x.WriteHeader(http.StatusFound)
}

// elsewhere is another name of this host, which a client must take for another
// host.
func elsewhere(r *http.Request) string {
	_, port, _ := strings.Cut(r.Host, ":")
	return "localhost:" + port
}

// fail answers with an error in the shape of this API.
func fail(x *traffic.Exchange, status int, code, message string) {
	x.JSON(status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

// refuse answers with a status that a fault asks for. 200 is a success that
// says inside that it is none.
func (s *System) refuse(x *traffic.Exchange, f traffic.Fault, status int) bool {
	message := f.Message
	if message == "" {
		message = "the shop refuses: " + strings.ToLower(http.StatusText(status))
	}
	if status == http.StatusOK {
		message = "the shop is closed"
	}
	fail(x, status, fmt.Sprint(status), message)
	return true
}

// admit lets a caller in; false: it was refused.
func (s *System) admit(x *traffic.Exchange, scope string) bool {
	r := x.Request
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	user, password, _ := r.BasicAuth()
	bearer, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case same(user, s.Username) && same(password, s.Password), isBearer && same(bearer, s.Bearer),
		same(r.Header.Get("X-Api-Key"), s.APIKey), same(r.URL.Query().Get("api_key"), s.APIKey):
		return true
	}
	s.mu.Lock()
	t, known := s.tokens[bearer]
	s.mu.Unlock()
	if !known || !s.o.Now().Before(t.end) {
		x.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		fail(x, http.StatusUnauthorized, "unauthorized", "the credentials are missing or wrong")
		return false
	}
	for _, has := range t.scopes {
		if has == scope {
			return true
		}
	}
	fail(x, http.StatusForbidden, "forbidden", "the scope "+scope+" is missing")
	return false
}

// RevokeTokens ends all OAuth tokens at once.
func (s *System) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// oauth gives out tokens for client credentials (RFC 6749, section 4.4).
func (s *System) oauth(x *traffic.Exchange) {
	form, err := url.ParseQuery(string(x.Body))
	refuse := func(status int, code string) { x.JSON(status, map[string]string{"error": code}) }
	if err != nil || form.Get("grant_type") != "client_credentials" {
		refuse(http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	id, secret, basic := x.Request.BasicAuth()
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if id != s.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(s.ClientSecret)) != 1 {
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	scopes := strings.Fields(form.Get("scope"))
	if len(scopes) == 0 {
		scopes = []string{"records.read", "records.write"}
	}
	for _, scope := range scopes {
		if scope != "records.read" && scope != "records.write" {
			refuse(http.StatusBadRequest, "invalid_scope")
			return
		}
	}
	r := dataset.Rand(s.o.Seed+uint64(x.Call.N), "rest token")
	text := fmt.Sprintf("sandbox-%016x%016x", r.Uint64(), r.Uint64())
	s.mu.Lock()
	s.tokens[text] = token{end: s.o.Now().Add(s.o.TokenLife), scopes: scopes}
	s.mu.Unlock()
	x.JSON(http.StatusOK, map[string]any{
		"access_token": text, "token_type": "Bearer", "expires_in": int(s.o.TokenLife.Seconds()), "scope": strings.Join(scopes, " "),
	})
}
