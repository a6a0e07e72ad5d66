//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/internal/view"
	"koppel/internal/webhook"
)

const hookedPeople = `
koppel {
  state "sqlite" { path = "state/state.db" }
}
source "webhook" "people" {
  path = "/hooks/people"
  auth "websub" { secret = "hush" }
}
connection "sqlite" "out" { path = "out.db" }
sink "sql" "people" {
  connection = connection.sqlite.out
  table      = "people"
}
pipeline "people" {
  from = source.webhook.people
  into = sink.sql.people
  map {
    id   = src.id
    text = src.body.text
  }
}
`

// A hooked is a project that is delivered to, with the service that runs over it
// as a process. Its state has a folder of its own.
type hooked struct {
	t         *testing.T
	dir       string
	state     string
	cmd       *exec.Cmd
	url       string
	size      int             // of the text in a body
	delivered map[string]bool // ids that were answered with 200
}

func newHooked(t *testing.T) *hooked {
	h := &hooked{t: t, dir: t.TempDir(), size: 20_000, delivered: map[string]bool{}}
	h.state = filepath.Join(h.dir, "state")
	writeFiles(t, h.dir, map[string]string{"main.hcl": hookedPeople})
	if err := os.Mkdir(h.state, 0o700); err != nil {
		t.Fatal(err)
	}
	return h
}

// start starts the service; its log is a file, as nobody reads along.
func (h *hooked) start() {
	h.t.Helper()
	log, err := os.Create(filepath.Join(h.dir, "log"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	h.cmd = exec.CommandContext(h.t.Context(), "koppel", "serve", "-C", h.dir, "--listen", "127.0.0.1:0", "--json", "--log-format", "json", "--no-watch")
	h.cmd.Stderr = log
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	var running view.Service
	if err := json.NewDecoder(out).Decode(&running); err != nil {
		h.t.Fatalf("%v: %s", err, h.log())
	}
	h.url = running.URL
}

func (h *hooked) log() string {
	text, err := os.ReadFile(filepath.Join(h.dir, "log"))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

func (h *hooked) end(signal syscall.Signal) {
	h.t.Helper()
	if err := h.cmd.Process.Signal(signal); err != nil {
		h.t.Fatal(err)
	}
	if err := h.cmd.Wait(); (err != nil) != (signal == syscall.SIGKILL) {
		h.t.Fatalf("%s: %v\n%s", signal, err, h.log())
	}
}

// deliver delivers once, and gives the status of the answer; 0: there was none.
func (h *hooked) deliver(id string) int {
	h.t.Helper()
	status, err := h.post(h.url, id)
	if err != nil {
		h.t.Error(err)
	}
	if status == http.StatusOK {
		h.delivered[id] = true
	}
	return status
}

// post delivers to a service. It may be called by several goroutines at once.
func (h *hooked) post(url, id string) (int, error) {
	body := fmt.Sprintf(`{"id":%q,"text":%q}`, id, strings.Repeat("x", h.size))
	q, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, url+"/hooks/people", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	signature, err := webhook.Sign("sha256", []byte("hush"), []byte(body))
	if err != nil {
		return 0, err
	}
	q.Header.Set(webhook.SignatureHeader, signature)
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	if res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
		err = errors.New("503 without Retry-After")
	}
	return res.StatusCode, err
}

// ready gives what /readyz answers.
func (h *hooked) ready() (int, string) {
	h.t.Helper()
	res, err := http.Get(h.url + "/readyz")
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// until asks again and again, up to two minutes.
func (h *hooked) until(what string, done func() bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Minute)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-ctx.Done():
			h.t.Fatalf("in vain: %s\n%s", what, h.log())
		}
	}
}

// rows lists who is in the target, in order.
func (h *hooked) rows() (ids []string) {
	h.t.Helper()
	path := filepath.Join(h.dir, "out.db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	c, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	err = sqlitex.ExecuteTransient(c, "SELECT id FROM people ORDER BY id", &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		ids = append(ids, st.ColumnText(0))
		return nil
	}})
	if err != nil && !strings.Contains(err.Error(), "no such table") {
		h.t.Fatal(err)
	}
	return ids
}

// arrive waits until everything that was answered with 200 is in the target,
// once, and nothing else.
func (h *hooked) arrive() {
	h.t.Helper()
	want := slices.Sorted(maps.Keys(h.delivered))
	h.until("all that was delivered is in the target", func() bool { return len(h.rows()) >= len(want) })
	if diff := cmp.Diff(want, h.rows()); diff != "" {
		h.t.Errorf("the target (-want +got):\n%s", diff)
	}
}

// refuses starts the service in vain, and gives its exit code and what it says.
func (h *hooked) refuses() (int, string) {
	h.t.Helper()
	out, err := exec.CommandContext(h.t.Context(), "koppel", "serve", "-C", h.dir, "--listen", "127.0.0.1:0").CombinedOutput()
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		h.t.Fatalf("the service did not end by itself: %v\n%s", err, out)
	}
	return failed.ExitCode(), string(out)
}
