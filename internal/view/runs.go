package view

import (
	"strconv"
	"strings"
	"time"

	"koppel/engine"
	"koppel/engine/plan"
	"koppel/engine/record"
)

// Runs is what `koppel runs list --json` prints.
type Runs struct {
	FormatVersion string     `json:"format_version" doc:"version of this output"`
	Runs          []RunEntry `json:"runs" doc:"newest first"`
}

// RunEntry is one run, or one decision by hand.
type RunEntry struct {
	RunID     int64         `json:"run_id" doc:"number of the run"`
	Kind      string        `json:"kind" doc:"run, apply, undo or retire; by hand: approve, reject, retry, dismiss, erase, state or token"`
	Status    string        `json:"status" doc:"that of the pipeline that went worst; unfinished: it was cut off or still runs; done: by hand"`
	Started   *time.Time    `json:"started" doc:"RFC 3339"`
	Ended     *time.Time    `json:"ended" doc:"RFC 3339; null: it did not end"`
	PlanID    string        `json:"plan_id" doc:"of an applied plan; may be empty"`
	Address   string        `json:"address" doc:"what a decision by hand was about; else empty"`
	Pipelines []PipelineRun `json:"pipelines" doc:"in the order in which they ran"`
	Decided   []Problem     `json:"decided" doc:"keys of a decision by hand, with who and why"`
}

// RunDetails is what `koppel runs show --json` prints.
type RunDetails struct {
	FormatVersion string      `json:"format_version" doc:"version of this output"`
	Run           RunEntry    `json:"run" doc:"the run"`
	Changes       []RunChange `json:"changes" doc:"what it changed; creates of records that were deleted since are no longer known"`
}

// RunChange is one change that a run made.
type RunChange struct {
	Pipeline string  `json:"pipeline" doc:"name of the pipeline"`
	Key      string  `json:"key" doc:"the record's key, parts joined by /"`
	Op       string  `json:"op" doc:"create, update, delete or disable"`
	Cause    string  `json:"cause" doc:"why"`
	Approved bool    `json:"approved" doc:"a guard held it, and someone approved it"`
	Fields   []Field `json:"fields" doc:"fields before and after"`
}

// NewRuns describes runs.
func NewRuns(all []engine.RunSummary) Runs {
	out := Runs{FormatVersion: FormatVersion, Runs: []RunEntry{}}
	for i := range all {
		out.Runs = append(out.Runs, NewRunEntry(&all[i]))
	}
	return out
}

// NewRunEntry describes one run.
func NewRunEntry(s *engine.RunSummary) RunEntry {
	r := RunEntry{RunID: s.ID, Kind: s.Kind, Status: s.Status, Started: moment(s.Started), Ended: moment(s.Ended), PlanID: s.Plan,
		Address: s.Address, Pipelines: []PipelineRun{}, Decided: newProblems(s.Decided)}
	for i := range s.Pipelines {
		p := &s.Pipelines[i]
		r.Pipelines = append(r.Pipelines, PipelineRun{Name: p.Name, Status: p.Status, Counts: p.Counts, Started: moment(p.Started),
			Seconds: took(p), Problems: newProblems(p.Problems)})
	}
	return r
}

// NewRunChange describes one change of a run.
func NewRunChange(name string, c *engine.RunChange) RunChange {
	return RunChange{Pipeline: name, Key: c.Key, Op: c.Op, Cause: string(c.Cause), Approved: c.Approved, Fields: NewFields(c.Changes)}
}

func took(p *engine.RunPipeline) float64 {
	if p.Started.IsZero() || p.Ended.IsZero() {
		return 0
	}
	return p.Ended.Sub(p.Started).Seconds()
}

// Runs shows runs in a table.
func (t *Teller) Runs(all []engine.RunSummary) {
	if len(all) == 0 {
		t.line("No runs yet.")
		return
	}
	rows := [][]string{{"RUN", "STARTED", "KIND", "STATUS", "DID"}}
	for i := range all {
		r := &all[i]
		rows = append(rows, []string{strconv.FormatInt(r.ID, 10), t.when(r.Started), r.Kind, r.Status, runDid(r)})
	}
	t.table("", rows)
}

// runDid sums a run up in a few words.
func runDid(r *engine.RunSummary) string {
	if r.Decision() {
		return Clean(shortAddress(r.Address)) + " " + decidedText(r.Decided)
	}
	var parts []string
	for i := range r.Pipelines {
		p := &r.Pipelines[i]
		parts = append(parts, Clean(p.Name)+" "+changedText(&p.Counts))
		if len(parts) == 3 && len(r.Pipelines) > 3 {
			parts = append(parts, "and "+plural(int64(len(r.Pipelines)-3), "more pipeline"))
			break
		}
	}
	return strings.Join(parts, "; ")
}

// changedText names the counts that are not zero, unchanged records apart.
func changedText(c *engine.RunCounts) string {
	var parts []string
	for _, one := range []struct {
		n    int64
		word string
	}{{c.Created, "created"}, {c.Updated, "updated"}, {c.Deleted, "deleted"}, {c.Disabled, "disabled"}, {c.Protected, "protected"},
		{c.Held, "held"}, {c.Waiting, "waiting"}, {c.Failed, "failed"}} {
		if one.n > 0 {
			parts = append(parts, Count(one.n)+" "+one.word)
		}
	}
	if len(parts) == 0 {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}

func decidedText(all []plan.Problem) string {
	switch {
	case len(all) == 0:
		return ""
	case all[0].Key == "":
		return Shorten(Clean(all[0].Message), 80)
	case len(all) == 1:
		return showKey(all[0].Key) + ", " + Shorten(Clean(all[0].Message), 80)
	}
	return plural(int64(len(all)), "record") + ", " + Shorten(Clean(all[0].Message), 80)
}

// shortAddress leaves the class out of a pipeline's address.
func shortAddress(address string) string { return strings.TrimPrefix(address, "pipeline.") }

// Run shows one run: what it did to each pipeline, then its changes; more
// tells how many of them are not among those given.
func (t *Teller) Run(r *engine.RunSummary, changes []engine.RunChange, more int64) {
	p := t.Style.painter()
	head := p.Bold("Run "+strconv.FormatInt(r.ID, 10)) + "   " + r.Kind + "   " + statusText(r.Status, p) + "   " + t.when(r.Started)
	if !r.Ended.IsZero() {
		head += "   " + seconds(r.Ended.Sub(r.Started).Seconds())
	}
	t.line("%s", head)
	if r.Plan != "" {
		t.line("Plan %s", Clean(r.Plan))
	}
	for _, d := range r.Decided {
		t.line("  %s   %s", showKey(d.Key), Clean(d.Message))
	}
	for i := range r.Pipelines {
		one := &r.Pipelines[i]
		t.line("\n%s   %s", p.Bold("pipeline "+Clean(one.Name)), statusText(one.Status, p))
		t.line("  %s", runCounts(&one.Counts, p))
		shown := 0
		for _, c := range changes {
			if c.Pipeline != one.Address {
				continue
			}
			if shown++; shown == 1 {
				t.line("")
			}
			fields := c.Changes
			if opOf(c.Op) == record.Delete && !t.Style.All {
				fields = nil // as in a plan
			}
			t.change("  ", opOf(c.Op), eventHead(&c.Event, showKey(c.Key)), fields)
		}
		writeProblems(t, one.Problems, one.Counts.Failed, t.Style)
	}
	if more > 0 {
		t.line("\n  … and %s; --all shows all", plural(more, "more change"))
	}
}

// eventHead is the first line of a change: key, cause, and who approved it.
func eventHead(ev *engine.Event, key string) string {
	text := key + "   " + Clean(string(ev.Cause))
	switch {
	case ev.Approval != "":
		text += " · " + Clean(ev.Approval)
	case ev.Approved:
		text += " · approved"
	}
	return text
}
