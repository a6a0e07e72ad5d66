package dsl

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// sourceFiles holds the files of a project, by their names relative to its
// folder.
type sourceFiles struct {
	dir     string
	content map[string][]byte
	bodies  map[string]*hclsyntax.Body
	main    []string // configuration
	tests   []string // *.test.hcl
	values  []string // *.auto.vars.hcl

	namedMu sync.Mutex
	named   map[string]bool // files that blocks name
}

// maxFileSize bounds one configuration file, in bytes.
const maxFileSize = 16 << 20

// readFiles reads and parses the *.hcl files of a project's folder, in the
// order of their names.
func readFiles(dir string, out *problems) *sourceFiles {
	f := &sourceFiles{dir: dir, content: map[string][]byte{}, bodies: map[string]*hclsyntax.Body{}}
	names, err := configurationNames(dir)
	if err != nil {
		out.add("empty_project", hcl.Range{}, "The project can't be read", err.Error()+".")
		return f
	}
	for _, name := range names {
		list := &f.main
		switch {
		case strings.HasSuffix(name, ".test.hcl"):
			list = &f.tests
		case strings.HasSuffix(name, ".auto.vars.hcl"):
			list = &f.values
		case strings.HasSuffix(name, ".vars.hcl"):
			continue
		}
		*list = append(*list, name)
		f.read(name, filepath.Join(dir, name), out)
	}
	if len(f.main) == 0 {
		out.add("empty_project", hcl.Range{}, "There is no project here",
			fmt.Sprintf("The folder %s has no *.hcl files with a configuration. Name the folder of a project with -C, or start one with koppel new.", dir))
	}
	return f
}

// configurationNames lists the *.hcl files of a folder by name.
func configurationNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the project's folder: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".hcl") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// read reads and parses one file and keeps it under name.
func (f *sourceFiles) read(name, path string, out *problems) *hclsyntax.Body {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFileSize {
		err = fmt.Errorf("the file has %d bytes; at most %d are accepted", info.Size(), maxFileSize)
	}
	var src []byte
	if err == nil {
		src, err = os.ReadFile(path)
	}
	if err != nil {
		out.add("file_unreadable", hcl.Range{Filename: name}, "A file can't be read", err.Error()+".")
		return nil
	}
	return f.parse(name, src, out)
}

// parse parses the text of one file and keeps both under name.
func (f *sourceFiles) parse(name string, src []byte, out *problems) *hclsyntax.Body {
	f.content[name] = src
	if at := tooDeep(name, src); at >= 0 {
		out.add("too_large", positionIn(name, src, at), "The file is nested too deeply", "More than %d brackets or operators are open here.", maxNesting)
		return nil
	}
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	out.addSyntax(diags, src)
	if file == nil {
		return nil
	}
	body, _ := file.Body.(*hclsyntax.Body)
	f.bodies[name] = body
	return body
}

// maxNesting bounds how deep brackets may nest, since the parser recurses.
const maxNesting = 500

// tooDeep finds the byte where brackets nest deeper than a parser that
// recurses should be given; -1: nowhere. Texts and comments may hold brackets
// of their own, so the tokens are looked at when the bytes alone are too deep.
func tooDeep(name string, src []byte) int {
	depth := 0
	for _, c := range src {
		switch c {
		case '(', '[', '{', '!', '?':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
		if depth > maxNesting {
			return deepToken(name, src)
		}
	}
	return -1
}

func deepToken(name string, src []byte) int {
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
	depth, operators := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			depth = max(depth-1, 0)
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			operators++
		case hclsyntax.TokenNewline:
			operators = 0
		}
		if depth > maxNesting || operators > maxNesting {
			return t.Range.Start.Byte
		}
	}
	return -1
}

// keepText keeps the text of a file that a block names, for showing places in
// it. Configuration files keep their own.
func (f *sourceFiles) keepText(name string, src []byte) {
	if _, ok := f.content[name]; !ok {
		f.content[name] = src
	}
}

// readNamed reads a file that a project names, relative to its folder.
func (f *sourceFiles) readNamed(name string) ([]byte, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.dir, path)
	}
	f.namedMu.Lock()
	if f.named == nil {
		f.named = map[string]bool{}
	}
	f.named[name] = true
	f.namedMu.Unlock()
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open the file: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open the file %s: it is no regular file", path)
	case info.Size() > maxFileSize:
		return nil, fmt.Errorf("open the file %s: it has %d bytes, at most %d are read", path, info.Size(), maxFileSize)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	return data, nil
}
