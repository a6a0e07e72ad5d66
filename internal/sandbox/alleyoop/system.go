// Package alleyoop simulates AlleyOop (Workflow): one URL, and everything a
// caller says in headers.
package alleyoop

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// Options of the system.
type Options struct {
	Seed    uint64
	Clients int // 0: 12
	Now     func() time.Time
	Log     *traffic.Log
	// CreatedAsList makes the answer to a creation a list with the instance, as
	// the vendor's example reads, and not the instance alone.
	CreatedAsList bool
}

// Credentials that the system accepts.
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
	APIKey   string `json:"api_key"`
}

// A System is one installation for one accountancy office. It is safe for
// concurrent use.
type System struct {
	o       Options
	Data    *dataset.Store
	Traffic *traffic.Traffic
	Credentials

	numbers atomic.Int64 // instances and tasks so far
}

// Path is that of the one endpoint below the address of the server.
const Path = "/alleyoop/api"

// New makes an installation with clients, process definitions and a few
// running processes.
func New(o Options) (*System, error) {
	if o.Clients == 0 {
		o.Clients = 12
	}
	r := dataset.Rand(o.Seed, "alleyoop credentials")
	s := &System{o: o, Credentials: Credentials{
		Username: "sandbox", Password: fmt.Sprintf("%016x", r.Uint64()), APIKey: fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()),
	}}
	s.Data = dataset.New(o.Now, tables()...)
	s.Traffic = traffic.New(traffic.Options{
		System: "alleyoop", Now: o.Now, Log: o.Log, MaxBody: 75 << 20,
		Serve: s.serve, Refuse: refuseAs, Action: func(r *http.Request) string { return r.Header.Get("X-action") },
	})
	return s, s.seed()
}

// A refusal is an answer that is not 2xx.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, text string, args ...any) error {
	return &refusal{status, fmt.Sprintf(text, args...)}
}

// refuseAs answers with a status that a fault asks for.
func refuseAs(x *traffic.Exchange, f traffic.Fault, status int) bool {
	text := f.Message
	if text == "" {
		text = "refused: " + strings.ToLower(http.StatusText(status))
	}
	x.JSON(status, map[string]string{"message": text})
	return true
}

func (s *System) serve(x *traffic.Exchange) {
	answer, err := s.answer(x)
	switch e := err.(type) {
	case nil:
		x.JSON(http.StatusOK, answer)
	case *refusal:
		if e.status == http.StatusUnauthorized {
			x.Header().Set("WWW-Authenticate", `Basic realm="AlleyOop"`)
		}
		x.JSON(e.status, map[string]string{"message": e.text})
	default:
		x.JSON(http.StatusInternalServerError, map[string]string{"message": err.Error()})
	}
}

// answer does what a call asks for.
func (s *System) answer(x *traffic.Exchange) (any, error) {
	r := x.Request
	if r.URL.Path != Path {
		return nil, refuse(http.StatusNotFound, "not found")
	}
	if err := s.admit(r); err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-") && strings.Join(values, "") == "" {
			return nil, refuse(http.StatusBadRequest, "header %s is empty", name)
		}
	}
	action := r.Header.Get("X-action")
	operations := map[string]func(*traffic.Exchange) (any, error){
		"GET process-definitions":  s.definitions,
		"GET clients":              s.clients,
		"GET process-instances":    s.instances,
		"POST process-instances":   s.create,
		"DELETE process-instances": s.remove,
		"GET tasks":                s.tasks,
		"PUT tasks":                s.signal,
		"GET task-history":         s.history,
		"POST files":               s.upload,
	}
	do, ok := operations[r.Method+" "+action]
	switch {
	case action == "":
		return nil, refuse(http.StatusBadRequest, "header X-action is missing")
	case !ok:
		return nil, refuse(http.StatusBadRequest, "action %q does not exist for %s", action, r.Method)
	case action != "files" && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return nil, refuse(http.StatusUnsupportedMediaType, "Content-Type must be application/json")
	}
	return do(x)
}

func (s *System) admit(r *http.Request) error {
	user, password, _ := r.BasicAuth()
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	switch {
	case !same(user, s.Username) || !same(password, s.Password):
		return refuse(http.StatusUnauthorized, "user name or password is wrong")
	case !same(r.Header.Get("X-apiKey"), s.APIKey):
		return refuse(http.StatusUnauthorized, "the API key is unknown")
	}
	return nil
}

// Doubled names what exists more than once and should not: instances of one
// client, process and period, and equal files of one instance.
func (s *System) Doubled() []string {
	list := []string{}
	count := func(table string, columns ...string) {
		seen := map[string]int{}
		for _, row := range s.Data.Rows(table) {
			parts := make([]string, len(columns))
			for i, c := range columns {
				parts[i] = dataset.Text(row[c])
			}
			name := table + " " + strings.Join(parts, " ")
			if seen[name]++; seen[name] == 2 {
				list = append(list, name)
			}
		}
	}
	count("instances", "clientId", "processKey", "periodStart", "periodEnd")
	count("files", "instanceId", "typeId", "filename", "sha256")
	return list
}
