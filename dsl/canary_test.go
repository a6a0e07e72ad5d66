package dsl

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSensitiveValuesAreNotShown puts a sensitive value wherever it is wrong
// and looks for it in the diagnostics and the project.
func TestSensitiveValuesAreNotShown(t *testing.T) {
	const canary = "kanarie-4711"
	o := testOptions(t.TempDir())
	o.Vars["s"] = canary
	writeFile(t, filepath.Join(o.Dir, "main.hcl"), `
variable "s" {
  type      = string
  sensitive = true
  validation {
    condition     = length(var.s) > 99
    error_message = "Too short: ${var.s}."
  }
}
variable "n" {
  type    = number
  default = sensitive("kanarie-4711")
}
koppel {
  timezone         = var.s
  required_version = var.s
}
locals {
  a = tonumber(var.s)
  b = parseint(var.s, 10)
  c = { (var.s) = 1, (var.s) = 2 }
  d = var.s + 1
  e = file(var.s)
  f = {}[var.s]
}
source "file" "a" {
  path      = var.s
  format    = var.s
  timeout   = var.s
  page_size = var.s
  key       = ["id"]
  filter    = [{ (var.s) = 1 }]
}
source "file" "b" {
  path = "/nowhere/${var.s}"
  key  = ["id"]
}
pipeline "a" {
  from      = source.file.b
  first_run = var.s
  schedule {
    cron   = var.s
    jitter = var.s
  }
  guard { deletes = var.s }
  map { a = jq_file(var.s) }
  field "a" { type = var.s }
}
`)
	p, diags := Load(context.Background(), o)
	if !diags.HasErrors() {
		t.Fatal("no diagnostics")
	}
	if text := describeDiagnostics(diags); strings.Contains(text, canary) {
		for line := range strings.Lines(text) {
			if strings.Contains(line, canary) {
				t.Errorf("shown: %s", line)
			}
		}
	}
	for address, s := range p.Sources {
		if strings.Contains(fmt.Sprintf("%+v", s), canary) {
			t.Errorf("%s shows the value", address)
		}
	}
}

// TestSecretsPerInstance shows that an instance needs its own secrets only.
func TestSecretsPerInstance(t *testing.T) {
	const text = `
source "file" "t" {
  for_each = {
    acme = { token = secret("env:ACME") }
    beta = { token = secret("env:BETA") }
    gamm = { token = env("GAMM") }
  }
  path  = "${each.key}.json"
  key   = ["id"]
  token = each.value.token
}
pipeline "p" {
  for_each = { acme = secret("env:ACME"), beta = secret("env:BETA") }
  from     = source.file.t[each.key]
  map {
    id = src.id
    h  = sha256(each.value)
    t  = try(env("NOPE"), "none")
  }
}
`
	p := loadText(t, text, environ(map[string]string{"ACME": "hunter2"}), func(o *Options) { o.Resolve = true })
	source, err := p.Sources[`source.file.t["acme"]`].Open(context.Background(), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	if got := string(source.(*opened).config.(fileConfig).Token); got != "hunter2" {
		t.Errorf("token = %q, want hunter2", got)
	}
	for key, want := range map[string]string{"beta": "BETA", "gamm": "GAMM"} {
		_, err := p.Sources[fmt.Sprintf("source.file.t[%q]", key)].Open(context.Background(), testEnv())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %s: error %v, want one that names %s", key, err, want)
		}
	}
	if err := p.Pipelines[`pipeline.p["acme"]`].Err; err != nil {
		t.Errorf("acme can't run: %v", err)
	}
	if err := p.Pipelines[`pipeline.p["beta"]`].Err; err == nil || !strings.Contains(err.Error(), "BETA") {
		t.Errorf("beta: error %v, want one that names BETA", err)
	}
}

// TestTests loads the tests of a pipeline.
func TestTests(t *testing.T) {
	p := loadText(t, `
variable "land" { default = "nl" }
source "file" "a" {
  path = "a.json"
  key  = ["id"]
}
pipeline "p" {
  for_each = { acme = 1 }
  from     = source.file.a
  join "d" {
    with = source.file.a
    on   = [src.d, d.id]
  }
  map {
    id   = src.id
    land = var.land
    key  = each.key
    name = d.name
  }
  test "own values" {
    var    = { land = "be" }
    each   = { key = "other", value = 2 }
    given  = { id = 12345678901234567890, amount = 12.50 }
    joins  = { d = [{ id = 1, name = "x" }] }
    as_of  = "2026-01-31"
    expect = { land = "be", key = "other" }
  }
  test "skipped" {
    given_file  = "one.json"
    expect_skip = true
  }
}
`, func(o *Options) {
		writeFile(t, filepath.Join(o.Dir, "one.json"), `{"id": 1}`)
		writeFile(t, filepath.Join(o.Dir, "more.test.hcl"), `
test "fails" {
  pipeline     = pipeline.p["acme"]
  given        = {}
  expect_error = "id"
}
test "all instances" {
  pipeline = pipeline.p
  given    = { id = 1 }
  expect   = [{ id = 1 }, { id = 2 }]
}
`)
	})
	type summary struct {
		Name, File, Given, AsOf, Error string
		Expect                         []string
		Joins                          int
		List, Skip, Fails, Own         bool
	}
	pl := p.Pipelines[`pipeline.p["acme"]`]
	var got []summary
	for _, test := range pl.Tests {
		s := summary{Name: test.Name, File: test.File, Given: string(test.Given), Error: test.Error, Joins: len(test.Joins["d"]),
			List: test.ExpectList, Skip: test.Skip, Fails: test.Fails, Own: test.Program != pl.Program}
		if !test.AsOf.IsZero() {
			s.AsOf = test.AsOf.Format("2006-01-02T15:04")
		}
		for _, e := range test.Expect {
			s.Expect = append(s.Expect, string(e))
		}
		got = append(got, s)
	}
	want := []summary{
		{Name: "own values", File: "main.hcl", Given: `{"amount":12.5,"id":12345678901234567890}`, AsOf: "2026-01-31T00:00",
			Expect: []string{`{"key":"other","land":"be"}`}, Joins: 1, Own: true},
		{Name: "skipped", File: "main.hcl", Given: `{"id": 1}`, Skip: true},
		{Name: "fails", File: "more.test.hcl", Given: `{}`, Fails: true, Error: "id"},
		{Name: "all instances", File: "more.test.hcl", Given: `{"id":1}`, Expect: []string{`{"id":1}`, `{"id":2}`}, List: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tests (-want +got):\n%s", diff)
	}
}

// TestEveryCodeIsListed looks for codes in the diagnostics of all archives.
func TestEveryCodeIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, c := range Codes() {
		listed[c.Code] = true
	}
	paths, _ := filepath.Glob("testdata/load/*.txtar")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			for _, severity := range []string{" error ", " warning "} {
				if _, rest, ok := strings.Cut(line, severity); ok && strings.Contains(line, ":") {
					code, _, isCode := strings.Cut(rest, ": ")
					if isCode && !strings.Contains(code, " ") && !listed[code] {
						t.Errorf("%s: the code %q is not listed", path, code)
					}
				}
			}
		}
	}
}
