// Package afas simulates AFAS Profit's REST connectors: GetConnectors,
// UpdateConnectors, metainfo and the token endpoint, with the habits that make
// them hard to read and write rightly.
package afas

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // Profit's clock is that of Amsterdam wherever this runs

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// The limits that the documentation of AFAS states.
const (
	concurrent = 5        // calls at once
	maxCells   = 150_000  // rows × columns of one answer
	maxQuery   = 2049     // bytes of the query string, from the question mark
	maxBody    = 75 << 20 // bytes of a whole call
)

// Options of the system.
type Options struct {
	Seed      uint64
	Employees int // 0: 40
	Now       func() time.Time
	Log       *traffic.Log
	// Integration, such as "12345_678900", makes the IntegrationId header
	// mandatory with this value; empty: it is not looked at.
	Integration string
	// Unlisted is the status for a connector that is not in the app connector,
	// 401 or 500, as the documentation contradicts itself; 0: 500.
	Unlisted int
	// TokenLife is how long an OAuth token lives; 0: an hour.
	TokenLife time.Duration
	// Version is that of Profit: below 7, decimals below 1 have no zero before
	// the point, which is no JSON; 0: 7.
	Version int
}

// Credentials that the system accepts.
type Credentials struct {
	Environment  string `json:"environment"`   // the participant number
	Token        string `json:"token"`         // the whole XML of the classic token
	TokenData    string `json:"token_data"`    // its data part alone
	LimitedToken string `json:"limited_token"` // of a user who may see one row in ten
	LeftToken    string `json:"left_token"`    // of a user who left: sees no row
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// A System is one Profit environment. It is safe for concurrent use.
type System struct {
	o       Options
	Data    *dataset.Store
	Traffic *traffic.Traffic
	Credentials

	zone    *time.Location
	getters map[string]*getConnector
	objects map[string]*object
	mux     *http.ServeMux

	mu     sync.Mutex
	tokens map[string]time.Time // OAuth tokens and when they end
	turn   uint64               // counts the reads, to order each another way
	views  map[string]*view
}

// New makes an environment that is filled with test persons.
func New(o Options) (*System, error) {
	if o.Employees == 0 {
		o.Employees = 40
	}
	if o.Unlisted == 0 {
		o.Unlisted = http.StatusInternalServerError
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	if o.Version == 0 {
		o.Version = 7
	}
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		return nil, fmt.Errorf("load the time zone of Profit: %w", err)
	}
	s := &System{o: o, zone: zone, Credentials: credentials(o.Seed), tokens: map[string]time.Time{}, views: map[string]*view{}}
	s.Data = dataset.New(s.wall, tables()...)
	if err := seed(s.Data, o.Seed, o.Employees, s.wall()); err != nil {
		return nil, err
	}
	s.getters, s.objects = getConnectors(), objects()
	s.Traffic = traffic.New(traffic.Options{
		System: "afas", Now: o.Now, Log: o.Log, Gzip: true, MaxBody: maxBody,
		Serve: s.serve, Refuse: s.refuse, Concurrent: concurrent, Busy: s.busy, Action: action,
	})
	s.routes()
	return s, nil
}

// Path is that of the REST services below the address of the server.
const Path = "/ProfitRestServices"

// wall is the clock on the wall in Amsterdam, written as if it were UTC.
func (s *System) wall() time.Time {
	t := s.o.Now().In(s.zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

func credentials(seed uint64) Credentials {
	r := dataset.Rand(seed, "afas credentials")
	hex := func() string {
		return fmt.Sprintf("%016X%016X%016X%016X", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
	}
	data := hex()
	return Credentials{
		Environment: "12345", Token: tokenXML(data), TokenData: data, LimitedToken: tokenXML(hex()), LeftToken: tokenXML(hex()),
		ClientID: "sandbox-" + strings.ToLower(hex()[:12]), ClientSecret: hex()[:40],
	}
}

func tokenXML(data string) string {
	return "<token><version>1</version><data>" + data + "</data></token>"
}

// Authorization is the header value of a classic token.
func Authorization(token string) string {
	return "AfasToken " + base64.StdEncoding.EncodeToString([]byte(token))
}

// action names the connector or service of a call.
func action(r *http.Request) string {
	path := r.URL.Path
	if len(path) >= len(Path) && strings.EqualFold(path[:len(Path)], Path) {
		path = path[len(Path):]
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] == "connectors" && len(parts) > 1 {
		return parts[1]
	}
	return strings.Join(parts, "/")
}

// Doubled names what exists twice and is likely not meant to: persons of one
// name, birthday, address and number, subjects of one title, appointments of one
// employee, title and begin.
func (s *System) Doubled() []string {
	list := []string{}
	count := func(table string, columns ...string) {
		seen := map[string]int{}
		for _, row := range s.Data.Rows(table) {
			name := table
			for _, c := range columns {
				name += " " + dataset.Text(row[c])
			}
			if seen[name]++; seen[name] == 2 {
				list = append(list, name)
			}
		}
	}
	count("persons", "FiNm", "Is", "LaNm", "DaBi", "EmAd", "MbN2")
	count("subjects", "StId", "Ds", "SbTx")
	count("agenda", "EmId", "Ds", "DsBe")
	return list
}
