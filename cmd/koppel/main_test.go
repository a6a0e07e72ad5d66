package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"koppel/cmd/koppel/internal/cli"
	"koppel/internal/view"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"koppel": func() { os.Exit(cli.Main(os.Args[1:])) }})
}

func TestScripts(t *testing.T) {
	reference, err := filepath.Abs("../../docs/reference")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Setup: func(env *testscript.Env) error {
			env.Setenv("REFERENCE", reference)
			return nil
		},
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"json": checkJSON, "same": same, "exits": exits, "sqlite": execute, "sandbox": startSandbox, "fault": setFault, "badserver": startBad, "mails": mails,
		},
	})
}

// exits runs a program and checks its exit code: exits CODE PROGRAM ARGUMENT….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var failed *exec.ExitError
		if !errors.As(err, &failed) {
			ts.Fatalf("%v", err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit %d, want %d", got, want)
	}
}

// execute runs the statements of a file in a SQLite database: sqlite DB FILE.
func execute(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite DB FILE")
	}
	c, err := sqlite.OpenConn(ts.MkAbs(args[0]), sqlite.OpenReadWrite|sqlite.OpenCreate)
	ts.Check(err)
	ts.Check(sqlitex.ExecuteScript(c, ts.ReadFile(args[1]), nil))
	ts.Check(c.Close())
}

// checkJSON checks that a file, or stdout, holds one object of a documented
// shape and nothing else, and no null where a list is due: json SHAPE FILE.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: json SHAPE FILE")
	}
	v, ok := view.Shapes()[args[0]]
	if !ok {
		ts.Fatalf("there is no shape %s", args[0])
	}
	text := ts.ReadFile(args[1])
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	ts.Check(d.Decode(v))
	if d.More() {
		ts.Fatalf("there is more than one value")
	}
	var again bytes.Buffer
	e := json.NewEncoder(&again)
	e.SetEscapeHTML(false)
	ts.Check(e.Encode(v))
	if want, got := normal(ts, text), normal(ts, again.String()); want != got {
		ts.Fatalf("the output is not what its shape says:\n%s\n%s", want, got)
	}
}

// normal is JSON with sorted members.
func normal(ts *testscript.TestScript, text string) string {
	var v any
	ts.Check(json.Unmarshal([]byte(text), &v))
	b, err := json.Marshal(v)
	ts.Check(err)
	return string(b)
}

// same checks that two folders hold the same files: same DIR DIR.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same DIR DIR")
	}
	diff := cmp.Diff(listing(ts, args[0]), listing(ts, args[1]))
	if (diff == "") == neg {
		ts.Fatalf("-%s +%s\n%s", args[0], args[1], diff)
	}
}

// listing is the content of a folder's files, by name.
func listing(ts *testscript.TestScript, dir string) map[string]string {
	entries, err := os.ReadDir(ts.MkAbs(dir))
	ts.Check(err)
	files := map[string]string{}
	for _, e := range entries {
		files[e.Name()] = ts.ReadFile(filepath.Join(dir, e.Name()))
	}
	return files
}
