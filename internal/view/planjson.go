package view

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"

	"koppel/engine"
	"koppel/engine/plan"
	"koppel/engine/record"
)

// Plan is what `koppel plan --json` and `koppel show --json` print.
type Plan struct {
	FormatVersion string         `json:"format_version" doc:"version of this output"`
	PlanID        string         `json:"plan_id" doc:"identifies the plan; it is applied at most once"`
	Pipelines     []PipelinePlan `json:"pipelines" doc:"in the order in which they are applied"`
}

// PipelinePlan is one pipeline of a Plan.
type PipelinePlan struct {
	Name     string      `json:"name" doc:"such as employees, or employees[\"acme\"]"`
	Complete bool        `json:"complete" doc:"whether everything was read, so that absence proves something"`
	Counts   plan.Counts `json:"counts" doc:"create, update, delete, disable: to be done; unchanged, skipped, protected, held, waiting, failed: not"`
	Changes  []Change    `json:"changes" doc:"all of them, held ones too"`
	Problems []Problem   `json:"problems" doc:"records that failed, and what could not be read; at most 1000, the counts are exact"`
}

// Change is one change of a Plan.
type Change struct {
	Op        string          `json:"op" doc:"create, update, delete or disable"`
	Key       string          `json:"key" doc:"the record's key, parts joined by /"`
	Before    json.RawMessage `json:"before" doc:"object: the record as it was delivered, or as it stands at the target; null for a create. Sensitive values are ‹sensitive›"`
	After     json.RawMessage `json:"after" doc:"object: the record as it will be; null for a delete"`
	Fields    []string        `json:"fields" doc:"fields that are sent, in the order of the mapping; [] for a delete"`
	Sensitive []string        `json:"sensitive" doc:"fields whose values are hidden"`
	Cause     string          `json:"cause" doc:"why, such as new, changed at source, gone at source"`
	Held      bool            `json:"held" doc:"a guard holds it until someone approves"`
}

// Problem is one problem of a Plan or a Run.
type Problem struct {
	Key     string `json:"key" doc:"of the record; empty: a partition or the pipeline"`
	Field   string `json:"field" doc:"field or part of the pipeline; may be empty"`
	Code    string `json:"code" doc:"stable; see the problem codes"`
	Message string `json:"message" doc:"in words, for people"`
}

// WritePlanJSON writes a plan as one JSON object, change by change.
func WritePlanJSON(out *bufio.Writer, d *PlanData) error {
	fmt.Fprintf(out, "{\n  \"format_version\": %q,\n  \"plan_id\": %q,\n  \"pipelines\": [", FormatVersion, d.Header.ID)
	for i := range d.Header.Pipelines {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writePipelineJSON(out, d, &d.Header.Pipelines[i]); err != nil {
			return err
		}
	}
	if len(d.Header.Pipelines) > 0 {
		out.WriteString("\n  ")
	}
	_, err := out.WriteString("]\n}\n")
	return err
}

func writePipelineJSON(out *bufio.Writer, d *PlanData, p *plan.Pipeline) error {
	name, err := compact(p.Name)
	if err != nil {
		return err
	}
	counts, err := compact(p.Counts)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n    {\"name\": %s, \"complete\": %t, \"counts\": %s,\n     \"changes\": [", name, p.Complete, counts)
	sensitive := d.sensitive(p)
	first := true
	err = d.Entries(p.Address, func(e *plan.Entry) error {
		c := newChange(p, e, sensitive)
		if c == nil {
			return nil
		}
		b, err := compact(c)
		if err != nil {
			return err
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		out.WriteString("\n       ")
		_, err = out.Write(b)
		return err
	})
	if err != nil {
		return err
	}
	problems, err := compact(planProblems(d, p))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "],\n     \"problems\": %s}", problems)
	return err
}

// planProblems lists what went wrong with a pipeline, and why it was not
// planned at all.
func planProblems(d *PlanData, p *plan.Pipeline) []Problem {
	all := newProblems(p.Problems)
	switch err := d.Err(p.Address); {
	case err != nil:
		all = append(all, Problem{Code: "failed", Message: err.Error()})
	case p.Skipped != "":
		all = append(all, Problem{Code: "skipped", Message: p.Skipped})
	}
	switch {
	case p.Blocked != "" && p.Whole:
		all = append(all, Problem{Code: "not_replaced", Message: p.Blocked})
	case p.Blocked != "":
		all = append(all, Problem{Code: "errors", Message: p.Blocked})
	}
	return all
}

func newProblems(all []plan.Problem) []Problem {
	out := make([]Problem, 0, len(all))
	for _, p := range all {
		out = append(out, Problem(p))
	}
	return out
}

// newChange describes an entry; nil when it changes nothing.
func newChange(p *plan.Pipeline, e *plan.Entry, sensitive func(string) bool) *Change {
	op, held := change(e)
	if op == 0 {
		return nil
	}
	c := &Change{Op: record.Op(op).String(), Key: engine.ShowKey(e.Key), Cause: string(e.Cause), Held: held, Fields: []string{}, Sensitive: []string{}}
	hidden := map[string]bool{}
	c.Before = mask(e.Before, sensitive, hidden)
	if record.Op(op) != record.Delete {
		c.After = mask(e.After, sensitive, hidden)
		c.Fields = changedFields(p, e, record.Op(op))
	} else {
		c.After = json.RawMessage("null")
	}
	for _, body := range [][]byte{e.After, e.Before} {
		for _, name := range fieldNames(p, body) {
			if hidden[name] {
				c.Sensitive = append(c.Sensitive, name)
				delete(hidden, name)
			}
		}
	}
	return c
}

// changedFields lists what a change sends: a create all that is sent.
func changedFields(p *plan.Pipeline, e *plan.Entry, op record.Op) []string {
	if op != record.Create {
		return list(e.Fields)
	}
	unsent := map[string]bool{}
	for _, f := range p.Fields {
		unsent[f.Name] = !f.Send
	}
	names := []string{}
	for _, name := range fieldNames(p, e.After) {
		if !unsent[name] {
			names = append(names, name)
		}
	}
	return names
}

// mask hides the sensitive fields of a record and notes their names. A null
// stays: that there is no value is no secret of the field.
func mask(body []byte, sensitive func(string) bool, hidden map[string]bool) json.RawMessage {
	if body == nil {
		return json.RawMessage("null")
	}
	out := []byte{'{'}
	record.Members(body, func(name string, raw []byte) bool {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(record.AppendString(out, name), ':')
		if sensitive(name) {
			hidden[name] = true
			if record.KindOf(raw) != record.Null {
				raw = record.AppendString(nil, Masked)
			}
		}
		out = append(out, raw...)
		return true
	})
	return append(out, '}')
}

// compact is a value as JSON in one line.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
