package mapping

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"koppel/engine/record"
)

// A suiteCase is one test of the library's own suite.
type suiteCase struct {
	name, program, input, expected string
	args                           []string
	fails                          bool
}

// librarySuite reads the suite from the library's module.
func librarySuite(t *testing.T) []suiteCase {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/itchyny/gojq").Output()
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "cli", "test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	ty, err := yaml.ImpliedType(src)
	if err != nil {
		t.Fatal(err)
	}
	all, err := yaml.Unmarshal(src, ty)
	if err != nil {
		t.Fatal(err)
	}
	var cases []suiteCase
	for _, v := range all.AsValueSlice() {
		m := v.AsValueMap()
		text := func(name string) string {
			x, ok := m[name]
			if !ok || x.IsNull() {
				return ""
			}
			x, err := convert.Convert(x, cty.String)
			if err != nil {
				t.Fatal(err)
			}
			return x.AsString()
		}
		c := suiteCase{name: text("name"), program: ".", input: text("input"), expected: text("expected")}
		_, c.fails = m["error"]
		if args, ok := m["args"]; ok {
			for _, a := range args.AsValueSlice() {
				a, err := convert.Convert(a, cty.String)
				if err != nil {
					t.Fatal(err)
				}
				c.args = append(c.args, a.AsString())
			}
		}
		if n := len(c.args); n > 0 {
			c.program = c.args[n-1]
			c.args = c.args[:n-1]
		}
		cases = append(cases, c)
	}
	return cases
}

// values reads JSON values that stand one behind the other.
func values(s string) ([]string, error) {
	var out []string
	for d := json.NewDecoder(strings.NewReader(s)); ; {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		out = append(out, string(raw))
	}
}

// excluded says why a case of the suite is none for programs of records; empty
// for one that is.
func (c suiteCase) excluded() string {
	for _, a := range c.args {
		if !slices.Contains([]string{"-c", "--compact-output", "-n", "--null-input"}, a) {
			return "concerns an option of the command"
		}
	}
	inputs, err := values(c.input)
	switch {
	case strings.HasPrefix(c.program, "-"):
		return "concerns an option of the command"
	case err != nil:
		return "concerns input that is no JSON"
	case len(inputs) == 0 && len(c.args) == 0:
		return "has no input"
	case strings.Contains(c.program, "localtime"):
		return "concerns the time zone of the command"
	case strings.Contains(c.program, "builtins"):
		return "concerns functions that do not exist here"
	case strings.Contains(c.input, "\u2000") || strings.Contains(c.expected, "\u2002"):
		return "has text that reading the suite normalizes"
	}
	return ""
}

// TestLibrarySuite runs the cases of the library's own suite, compiled and by
// the library as programs of records, and compares both with what the suite
// expects.
func TestLibrarySuite(t *testing.T) {
	compiled, run := 0, 0
	reasons := map[string]int{}
	for _, c := range librarySuite(t) {
		if reason := c.excluded(); reason != "" {
			reasons[reason]++
			continue
		}
		inputs, _ := values(c.input)
		if slices.Contains(c.args, "-n") || slices.Contains(c.args, "--null-input") {
			inputs = []string{"null"}
		}
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, in := range inputs {
				run++
				if sameOutcome(t, c.program, in) {
					compiled++
				}
				out, _, code := jqOutcome(c.program, in, false)
				if reason := ruledOut(out, code); reason != "" {
					reasons[reason]++
					return
				}
				if strings.HasPrefix(out, "error: ") {
					out = "error"
				}
				got = append(got, out)
			}
			want, err := values(c.expected)
			if err != nil {
				t.Skip(err)
			}
			if c.fails {
				if len(got) == 0 || got[len(got)-1] != "error" {
					t.Errorf("%s of %s: no error but %s", c.program, c.input, got)
				}
				return
			}
			if diff := cmp.Diff(canonical(t, want), canonical(t, lines(got))); diff != "" {
				t.Errorf("%s of %s: -want +got:\n%s", c.program, c.input, diff)
			}
		})
	}
	t.Log(compiled, "of", run, "runs are compiled; excluded:", reasons)
	if compiled < 250 {
		t.Errorf("only %d runs are compiled", compiled)
	}
}

func lines(outs []string) []string {
	var all []string
	for _, out := range outs {
		all = append(all, strings.Split(strings.TrimSuffix(out, "\n"), "\n")...)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

func canonical(t *testing.T, vs []string) []string {
	var out []string
	for _, v := range vs {
		b, err := record.AppendCanonical(nil, []byte(v))
		if err != nil {
			b = []byte(v)
		}
		out = append(out, string(b))
	}
	return out
}

// ruledOut says which rule of records makes a case end otherwise than the
// suite says.
func ruledOut(out, code string) string {
	switch {
	case strings.HasPrefix(out, "problem: "):
		return "does not exist here"
	case strings.HasPrefix(out, "input: "):
		return "the input is no strict JSON"
	case code == CodeLimit:
		return "a bound of records"
	case strings.Contains(out, "is infinite or not a number"), strings.Contains(out, "no number that JSON can hold"):
		return "results are numbers that JSON can hold"
	}
	return ""
}
