package view

import (
	"fmt"

	"koppel/dsl"
)

// Validation is what `koppel validate --json` prints.
type Validation struct {
	FormatVersion string       `json:"format_version" doc:"version of this output"`
	Valid         bool         `json:"valid" doc:"whether no diagnostic is an error"`
	Diagnostics   []Diagnostic `json:"diagnostics" doc:"problems by file and place"`
}

// Diagnostic is one problem of a Validation.
type Diagnostic struct {
	Severity  string `json:"severity" doc:"error or warning"`
	Code      string `json:"code" doc:"stable; see the problem codes"`
	Summary   string `json:"summary" doc:"what is wrong, in short"`
	Detail    string `json:"detail" doc:"in full, with the way out"`
	File      string `json:"file" doc:"relative to the project's folder; empty: no file is at fault"`
	Line      int    `json:"line" doc:"from 1; 0: the file as a whole"`
	Column    int    `json:"column" doc:"from 1, in characters as a reader sees them"`
	EndLine   int    `json:"end_line" doc:"where it ends"`
	EndColumn int    `json:"end_column" doc:"just behind the end"`
}

// NewValidation sums up the problems of a project.
func NewValidation(problems dsl.Diagnostics) Validation {
	v := Validation{FormatVersion: FormatVersion, Valid: !problems.HasErrors(), Diagnostics: []Diagnostic{}}
	for _, d := range problems {
		v.Diagnostics = append(v.Diagnostics, Diagnostic{
			Severity: d.Severity.String(), Code: d.Code, Summary: d.Summary, Detail: d.Detail, File: d.File,
			Line: d.Range.Start.Line, Column: d.Range.Start.Column, EndLine: d.Range.End.Line, EndColumn: d.Range.End.Column,
		})
	}
	return v
}

// Validity says in one line that a project is valid and how large it is.
func Validity(p *dsl.Project, warnings int) string {
	s := fmt.Sprintf("Valid: %s, %s, %s", plural(int64(len(p.Sources)), "source"),
		plural(int64(len(p.Pipelines)), "pipeline"), plural(int64(len(p.Sinks)), "sink"))
	if warnings > 0 {
		s += ", " + plural(int64(warnings), "warning")
	}
	return s
}
