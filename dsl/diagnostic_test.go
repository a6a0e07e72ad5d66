package dsl

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// mark makes a diagnostic about the stretch between two marks » and «, which
// it takes out of src.
func mark(src string) (Diagnostic, map[string][]byte) {
	start := strings.Index(src, "»")
	src = strings.Replace(src, "»", "", 1)
	end := strings.Index(src, "«")
	src = strings.Replace(src, "«", "", 1)
	p := programText{src: []byte(src), rng: hcl.Range{Start: hcl.InitialPos}}
	at := hcl.Range{Filename: "a.hcl", Start: p.pos(start), End: p.pos(end)}
	return errorAt("syntax", at, "Wrong", "It is wrong."), map[string][]byte{"a.hcl": []byte(src)}
}

func TestDiagnosticsWrite(t *testing.T) {
	const head = "Error: Wrong\n"
	tests := []struct {
		name, src string
		width     int
		want      string
	}{
		{"plain", "a = 1\nb = »xyz«\n", 0, "  at a.hcl:2:5\n    2 | b = xyz\n      |     ^^^\n"},
		{"tabs", "\tb\t= »x«", 0, "  at a.hcl:1:6\n    1 |     b   = x\n      |           ^\n"},
		{"wide characters", "界 = \"»界«\"", 0, "  at a.hcl:1:6\n    1 | 界 = \"界\"\n      |       ^^\n"},
		{"joined characters", "é👩‍👩‍👧 »x«", 0, "  at a.hcl:1:4\n    1 | é👩‍👩‍👧 x\n      |     ^\n"},
		{"combining", "e\u0301 = »x«", 0, "  at a.hcl:1:5\n    1 | e\u0301 = x\n      |     ^\n"},
		{"nothing, inside", "a »«= 1", 0, "  at a.hcl:1:3\n    1 | a = 1\n      |   ^\n"},
		{"nothing, at the end", "a = »«", 0, "  at a.hcl:1:5\n    1 | a =\n      |     ^\n"},
		{"nothing, in an empty file", "»«", 0, "  at a.hcl:1:1\n    1 |\n      | ^\n"},
		{"two lines", "x = »[\n  1,\n]«", 0, "  at a.hcl:1:5\n    1 | x = [\n      |     ^\n    2 |   1,\n      |   ^^\n    3 | ]\n      | ^\n"},
		{"up to a line end", "»x\n«y", 0, "  at a.hcl:1:1\n    1 | x\n      | ^\n"},
		{"an empty line inside", "»x\n\ny«", 0, "  at a.hcl:1:1\n    1 | x\n      | ^\n    2 |\n    3 | y\n      | ^\n"},
		{"many lines", "»a\nb\nc\nd\ne«", 0, "  at a.hcl:1:1\n    1 | a\n      | ^\n    2 | b\n      | ^\n      ...\n    5 | e\n      | ^\n"},
		{"carriage returns", "a = »x«\r\n", 0, "  at a.hcl:1:5\n    1 | a = x\n      |     ^\n"},
		{"control characters", "a\x1b[31m = »x\u202e«", 0, "  at a.hcl:1:10\n    1 | a�[31m = x�\n      |          ^^\n"},
		{"invalid UTF-8", "a\xff = »x«", 0, "  at a.hcl:1:6\n    1 | a� = x\n      |      ^\n"},
		{"cut at the end", "a = »x« 23456789012345678901234567890", 24, "  at a.hcl:1:5\n    1 | a = x 234567890…\n      |     ^\n"},
		{"cut at the start", "1234567890123456789012345 »x«", 24, "  at a.hcl:1:27\n    1 | …345 x\n      |      ^\n"},
		{"cut on both sides", "1234567890123456789012345 »x« 234567890123456", 24, "  at a.hcl:1:27\n    1 | …345 x 23456789…\n      |      ^\n"},
		{"cut through a wide one", "界界界界界界界界界界界界界 »x«", 25, "  at a.hcl:1:15\n    1 | … 界 x\n      |      ^\n"},
		{"cut where no terminal bounds it", "»a« = \"" + strings.Repeat("x", 500) + "\"", 0, "  at a.hcl:1:1\n    1 | a = \"" + strings.Repeat("x", 386) + "…\n      | ^\n"},
		{"a long mark is cut", "»123456789012345678901234567890«", 24, "  at a.hcl:1:1\n    1 | 123456789012345…\n      | ^^^^^^^^^^^^^^^^\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, files := mark(tt.src)
			var b bytes.Buffer
			if err := (Diagnostics{d}).Write(&b, files, false, tt.width); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(head+tt.want+"  It is wrong.\n", b.String()); diff != "" {
				t.Errorf("Write (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiagnosticsWriteText(t *testing.T) {
	ds := Diagnostics{
		{Severity: Warning, Summary: "No\x1bplace", Detail: "A sentence that is too long for one line.\n    code that is never wrapped, however long\n\nEnd."},
		{Summary: "Gone", File: "gone.hcl", Range: Range{Start: Pos{3, 1, 9}, End: Pos{3, 2, 10}}},
	}
	const want = `Warning: No�place
  A sentence that is too
  long for one line.
      code that is never wrapped, however long

  End.

Error: Gone
  at gone.hcl:3:1
`
	var b bytes.Buffer
	if err := ds.Write(&b, nil, false, 26); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("Write (-want +got):\n%s", diff)
	}
}

func TestDiagnosticsWriteContext(t *testing.T) {
	d, files := mark("pipeline \"a\" {\n\n\n  x = »y«\n}\n")
	d = d.within(hcl.Range{Start: hcl.Pos{Line: 1, Column: 1}, End: hcl.Pos{Line: 5, Column: 2}})
	var b bytes.Buffer
	if err := (Diagnostics{d}).Write(&b, files, true, 0); err != nil {
		t.Fatal(err)
	}
	const want = "\x1b[1;31mError:\x1b[0m\x1b[1m Wrong\x1b[0m\n  at a.hcl:4:7\n  \x1b[2m  1\x1b[0m \x1b[2m|\x1b[0m pipeline \"a\" {\n" +
		"      \x1b[2m...\x1b[0m\n  \x1b[2m  4\x1b[0m \x1b[2m|\x1b[0m   x = y\n      \x1b[2m|\x1b[0m       \x1b[1;31m^\x1b[0m\n  It is wrong.\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("Write (-want +got):\n%s", diff)
	}
}

func FuzzDiagnosticsWrite(f *testing.F) {
	f.Add("a = »x«", 1, 5, 1, 6, 20)
	f.Add("\t界\r\n", 1, 2, 2, 1, 0)
	f.Fuzz(func(t *testing.T, src string, line, column, endLine, endColumn, width int) {
		d := Diagnostic{Summary: src, Detail: src, File: "a", Range: Range{Start: Pos{line, column, 0}, End: Pos{endLine, endColumn, 0}}}
		d.Context = Range{Start: Pos{endLine, 1, 0}}
		var b bytes.Buffer
		if err := (Diagnostics{d}).Write(&b, map[string][]byte{"a": []byte(src)}, false, width%200); err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(b.Bytes()) || bytes.ContainsAny(b.Bytes(), "\x1b\r\x00") {
			t.Errorf("Write gives %q", b.String())
		}
	})
}

func TestDiagnosticsJSON(t *testing.T) {
	d, _ := mark("a\nb »x\ny«")
	got, err := json.Marshal(Diagnostics{d, {Severity: Warning, Code: "unused", Summary: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"severity":"error","code":"syntax","summary":"Wrong","detail":"It is wrong.","file":"a.hcl","line":2,"column":3,"end_line":3,"end_column":2},` +
		`{"severity":"warning","code":"unused","summary":"s","detail":"","file":"","line":0,"column":0,"end_line":0,"end_column":0}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if none, _ := json.Marshal(Diagnostics(nil)); string(none) != "[]" {
		t.Errorf("no diagnostics are %s, want []", none)
	}
}

func TestDiagnosticsSort(t *testing.T) {
	at := func(file string, line, column int, summary string) Diagnostic {
		return Diagnostic{File: file, Range: Range{Start: Pos{line, column, 0}}, Summary: summary}
	}
	got := Diagnostics{at("b", 1, 1, ""), at("a", 2, 1, ""), at("a", 1, 9, "z"), at("a", 1, 9, "y"), at("a", 1, 9, "y"), at("a", 1, 2, "")}
	got.Sort()
	want := Diagnostics{at("a", 1, 2, ""), at("a", 1, 9, "z"), at("a", 1, 9, "y"), at("a", 2, 1, ""), at("b", 1, 1, "")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Sort (-want +got):\n%s", diff)
	}
	if got[0].Severity = Warning; !got.HasErrors() || got[:1].HasErrors() {
		t.Error("HasErrors does not tell errors from warnings")
	}
}

func TestFromHCL(t *testing.T) {
	tests := []struct{ name, src, code, place, detail string }{
		{"syntax", "a = = 1\n", "syntax", "1:5", "Expected the start of an expression"},
		{"backslash", `a = "\("` + "\n", "syntax", "1:6", "not a valid escape"},
		{"twice", "a = 1\na = 2\n", "duplicate_argument", "2:1", "already set"},
		{"argument", "nmae = 1\n", "unknown_argument", "1:1", `Did you mean "name"?`},
		{"block", "bolck {}\n", "unknown_block", "1:1", `Did you mean "block"?`},
		{"label", "block \"x\" {}\n", "invalid_label", "1:7", "No labels"},
		{"missing", "\n", "missing_argument", "1:1", `"name" is required`},
	}
	schema := &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "name", Required: true}}, Blocks: []hcl.BlockHeaderSchema{{Type: "block"}}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file, diags := hclsyntax.ParseConfig([]byte(tt.src), "a.hcl", hcl.InitialPos)
			if !diags.HasErrors() {
				_, diags = file.Body.Content(schema)
			}
			ds := fromHCL(diags)
			i := slices.IndexFunc(ds, func(d Diagnostic) bool { return d.Code == tt.code })
			if i < 0 {
				t.Fatalf("no %s in %+v", tt.code, ds)
			}
			place := strings.TrimPrefix(ds[i].place(), "a.hcl:")
			if place != tt.place || !strings.Contains(ds[i].Detail, tt.detail) {
				t.Errorf("got %s %q, want %s and %q", place, ds[i].Detail, tt.place, tt.detail)
			}
		})
	}
}

func TestFromHCLHidesSensitiveValues(t *testing.T) {
	expr, _ := hclsyntax.ParseExpression([]byte("token + 1"), "a.hcl", hcl.InitialPos)
	for _, value := range []cty.Value{cty.StringVal("canary"), cty.NumberIntVal(4711), cty.ObjectVal(map[string]cty.Value{"x": cty.StringVal("canary")})} {
		diag := &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Wrong", Detail: "It is canary or 4711.", Expression: expr,
			EvalContext: &hcl.EvalContext{Variables: map[string]cty.Value{"token": value.Mark(sensitive{})}},
		}
		if got := fromHCL(hcl.Diagnostics{diag})[0].Detail; got != redacted {
			t.Errorf("%#v: detail %q, want %q", value, got, redacted)
		}
		diag.EvalContext.Variables["token"] = value
		if got := fromHCL(hcl.Diagnostics{diag})[0].Detail; got != diag.Detail {
			t.Errorf("%#v, not sensitive: detail %q, want %q", value, got, diag.Detail)
		}
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"connection", "connector", "key", "on", "page_size", "into", "retry"}
	tests := []struct{ given, want string }{
		{"conection", "connection"}, {"conector", "connector"}, {"keys", "key"}, {"ky", "key"}, {"page-size", "page_size"}, {"PageSize", "page_size"},
		{"in", "on"}, {"int", "into"}, {"xy", ""}, {"x", ""}, {"", ""}, {"timezone", ""}, {"on", ""}, {"Key", "key"},
	}
	for _, tt := range tests {
		if got := suggest(tt.given, names); got != tt.want {
			t.Errorf("suggest(%q) = %q, want %q", tt.given, got, tt.want)
		}
	}
}

// usedCodes finds the codes that the package gives to diagnostics, by file.
func usedCodes(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]string{}
	note := func(file string, e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			code, _ := strconv.Unquote(lit.Value)
			used[code] = file
		}
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
					note(name, n.Value)
				}
			case *ast.CallExpr:
				if takesCode(n) {
					note(name, n.Args[0])
				}
			}
			return true
		})
	}
	for _, code := range hclCodes {
		used[code] = "diagnostic_hcl.go"
	}
	return used
}

// takesCode reports whether call makes a diagnostic, with its code first.
func takesCode(call *ast.CallExpr) bool {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	return len(call.Args) >= 3 && slices.Contains([]string{"errorAt", "warningAt", "add", "warn"}, name)
}

func TestCodesAreListed(t *testing.T) {
	listed := map[string]bool{}
	last := ""
	for _, c := range Codes() {
		if c.Code <= last {
			t.Errorf("%s does not follow %s in the alphabet", c.Code, last)
		}
		if c.Meaning == "" || c.Fix == "" {
			t.Errorf("%s has no meaning or no fix", c.Code)
		}
		listed[c.Code] = true
		last = c.Code
	}
	used := usedCodes(t)
	if len(used) < len(hclCodes)/4 {
		t.Fatalf("only %d codes found in the source", len(used))
	}
	for code, file := range used {
		if !listed[code] {
			t.Errorf("%s: the code %q is not listed", file, code)
		}
	}
}
