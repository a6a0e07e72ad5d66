package view

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"koppel/engine"
	"koppel/engine/record"
	"koppel/engine/state"
)

// Field is one field of a change in JSON output.
type Field struct {
	Name      string          `json:"name" doc:"of the mapped field"`
	Before    json.RawMessage `json:"before" doc:"value before; null also when there was none. Sensitive values are ‹sensitive›"`
	After     json.RawMessage `json:"after" doc:"value after; null also when there is none"`
	Sensitive bool            `json:"sensitive" doc:"the values are hidden"`
}

// Open is a record at which something waits, in JSON output.
type Open struct {
	Pipeline string     `json:"pipeline" doc:"name, such as employees"`
	Key      string     `json:"key" doc:"the record's key, parts joined by /"`
	Reason   string     `json:"reason" doc:"held, refused, failed, in doubt, grace, waiting, protected, rejected, dismissed or undone"`
	Op       string     `json:"op" doc:"create, update, delete or disable; none: the record failed or waits before the sink"`
	Cause    string     `json:"cause" doc:"why the change is wanted"`
	Since    *time.Time `json:"since" doc:"RFC 3339; null: not known"`
	Due      *time.Time `json:"due" doc:"when scheduled runs look at it again; null: every run does"`
	Attempts int        `json:"attempts" doc:"how often the target refused it"`
	Code     string     `json:"code" doc:"problem code; may be empty"`
	Field    string     `json:"field" doc:"field that failed; may be empty"`
	Message  string     `json:"message" doc:"the words of the target, of the mapping or of a person"`
	Approved bool       `json:"approved" doc:"someone approved it; the next run does it"`
	// ApprovedUntil is there in approvals with --for.
	ApprovedUntil *time.Time `json:"approved_until" doc:"when the approval ends; null: it does not, or there is none"`
	Moved         bool       `json:"moved" doc:"the record was changed since; the next run judges it anew"`
	Guard         string     `json:"guard" doc:"limit of the guard for the operation, as configured; empty: none"`
	RunID         int64      `json:"run_id" doc:"run that left it open"`
	Fields        []Field    `json:"fields" doc:"fields before and after"`
	// Dismissal is known of failed records only.
	Dismissal string `json:"dismissal" doc:"who dismissed it and why; may be empty"`
}

// NewFields describes the fields of a change.
func NewFields(all []engine.FieldChange) []Field {
	out := make([]Field, 0, len(all))
	for _, c := range all {
		out = append(out, Field{Name: c.Name, Before: rawJSON(c.Before), After: rawJSON(c.After), Sensitive: c.Sensitive})
	}
	return out
}

func newOpens(all []engine.OpenKey) []Open {
	out := make([]Open, 0, len(all))
	for i := range all {
		out = append(out, newOpen(&all[i]))
	}
	return out
}

func newOpen(o *engine.OpenKey) Open {
	return Open{Pipeline: o.Name, Key: o.Key, Reason: string(o.Reason), Op: o.Op.String(), Cause: string(o.Cause), Since: moment(o.Since),
		Due: moment(o.Due), Attempts: o.Attempts, Code: o.Code, Field: o.Field, Message: o.Note, Approved: o.Approved, ApprovedUntil: moment(o.Until), Moved: o.Moved,
		Guard: o.Limit, RunID: o.Run, Fields: NewFields(o.Changes)}
}

// rawJSON is a value as JSON; null when there is none.
func rawJSON(b []byte) json.RawMessage {
	if len(b) == 0 {
		return json.RawMessage("null")
	}
	return b
}

// moment is a time as JSON shows it; nil when it is not known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// A Teller writes what people read: results with times in the project's zone.
type Teller struct {
	*bufio.Writer
	Style Style
	Zone  *time.Location
	Now   time.Time
}

// when shows a moment.
func (t *Teller) when(at time.Time) string {
	if at.IsZero() {
		return "not known when"
	}
	return at.In(t.Zone).Format("2006-01-02 15:04:05")
}

func (t *Teller) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// mark paints the mark of an operation.
func (t *Teller) mark(op record.Op) string {
	p := t.Style.painter()
	switch op {
	case record.Create:
		return p.Green("+")
	case record.Update:
		return p.Yellow("~")
	case record.Delete:
		return p.Red("-")
	case record.Disable:
		return p.Red("x")
	}
	return p.Red("!")
}

// change shows one change in lines: what stands in head, then its fields.
func (t *Teller) change(indent string, op record.Op, head string, fields []engine.FieldChange) {
	t.line("%s%s %s", indent, t.mark(op), head)
	wide := 0
	for _, f := range fields {
		wide = max(wide, columns(Clean(f.Name)))
	}
	for i, f := range fields {
		if i == maxFields && !t.Style.All {
			t.line("%s    … and %s", indent, plural(int64(len(fields)-i), "more field"))
			return
		}
		t.line("%s    %s %s  %s", indent, t.mark(op), pad(Clean(f.Name), min(wide, 30)), fieldText(op, &f))
	}
}

// fieldText shows a field before and after, or the one of the two that there
// is.
func fieldText(op record.Op, f *engine.FieldChange) string {
	switch op {
	case record.Create:
		return showValue(f.After, "(none)")
	case record.Delete:
		return showValue(f.Before, "(none)")
	}
	return showValue(f.Before, "(none)") + " → " + showValue(f.After, "(cleared)")
}

// opOf gives the operation that a name stands for; 0: none.
func opOf(name string) record.Op {
	for _, op := range []record.Op{record.Create, record.Update, record.Delete, record.Disable} {
		if op.String() == name {
			return op
		}
	}
	return 0
}

// openLine says in words why a key is open.
func (t *Teller) openLine(o *engine.OpenKey) string {
	parts := []string{string(o.Reason)}
	switch {
	case o.Approved:
		parts = append(parts, "approved"+t.until(o.Until)+", the next run does it")
	case o.Moved:
		parts = append(parts, "changed since, the next run judges it anew")
	}
	if o.Op != 0 && o.Cause != "" {
		parts = append(parts, Clean(string(o.Cause)))
	}
	if o.Reason == state.Held && o.Limit != "" {
		parts = append(parts, fmt.Sprintf("guard %ss = %s", guardOp(o.Op), o.Limit))
	}
	if o.Attempts > 0 {
		parts = append(parts, "refused "+plural(int64(o.Attempts), "time"))
	}
	if !o.Since.IsZero() {
		parts = append(parts, "since "+t.when(o.Since))
	}
	if !o.Due.IsZero() {
		parts = append(parts, "due "+t.when(o.Due))
	}
	return strings.Join(parts, " · ")
}

// guardOp is the operation that a guard counts another as.
func guardOp(op record.Op) record.Op {
	if op == record.Disable {
		return record.Delete
	}
	return op
}

// table writes rows in columns; the last one is as wide as it is.
func (t *Teller) table(indent string, rows [][]string) {
	var wide []int
	for _, r := range rows {
		for i, cell := range r {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], columns(cell))
		}
	}
	for _, r := range rows {
		text := indent
		for i, cell := range r {
			if i < len(r)-1 {
				cell = pad(cell, wide[i]) + "   "
			}
			text += cell
		}
		t.line("%s", strings.TrimRight(text, " "))
	}
}
