// Package traffic stands between a caller and a simulated system: it counts and
// records every call, injects faults on request, and keeps answers back until
// what was done stands in the log.
package traffic

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// Options of the traffic of one system.
type Options struct {
	System string // its name, for the log
	Now    func() time.Time
	// Serve answers one call.
	Serve func(*Exchange)
	// Action says what a call is listed under beside its method; nil: its path.
	Action func(*http.Request) string
	// Refuse answers in the system's own words with one of the statuses that a
	// fault asks for; false: it has none for this status.
	Refuse func(x *Exchange, f Fault, status int) bool
	// Concurrent is how many calls are served at once; more get Busy. 0: any.
	Concurrent int
	Busy       func(*Exchange)
	// MaxBody is the most bytes of a request; more get 413. 0: any.
	MaxBody int64
	// Gzip packs answers for callers that accept it.
	Gzip bool
	// Log gets one JSON line per call before the answer; nil: none.
	Log *Log
}

// Traffic is all calls of one system. It is safe for concurrent use.
type Traffic struct {
	o Options

	mu       sync.Mutex
	calls    []Call
	faults   []*armed
	hooks    []hook
	n        int // calls so far
	inflight int
	peak     int
	last     map[string][]byte // the latest good answer of each place
}

type hook struct {
	after int // calls that are still to be answered before it runs
	run   func()
}

// New makes the traffic of a system.
func New(o Options) *Traffic { return &Traffic{o: o, last: map[string][]byte{}} }

// A Call is one request that came in, without its credentials.
type Call struct {
	System  string    `json:"system"`
	N       int       `json:"n"` // from 1 in the order of arrival
	At      time.Time `json:"at"`
	Method  string    `json:"method"`
	Path    string    `json:"path"` // with the query
	Action  string    `json:"action,omitempty"`
	Status  int       `json:"status"` // of the answer that was made; 0: none was
	Rows    int       `json:"rows"`
	Fault   string    `json:"fault,omitempty"`
	Effects []Effect  `json:"effects,omitempty"`
}

// An Effect is something that a call did.
type Effect struct {
	Op   string          `json:"op"` // insert, update, delete, signal, upload
	What string          `json:"what"`
	Key  string          `json:"key"`
	Body json.RawMessage `json:"body,omitempty"`
}

// Counts sums up the calls since the last Forget.
type Counts struct {
	Requests int            `json:"requests"`
	Rows     int            `json:"rows"`
	Effects  int            `json:"effects"`
	Status   map[string]int `json:"status"` // calls by status of the answer
	Action   map[string]int `json:"action"` // calls by method and action
	Faults   map[string]int `json:"faults"`
	Peak     int            `json:"peak"` // most calls at one moment
}

// Calls lists the calls since the last Forget, in the order in which they were
// answered.
func (t *Traffic) Calls() []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.calls)
}

// Effects lists what the calls since the last Forget did.
func (t *Traffic) Effects() []Effect {
	list := []Effect{}
	for _, c := range t.Calls() {
		list = append(list, c.Effects...)
	}
	return list
}

// Counts sums up the calls since the last Forget.
func (t *Traffic) Counts() Counts {
	c := Counts{Status: map[string]int{}, Action: map[string]int{}, Faults: map[string]int{}}
	for _, call := range t.Calls() {
		c.Requests++
		c.Rows += call.Rows
		c.Effects += len(call.Effects)
		c.Status[fmt.Sprint(call.Status)]++
		c.Action[call.Method+" "+call.Action]++
		if call.Fault != "" {
			c.Faults[call.Fault]++
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c.Peak = t.peak
	return c
}

// Forget starts counting and listing anew; faults stay.
func (t *Traffic) Forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls, t.n, t.peak = nil, 0, t.inflight
}

// After lets run happen once n more calls were answered, before any later call
// is served: a change in the middle of someone's paging.
func (t *Traffic) After(n int, run func()) {
	t.mu.Lock()
	t.hooks = append(t.hooks, hook{after: n, run: run})
	due := t.dueHooks(0)
	t.mu.Unlock()
	for _, h := range due {
		h.run()
	}
}

// dueHooks takes out what is due now that some more calls were answered.
func (t *Traffic) dueHooks(answered int) []hook {
	var due, later []hook
	for _, h := range t.hooks {
		if h.after -= answered; h.after <= 0 {
			due = append(due, h)
		} else {
			later = append(later, h)
		}
	}
	t.hooks = later
	return due
}

// A Log is a file with one JSON line per call; lines of calls that did
// something are on the disk before the caller hears of it.
type Log struct {
	mu sync.Mutex
	f  *os.File
}

// OpenLog opens a log to append to; it is made where it does not exist.
func OpenLog(path string) (*Log, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of calls: %w", err)
	}
	return &Log{f: f}, nil
}

// Close closes the file.
func (l *Log) Close() error { return l.f.Close() }

func (l *Log) add(c Call) error {
	line, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the log of calls: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the log of calls: %w", err)
	}
	if len(c.Effects) == 0 {
		return nil
	}
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("write the log of calls: %w", err)
	}
	return nil
}

// ServeHTTP serves one call.
func (t *Traffic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.send(w, t.take(r, t.o.Serve))
}
