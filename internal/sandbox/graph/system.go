// Package graph simulates Microsoft Graph and the token endpoint of Entra ID as
// far as users, groups and calendars are read, with the habits that make it hard
// to read them rightly: partial rows, replays, tombstones, stub occurrences,
// tokens that end, mailboxes that can't be read.
package graph

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // calendars have time zones wherever this runs

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// Options of the system.
type Options struct {
	Seed  uint64
	Users int // employees, who are those of AFAS; 0: 40
	// Events is how many single meetings each mailbox has beside those that show
	// a trap; 0: two.
	Events int
	Now    func() time.Time
	Log    *traffic.Log
	// TokenLife is how long an access token lives; 0: 3599 seconds.
	TokenLife time.Duration
}

// Credentials that the system accepts, and some that it refuses.
type Credentials struct {
	Tenant       string `json:"tenant"`
	Domain       string `json:"domain"` // names the tenant too
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	// SecretID is what many paste instead of the secret; ExpiredSecret was one.
	SecretID      string `json:"secret_id"`
	ExpiredSecret string `json:"expired_secret"`
}

// answerWait is how long a receiver of notifications has for its answer.
const answerWait = 10 * time.Second

// A System is one tenant. It is safe for concurrent use.
type System struct {
	o       Options
	Data    *dataset.Store
	Traffic *traffic.Traffic
	Credentials

	key []byte // signs access tokens
	mux *http.ServeMux

	mu            sync.Mutex
	issued        int               // access tokens of an earlier issue are revoked
	links         map[string]*round // what next and delta links lead to, by token
	made          int               // links so far
	subscriptions uint64            // made so far
	expired       int               // answers that told of an expired token, so far
	open          map[string]*mailbox
	events        index

	client  *http.Client  // of notifications
	wake    chan struct{} // holds one token when there may be something to send
	sending sync.Mutex
}

// New makes a tenant that is filled with test persons and their meetings.
func New(o Options) (*System, error) {
	if o.Users == 0 {
		o.Users = 40
	}
	if o.Events == 0 {
		o.Events = 2
	}
	if o.TokenLife == 0 {
		o.TokenLife = 3599 * time.Second
	}
	s := &System{o: o, Credentials: credentials(o.Seed), links: map[string]*round{}, open: map[string]*mailbox{},
		client: &http.Client{Timeout: answerWait, Transport: &http.Transport{DisableKeepAlives: true}}, wake: make(chan struct{}, 1)}
	r := dataset.Rand(o.Seed, "graph tokens")
	s.key = fmt.Appendf(nil, "%016x%016x", r.Uint64(), r.Uint64())
	s.Data = dataset.New(func() time.Time { return o.Now().UTC() }, tables()...)
	if err := s.seed(); err != nil {
		return nil, fmt.Errorf("fill the tenant: %w", err)
	}
	s.Data.Follow(s.announce)
	s.Traffic = traffic.New(traffic.Options{
		System: "graph", Now: o.Now, Log: o.Log, Gzip: true, MaxBody: 4 << 20,
		Serve: s.serve, Refuse: s.refuseAs, Action: action,
	})
	s.routes()
	return s, nil
}

func credentials(seed uint64) Credentials {
	r := dataset.Rand(seed, "graph credentials")
	secret := func() string { return fmt.Sprintf("%03x8Q~%012x+/=%08x", r.Uint32()&0xfff, r.Uint64()>>16, r.Uint32()) }
	return Credentials{
		Tenant: guid(r.Uint64(), r.Uint64()), Domain: "voorbeeld.example", ClientID: guid(r.Uint64(), r.Uint64()),
		ClientSecret: secret(), SecretID: guid(r.Uint64(), r.Uint64()), ExpiredSecret: secret(),
	}
}

// guid writes two numbers as a version 4 GUID.
func guid(a, b uint64) string {
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&(1<<48-1))
}

// action names the resource of a call, without ids.
func action(r *http.Request) string {
	path := strings.Trim(r.URL.Path, "/")
	if strings.HasSuffix(path, "/oauth2/v2.0/token") {
		return "token"
	}
	parts := strings.Split(strings.TrimPrefix(path, "v1.0/"), "/")
	list := parts[:0]
	for i, part := range parts {
		if i > 0 && (parts[0] == "users" || parts[0] == "groups" || parts[0] == "subscriptions") && i == 1 && part != "delta" || i == 3 && list[len(list)-1] == "events" {
			part = "{id}"
		}
		list = append(list, part)
	}
	return strings.Join(list, "/")
}

// Set sets a switch, as a row of the table switches does.
func (s *System) Set(name, value string) error {
	return s.Data.Update("switches", name, dataset.Row{"value": value})
}

// is reads a switch.
func (s *System) is(name string) string {
	var value string
	s.Data.View(func(tx *dataset.Tx) { value = dataset.Text(tx.Get("switches", name)["value"]) })
	return value
}

// Doubled is empty: nothing can be made here.
func (s *System) Doubled() []string { return []string{} }

// RevokeTokens ends all access tokens at once.
func (s *System) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued++
}
