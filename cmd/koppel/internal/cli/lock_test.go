package cli

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/engine/state/sqlite"
)

// quietApp is an app without a terminal, in a world of its own.
func quietApp(dir string) (a *app, out, err *bytes.Buffer) {
	out, err = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{dir: dir, in: strings.NewReader(""), out: bufio.NewWriter(out), err: err, now: time.Now,
		environ: func(string) (string, bool) { return "", false }}, out, err
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.hcl": `
source "file" "people" {
  path = "people.csv"
  key  = ["id"]
}
pipeline "people" {
  from = source.file.people
  map { id = src.id }
}`,
		"people.csv": "id\n1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, ".koppel", "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	unlock, err := store.Lock(t.Context(), []string{"pipeline.people"}, 0, "the one before")
	if err != nil {
		t.Fatal(err)
	}
	a, _, said := quietApp(dir)
	if code := a.run(context.Background(), []string{"-C", dir, "run"}); code != exitStale || !strings.Contains(said.String(), "the one before") {
		t.Errorf("exit %d: %s", code, said)
	}
	a, _, _ = quietApp(dir)
	if code := a.run(context.Background(), []string{"-C", dir, "plan"}); code != exitDone {
		t.Errorf("plan: exit %d; it needs no lock", code)
	}
	if a, _, _ = quietApp(dir); a.run(context.Background(), []string{"-C", dir, "state", "list"}) != exitDone || !strings.HasPrefix(a.holder(), "koppel state list (pid ") {
		t.Errorf("the holder of a lock is called %q", a.holder())
	}
	unlock()
	a, _, said = quietApp(dir)
	if code := a.run(context.Background(), []string{"-C", dir, "run"}); code != exitDone {
		t.Errorf("exit %d: %s", code, said)
	}
}
