package dsl

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMoves(t *testing.T) {
	const source = "source \"file\" \"s\" {\n  path = \"s.jsonl\"\n  key  = [\"id\"]\n}\n"
	single := func(name string) string {
		return fmt.Sprintf("pipeline %q {\n  from = source.file.s\n  map { id = src.id }\n}\n", name)
	}
	many := func(name string) string {
		return fmt.Sprintf("pipeline %q {\n  for_each = toset([\"x\", \"y\"])\n  from = source.file.s\n  map { id = src.id }\n}\n", name)
	}
	moved := func(from, to string) string { return fmt.Sprintf("moved {\n  from = %s\n  to = %s\n}\n", from, to) }
	tests := map[string]struct {
		hcl  string
		want []string
		code string
	}{
		"one":                       {single("b") + moved("pipeline.a", "pipeline.b"), []string{"pipeline.a → pipeline.b"}, ""},
		"chain":                     {single("c") + moved("pipeline.a", "pipeline.b") + moved("pipeline.b", "pipeline.c"), []string{"pipeline.a → pipeline.c", "pipeline.b → pipeline.c"}, ""},
		"into an instance":          {many("a") + moved("pipeline.a", `pipeline.a["x"]`), []string{`pipeline.a → pipeline.a["x"]`}, ""},
		"out of an instance":        {single("a") + moved(`pipeline.a["x"]`, "pipeline.a"), []string{`pipeline.a["x"] → pipeline.a`}, ""},
		"all instances":             {many("b") + moved("pipeline.a", "pipeline.b"), []string{`pipeline.a["x"] → pipeline.b["x"]`, `pipeline.a["y"] → pipeline.b["y"]`}, ""},
		"source":                    {source + single("p") + moved("source.file.old", "source.file.s"), []string{"source.file.old → source.file.s"}, ""},
		"circle":                    {single("c") + moved("pipeline.a", "pipeline.b") + moved("pipeline.b", "pipeline.a"), nil, "cycle"},
		"to itself":                 {single("c") + moved("pipeline.a", "pipeline.a"), nil, "conflict"},
		"twice":                     {single("c") + single("d") + moved("pipeline.a", "pipeline.c") + moved("pipeline.a", "pipeline.d"), nil, "conflict"},
		"still declared":            {single("c") + single("d") + moved("pipeline.c", "pipeline.d"), nil, "conflict"},
		"instances still declared":  {many("c") + many("d") + moved("pipeline.c", "pipeline.d"), nil, "conflict"},
		"instance still declared":   {many("c") + many("d") + moved(`pipeline.c["x"]`, `pipeline.d["x"]`), nil, "conflict"},
		"end of a chain undeclared": {single("c") + moved("pipeline.a", "pipeline.b") + moved("pipeline.b", "pipeline.z"), nil, "invalid_reference"},
		"instance to a whole block": {many("b") + moved(`pipeline.a["x"]`, "pipeline.b"), nil, "invalid_reference"},
		"instance that is not":      {many("b") + moved("pipeline.a", `pipeline.b["z"]`), nil, "invalid_reference"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := testOptions(t.TempDir())
			text := test.hcl
			if name != "source" {
				text = source + text
			}
			if err := os.WriteFile(filepath.Join(options.Dir, "main.hcl"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			project, diags := Load(context.Background(), options)
			code := ""
			for _, d := range diags {
				if d.Severity == Error && code == "" {
					code = d.Code
				}
			}
			if code != test.code {
				t.Errorf("code %q, want %q:\n%s", code, test.code, describeDiagnostics(diags))
			}
			if test.code != "" {
				return
			}
			var got []string
			for _, m := range project.Moved {
				got = append(got, m.From+" → "+m.To)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
		})
	}
}
