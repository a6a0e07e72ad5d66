package dsl

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"koppel/engine/connector"
)

var update = flag.Bool("update", false, "write the diagnostics found into the test files")

// TestLoad loads the project of every archive and compares its diagnostics.
// Lines of the comment such as `var: name=value` give variables.
func TestLoad(t *testing.T) {
	paths, err := filepath.Glob("testdata/load/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			options, want := unpack(t, archive)
			_, diags := Load(context.Background(), options)
			got := strings.ReplaceAll(describeDiagnostics(diags), options.Dir, "DIR")
			if *update {
				setFile(archive, "want", got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
}

// unpack writes an archive's files into a folder and reads its options.
func unpack(t *testing.T, archive *txtar.Archive) (o Options, want string) {
	t.Helper()
	o = testOptions(t.TempDir())
	for _, f := range archive.Files {
		if f.Name == "want" {
			want = string(f.Data)
			continue
		}
		if err := os.WriteFile(filepath.Join(o.Dir, f.Name), f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{}
	for line := range strings.Lines(string(archive.Comment)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		key, text, _ := strings.Cut(value, "=")
		switch name {
		case "var":
			o.Vars[key] = text
		case "env":
			env[key] = text
		case "var-file":
			o.VarFiles = append(o.VarFiles, value)
		case "version":
			o.Version = value
		}
	}
	o.Environ = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	return o, want
}

func setFile(a *txtar.Archive, name, data string) {
	for i := range a.Files {
		if a.Files[i].Name == name {
			a.Files[i].Data = []byte(data)
			return
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(data)})
}

func describeDiagnostics(diags Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%s:%d:%d-%d:%d %s %s: %s\n", d.File, d.Range.Start.Line, d.Range.Start.Column, d.Range.End.Line, d.Range.End.Column, d.Severity, d.Code, d.Summary)
		for line := range strings.Lines(d.Detail) {
			fmt.Fprintf(&b, "    %s\n", strings.TrimRight(line, "\n"))
		}
	}
	return b.String()
}

// The kinds of the tests stand for real ones: they open as what they were
// configured with.

type fileConfig struct {
	Path      string             `hcl:"path" doc:"a file or pattern"`
	Format    string             `hcl:"format,optional" oneof:"json jsonl csv" doc:"what the file holds"`
	Records   connector.Program  `hcl:"records,optional" doc:"jq that gives the records"`
	Timeout   connector.Duration `hcl:"timeout,optional" doc:"how long to wait"`
	Size      int                `hcl:"page_size,optional" doc:"records per page"`
	Headers   map[string]string  `hcl:"headers,optional" doc:"headers"`
	Filter    []condition        `hcl:"filter,optional" doc:"conditions that all hold"`
	Token     connector.Secret   `hcl:"token,optional" doc:"a token"`
	Increment *increment         `hcl:"incremental,block" doc:"how to read on"`
	Pages     *pages             `hcl:"pagination,block" doc:"how to page"`
}

type condition struct {
	Field string `hcl:"field" doc:"a field"`
	Op    string `hcl:"op" doc:"an operator"`
	Value any    `hcl:"value,optional" doc:"what it is compared with"`
}

type increment struct {
	connector.Incremental `hcl:",embed"`
	Param                 string `hcl:"param,optional" doc:"a parameter"`
}

type pages struct {
	Kind  string            `hcl:"kind,label" oneof:"cursor page" doc:"the way of paging"`
	Value connector.Program `hcl:"value,optional" doc:"the next cursor"`
	Size  int               `hcl:"size,optional" doc:"records per page"`
}

func (c *fileConfig) Validate() error {
	if strings.HasPrefix(c.Path, "/nowhere") {
		return &connector.FieldError{Field: "path", Problem: "leads nowhere", Hint: "name another folder"}
	}
	return nil
}

type tableConfig struct {
	Connection connector.Connection `hcl:"connection" doc:"a database"`
	Table      string               `hcl:"table" doc:"the table"`
	Match      []string             `hcl:"match,optional" doc:"columns that match rows"`
	Rows       map[string]any       `hcl:"rows,optional" doc:"constants of every row"`
}

type databaseConfig struct {
	Path string `hcl:"path" doc:"a database file"`
}

type serviceConfig struct {
	URL   string           `hcl:"url" doc:"where it is"`
	Token connector.Secret `hcl:"token,optional" doc:"a token"`
}

func (c *serviceConfig) CheckXPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return &connector.FieldError{Field: "records", Problem: "is no XPath", Hint: "write /a/b"}
	}
	return nil
}

type listConfig struct {
	Connection connector.Connection `hcl:"connection" doc:"a service"`
}

// An echo answers with the question.
type echo struct{ config serviceConfig }

func (e echo) Ask(_ context.Context, q connector.Question) ([]byte, error) {
	return json.Marshal(map[string]any{"question": q, "url": e.config.URL})
}

type mailConfig struct {
	Connection connector.Connection `hcl:"connection,optional" doc:"a server"`
	Subject    connector.Template   `hcl:"subject,optional" doc:"the subject"`
}

type opened struct {
	connector.Source
	connector.Sink
	config any
}

func testOptions(dir string) Options {
	database := connector.Define("sqlite", "a database", databaseConfig{}, func(_ context.Context, c databaseConfig, _ connector.Env) (any, error) {
		return "database " + c.Path, nil
	})
	file := connector.Define("file", "a file", fileConfig{}, func(_ context.Context, c fileConfig, _ connector.Env) (connector.Source, error) {
		return &opened{config: c}, nil
	})
	table := connector.Define("sql", "a table", tableConfig{}, func(ctx context.Context, c tableConfig, _ connector.Env) (connector.Sink, error) {
		database, err := c.Connection.Get(ctx)
		return &opened{config: []any{c.Table, database}}, err
	})
	table.Static = connector.Traits{Deletes: true}
	table.Connections = []connector.Kind[any]{database}
	mail := connector.Define("mail", "mail", mailConfig{}, func(_ context.Context, c mailConfig, _ connector.Env) (connector.Sink, error) {
		return &opened{config: c}, nil
	})
	mail.FirstRun = true
	query := connector.Define("sql", "a query", tableConfig{}, func(_ context.Context, c tableConfig, _ connector.Env) (connector.Source, error) {
		return &opened{config: c}, nil
	})
	query.Connections = table.Connections
	service := connector.Define("service", "a service", serviceConfig{}, func(_ context.Context, c serviceConfig, _ connector.Env) (any, error) {
		return echo{c}, nil
	})
	service.OverHTTP = true
	list := connector.Define("service", "a list of a service", listConfig{}, func(_ context.Context, c listConfig, _ connector.Env) (connector.Source, error) {
		return &opened{config: c}, nil
	})
	list.Connections = []connector.Kind[any]{service}
	return Options{
		Dir: dir, Vars: map[string]string{}, VarFileDir: dir, Environ: func(string) (string, bool) { return "", false },
		Sources: []connector.Kind[connector.Source]{file, query, list},
		Sinks:   []connector.Kind[connector.Sink]{table, mail},
	}
}
