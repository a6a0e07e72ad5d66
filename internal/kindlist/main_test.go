package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folders are those that hold kinds, with the contract and the suite of each.
func folders() map[string][2]string {
	return map[string][2]string{
		"../../sources": {"Source", "Source"},
		"../../sinks":   {"Sink", "Sink"},
	}
}

func TestListsAreComplete(t *testing.T) {
	for folder, names := range folders() {
		want, err := generate(folder, names[0])
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(folder, "all.go"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s/all.go is not up to date, run go generate (-want +got):\n%s", folder, diff)
		}
	}
}

func TestEveryKindHasAConformanceTest(t *testing.T) {
	for folder, names := range folders() {
		list, err := kinds(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range list {
			files, err := filepath.Glob(filepath.Join(folder, kind, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			if !calls(t, files, "connectortest", names[1]) {
				t.Errorf("%s/%s: no test calls connectortest.%s", folder, kind, names[1])
			}
		}
	}
}

// calls looks for a call of a package's function in the files.
func calls(t *testing.T, files []string, pkg, name string) bool {
	found := false
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == name {
					x, ok := s.X.(*ast.Ident)
					found = found || ok && x.Name == pkg
				}
			}
			return true
		})
	}
	return found
}

func TestGenerateRefusals(t *testing.T) {
	if _, err := generate(t.TempDir(), "Source"); err == nil {
		t.Error("a folder without kinds gives a list")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x", "x.go"), []byte("package x\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := generate(dir, "Source"); err == nil {
		t.Error("a folder that defines no kind is passed over")
	}
}
