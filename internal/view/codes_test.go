package view

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// codeArguments says which argument of a function is a problem code.
var codeArguments = map[string]int{"warn": 0, "problem": 2, "report": 2, "wait": 0, "setAside": 2}

// codesIn collects the problem codes in the Go files of a folder: these arguments
// of functions, fields named code, and constants named Code….
func codesIn(t *testing.T, dir string, arguments map[string]int, into map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no files in %s: %v", dir, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			for _, e := range codeExpressions(n, arguments) {
				if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					code, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					into[code] = true
				}
			}
			return true
		})
	}
}

// codeExpressions gives what stands for a problem code in a node.
func codeExpressions(n ast.Node, arguments map[string]int) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		s, ok := n.Fun.(*ast.SelectorExpr)
		if !ok {
			return nil
		}
		if at, ok := arguments[s.Sel.Name]; ok && at < len(n.Args) {
			return n.Args[at : at+1]
		}
	case *ast.KeyValueExpr:
		if name, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(name.Name, "code") {
			return []ast.Expr{n.Value}
		}
	case *ast.ValueSpec:
		if strings.HasPrefix(n.Names[0].Name, "Code") {
			return n.Values
		}
	}
	return nil
}

func TestRecordCodes(t *testing.T) {
	used := map[string]bool{}
	for _, dir := range []string{"engine", "engine/change"} {
		codesIn(t, filepath.Join("../..", dir), codeArguments, used)
	}
	valueErrors := map[string]bool{}
	codesIn(t, "../../engine/mapping", nil, valueErrors)
	maps.Copy(used, valueErrors)
	// Problems of programs, which are known before a run, and codes that are no
	// literals where they are made.
	for _, early := range []string{"name", "scope", "too_large"} {
		delete(used, early)
	}
	for _, computed := range []string{"failed", "stopped", "record", "invalid_record"} {
		used[computed] = true
	}
	listed := map[string]bool{}
	for _, c := range RecordCodes() {
		listed[c.Code] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(listed))); diff != "" {
		t.Errorf("-used +listed\n%s", diff)
	}
}
