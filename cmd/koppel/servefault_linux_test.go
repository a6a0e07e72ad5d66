package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	delivered []string // ids that were answered with 200
}

func newHooked(t *testing.T) *hooked {
	h := &hooked{t: t, dir: t.TempDir()}
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
	body := fmt.Sprintf(`{"id":%q,"text":%q}`, id, strings.Repeat("x", 20_000))
	q, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/hooks/people", strings.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return 0
	}
	signature, err := webhook.Sign("sha256", []byte("hush"), []byte(body))
	if err != nil {
		h.t.Error(err)
		return 0
	}
	q.Header.Set(webhook.SignatureHeader, signature)
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		h.t.Error(err)
		return 0
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		h.t.Error(err)
		return 0
	}
	switch {
	case res.StatusCode == http.StatusOK && !slices.Contains(h.delivered, id):
		h.delivered = append(h.delivered, id)
	case res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "":
		h.t.Error("503 without Retry-After")
	}
	return res.StatusCode
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
	want := slices.Sorted(slices.Values(h.delivered))
	h.until("all that was delivered is in the target", func() bool { return len(h.rows()) >= len(want) })
	if diff := cmp.Diff(want, h.rows()); diff != "" {
		h.t.Errorf("the target (-want +got):\n%s", diff)
	}
}

// mount mounts something over a folder until the function that it gives is called, or
// the test ends. It needs the rights of root.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) (unmount func()) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); errors.Is(err, syscall.EPERM) {
		t.Skip("only root may mount")
	} else if err != nil {
		t.Fatal(err)
	}
	mounted := true
	unmount = func() {
		if !mounted {
			return
		}
		mounted = false
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(unmount)
	return unmount
}

// fill leaves no room on the disk of a folder.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(bytes.Repeat([]byte("x"), 4096))
	}
	if closeErr := f.Close(); !errors.Is(err, syscall.ENOSPC) || closeErr != nil {
		t.Fatal(err, closeErr)
	}
}

// TestDiskIsFull fills the disk of the state while deliveries come in. What does
// not fit is refused, what was taken is not lost, and all goes on once there is
// room.
func TestDiskIsFull(t *testing.T) {
	for name, killed := range map[string]bool{"goes on": false, "is killed": true} {
		t.Run(name, func(t *testing.T) {
			h := newHooked(t)
			mount(t, "tmpfs", h.state, "tmpfs", 0, "size=8m,mode=0700")
			h.start()
			if code := h.deliver("first"); code != http.StatusOK {
				t.Fatal(code)
			}
			h.arrive()
			filler := filepath.Join(h.state, "filler")
			fill(t, filler)
			refused, sent := 0, []string{"first"}
			for i := 0; refused < 5 && i < 1000; i++ {
				sent = append(sent, fmt.Sprintf("d%03d", i))
				if code := h.deliver(sent[len(sent)-1]); code == http.StatusServiceUnavailable {
					refused++
				} else if code != http.StatusOK {
					t.Fatalf("delivery %d is answered %d", i, code)
				}
			}
			if refused == 0 {
				t.Fatal("nothing was refused")
			}
			if code, says := h.ready(); code != http.StatusServiceUnavailable || !strings.Contains(says, "no space") {
				t.Errorf("/readyz: %d %s", code, says)
			}
			if log := h.log(); !strings.Contains(log, filepath.Join(h.state, "state.inbox.db")+": there is no room on the disk, make some") {
				t.Errorf("the log does not say what to do:\n%s", log)
			}
			if killed {
				h.end(syscall.SIGKILL)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			if killed {
				h.start()
			}
			h.arrive()
			for _, id := range sent {
				if code := h.deliver(id); code != http.StatusOK {
					t.Errorf("%s with room again: %d", id, code)
				}
			}
			h.arrive()
			h.until("it is ready", func() bool { code, _ := h.ready(); return code == http.StatusOK })
			h.end(syscall.SIGTERM)
		})
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

// TestStateIsReadOnly makes the state's folder read-only while the service runs,
// and before it starts.
func TestStateIsReadOnly(t *testing.T) {
	h := newHooked(t)
	h.start()
	h.deliver("first")
	h.arrive()
	unmount := mount(t, h.state, h.state, "", syscall.MS_BIND, "")
	if err := syscall.Mount("", h.state, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	h.deliver("second") // into a file that is open already, or not at all
	h.until("the log says what is wrong", func() bool {
		return strings.Contains(h.log(), filepath.Join(h.state, "state.db")+" can't be written; make the file and its folder writable")
	})
	if code, says := h.ready(); code != http.StatusServiceUnavailable || !strings.Contains(says, "read-only file system") {
		t.Errorf("/readyz: %d %s", code, says)
	}
	if code, says := h.refuses(); code != 1 || !strings.Contains(says, "state.db can't be written; make the file and its folder writable") {
		t.Errorf("a start: exit %d, %s", code, says)
	}
	unmount()
	h.arrive()
	if code := h.deliver("third"); code != http.StatusOK {
		t.Errorf("once it can be written again: %d", code)
	}
	h.arrive()
	h.end(syscall.SIGTERM)
}

// TestStateIsMovedAway moves the state's folder away while the service runs, and
// back: meanwhile nothing is taken that nobody would find.
func TestStateIsMovedAway(t *testing.T) {
	h := newHooked(t)
	h.start()
	h.deliver("first")
	h.arrive()
	away := filepath.Join(h.dir, "away")
	if err := os.Rename(h.state, away); err != nil {
		t.Fatal(err)
	}
	if code := h.deliver("second"); code != http.StatusServiceUnavailable {
		t.Errorf("a delivery is answered %d", code)
	}
	if code, says := h.ready(); code != http.StatusServiceUnavailable || !strings.Contains(says, "is not there any more; put it back") {
		t.Errorf("/readyz: %d %s", code, says)
	}
	if _, err := os.Stat(h.state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made anew: %v", err)
	}
	if err := os.Rename(away, h.state); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"second", "third"} {
		if code := h.deliver(id); code != http.StatusOK {
			t.Errorf("%s, once it is back: %d", id, code)
		}
	}
	h.arrive()
	h.end(syscall.SIGTERM)
}

// TestStateIsHeld has another program hold state and inbox for a while: what
// comes meanwhile waits. A second service says who has the state.
func TestStateIsHeld(t *testing.T) {
	h := newHooked(t)
	h.start()
	h.deliver("first")
	h.arrive()
	for _, name := range []string{"state.db", "state.inbox.db"} {
		c, err := sqlite.OpenConn(filepath.Join(h.state, name), sqlite.OpenReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		if err := sqlitex.ExecuteTransient(c, "BEGIN IMMEDIATE", nil); err != nil {
			t.Fatal(err)
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			if code := h.deliver("during " + name); code != http.StatusOK {
				t.Errorf("%s is held, and a delivery is answered %d", name, code)
			}
		}()
		if name == "state.db" {
			<-answered // another file than the inbox
		}
		if err := sqlitex.ExecuteTransient(c, "ROLLBACK", nil); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		<-answered
		h.arrive()
	}
	if code, says := h.refuses(); code != 7 || !strings.Contains(says, fmt.Sprintf("serve is locked by koppel serve (pid %d on ", h.cmd.Process.Pid)) {
		t.Errorf("a second service: exit %d, %s", code, says)
	}
	h.end(syscall.SIGTERM)
}
