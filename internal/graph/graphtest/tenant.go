// Package graphtest is a small Microsoft 365 tenant for the tests of the kinds
// that read one: what Graph is known to do, its bad habits included.
package graphtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
	"koppel/internal/httpclient"
)

// The credentials of the application that the tenant knows.
const (
	TenantID = "5b1f6c1e-0d0a-4c7e-9a52-3f0a7d2b91c4"
	ClientID = "9f0c2d11-52f3-4d0e-8a64-0b7e5c1d2a33"
	Secret   = "s3cr3t~of-the/app+registration="
)

// A Tenant answers as Entra ID and Graph do. Its exported fields may be changed
// under Lock.
type Tenant struct {
	sync.Mutex
	URL string
	// Roles are what the token says that the application may do.
	Roles []string
	// Page is how many rows a page has.
	Page int
	// Expired is how a link to changes is refused, one of ExpiryForms; empty: it
	// is good.
	Expired string
	// Partial rows of changes hold what changed only, and Split ones come one by
	// one for each property.
	Partial, Split bool
	// Replay lets a round bring what changed in the one before, too.
	Replay bool
	// Endless: rounds of changes of a calendar never end.
	Endless bool
	// Around, when set, stands around each request for Graph.
	Around func(r *http.Request, serve func())
	// Token, when set, answers questions for a token.
	Token http.HandlerFunc
	// Requests lists the paths of requests with their queries.
	Requests []string

	users  users
	groups map[string]*group
	boxes  map[string]*box
	rounds map[string][]string
	before func(w http.ResponseWriter, r *http.Request) bool
	seeing sync.Mutex // held while before runs
	links  int
	oldest int // links to changes before it are expired
}

// ExpiryForms are the ways in which a link to changes is refused.
func ExpiryForms() []string {
	return []string{"410", "410 with Location", "syncStateNotFound", "RESYNCREQUIRED", "badly formed", "inner"}
}

// New starts an empty tenant until the test ends.
func New(t testing.TB) *Tenant {
	t.Helper()
	tenant := &Tenant{
		Roles: []string{"Calendars.Read", "Directory.Read.All"}, Page: 200,
		groups: map[string]*group{}, boxes: map[string]*box{}, rounds: map[string][]string{},
	}
	server := httptest.NewServer(tenant)
	t.Cleanup(server.Close)
	tenant.URL = server.URL
	return tenant
}

// Connection is a connection to the tenant, which is not open and whose pauses
// are short.
func (t *Tenant) Connection() connector.Connection {
	c := graph.Defaults()
	c.Tenant, c.ClientID, c.ClientSecret, c.LoginURL, c.URL = TenantID, ClientID, Secret, t.URL+"/login", t.URL+"/graph"
	c.Retry = &httpclient.Retry{Attempts: 3, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	return connector.Connection{Address: "connection.graph.tenant", Kind: "graph", Config: &c}
}

// ServeHTTP answers a request.
func (t *Tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/login/"):
		t.token(w, r)
	case r.Header.Get("Authorization") != "Bearer "+t.bearer():
		Refuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty.")
	case t.Around != nil:
		t.Around(r, func() { t.answer(w, r) })
	default:
		t.answer(w, r)
	}
}

func (t *Tenant) answer(w http.ResponseWriter, r *http.Request) {
	if t.intercepted(w, r) {
		return
	}
	t.Lock()
	defer t.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/graph/v1.0")
	t.Requests = append(t.Requests, path+"?"+r.URL.RawQuery)
	w.Header().Set("Request-Id", "7c0a1f7e-"+strconv.Itoa(len(t.Requests)))
	steps := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case path == "/users/delta":
		t.usersDelta(w, r)
	case path == "/users":
		t.listUsers(w, r, nil)
	case steps[0] == "groups":
		t.answerGroups(w, r, steps[1:])
	case steps[0] == "users" && len(steps) > 2:
		t.answerCalendar(w, r, steps[1], steps[2:])
	default:
		Refuse(w, http.StatusNotFound, "ResourceNotFound", "Resource could not be discovered.")
	}
}

// Intercept lets before see each request for Graph, one at a time, and answer it
// by returning true; nil: nobody sees them. A request whose caller has given it up
// may come after those of later ones.
func (t *Tenant) Intercept(before func(w http.ResponseWriter, r *http.Request) bool) {
	t.Lock()
	defer t.Unlock()
	t.before = before
}

func (t *Tenant) intercepted(w http.ResponseWriter, r *http.Request) bool {
	t.Lock()
	before := t.before
	t.Unlock()
	if before == nil {
		return false
	}
	t.seeing.Lock()
	defer t.seeing.Unlock()
	return before(w, r)
}

// token answers a question for a token.
func (t *Tenant) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case t.Token != nil:
		t.Token(w, r)
	case r.URL.Path != "/login/"+TenantID+"/oauth2/v2.0/token":
		EntraError(w, http.StatusBadRequest, "invalid_request", 90002, "Tenant not found.")
	case r.FormValue("client_id") != ClientID:
		EntraError(w, http.StatusBadRequest, "unauthorized_client", 700016, "Application not found in the directory.")
	case r.FormValue("client_secret") != Secret:
		EntraError(w, http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided.")
	case r.FormValue("scope") != t.URL+"/graph/.default":
		EntraError(w, http.StatusBadRequest, "invalid_scope", 70011, "The provided scope is not valid.")
	default:
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":%q}`, t.bearer())
	}
}

// bearer is the token, which tells the roles.
func (t *Tenant) bearer() string {
	t.Lock()
	defer t.Unlock()
	claims, _ := json.Marshal(map[string]any{"aud": t.URL, "roles": t.Roles}) // texts only
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part(claims) + "." + part([]byte("signature"))
}

// EntraError answers as Entra ID does when it gives no token.
func EntraError(w http.ResponseWriter, status int, code string, number int, text string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q,"error_description":"AADSTS%d: %s Trace ID: 71f0a9f2 Timestamp: 2026-11-22 08:00:12Z","error_codes":[%d]}`, code, number, text, number)
}

// Refuse answers with an error of Graph.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":%q,"innerError":{"date":"2026-11-22T08:15:04","request-id":"5f2c9a10"}}}`, code, message)
}

// page writes rows with the link to what follows: they are those from a place
// of a list that was fixed when its first page was asked for.
func (t *Tenant) page(w http.ResponseWriter, r *http.Request, rows []string, top int, delta string) {
	token, at := r.URL.Query().Get("$skiptoken"), 0
	if id, from, ok := strings.Cut(token, "."); ok {
		rows = t.rounds[id]
		delta = rows[len(rows)-1]
		rows = rows[:len(rows)-1]
		at, _ = strconv.Atoi(from)
		token = id
	} else {
		t.links++
		token = "round" + strconv.Itoa(t.links)
		t.rounds[token] = append(append([]string{}, rows...), delta)
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("$top")); err == nil && n > 0 {
		top = min(top, n)
	}
	base := t.URL + r.URL.Path
	link := ""
	end := min(at+top, len(rows))
	switch {
	case end < len(rows):
		query := r.URL.Query()
		query.Set("$skiptoken", token+"."+strconv.Itoa(end))
		link = fmt.Sprintf(`,"@odata.nextLink":%q`, base+"?"+query.Encode())
	case delta != "":
		link = fmt.Sprintf(`,"@odata.deltaLink":%q`, base+"?$deltatoken="+delta)
	}
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal")
	fmt.Fprintf(w, `{"@odata.context":%q,"value":[%s]%s}`, t.URL+"/graph/v1.0/$metadata#"+about(r.URL.Path), strings.Join(rows[at:end], ","), link)
}

// about is the entity set that a path leads to.
func about(path string) string {
	steps := strings.Split(strings.TrimPrefix(path, "/graph/v1.0/"), "/")
	switch {
	case steps[len(steps)-1] == "members":
		return "directoryObjects"
	case len(steps) > 2 && steps[0] == "users":
		return "users('" + steps[1] + "')/calendarView"
	case steps[len(steps)-1] == "microsoft.graph.user":
		return "users"
	}
	return steps[0]
}

// ExpireLinks makes all links to changes that were given so far useless; they
// are refused in a form of ExpiryForms.
func (t *Tenant) ExpireLinks(form string) {
	t.Lock()
	defer t.Unlock()
	t.Expired, t.oldest = form, t.users.seq+1
}

// resync refuses a link to changes.
func (t *Tenant) resync(w http.ResponseWriter, r *http.Request) {
	switch t.Expired {
	case "410 with Location":
		w.Header().Set("Location", t.URL+r.URL.Path+"?$deltatoken=")
		w.WriteHeader(http.StatusGone)
	case "syncStateNotFound":
		Refuse(w, http.StatusBadRequest, "syncStateNotFound", "The sync state generation is not found.")
	case "RESYNCREQUIRED":
		Refuse(w, http.StatusBadRequest, "RESYNCREQUIRED", "Resync required.")
	case "badly formed":
		Refuse(w, http.StatusBadRequest, "BadRequest", "Badly formed token.")
	case "inner":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"code":"","message":"","innererror":{"code":"UnknownError","innererror":{"code":"SyncStateNotFound"}}}}`)
	default:
		Refuse(w, http.StatusGone, "SyncStateNotFound", "The sync state generation is not found; generation=149;[highest=157].")
	}
}
