package koppel_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which packages of this module a package imports, tests apart.
// NAME/* stands for the packages below NAME.
var mayImport = map[string][]string{
	"bench/gen":              {},
	"bench/measure":          {},
	"engine/record":          {},
	"engine/spool":           {"engine/record"},
	"engine/connector":       {"engine/record"},
	"engine/mapping":         {"engine/record"},
	"engine/change":          {"engine/record"},
	"engine/plan":            {"engine/record"},
	"engine/state":           {"engine/record"},
	"engine/state/sqlite":    {"engine/record", "engine/state", "internal/sqlitebind"},
	"engine/state/statetest": {"engine/record", "engine/state"},
	"engine": {"engine/change", "engine/connector", "engine/mapping", "engine/plan", "engine/record", "engine/spool",
		"engine/state"},
	"engine/dispatch":                {"engine", "engine/connector", "engine/record", "engine/state"},
	"engine/crashtest":               {},
	"engine/schedule":                {"engine"},
	"engine/connectortest":           {"dsl", "engine/connector", "engine/record"},
	"dsl":                            {"engine", "engine/connector", "engine/mapping", "engine/record", "engine/schedule", "internal/secret"},
	"sources":                        {"engine/connector", "sources/*"},
	"sources/afas-get":               {"engine/connector", "engine/record", "internal/afas"},
	"sources/alleyoop":               {"engine/connector", "internal/alleyoop"},
	"sources/file":                   {"engine/connector", "engine/record", "internal/xmlrecord"},
	"sources/graph-events":           {"engine/connector", "engine/record", "internal/graph", "internal/httpclient"},
	"sources/graph-groups":           {"engine/connector", "engine/record", "internal/graph"},
	"sources/graph-users":            {"engine/connector", "engine/record", "internal/graph"},
	"sources/http":                   {"engine/connector", "engine/record", "internal/httpclient"},
	"sources/soap":                   {"engine/connector", "engine/record", "internal/httpclient", "internal/soap", "internal/xmlrecord"},
	"sources/sql":                    {"engine/connector", "engine/record", "internal/sql"},
	"sources/webhook":                {"engine/connector", "engine/record", "internal/graph", "internal/httpclient", "internal/webhook"},
	"sinks":                          {"engine/connector", "sinks/*"},
	"connections":                    {"engine/connector", "internal/xpert"},
	"sinks/afas-update":              {"engine/connector", "engine/record", "internal/afas", "internal/httpclient"},
	"sinks/alleyoop-files":           {"engine/connector", "engine/record", "internal/alleyoop"},
	"sinks/alleyoop-instances":       {"engine/connector", "engine/record", "internal/alleyoop"},
	"sinks/alleyoop-signals":         {"engine/connector", "engine/record", "internal/alleyoop", "internal/httpclient"},
	"sinks/file":                     {"engine/connector", "engine/record"},
	"sinks/http":                     {"engine/connector", "engine/record", "internal/httpclient", "internal/soap", "internal/xmlrecord"},
	"sinks/mail":                     {"engine/connector", "engine/record", "internal/smtp"},
	"sinks/sql":                      {"engine/connector", "engine/record", "internal/sql"},
	"sinks/webhook":                  {"engine/connector", "engine/record", "internal/httpclient", "internal/webhook"},
	"internal/afas":                  {"engine/connector", "engine/record", "internal/httpclient"},
	"internal/alleyoop":              {"engine/connector", "engine/record", "internal/httpclient"},
	"internal/alleyoop/alleyooptest": {"engine/connector", "internal/alleyoop", "internal/httpclient", "internal/sandbox/*"},
	"internal/graph":                 {"engine/connector", "engine/record", "internal/httpclient"},
	"internal/graph/graphtest":       {"dsl", "engine", "engine/*", "internal/graph", "internal/httpclient"},
	"internal/httpclient":            {"engine/connector", "engine/record", "internal/soap", "internal/xmlrecord"},
	"internal/kindlist":              {},
	"internal/sandbox":               {"internal/sandbox/*"},
	"internal/sandbox/afas":          {"internal/sandbox/dataset", "internal/sandbox/traffic"},
	"internal/sandbox/alleyoop":      {"internal/sandbox/dataset", "internal/sandbox/traffic"},
	"internal/sandbox/dataset":       {},
	"internal/sandbox/graph":         {"internal/sandbox/dataset", "internal/sandbox/traffic"},
	"internal/sandbox/rest":          {"internal/sandbox/dataset", "internal/sandbox/traffic"},
	"internal/sandbox/smtp":          {"internal/sandbox/dataset", "internal/sandbox/traffic"},
	"internal/sandbox/soap":          {"internal/sandbox/dataset", "internal/sandbox/traffic"},
	"internal/sandbox/traffic":       {},
	"internal/sandbox/xpert":         {"internal/sandbox/dataset", "internal/sandbox/traffic"},
	"internal/serve":                 {"dsl", "engine", "engine/*"},
	"internal/monitor":               {"engine", "engine/*", "internal/serve"},
	"internal/console":               {"dsl", "engine", "engine/*", "internal/serve", "internal/view"},
	"internal/smtp":                  {"engine/connector", "internal/httpclient"},
	"internal/secret":                {},
	"internal/webhook":               {"engine/connector"},
	"internal/soap":                  {"engine/connector", "engine/record", "internal/xmlrecord"},
	"internal/sql":                   {"engine/connector", "engine/record", "internal/sqlitebind"},
	"internal/sqlitebind":            {},
	"internal/sql/mysqltest":         {},
	"internal/xpert":                 {"engine/connector", "internal/httpclient"},
	"internal/xmlrecord":             {"engine/connector", "engine/record"},
	"internal/sql/postgrestest":      {},
	"internal/sql/proxytest":         {},
	"cmd/koppel":                     {"cmd/koppel/internal/cli"},
	"pipelines":                      {},
	"cmd/koppel/internal/demo":       {"internal/view", "internal/sandbox", "internal/sandbox/dataset", "internal/sql", "pipelines"},
	"cmd/koppel/internal/cli":        {"cmd/koppel/internal/demo", "connections", "internal/view", "dsl", "engine", "engine/*", "internal/console", "internal/monitor", "internal/sandbox", "internal/serve", "sinks", "sources"},
	"internal/view":                  {"dsl", "engine", "engine/*"},
}

// testOnly are packages that nothing but tests may import.
var testOnly = []string{"engine/connectortest", "engine/crashtest", "engine/state/statetest", "internal/alleyoop/alleyooptest",
	"internal/graph/graphtest", "internal/sql/mysqltest", "internal/sql/postgrestest", "internal/sql/proxytest"}

// onlyIn says where a library may be imported, tests apart.
var onlyIn = map[string][]string{
	"github.com/itchyny/gojq":                    {"engine/mapping"},
	"github.com/expr-lang/expr":                  {"engine/mapping"},
	"github.com/hashicorp/hcl/v2":                {"dsl"},
	"github.com/zclconf/go-cty":                  {"dsl"},
	"github.com/robfig/cron/v3":                  {"engine/schedule"},
	"github.com/coreos/go-systemd/v22":           {"cmd/koppel/internal/cli"},
	"github.com/spf13/cobra":                     {"cmd/koppel/internal/cli"},
	"github.com/emersion/go-smtp":                {"internal/sandbox/smtp"},
	"github.com/emersion/go-sasl":                {"internal/sandbox/smtp"},
	"golang.org/x/net":                           {"internal/serve"},
	"golang.org/x/oauth2":                        {"internal/httpclient"},
	"golang.org/x/time":                          {"internal/httpclient", "sources/webhook", "internal/smtp"},
	"github.com/wneessen/go-mail":                {"internal/smtp", "sinks/mail"},
	"github.com/emersion/go-ical":                {"sinks/mail"},
	"github.com/golang-jwt/jwt/v5":               {"internal/httpclient", "internal/webhook", "internal/sandbox/graph"},
	"github.com/sony/gobreaker/v2":               {"internal/httpclient"},
	"github.com/cenkalti/backoff/v5":             {"internal/httpclient"},
	"github.com/prometheus/client_golang":        {"internal/monitor"},
	"go.opentelemetry.io":                        {"internal/monitor"},
	"golang.org/x/term":                          {"cmd/koppel/internal/cli"},
	"zombiezen.com/go/sqlite":                    {"engine/state/sqlite", "internal/sql", "internal/sqlitebind"},
	"github.com/jackc/pgx/v5":                    {"internal/sql"},
	"modernc.org":                                {"internal/sqlitebind"},
	"database/sql":                               {"internal/sql"},
	"github.com/go-sql-driver/mysql":             {"internal/sql"},
	"github.com/microsoft/go-mssqldb":            {"internal/sql"},
	"github.com/zalando/go-keyring":              {"internal/secret"},
	"github.com/google/go-cmp":                   {"engine/connectortest", "engine/state/statetest"},
	"pgregory.net/rapid":                         {"engine/connectortest", "engine/state/statetest"},
	"github.com/rogpeppe/go-internal/testscript": {},
	"go.uber.org/goleak":                         {"engine/connectortest"},
	"testing": {"engine/connectortest", "engine/state/statetest", "internal/alleyoop/alleyooptest", "internal/graph/graphtest", "internal/sql/mysqltest",
		"internal/sql/postgrestest", "internal/sql/proxytest"},
}

// The table of packages is whole and names nothing else; each kind stands for
// itself below sources and sinks.
func TestPackagesAreDescribed(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for row := range strings.Lines(string(text)) {
		cells := strings.Split(row, "|")
		if len(cells) < 3 || !strings.Contains(cells[1], "`") {
			continue
		}
		for i, name := range strings.Split(cells[1], "`") {
			if i%2 == 1 {
				described[name] = true
			}
		}
	}
	for name := range mayImport {
		if !described[name] && !strings.HasPrefix(name, "sources/") && !strings.HasPrefix(name, "sinks/") {
			t.Errorf("docs/architecture.md says nothing of %s", name)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("docs/architecture.md describes %s, which is no package", name)
	}
}

// A goFile is one file of the module.
type goFile struct {
	path, dir string // relative, with slashes
	test      bool
	text      []byte
	syntax    *ast.File
	fset      *token.FileSet
}

// eachFile parses every Go file of the module.
func eachFile(t *testing.T, mode parser.Mode, check func(*goFile)) {
	t.Helper()
	count := 0
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		f := &goFile{path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), fset: token.NewFileSet()}
		if f.text, err = os.ReadFile(name); err != nil {
			return err
		}
		if f.syntax, err = parser.ParseFile(f.fset, name, f.text, mode); err != nil {
			return err
		}
		count++
		check(f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 100 {
		t.Fatalf("only %d files were found", count)
	}
}

// imports lists the import paths of a file.
func (f *goFile) imports() []string {
	var list []string
	for _, spec := range f.syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	eachFile(t, parser.ImportsOnly, func(f *goFile) {
		allowed, known := mayImport[f.dir]
		seen[f.dir] = true
		if !f.test && !known {
			t.Errorf("%s: package %s has no row in mayImport", f.path, f.dir)
		}
		for _, p := range f.imports() {
			own, ok := strings.CutPrefix(p, "koppel/")
			if !ok || f.test {
				continue
			}
			if !slices.ContainsFunc(allowed, func(pattern string) bool { return covers(pattern, own) }) {
				t.Errorf("%s: %s may not import %s", f.path, f.dir, own)
			}
			if slices.Contains(testOnly, own) {
				t.Errorf("%s: only tests may import %s", f.path, own)
			}
		}
	})
	for dir := range mayImport {
		if !seen[dir] {
			t.Errorf("mayImport has a row for %s, which does not exist", dir)
		}
	}
}

func TestLibrariesHaveTheirPlace(t *testing.T) {
	eachFile(t, parser.ImportsOnly, func(f *goFile) {
		if f.test {
			return
		}
		for _, p := range f.imports() {
			for library, dirs := range onlyIn {
				if (p == library || strings.HasPrefix(p, library+"/")) && !slices.Contains(dirs, f.dir) {
					t.Errorf("%s: %s is for %v only", f.path, p, dirs)
				}
			}
		}
	})
}

// covers tells whether a package is the one that a pattern names.
func covers(pattern, dir string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(dir, parent+"/")
	}
	return pattern == dir
}
