package dsl

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// loadFuzzed loads a project of one file and checks that every diagnostic has
// its place inside a file.
func loadFuzzed(t *testing.T, text []byte) {
	t.Helper()
	o := testOptions(t.TempDir())
	if err := os.WriteFile(filepath.Join(o.Dir, "main.hcl"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	p, diags := Load(context.Background(), o)
	for _, d := range diags {
		if d.File == "" {
			if d.Code != "empty_project" {
				t.Errorf("%s: %s has no place", d.Code, d.Summary)
			}
			continue
		}
		src, ok := p.Files[d.File]
		if !ok {
			t.Errorf("%s: %s is in %q, which was not read", d.Code, d.Summary, d.File)
			continue
		}
		lines := strings.Count(string(src), "\n") + 1
		start, end := d.Range.Start, d.Range.End
		if start.Byte < 0 || start.Byte > end.Byte || end.Byte > len(src) || start.Line < 1 || end.Line > lines || start.Column < 1 {
			t.Errorf("%s: %s stands at %+v, outside %d bytes and %d lines", d.Code, d.Summary, d.Range, len(src), lines)
		}
	}
}

// archiveTexts are the configuration files of the test archives.
func archiveTexts(f *testing.F) []string {
	paths, err := filepath.Glob("testdata/load/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no archives: %v", err)
	}
	var texts []string
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".hcl") {
				texts = append(texts, string(file.Data))
			}
		}
	}
	return texts
}

// FuzzLoad loads any bytes as a file of a project.
func FuzzLoad(f *testing.F) {
	for _, text := range archiveTexts(f) {
		f.Add([]byte(text))
		for block := range strings.SplitSeq(text, "\n}\n") {
			f.Add([]byte(block + "\n}\n"))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 16<<10 {
			t.Skip()
		}
		loadFuzzed(t, text)
	})
}

// FuzzProgram puts any text as a jq or expr program into a file.
func FuzzProgram(f *testing.F) {
	for _, text := range []string{".a | lower", "src.a == nil", "[.b[]? | {x: .y}]", "\"\\(.a)\" | @base64", "${x}", "é\t\"", "map(src.x, # .y)", "JQ\n", "reduce .[] as $x (0; . + $x)"} {
		f.Add(text)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "${", "$${", "%{", "%%{")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 {
			t.Skip()
		}
		loadFuzzed(t, []byte("source \"file\" \"a\" {\n  path = \"a\"\n  key = [\"id\"]\n}\npipeline \"p\" {\n  from = source.file.a\n  map {\n"+
			"    a = jq(\""+quote.Replace(text)+"\")\n    b = expr(\""+quote.Replace(text)+"\")\n"+
			"    c = jq(<<-JQ\n      "+text+"\n    JQ\n    )\n  }\n}\n"))
	})
}
