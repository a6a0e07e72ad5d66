// Package pipelines_test runs every ready coupling: its files are valid, its
// tests pass, and on its sample data it gives what testdata/golden.txtar says.
package pipelines_test

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"koppel/connections"
	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/state/sqlite"
	"koppel/internal/sandbox"
	"koppel/internal/sql/postgrestest"
	"koppel/sinks"
	"koppel/sources"
)

var update = flag.Bool("update", false, "write the golden files")

func TestCouplings(t *testing.T) {
	dirs, err := filepath.Glob("*/main.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) < 5 {
		t.Fatalf("%d couplings found", len(dirs))
	}
	for _, main := range dirs {
		name := filepath.Dir(main)
		t.Run(name, func(t *testing.T) { runCoupling(t, name) })
	}
}

// A coupling is a copy of a ready coupling, with a clock.
type coupling struct {
	t      *testing.T
	dir    string
	now    time.Time
	golden txtar.Archive
	server *postgrestest.Server // where the project has a connection to one
	url    string
	box    *sandbox.Sandbox // where the project has a connection to a system of it

	boxClock  atomic.Int64 // its clock, in seconds
	employees int          // in the systems; 0: as usual
	codes     bool         // it logs in by codes, of which there is one in half a minute

	more map[string]string // variables beside those of the systems
}

func runCoupling(t *testing.T, name string) {
	c := &coupling{t: t, dir: t.TempDir(), now: time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC)}
	c.copyFrom(os.DirFS(name))
	c.prepare(filepath.Join(name, "testdata", "before", "*.sql"))
	c.serve()
	c.receive()
	c.wantTestsPass()
	c.deliver("first")
	c.wantNothing()
	c.copyFrom(os.DirFS(filepath.Join(name, "testdata", "changed")))
	c.steer(filepath.Join(name, "testdata", "changed", "sandbox.txt"))
	c.now = c.now.Add(2 * time.Hour)
	c.deliver("changed")
	c.wantNothing()
	c.compare(filepath.Join(name, "testdata", "golden.txtar"))
}

// copyFrom copies files into the project; SQL scripts in it are run on the
// database of their name.
func (c *coupling) copyFrom(from fs.FS) {
	c.t.Helper()
	err := fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".koppel"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(c.dir, path), 0o755)
		case path == filepath.Base(path) && filepath.Ext(path) != ".hcl", filepath.Ext(path) == ".db":
			return nil // what a run by hand left behind
		}
		text, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		if filepath.Ext(path) == ".sql" {
			return execute(filepath.Join(c.dir, path[:len(path)-len(".sql")]+".db"), string(text))
		}
		return os.WriteFile(filepath.Join(c.dir, path), text, 0o644)
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// prepare runs scripts on the databases of their names, before the coupling
// runs for the first time.
func (c *coupling) prepare(pattern string) {
	c.t.Helper()
	scripts, err := filepath.Glob(pattern)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			c.t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(script), ".sql") + ".db"
		if err := execute(filepath.Join(c.dir, name), string(text)); err != nil {
			c.t.Fatal(err)
		}
	}
}

// serve starts the server that the project connects to.
func (c *coupling) serve() {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "main.hcl"))
	if err != nil {
		c.t.Fatal(err)
	}
	if strings.Contains(string(text), `connection "postgres"`) {
		if c.server == nil {
			c.server = postgrestest.Start(c.t)
		}
		c.url = c.server.Create(c.t, fmt.Sprintf("coupling_%x", sha256.Sum256([]byte(c.dir)))[:30])
	}
	c.startSandbox(string(text))
}

// engine loads the project, which must be without any remark.
func (c *coupling) engine() *engine.Engine {
	c.t.Helper()
	if c.codes {
		c.now = c.now.Add(30 * time.Second)
		c.boxClock.Store(c.now.Unix())
	}
	environ := func(name string) (string, bool) { return c.url, name == "DATABASE_URL" && c.url != "" }
	p, diags := dsl.Load(context.Background(), dsl.Options{Dir: c.dir, Environ: environ, Vars: c.vars(),
		Sources: sources.All(), Sinks: sinks.All(), Connections: connections.All(), Resolve: true})
	for _, d := range diags {
		c.t.Fatalf("%+v", d)
	}
	clock := func() time.Time { return c.now }
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(c.dir, p.State.Path), Seal: p.Sensitive, Now: clock})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := store.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return &engine.Engine{Project: p.Project, Store: store, Now: clock, TempDir: filepath.Join(c.dir, ".koppel", "tmp"), Holder: "test"}
}

func (c *coupling) wantTestsPass() {
	c.t.Helper()
	e, count := c.engine(), 0
	for _, p := range e.Project.Pipelines {
		for _, test := range p.Tests {
			count++
			if got := p.Test(context.Background(), test, c.now, e.Project.Location); !got.Passed {
				c.t.Errorf("%s, test %q: %+v", p.Name, test.Name, got)
			}
		}
	}
	if count == 0 {
		c.t.Error("the coupling has no tests")
	}
}

// deliver plans and runs, and notes both and what the targets hold then.
func (c *coupling) deliver(step string) {
	c.t.Helper()
	e := c.engine()
	c.note(step+"/plan", planText(c.t, e))
	res, err := e.Run(context.Background(), engine.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.note(step+"/run", runText(res))
	c.noteTargets(step)
}

func (c *coupling) wantNothing() {
	c.t.Helper()
	p, err := c.engine().Plan(context.Background(), engine.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	defer p.Close()
	for _, h := range p.Header.Pipelines {
		if n := h.Counts.Create + h.Counts.Update + h.Counts.Delete + h.Counts.Disable; n > 0 || h.Skipped != "" {
			c.t.Errorf("a second plan of %s has %d changes: %+v", h.Name, n, h.Counts)
		}
	}
}

func (c *coupling) note(name, text string) {
	c.golden.Files = append(c.golden.Files, txtar.File{Name: name, Data: []byte(text)})
}

func (c *coupling) compare(path string) {
	c.t.Helper()
	got := txtar.Format(&c.golden)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			c.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		c.t.Errorf("%s (-want +got)\n%s", path, diff)
	}
}
