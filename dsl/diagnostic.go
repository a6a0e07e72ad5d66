package dsl

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// Severity says whether a project with this diagnostic can be used.
type Severity int

// The severities: an Error makes a project unusable, a Warning does not.
const (
	Error Severity = iota
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Pos is a place in a file. Line and Column count from 1, Column in
// characters as a reader sees them (grapheme clusters); Byte counts from 0.
type Pos struct{ Line, Column, Byte int }

// Range is a stretch of a file; End is the place just behind it. The zero
// Range stands for the file as a whole.
type Range struct{ Start, End Pos }

// A Diagnostic is one problem in a file of a project, for a person to read.
// No sensitive value stands in its texts.
type Diagnostic struct {
	Severity Severity
	// Code names the kind of problem; it is stable and listed by Codes.
	Code string
	// Summary is a short phrase, Detail full sentences with the way out.
	Summary, Detail string
	// File is the path as the project names it; empty: no file is at fault.
	File  string
	Range Range
	// Context is the larger construct that Range stands in, whose first line
	// helps a reader to find the place; zero: none.
	Context Range
}

// Error returns the place and the summary on one line.
func (d Diagnostic) Error() string {
	if place := d.place(); place != "" {
		return place + ": " + d.Summary
	}
	return d.Summary
}

// Diagnostics are the problems of one project.
type Diagnostics []Diagnostic

// HasErrors reports whether one of ds is an Error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sort orders ds by file and position and removes exact repetitions. What
// stands at one place keeps its order.
func (ds *Diagnostics) Sort() {
	slices.SortStableFunc(*ds, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Range.Start.Line, b.Range.Start.Line),
			cmp.Compare(a.Range.Start.Column, b.Range.Start.Column),
		)
	})
	*ds = slices.Compact(*ds)
}

// errorAt makes an Error about the place at. code is one of Codes.
func errorAt(code string, at hcl.Range, summary, detail string) Diagnostic {
	return Diagnostic{Severity: Error, Code: code, Summary: summary, Detail: detail, File: at.Filename, Range: rangeOf(at)}
}

// warningAt makes a Warning about the place at. code is one of Codes.
func warningAt(code string, at hcl.Range, summary, detail string) Diagnostic {
	return Diagnostic{Severity: Warning, Code: code, Summary: summary, Detail: detail, File: at.Filename, Range: rangeOf(at)}
}

// within returns d with the construct that its place stands in.
func (d Diagnostic) within(context hcl.Range) Diagnostic {
	d.Context = rangeOf(context)
	return d
}

func rangeOf(r hcl.Range) Range {
	return Range{Start: Pos(r.Start), End: Pos(r.End)}
}

type diagnosticJSON struct {
	Severity  string `json:"severity"`
	Code      string `json:"code"`
	Summary   string `json:"summary"`
	Detail    string `json:"detail"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
}

// MarshalJSON writes d as {severity, code, summary, detail, file, line,
// column, end_line, end_column}; the numbers are 0 when no place is at fault.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	return json.Marshal(diagnosticJSON{
		Severity: d.Severity.String(), Code: d.Code, Summary: d.Summary, Detail: d.Detail, File: d.File,
		Line: d.Range.Start.Line, Column: d.Range.Start.Column,
		EndLine: d.Range.End.Line, EndColumn: d.Range.End.Column,
	})
}

// MarshalJSON writes ds as a list, an empty one as [].
func (ds Diagnostics) MarshalJSON() ([]byte, error) {
	if ds == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Diagnostic(ds))
}
