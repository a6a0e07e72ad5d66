package view

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"

	"koppel/engine"
)

// Run is what `koppel run --json` and `koppel apply --json` print.
type Run struct {
	FormatVersion string        `json:"format_version" doc:"version of this output"`
	RunID         int64         `json:"run_id" doc:"number of the run, for runs show and undo"`
	Pipelines     []PipelineRun `json:"pipelines" doc:"in the order in which they ran"`
}

// PipelineRun is one pipeline of a Run.
type PipelineRun struct {
	Name     string           `json:"name" doc:"such as employees, or employees[\"acme\"]"`
	Status   string           `json:"status" doc:"succeeded, partial (records failed or something could not be read), held (by a guard), failed or skipped"`
	Counts   engine.RunCounts `json:"counts" doc:"created, updated, deleted, disabled: done; unchanged, skipped, protected, held, waiting, failed: not"`
	Started  *time.Time       `json:"started" doc:"RFC 3339; null when skipped"`
	Seconds  float64          `json:"seconds" doc:"how long it took"`
	Problems []Problem        `json:"problems" doc:"records that failed, and what could not be read or written; at most 1000, the counts are exact"`
}

// NewRun describes what a run did.
func NewRun(r *engine.Result) Run {
	out := Run{FormatVersion: FormatVersion, RunID: r.RunID, Pipelines: []PipelineRun{}}
	for i := range r.Pipelines {
		p := &r.Pipelines[i]
		one := PipelineRun{Name: p.Name, Status: p.Status, Counts: p.Counts, Seconds: p.Seconds, Problems: newProblems(p.Problems)}
		if !p.Started.IsZero() {
			started := p.Started.UTC()
			one.Started = &started
		}
		out.Pipelines = append(out.Pipelines, one)
	}
	return out
}

// WriteRun shows a person what a run did.
func WriteRun(out *bufio.Writer, r *engine.Result, s Style) error {
	paint := s.painter()
	for i := range r.Pipelines {
		writePipelineRun(out, &r.Pipelines[i], s, paint)
	}
	if !s.Quiet {
		writeWarnings(out, r.Warnings, s)
		fmt.Fprintf(out, "\nRun %d\n", r.RunID)
	}
	return nil
}

func writePipelineRun(out *bufio.Writer, p *engine.PipelineResult, s Style, paint Painter) {
	status := statusText(p.Status, paint)
	if p.Disabled {
		status = paint.Dim("disabled")
	}
	line := paint.Bold("pipeline "+Clean(p.Name)) + "   " + status
	if p.Title != "" {
		line += "   " + Clean(p.Title)
	}
	if !p.Started.IsZero() {
		line += "   " + seconds(p.Seconds)
	}
	out.WriteString(line + "\n")
	if p.Status != "skipped" {
		out.WriteString("  " + runCounts(&p.Counts, paint) + "\n")
	}
	if p.Counts.Held > 0 {
		fmt.Fprintf(out, "\n  %s koppel held list %s shows them, koppel held approve %s --reason TEXT lets them pass\n",
			paint.Yellow("Held by guard:"), shellWord(p.Name), shellWord(p.Name))
	}
	writeProblems(out, p.Problems, p.Counts.Failed, s)
	if !s.Quiet && !p.Disabled {
		writeWarnings(out, p.Warnings, s)
	}
}

func statusText(status string, p Painter) string {
	switch status {
	case "succeeded":
		return p.Green(status)
	case "failed":
		return p.Red(status)
	case "skipped":
		return p.Dim(status)
	}
	return p.Yellow(status)
}

func runCounts(c *engine.RunCounts, p Painter) string {
	var parts []string
	add := func(n int64, word string, always bool) {
		if n > 0 || always {
			parts = append(parts, Count(n)+" "+word)
		}
	}
	add(c.Created, "created", true)
	add(c.Updated, "updated", true)
	add(c.Deleted, "deleted", true)
	add(c.Disabled, "disabled", false)
	add(c.Unchanged, "unchanged", true)
	add(c.Skipped, "skipped", false)
	add(c.Protected, "protected", false)
	add(c.Held, "held", false)
	add(c.Waiting, "waiting", false)
	parts = append(parts, failedText(c.Failed, p))
	return strings.Join(parts, " · ")
}

func failedText(n int64, p Painter) string {
	text := Count(n) + " failed"
	if n > 0 {
		return p.Red(text)
	}
	return text
}

// seconds shows a duration.
func seconds(s float64) string {
	if s >= 60 {
		return time.Duration(s * float64(time.Second)).Round(time.Second).String()
	}
	return strconv.FormatFloat(s, 'f', 2, 64) + " s"
}
