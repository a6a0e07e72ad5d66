package dsl

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/connector"
)

// loadText loads a project of one file; it must have no errors.
func loadText(t *testing.T, text string, change ...func(*Options)) *Project {
	t.Helper()
	o := testOptions(t.TempDir())
	for _, c := range change {
		c(&o)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, "main.hcl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p, diags := Load(context.Background(), o)
	if diags.HasErrors() {
		t.Fatalf("unexpected diagnostics:\n%s", describeDiagnostics(diags))
	}
	return p
}

func environ(env map[string]string) func(*Options) {
	return func(o *Options) {
		o.Environ = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	}
}

const openProject = `
variable "token" { sensitive = true }
source "file" "a" {
  path    = "a.json"
  key     = ["id"]
  token   = secret("env:TOKEN")
  records = jq(".rows[] | {id, day: $today}")
  incremental {
    cursor  = ["changed"]
    overlap = "10m"
    param   = "since"
  }
}
source "file" "b" {
  path  = "b.json"
  key   = ["id"]
  token = var.token
}
connection "sqlite" "db" { path = env("DB") }
sink "sql" "one" {
  connection = connection.sqlite.db
  table      = "one"
}
sink "sql" "two" {
  connection = connection.sqlite.db
  table      = "two"
}
`

func testEnv() connector.Env {
	return connector.Env{Now: func() time.Time { return time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC) }}
}

func TestOpenResolvesWhatItUses(t *testing.T) {
	p := loadText(t, openProject, environ(map[string]string{"TOKEN": "hunter2"}))
	source, err := p.Sources["source.file.a"].Open(context.Background(), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	config := source.(*opened).config.(fileConfig)
	if got := string(config.Token); got != "hunter2" {
		t.Errorf("token = %q, want hunter2", got)
	}
	out, err := config.Records.Run(context.Background(), map[string]any{"rows": []any{map[string]any{"id": 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{map[string]any{"id": 1, "day": "2026-03-01"}}, out); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	want := &connector.Incremental{Cursor: []string{"changed"}, Overlap: connector.Duration(10 * time.Minute)}
	if diff := cmp.Diff(want, p.Sources["source.file.a"].Incremental); diff != "" {
		t.Errorf("incremental (-want +got):\n%s", diff)
	}
}

func TestOpenNamesWhatIsNotSet(t *testing.T) {
	p := loadText(t, openProject)
	for address, want := range map[string]string{
		"source.file.a": "TOKEN",
		"source.file.b": `The variable "token" has no value`,
	} {
		_, err := p.Sources[address].Open(context.Background(), testEnv())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %s: error %v, want one with %q", address, err, want)
		}
	}
	_, err := p.Sinks["sink.sql.one"].Open(context.Background(), testEnv())
	if err == nil || !strings.Contains(err.Error(), "environment variable DB") {
		t.Errorf("open the sink: error %v, want one that names DB", err)
	}
}

func TestConnectionIsShared(t *testing.T) {
	opens := 0
	count := func(o *Options) {
		kind := connector.Define("sqlite", "a database", databaseConfig{}, func(_ context.Context, c databaseConfig, _ connector.Env) (any, error) {
			opens++
			return c.Path, nil
		})
		o.Sinks[0].Connections = []connector.Kind[any]{kind}
		o.Sources[1].Connections = o.Sinks[0].Connections
	}
	p := loadText(t, openProject, environ(map[string]string{"DB": "x.db"}), count)
	for _, address := range []string{"sink.sql.one", "sink.sql.two"} {
		sink, err := p.Sinks[address].Open(context.Background(), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("x.db", sink.(*opened).config.([]any)[1]); diff != "" {
			t.Errorf("connection of %s (-want +got):\n%s", address, diff)
		}
	}
	if opens != 1 {
		t.Errorf("the connection was opened %d times, want once", opens)
	}
}

func TestSelect(t *testing.T) {
	p := loadText(t, `
source "file" "a" {
  path = "a.json"
  key  = ["id"]
}
pipeline "staff" {
  for_each = toset(["acme", "beta"])
  from     = source.file.a
}
pipeline "rooms" { from = source.file.a }
pipeline "none" {
  for_each = {}
  from     = source.file.a
}
`)
	for _, test := range []struct {
		names []string
		want  []string
		err   string
	}{
		{names: nil, want: []string{"rooms", `staff["acme"]`, `staff["beta"]`}},
		{names: []string{"staff"}, want: []string{`staff["acme"]`, `staff["beta"]`}},
		{names: []string{`staff["beta"]`, "rooms"}, want: []string{`staff["beta"]`, "rooms"}},
		{names: []string{"staff[beta]", "staff"}, want: []string{`staff["beta"]`, `staff["acme"]`}},
		{names: []string{"pipeline.rooms"}, want: []string{"rooms"}},
		{names: []string{"none"}},
		{names: []string{"stafff"}, err: `Did you mean "staff"?`},
		{names: []string{`staff["acne"]`}, err: `Did you mean "staff[\"acme\"]"?`},
	} {
		chosen, err := p.Select(test.names)
		if (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("Select(%q): error %v, want %q", test.names, err, test.err)
		}
		var got []string
		for _, pl := range chosen {
			got = append(got, pl.Name)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("Select(%q) (-want +got):\n%s", test.names, diff)
		}
	}
}

func TestPipelineDefaults(t *testing.T) {
	p := loadText(t, openProject+`
sink "mail" "m" {}
pipeline "a" {
  from = source.file.a
  into = sink.sql.one
  map { id = src.id }
}
pipeline "b" {
  from      = source.file.a
  into      = sink.mail.m
  first_run = "baseline"
  key       = [src.id, src.day]
  join "self" {
    with = pipeline.b
    on   = [src.id, self.id]
    many = "list"
  }
  map {
    id   = src.id
    size = length(self)
  }
  field "size" {
    type    = "integer"
    on_null = "keep"
    write   = "create_only"
  }
  guard {
    creates = 5
    deletes = "100%"
  }
  schedule { every = "1w" }
}
`)
	type summary struct {
		Deletes engine.Deletes
		Guard   engine.Guard
		Joins   []engine.Join
		Open    bool
		First   string
	}
	got := map[string]summary{}
	for _, pl := range p.Pipelines {
		got[pl.Name] = summary{pl.Deletes, pl.Guard, pl.Joins, pl.OpenShape, pl.FirstRun}
	}
	want := map[string]summary{
		"a": {Deletes: engine.Deletes{Action: "delete", Expired: "forget"}, Guard: engine.Guard{Deletes: &engine.Limit{IsShare: true, Share: 0.1}}},
		"b": {
			Deletes: engine.Deletes{Action: "keep", Expired: "forget"}, First: "baseline",
			Guard: engine.Guard{Creates: &engine.Limit{Count: 5}, Updates: &engine.Limit{IsShare: true, Share: 0.25}, Deletes: &engine.Limit{IsShare: true, Share: 1}},
			Joins: []engine.Join{{Name: "self", With: "pipeline.b", None: "null", Many: "list"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pipelines (-want +got):\n%s", diff)
	}
	if every := p.Pipelines["pipeline.b"].Schedule.Every; every != 7*24*time.Hour {
		t.Errorf("every = %s, want one week", every)
	}
}

// TestOpenFromManyGoroutines is for the race detector.
func TestOpenFromManyGoroutines(t *testing.T) {
	p := loadText(t, openProject+`
locals { base = "x" }
source "file" "many" {
  for_each = { a = { token = secret("env:TOKEN") }, b = { token = "t" } }
  path     = "${local.base}-${each.key}.json"
  key      = ["id"]
  token    = each.value.token
  records  = jq_file("rows.jq")
}
sink "sql" "each" {
  for_each   = source.file.many
  connection = connection.sqlite.db
  table      = each.key
}
`, environ(map[string]string{"TOKEN": "t", "DB": "x.db"}), func(o *Options) { writeFile(t, filepath.Join(o.Dir, "rows.jq"), ".rows[] | select(.x == $local.base)") })
	var group sync.WaitGroup
	for range 8 {
		for address, s := range p.Sources {
			if address == "source.file.b" {
				continue
			}
			group.Go(func() {
				if _, err := s.Open(context.Background(), testEnv()); err != nil {
					t.Errorf("open %s: %v", address, err)
				}
			})
		}
		for address, s := range p.Sinks {
			group.Go(func() {
				if _, err := s.Open(context.Background(), testEnv()); err != nil {
					t.Errorf("open %s: %v", address, err)
				}
			})
		}
	}
	group.Wait()
}
