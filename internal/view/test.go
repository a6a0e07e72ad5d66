package view

import (
	"bufio"
	"fmt"

	"koppel/engine"
	"koppel/engine/record"
)

// Tests is what `koppel test --json` prints.
type Tests struct {
	FormatVersion string     `json:"format_version" doc:"version of this output"`
	Passed        int        `json:"passed" doc:"how many tests passed"`
	Failed        int        `json:"failed" doc:"how many did not"`
	Tests         []TestCase `json:"tests" doc:"by pipeline, in the order of the files"`
}

// TestCase is one test of Tests.
type TestCase struct {
	Pipeline string     `json:"pipeline" doc:"name of the pipeline"`
	Name     string     `json:"name" doc:"of the test"`
	File     string     `json:"file" doc:"where it stands"`
	Line     int        `json:"line" doc:"from 1"`
	Passed   bool       `json:"passed" doc:"whether all is as expected"`
	Problem  string     `json:"problem" doc:"why it failed; empty when the fields say it"`
	Diffs    []TestDiff `json:"diffs" doc:"fields that are not as expected"`
}

// TestDiff is one field of a TestCase that is not as expected.
type TestDiff struct {
	Item  int    `json:"item" doc:"which record under each, from 0"`
	Field string `json:"field" doc:"name of the field"`
	Want  string `json:"want" doc:"JSON text; a sensitive value is ‹sensitive›"`
	Got   string `json:"got" doc:"JSON text; empty when the field is absent"`
}

// NewTestCase describes what a test of a pipeline came to.
func NewTestCase(pipeline string, t *engine.Test, r *engine.TestResult) TestCase {
	c := TestCase{Pipeline: pipeline, Name: t.Name, File: t.File, Line: t.Line, Passed: r.Passed, Problem: r.Problem, Diffs: []TestDiff{}}
	for _, d := range r.Diffs {
		one := TestDiff{Item: d.Item, Field: d.Field, Want: string(d.Want), Got: string(d.Got)}
		if d.Sensitive {
			one.Want, one.Got = maskedUnlessNull(d.Want, one.Want), maskedUnlessNull(d.Got, one.Got)
		}
		c.Diffs = append(c.Diffs, one)
	}
	return c
}

// NewTests counts tests.
func NewTests(cases []TestCase) Tests {
	t := Tests{FormatVersion: FormatVersion, Tests: list(cases)}
	for _, c := range cases {
		if c.Passed {
			t.Passed++
		} else {
			t.Failed++
		}
	}
	return t
}

// WriteTests shows a person how tests ended: those that failed with what is
// not as expected.
func WriteTests(out *bufio.Writer, t Tests, s Style) error {
	p := s.painter()
	for _, c := range t.Tests {
		head := fmt.Sprintf("%s   %s", Clean(c.Pipeline), Clean(c.Name))
		if c.Passed {
			if !s.Quiet {
				fmt.Fprintf(out, "%s  %s\n", p.Green("pass"), head)
			}
			continue
		}
		fmt.Fprintf(out, "%s  %s   %s\n", p.Red("FAIL"), head, p.Dim(fmt.Sprintf("%s:%d", Clean(c.File), c.Line)))
		if c.Problem != "" {
			fmt.Fprintf(out, "      %s\n", Clean(c.Problem))
		}
		for _, d := range c.Diffs {
			writeTestDiff(out, d)
		}
	}
	_, err := fmt.Fprintf(out, "%d passed, %d failed\n", t.Passed, t.Failed)
	return err
}

func writeTestDiff(out *bufio.Writer, d TestDiff) {
	name := Clean(d.Field)
	if d.Item > 0 {
		name = fmt.Sprintf("[%d].%s", d.Item, name)
	}
	got := d.Got
	if got == "" {
		got = "(absent)"
	}
	fmt.Fprintf(out, "      %s: want %s, got %s\n", name, shownJSON(d.Want), shownJSON(got))
}

func shownJSON(text string) string {
	if record.KindOf([]byte(text)) == record.Null {
		return "null"
	}
	return Shorten(Clean(text), 200)
}
