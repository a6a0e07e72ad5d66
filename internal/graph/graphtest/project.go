package graphtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/state/sqlite"
)

// A Project is one that reads a tenant, in a folder of its own, with a clock
// that tests move.
type Project struct {
	Dir string
	Now time.Time

	t testing.TB
	o dsl.Options
}

// NewProject writes a project: the connection graph.tenant, and text behind it.
func (t *Tenant) NewProject(tb testing.TB, text string, o dsl.Options) *Project {
	tb.Helper()
	p := &Project{Dir: tb.TempDir(), Now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), t: tb, o: o}
	p.o.Dir, p.o.Environ, p.o.Resolve = p.Dir, os.LookupEnv, true
	p.Write(fmt.Sprintf(`
connection "graph" "tenant" {
  tenant        = %q
  client_id     = %q
  client_secret = %q
  login_url     = %q
  url           = %q
  retry {
    attempts = 2
    min      = "1ms"
    max      = "1ms"
  }
}
`, TenantID, ClientID, Secret, t.URL+"/login", t.URL+"/graph") + text)
	return p
}

// Write replaces the project's file.
func (p *Project) Write(text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.Dir, "main.hcl"), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// Text is the project's file.
func (p *Project) Text() string {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.Dir, "main.hcl"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// Run loads the project anew, opens its state, and runs all pipelines.
func (p *Project) Run(opts engine.Options) *engine.Result {
	p.t.Helper()
	loaded, diags := dsl.Load(context.Background(), p.o)
	if diags.HasErrors() {
		p.t.Fatalf("%+v", diags)
	}
	now := func() time.Time { return p.Now }
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(p.Dir, ".koppel", "state.db"), Now: now})
	if err != nil {
		p.t.Fatal(err)
	}
	defer store.Close()
	e := &engine.Engine{Project: loaded.Project, Store: store, Now: now, TempDir: filepath.Join(p.Dir, ".koppel", "tmp"), Holder: "test"}
	res, err := e.Run(context.Background(), opts)
	if err != nil {
		p.t.Fatal(err)
	}
	return res
}

// Told gives one line for each pipeline of a run: its status, what it did, and
// what it says is wrong.
func Told(res *engine.Result) string {
	var lines []string
	for _, r := range res.Pipelines {
		c := r.Counts
		line := fmt.Sprintf("%s %s", r.Name, r.Status)
		for _, n := range []struct {
			name  string
			count int64
		}{{"created", c.Created}, {"updated", c.Updated}, {"deleted", c.Deleted}, {"waiting", c.Waiting}, {"failed", c.Failed}, {"held", c.Held}} {
			if n.count > 0 {
				line += fmt.Sprintf(", %d %s", n.count, n.name)
			}
		}
		if r.Err != nil {
			line += ": " + r.Err.Error()
		}
		for _, problem := range r.Problems {
			line += "; " + problem.Message
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
