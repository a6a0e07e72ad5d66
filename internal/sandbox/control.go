package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// A control is the API by which a person or a test steers the systems. It
// listens on a port of its own, so that no system sees these calls.
type control struct {
	s   *Sandbox
	mux *http.ServeMux

	mu   sync.Mutex
	late []string // what went wrong with changes that waited
}

// A request is one call of the control API for a system.
type request struct {
	*http.Request
	system *System
}

// A callerError is a mistake of the caller, with its status.
type callerError struct {
	status int
	text   string
}

func (e *callerError) Error() string { return e.text }

func newControl(s *Sandbox) *control {
	c := &control{s: s, mux: http.NewServeMux()}
	c.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, s.Info()) })
	handle := func(pattern string, do func(*request) (any, error)) {
		c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			system := s.System(r.PathValue("system"))
			if system == nil {
				write(w, http.StatusNotFound, failure{"there is no system " + strconv.Quote(r.PathValue("system"))})
				return
			}
			answer, err := do(&request{r, system})
			text, readable := answer.(string)
			switch e := err.(type) {
			case nil:
				if readable {
					w.Header().Set("Content-Type", "text/plain; charset=utf-8")
					_, _ = io.WriteString(w, text) // the caller has gone where this fails
					return
				}
				write(w, http.StatusOK, answer)
			case *callerError:
				write(w, e.status, failure{e.text})
			default:
				write(w, http.StatusBadRequest, failure{err.Error()})
			}
		})
	}
	handle("GET /{system}", func(r *request) (any, error) { return r.system, nil })
	handle("GET /{system}/calls", func(r *request) (any, error) { return nonNil(r.system.Traffic.Calls()), nil })
	handle("GET /{system}/effects", func(r *request) (any, error) { return r.system.Traffic.Effects(), nil })
	handle("GET /{system}/counts", c.counts)
	handle("GET /{system}/doubled", func(r *request) (any, error) { return r.system.Doubled(), nil })
	handle("GET /{system}/listing", func(r *request) (any, error) {
		var text strings.Builder
		err := r.system.Listing(&text)
		return text.String(), err
	})
	handle("POST /{system}/forget", done(func(r *request) error { r.system.Traffic.Forget(); return nil }))
	handle("POST /{system}/down", done(func(r *request) error { return r.system.Server.Down() }))
	handle("POST /{system}/up", done(func(r *request) error { return r.system.Server.Up() }))
	handle("POST /{system}/revoke", done(func(r *request) error { return r.system.revokeTokens() }))
	handle("POST /{system}/deliver", deliver)
	handle("POST /{system}/deliver/{id}", deliver)
	handle("GET /{system}/faults", func(r *request) (any, error) { return r.system.Traffic.Faults(), nil })
	handle("POST /{system}/faults", c.fail)
	handle("DELETE /{system}/faults", done(func(r *request) error { r.system.Traffic.Heal(); return nil }))
	handle("GET /{system}/data", tablesOf)
	handle("GET /{system}/data/{table}", rowsOf)
	handle("GET /{system}/data/{table}/{key}", rowOf)
	handle("POST /{system}/data/{table}", c.change)
	handle("PATCH /{system}/data/{table}/{key}", c.change)
	handle("DELETE /{system}/data/{table}/{key}", c.change)
	return c
}

// ServeHTTP serves one call.
func (c *control) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

type failure struct {
	Error string `json:"error"`
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the caller has gone where this fails
}

func done(do func(*request) error) func(*request) (any, error) {
	return func(r *request) (any, error) { return map[string]bool{"done": true}, do(r) }
}

func deliver(r *request) (any, error) { return r.system.Deliver(r.Context(), r.PathValue("id")) }

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (c *control) counts(r *request) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return struct {
		traffic.Counts
		Late []string `json:"failed_changes"`
	}{r.system.Traffic.Counts(), nonNil(c.late)}, nil
}

// fail sets one fault or a list of them.
func (c *control) fail(r *request) (any, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the fault: %w", err)
	}
	var list []traffic.Fault
	if err = strict(text, &list); err != nil {
		list = make([]traffic.Fault, 1)
		err = strict(text, &list[0])
	}
	if err != nil {
		return nil, fmt.Errorf("read the fault: %w", err)
	}
	if err := r.system.Traffic.Fail(list...); err != nil {
		return nil, err
	}
	return r.system.Traffic.Faults(), nil
}

func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	d.UseNumber()
	return d.Decode(into)
}

func tablesOf(r *request) (any, error) {
	list := map[string]int{}
	for _, name := range r.system.Data.Names() {
		list[name] = len(r.system.Data.Rows(name))
	}
	return list, nil
}

// table describes the table of a call.
func (r *request) table() (dataset.Def, error) {
	def, ok := r.system.Data.Def(r.PathValue("table"))
	if !ok {
		return def, &callerError{http.StatusNotFound, fmt.Sprintf("there is no table %q; there are %v", r.PathValue("table"), r.system.Data.Names())}
	}
	return def, nil
}

func rowsOf(r *request) (any, error) {
	def, err := r.table()
	if err != nil {
		return nil, err
	}
	list := []dataset.Row{}
	for _, row := range r.system.Data.Rows(def.Name) {
		list = append(list, shown(row))
	}
	return list, nil
}

func rowOf(r *request) (any, error) {
	def, err := r.table()
	if err != nil {
		return nil, err
	}
	var row dataset.Row
	r.system.Data.View(func(tx *dataset.Tx) { row = tx.Get(def.Name, r.PathValue("key")) })
	if row == nil {
		return nil, &callerError{http.StatusNotFound, (&dataset.MissingError{Table: def.Name, Key: r.PathValue("key")}).Error()}
	}
	return shown(row), nil
}

// shown writes times as the clock on the wall, as they are read.
func shown(row dataset.Row) dataset.Row {
	out := make(dataset.Row, len(row))
	for name, v := range row {
		if t, ok := v.(time.Time); ok {
			v = t.Format("2006-01-02T15:04:05.999999999")
		}
		out[name] = v
	}
	return out
}

// change inserts, changes or deletes a row: at once, or with ?after=N once N
// more calls of the system were answered.
func (c *control) change(r *request) (any, error) {
	def, err := r.table()
	if err != nil {
		return nil, err
	}
	row := dataset.Row{}
	if r.Method != http.MethodDelete {
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = strict(text, &row)
		}
		if err != nil {
			return nil, fmt.Errorf("read the row: %w", err)
		}
	}
	data, key, method := r.system.Data, r.PathValue("key"), r.Method
	do := func() (err error) {
		switch method {
		case http.MethodPost:
			key, err = data.Insert(def.Name, row)
		case http.MethodPatch:
			err = data.Update(def.Name, key, row)
		default:
			err = data.Delete(def.Name, key)
		}
		return err
	}
	if text := r.URL.Query().Get("after"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("after is a count of calls, and not %q", text)
		}
		r.system.Traffic.After(n, func() { c.note(do()) })
		return map[string]int{"after": n}, nil
	}
	if err := do(); err != nil {
		return nil, err
	}
	return map[string]string{"key": key}, nil
}

// note keeps what went wrong with a change that waited.
func (c *control) note(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = append(c.late, err.Error())
}
