package engine_test

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
	"koppel/engine/connector"
	"koppel/engine/state/sqlite"
	sinkfile "koppel/sinks/file"
	sinksql "koppel/sinks/sql"
	sinkwebhook "koppel/sinks/webhook"
	sourcefile "koppel/sources/file"
	sourcesql "koppel/sources/sql"
	sourcewebhook "koppel/sources/webhook"
)

// A bench is a project in a folder of its own, with a clock that tests move.
type bench struct {
	t   testing.TB
	dir string
	now time.Time
}

// testStart is when the clock of tests begins.
var testStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func newBench(t *testing.T, files map[string]string) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), now: testStart}
	for name, text := range files {
		b.write(name, text)
	}
	return b
}

func (b *bench) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// engine loads the project and opens its state.
func (b *bench) engine() *engine.Engine {
	b.t.Helper()
	p, diags := dsl.Load(context.Background(), dsl.Options{
		Dir:     b.dir,
		Sources: []connector.Kind[connector.Source]{sourcefile.Kind(), sourcesql.Kind(), sourcewebhook.Kind()},
		Sinks:   []connector.Kind[connector.Sink]{sinkfile.Kind(), sinksql.Kind(), sinkwebhook.Kind()},
		Environ: os.LookupEnv, Resolve: true,
	})
	if diags.HasErrors() {
		var text strings.Builder
		for _, d := range diags {
			fmt.Fprintf(&text, "%+v\n", d)
		}
		b.t.Fatal(text.String())
	}
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(b.dir, ".koppel", "state.db"), Seal: p.Sensitive,
		Now: func() time.Time { return b.now }})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { store.Close() })
	return &engine.Engine{Project: p.Project, Store: store, Now: func() time.Time { return b.now },
		TempDir: filepath.Join(b.dir, ".koppel", "tmp"), Holder: "test"}
}

func (b *bench) run(opts engine.Options) *engine.Result {
	b.t.Helper()
	res, err := b.engine().Run(context.Background(), opts)
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

const people = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
connection "sqlite" "db" { path = "target.db" }
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from  = source.file.people
  into  = sink.sql.people
  where = expr("!src.blocked")
  map {
    id   = src.id
    name = words(src.first, src.last)
  }
}
`

func TestRunAppliesTheDifference(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": `{"id":"1","first":"Ann","last":"A"}
{"id":"2","first":"Bob","last":"B"}
{"id":"3","first":"Cor","last":"C","blocked":true}
`})
	for i := range 3 {
		res := b.run(engine.Options{})
		t.Logf("%d: %+v", i, res.Pipelines[0])
		if i == 1 {
			b.write("people.jsonl", `{"id":"1","first":"Ann","last":"AA"}
{"id":"4","first":"Dik","last":"D"}
`)
		}
	}
}

func (b *bench) remove(name string) {
	b.t.Helper()
	if err := os.Remove(filepath.Join(b.dir, name)); err != nil {
		b.t.Fatal(err)
	}
}

// replace changes the one place of old in text.
func replace(text, old, new string) string {
	if strings.Count(text, old) != 1 {
		panic(old + " is not there once")
	}
	return strings.Replace(text, old, new, 1)
}

func indexOf(text, part string) int { return strings.Index(text, part) }
