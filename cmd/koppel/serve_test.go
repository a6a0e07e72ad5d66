//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/internal/view"
)

// A served is a koppel serve that runs as a process.
type served struct {
	t   *testing.T
	cmd *exec.Cmd
	log *bufio.Reader
	out io.ReadCloser
}

// startServe starts koppel serve in a folder and waits until it serves.
func startServe(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	s := &served{t: t}
	s.cmd = exec.CommandContext(t.Context(), "koppel", append([]string{"serve", "-C", dir, "--listen", "127.0.0.1:0", "--json",
		"--log-format", "json"}, args...)...)
	said, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.log = bufio.NewReader(said)
	if s.out, err = s.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var running view.Service
	if err := json.NewDecoder(s.out).Decode(&running); err != nil {
		rest, _ := io.ReadAll(s.log)
		t.Fatalf("%v: %s", err, rest)
	}
	return s
}

// awaitLog reads the log up to a message, and gives that line.
func (s *served) awaitLog(message string) map[string]any {
	s.t.Helper()
	for {
		line, err := s.log.ReadString('\n')
		if err != nil {
			s.t.Fatalf("the log ended without %q: %v", message, err)
		}
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
			return entry
		}
	}
}

// end sends a signal and gives the exit code: 128 and more for a death by one.
func (s *served) end(signals ...syscall.Signal) int {
	s.t.Helper()
	for i, sig := range signals {
		if err := s.cmd.Process.Signal(sig); err != nil {
			s.t.Fatal(err)
		}
		if i < len(signals)-1 {
			await(s.t, s.log, "interrupt again")
		}
	}
	_, _ = io.Copy(io.Discard, s.log)
	err := s.cmd.Wait()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return failed.ExitCode()
	}
	return 0
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const servedPeople = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
connection "sqlite" "out" { path = "out.db" }
sink "sql" "people" {
  connection = connection.sqlite.out
  table      = "people"
}
sink "file" "journal" {
  path    = "journal.jsonl"
  changes = true
}
pipeline "people" {
  from = source.file.people
  into = sink.sql.people
  map {
    id = src.id
    v  = src.v
  }
  guard { updates = "100%" }
  schedule { every = "1s" }
}
pipeline "journal" {
  from = source.file.people
  into = sink.file.journal
  map {
    id = src.id
    v  = src.v
  }
  schedule { every = "1s" }
}
`

func TestServeStopsAndReloads(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"main.hcl": servedPeople, "people.jsonl": `{"id":1,"v":1}` + "\n"})
	s := startServe(t, dir, "--no-watch")
	s.awaitLog("a run ended")
	writeFiles(t, dir, map[string]string{"main.hcl": servedPeople + "pipeline {}\n"})
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if wrong := s.awaitLog("the files are wrong"); wrong["file"] != "main.hcl" || wrong["line"] == 0 {
		t.Errorf("%v", wrong)
	}
	s.awaitLog("the new configuration is refused; the one before stays in force")
	s.awaitLog("a run ended")
	writeFiles(t, dir, map[string]string{"main.hcl": servedPeople})
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.awaitLog("a new configuration is in force")
	s.awaitLog("a run ended")
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("one SIGTERM: exit %d", code)
	}
	if code := startServe(t, dir).end(syscall.SIGINT, syscall.SIGINT); code != 0 && code != 130 {
		t.Errorf("two SIGINT: exit %d", code)
	}
}

// TestServeIsKilled kills the service in the middle of runs, again and again:
// nothing is lost and nothing is written twice.
func TestServeIsKilled(t *testing.T) {
	rounds, records := 8, 2000
	if testing.Short() {
		rounds, records = 3, 500
	}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"main.hcl": servedPeople})
	for round := range rounds {
		var text strings.Builder
		for id := range records {
			fmt.Fprintf(&text, "{\"id\":%d,\"v\":%d}\n", id, round)
		}
		writeFiles(t, dir, map[string]string{"people.jsonl": text.String()})
		s := startServe(t, dir, "--log-level", "debug")
		for range 1 + round%3 {
			s.awaitLog("a run begins")
		}
		if code := s.end(syscall.SIGKILL); code != 128+int(syscall.SIGKILL) {
			t.Fatalf("killed: exit %d", code)
		}
	}
	s := startServe(t, dir)
	for done := map[any]bool{}; len(done) < 2; {
		if e := s.awaitLog("a run ended"); e["status"] == "succeeded" {
			done[e["pipeline"]] = true
		}
	}
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d", code)
	}
	checkRows(t, filepath.Join(dir, "out.db"), records, rounds-1)
	checkJournal(t, filepath.Join(dir, "journal.jsonl"), records, rounds-1)
}

func checkRows(t *testing.T, path string, records, last int) {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got [3]int64
	err = sqlitex.ExecuteTransient(c, "SELECT count(*), count(DISTINCT id), sum(v = ?) FROM people", &sqlitex.ExecOptions{
		Args: []any{last},
		ResultFunc: func(st *sqlite.Stmt) error {
			got = [3]int64{st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2)}
			return nil
		},
	})
	if n := int64(records); err != nil || got != [3]int64{n, n, n} {
		t.Errorf("%d rows, %d ids, %d up to date of %d: %v", got[0], got[1], got[2], records, err)
	}
}

// checkJournal checks that each change of each record stands there once, and
// that the last one is the present.
func checkJournal(t *testing.T, path string, records, last int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	values := map[int][]int{}
	for line := range strings.Lines(string(text)) {
		var change struct {
			After struct{ ID, V int }
		}
		if err := json.Unmarshal([]byte(line), &change); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		values[change.After.ID] = append(values[change.After.ID], change.After.V)
	}
	for id, list := range values {
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) || list[len(list)-1] != last {
			t.Errorf("the journal has of %d: %v", id, list)
		}
	}
	if len(values) != records {
		t.Errorf("the journal has %d records, not %d", len(values), records)
	}
}
