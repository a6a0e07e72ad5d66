package view

import (
	"fmt"

	"koppel/dsl"
)

// Validation is what `koppel validate --json` prints.
type Validation struct {
	FormatVersion string           `json:"format_version" doc:"version of this output"`
	Valid         bool             `json:"valid" doc:"whether no diagnostic is an error"`
	Diagnostics   []dsl.Diagnostic `json:"diagnostics" doc:"problems by file and place: severity (error or warning), code, summary, detail, file, line, column, end_line and end_column"`
}

// NewValidation sums up the problems of a project.
func NewValidation(problems dsl.Diagnostics) Validation {
	return Validation{FormatVersion: FormatVersion, Valid: !problems.HasErrors(), Diagnostics: list([]dsl.Diagnostic(problems))}
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
