// Package xpert simulates an Xpert Suite as far as its vendor tells of it: API
// accounts that log in with a token and a one-time code, a base URL that the
// login names, impersonation, authorisations, and webhooks. Where the vendor
// says nothing in public, names and paths are those of OAuth 2.0.
package xpert

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// Options of the system.
type Options struct {
	Seed      uint64
	Employees int // 0: 40
	Now       func() time.Time
	Log       *traffic.Log
	// TokenLife is how long a token lives; 0: an hour.
	TokenLife time.Duration
}

// Credentials that the system accepts.
type Credentials struct {
	Account    string `json:"account"`
	Token      string `json:"token"`
	TOTPSecret string `json:"totp_secret"`
	// User is one that the account may act for, who may read accounts only.
	User string `json:"user"`
	// LimitedAccount may read accounts, and nothing else.
	LimitedAccount    string `json:"limited_account"`
	LimitedToken      string `json:"limited_token"`
	LimitedTOTPSecret string `json:"limited_totp_secret"`
}

// A System is one Suite. It is safe for concurrent use.
type System struct {
	o       Options
	Data    *dataset.Store
	Traffic *traffic.Traffic
	Credentials

	mux *http.ServeMux

	mu     sync.Mutex
	tokens map[string]session
	used   map[string]int64 // the window of the last code, by account

	sending sync.Mutex    // held by the one who delivers
	wake    chan struct{} // something is to be delivered
	client  *http.Client
}

// LoginPath is where accounts log in, below the address of the server. All else
// is below Path, which the login names.
const (
	LoginPath = "/oauth2/token"
	Path      = "/suites/7/api"
)

// New makes a Suite with accounts, employees and absences.
func New(o Options) (*System, error) {
	if o.Employees == 0 {
		o.Employees = 40
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	r := dataset.Rand(o.Seed, "xpert credentials")
	token := func() string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) }
	secret := func() string {
		return base32.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%010x%010x", r.Uint64()>>24, r.Uint64()>>24)))
	}
	s := &System{
		o: o, tokens: map[string]session{}, used: map[string]int64{}, wake: make(chan struct{}, 1),
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		Credentials: Credentials{
			Account: "sandbox", Token: token(), TOTPSecret: secret(), LimitedAccount: "sandbox-limited", LimitedToken: token(), LimitedTOTPSecret: secret(),
		},
	}
	s.Data = dataset.New(func() time.Time { return o.Now().UTC() }, tables()...)
	s.Traffic = traffic.New(traffic.Options{
		System: "xpert", Now: o.Now, Log: o.Log, Gzip: true, MaxBody: 10 << 20,
		Serve: func(x *traffic.Exchange) { s.mux.ServeHTTP(x, x.Request) }, Refuse: refuse, Action: action,
	})
	s.routes()
	err := s.seed()
	s.Data.Follow(s.announce)
	return s, err
}

// action names the collection of a call.
func action(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, Path+"/") }

func (s *System) routes() {
	s.mux = http.NewServeMux()
	handle := func(pattern, right string, serve func(*call)) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c := &call{Exchange: w.(*traffic.Exchange)}
			c.Request = r
			if c.admitted(s, right) {
				serve(c)
			}
		})
	}
	s.mux.HandleFunc("POST "+LoginPath, func(w http.ResponseWriter, _ *http.Request) { s.login(w.(*traffic.Exchange)) })
	s.mux.HandleFunc("POST "+Path+"/oauth2/token", func(w http.ResponseWriter, _ *http.Request) { s.exchange(w.(*traffic.Exchange)) })
	handle("GET "+Path+"/{collection}", "read", s.list)
	handle("GET "+Path+"/{collection}/{id}", "read", s.one)
	handle("POST "+Path+"/{collection}", "write", s.create)
	handle("PATCH "+Path+"/{collection}/{id}", "write", s.update)
	handle("DELETE "+Path+"/{collection}/{id}", "write", s.remove)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w.(*traffic.Exchange), http.StatusNotFound, "there is nothing at this address; requests go below the base URL that the login names")
	})
}

// fail answers with a problem (RFC 9457).
func fail(x *traffic.Exchange, status int, detail string) {
	x.Header().Set("Content-Type", "application/problem+json")
	x.JSON(status, map[string]any{"status": status, "title": http.StatusText(status), "detail": detail})
}

// refuse answers with a status that a fault asks for. 200 is a success that
// says inside that it is none.
func refuse(x *traffic.Exchange, f traffic.Fault, status int) bool {
	detail := f.Message
	if detail == "" {
		detail = "the Suite refuses: " + strings.ToLower(http.StatusText(status))
	}
	if status == http.StatusOK {
		x.JSON(status, map[string]any{"error": detail})
		return true
	}
	fail(x, status, detail)
	return true
}

// newToken makes a token that nobody guesses.
func newToken() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails
	return "xs-" + hex.EncodeToString(b)
}

// Doubled names accounts of one user name and employees of one number that exist
// more than once.
func (s *System) Doubled() []string {
	list := []string{}
	for table, column := range map[string]string{"accounts": "userName", "employees": "employeeNumber"} {
		seen := map[string]int{}
		for _, row := range s.Data.Rows(table) {
			text := strings.ToLower(dataset.Text(row[column]))
			if seen[text]++; seen[text] == 2 {
				list = append(list, table+" "+text)
			}
		}
	}
	return list
}
