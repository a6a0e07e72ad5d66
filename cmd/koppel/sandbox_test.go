//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"koppel/internal/view"
)

// TestSandbox runs the verb, calls a system and the control API, keeps what it
// prints as a file of a project, and ends it with Ctrl-C.
func TestSandbox(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "koppel", "sandbox", "-C", dir, "--port", "0", "--json", "--log", "calls.jsonl", "--employees", "7")
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var running view.Sandbox
	if err := json.NewDecoder(out).Decode(&running); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	if len(running.Systems) != 7 || running.FormatVersion != "1.0" {
		t.Errorf("%+v", running)
	}
	for _, s := range running.Systems {
		if strings.HasPrefix(s.URL, "smtp:") {
			continue
		}
		if status := status(t, s.URL); status < 400 {
			t.Errorf("%s without credentials: %d", s.Name, status)
		}
	}
	if status := status(t, running.Control+"/afas/data/employees"); status != http.StatusOK {
		t.Errorf("the control API: %d", status)
	}
	wantTaken(t, running.Control)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(out); err != nil || len(bytes.TrimSpace(rest)) > 0 {
		t.Errorf("after the object: %q %v", rest, err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "it answered 6 calls") {
		t.Errorf("%v: %s", err, said.String())
	}
	if text, err := os.ReadFile(filepath.Join(dir, "calls.jsonl")); err != nil || bytes.Count(text, []byte("\n")) != 6 {
		t.Errorf("the log: %s %v", text, err)
	}
}

// status is what a GET without credentials is answered with.
func status(t *testing.T, address string) int {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// wantTaken starts a second sandbox on a port that is in use.
func wantTaken(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.CommandContext(t.Context(), "koppel", "sandbox", "--port", u.Port()).CombinedOutput()
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.ExitCode() != 1 || !strings.Contains(string(text), "--port 0") {
		t.Errorf("a second sandbox on port %s: %v\n%s", u.Port(), err, text)
	}
}

// TestSandboxConnections: the text that is printed is a valid file of a project, in
// the canonical form.
func TestSandboxConnections(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "connections.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.CommandContext(t.Context(), "koppel", "sandbox", "--port", "0", "--quiet")
	cmd.Stdout = file
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for text := ""; !strings.Contains(text, `auth "wsse"`); {
		read, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		text = string(read)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, said); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{{"validate", "-C", dir}, {"fmt", "--check", "-C", dir}} {
		if text, err := exec.CommandContext(t.Context(), "koppel", args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, text)
		}
	}
}
