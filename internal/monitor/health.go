package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"koppel/engine/state"
	"koppel/internal/serve"
)

// Health tells whether the service lives and is ready, for those who watch over
// processes. It tells nothing of what the service does.
type Health struct {
	Store  state.Store
	Status func() serve.Status
	// Dirs are where a file is written to see whether there is room: that of
	// temporary files, and that of the state.
	Dirs []string
	Now  func() time.Time

	mu    sync.Mutex
	at    time.Time // when ready was found
	ready Readiness
}

// Readiness is what /readyz answers.
type Readiness struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
}

// A Check is one thing that a service needs.
type Check struct {
	Name  string `json:"name"` // state, disk, configuration or service
	OK    bool   `json:"ok"`
	Words string `json:"words"` // what is wrong, and what to do; may be empty
}

// Live answers that the process lives.
func (h *Health) Live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// Ready answers 200 when the service can do its work, and 503 when it can't, with
// the reason.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	out := h.look(r.Context())
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !out.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(out)
}

// Looking again so soon would only make work.
const (
	readyFor  = time.Second
	readyWait = 5 * time.Second
)

func (h *Health) look(ctx context.Context) Readiness {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Now()
	if since := now.Sub(h.at); !h.at.IsZero() && since >= 0 && since < readyFor {
		return h.ready
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWait)
	defer cancel()
	st := h.Status()
	out := Readiness{Ready: true}
	check := func(name, words string, ok bool) {
		out.Checks = append(out.Checks, Check{Name: name, OK: ok, Words: words})
		out.Ready = out.Ready && ok
	}
	words, ok := h.writable(ctx)
	check("state", words, ok)
	words, ok = h.room()
	check("disk", words, ok)
	if words = ""; st.Refused != nil {
		words = "a later configuration was refused, and the one before is in force; the log says what is wrong with it"
	}
	check("configuration", words, true)
	switch {
	case st.Stopping:
		check("service", "it stops", false)
	case st.Since.IsZero():
		check("service", "it has not begun", false)
	default:
		check("service", "", true)
	}
	h.at, h.ready = now, out
	return out
}

// writable tells whether a transaction can write to the state.
func (h *Health) writable(ctx context.Context) (string, bool) {
	err := h.Store.Update(ctx, func(tx state.Tx) error {
		_, err := tx.Pipelines()
		return err
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Sprintf("it was not free within %s", readyWait), false
	}
	if err != nil {
		return err.Error(), false
	}
	return "", true
}

// room tells whether something can be written to the disks.
func (h *Health) room() (string, bool) {
	for _, dir := range h.Dirs {
		if err := write(dir); err != nil {
			return err.Error(), false
		}
	}
	return "", true
}

// enough is how much must fit on a disk, in bytes: several pages of a database.
const enough = 64 << 10

func write(dir string) error {
	f, err := os.CreateTemp(dir, "ready-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, enough))
	return errors.Join(err, f.Close())
}
