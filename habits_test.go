package koppel_test

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

const (
	maxFile     = 500 // lines
	maxTestFile = 700
	maxFunc     = 70
)

// vague are names that say nothing of what a package is for.
var vague = []string{"util", "utils", "common", "helpers", "helper", "types", "models", "misc", "base"}

func TestHabits(t *testing.T) {
	eachFile(t, parser.ParseComments, func(f *goFile) {
		if formatted, err := format.Source(f.text); err != nil || !bytes.Equal(formatted, f.text) {
			t.Errorf("%s: is not formatted", f.path)
		}
		if slices.Contains(vague, f.syntax.Name.Name) {
			t.Errorf("%s: package %s is named after nothing", f.path, f.syntax.Name.Name)
		}
		if ast.IsGenerated(f.syntax) {
			return
		}
		most := maxFile
		if f.test {
			most = maxTestFile
		}
		if n := f.fset.File(f.syntax.Pos()).LineCount() - f.tables(f.syntax); n > most {
			t.Errorf("%s: has %d lines beside its tables", f.path, n)
		}
		for _, decl := range f.syntax.Decls {
			f.checkDecl(t, decl)
		}
		for _, group := range f.syntax.Comments {
			if text := group.Text(); strings.Contains(text, "TO"+"DO") || strings.Contains(text, "FIX"+"ME") {
				t.Errorf("%s: a comment holds a plan", f.fset.Position(group.Pos()))
			}
		}
	})
}

func (f *goFile) checkDecl(t *testing.T, decl ast.Decl) {
	t.Helper()
	at := f.fset.Position(decl.Pos())
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.Name == "init" && d.Recv == nil {
			t.Errorf("%s: init runs unasked", at)
		}
		if n := f.lines(d) - f.tables(d); n > maxFunc {
			t.Errorf("%s: %s has %d lines beside its tables", at, d.Name.Name, n)
		}
		if !f.test && d.Recv == nil && d.Name.IsExported() {
			f.checkDoc(t, d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			s, ok := spec.(*ast.TypeSpec)
			if !ok || f.test || !s.Name.IsExported() {
				continue
			}
			doc := s.Doc
			if doc == nil {
				doc = d.Doc
			}
			f.checkDoc(t, s.Name, doc)
		}
	}
}

// checkDoc checks that an exported name is described by a sentence that starts
// with it, after an article.
func (f *goFile) checkDoc(t *testing.T, name *ast.Ident, doc *ast.CommentGroup) {
	t.Helper()
	words := strings.Fields(doc.Text())
	if len(words) > 0 && slices.Contains([]string{"A", "An", "The"}, words[0]) {
		words = words[1:]
	}
	if len(words) == 0 || strings.TrimRight(words[0], ",.:;'s") != strings.TrimRight(name.Name, "s") {
		t.Errorf("%s: %s has no sentence that starts with it", f.fset.Position(name.Pos()), name.Name)
	}
}

func (f *goFile) lines(n ast.Node) int {
	return f.fset.Position(n.End()).Line - f.fset.Position(n.Pos()).Line + 1
}

// tables counts the lines inside of composite literals and of literal text.
func (f *goFile) tables(n ast.Node) int {
	count := 0
	ast.Inspect(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.CompositeLit:
			count += f.lines(x) - 1
			return false
		case *ast.BasicLit:
			if x.Kind == token.STRING {
				count += f.lines(x) - 1
			}
		}
		return true
	})
	return count
}
