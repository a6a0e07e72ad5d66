package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sql"
)

const swapProject = `
connection "sqlite" "reception" { path = "reception.db" }
source "file" "people" {
  path = "people.csv"
  key  = ["id"]
}
sink "sql" "people" {
  connection = connection.sqlite.reception
  table      = "people"
}
pipeline "people" {
  from = source.file.people
  into = sink.sql.people
  map {
    id      = src.id
    email   = lower(src.email)
    manager = src.manager
  }
}
`

// TestSwap: two persons swap their addresses, which are unique in the target,
// a third passes hers on to somebody new, and managers come behind their staff.
// The next run has nothing left to do.
func TestSwap(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(want string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "koppel", "-C", dir, "run").CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("run: %v, no %q in\n%s", err, want, out)
		}
	}
	conn, err := sql.NewSQLite(filepath.Join(dir, "reception.db"), "reception.db", time.Second).Open(t.Context(), sql.Create)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Exec("CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, manager TEXT REFERENCES people (id), note TEXT)")
	if err != nil {
		t.Fatal(err)
	}
	write("main.hcl", swapProject)
	write("people.csv", "id,email,manager\n1,noor@example.org,3\n2,milan@example.org,1\n3,saar@example.org,\n")
	run("3 created")
	if err := conn.Exec("UPDATE people SET note = 'of ' || id"); err != nil {
		t.Fatal(err)
	}
	write("people.csv", "id,email,manager\n1,milan@example.org,4\n2,noor@example.org,1\n3,s@example.org,\n4,saar@example.org,3\n")
	run("1 created · 3 updated")
	run("4 unchanged")
	var got []string
	st, err := conn.Prepare("SELECT concat_ws(' ', id, email, manager, note) FROM people ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for {
		row, err := st.Step()
		if err != nil {
			t.Fatal(err)
		}
		if !row {
			break
		}
		got = append(got, string(st.Column(0).Text))
	}
	want := []string{"1 milan@example.org 4 of 1", "2 noor@example.org 1 of 2", "3 s@example.org of 3", "4 saar@example.org 3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("people (-want +got)\n%s", diff)
	}
}
