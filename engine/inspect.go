package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/engine/record"
	"koppel/engine/state"
)

// maskedJSON stands for a sensitive value in what is shown to people.
const maskedJSON = `"‹sensitive›"`

// An UnknownError says that a person named something that does not exist.
type UnknownError struct {
	What string // pipeline, key, run, source, address
	Name string
	In   string   // where it was looked for; empty: everywhere
	Near []string // what was probably meant
}

func (e *UnknownError) Error() string {
	text := fmt.Sprintf("there is no %s %s", e.What, e.Name)
	if e.In != "" {
		text += " in " + e.In
	}
	if len(e.Near) > 0 {
		text += "; did you mean " + strings.Join(e.Near, ", ") + "?"
	}
	return text
}

// An AmbiguousError says that a person named several things at once.
type AmbiguousError struct {
	What    string
	Name    string
	Choices []string // each names one of them
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s means several %ss: write one of %s", e.Name, e.What, strings.Join(e.Choices, ", "))
}

// A FieldChange is one field before and after, as JSON; nil: the field was not
// there. The values of sensitive fields are replaced by the mask.
type FieldChange struct {
	Name          string
	Before, After []byte
	Sensitive     bool
}

// An OpenKey is a key of a pipeline at which something waits.
type OpenKey struct {
	Pipeline, Name string // address, and name for people
	Key            string
	ID             record.Key
	Reason         state.Reason
	Op             record.Op // 0: a record that failed or waits before the sink
	Cause          record.Cause
	Since, Due     time.Time
	Attempts       int
	Code, Field    string
	Note           string
	Approved       bool
	Until          time.Time // when the approval ends; zero: never
	Run            int64     // that left it open
	// Moved: the record is no longer as it was when the change was found, so
	// that the next run judges it anew.
	Moved bool
	// Limit is the guard of the operation, as it is configured now; empty: none.
	Limit   string
	Changes []FieldChange
}

// A remembered is what the state and the project know of one pipeline.
type remembered struct {
	row        state.Pipeline
	name       string
	configured *Pipeline // nil: orphaned
	fields     []record.Field
	sealed     bool
	now        time.Time
}

// remembered looks a pipeline up by address. The error is an *UnknownError
// when neither the state nor the project knows it.
func (e *Engine) remembered(v state.View, address string) (*remembered, error) {
	row, known, err := v.Pipeline(address)
	if err != nil {
		return nil, err
	}
	p := e.Project.Pipelines[address]
	if !known && p == nil {
		return nil, &UnknownError{What: "pipeline", Name: strings.TrimPrefix(address, "pipeline.")}
	}
	r := &remembered{row: row, configured: p, name: strings.TrimPrefix(address, "pipeline."), sealed: e.Store.Sealed(), now: e.Now()}
	r.row.Address = address
	var kept keptShape
	if len(row.Shape) > 0 {
		if err := json.Unmarshal(row.Shape, &kept); err != nil {
			return nil, fmt.Errorf("read what is remembered of %s: %w", address, err)
		}
	}
	r.fields = kept.Fields
	if p != nil {
		r.fields = r.fields[:0:0]
		for _, f := range p.Fields {
			r.fields = append(r.fields, f.Field)
		}
	}
	return r, nil
}

// sensitive tells whether a field is not shown. Of an orphaned pipeline in a
// sealed state, fields that nothing is remembered of are not.
func (r *remembered) sensitive(name string) bool {
	i := slices.IndexFunc(r.fields, func(f record.Field) bool { return f.Name == name })
	switch {
	case i >= 0 && r.fields[i].Sensitive:
		return true
	case r.configured != nil:
		return r.configured.Program != nil && r.configured.Program.Sensitive(name)
	}
	return i < 0 && r.sealed
}

// rules are those that the pipeline compares with.
func (r *remembered) rules() record.Rules {
	rules := record.Rules{}
	if r.configured == nil {
		return rules
	}
	for _, f := range r.configured.Fields {
		if f.Compare != record.Exact {
			rules[f.Name] = f.Compare
		}
	}
	return rules
}

// changes lists the fields in which two mapped records differ, in the order of
// the mapping. nil stands for no record at all.
func (r *remembered) changes(before, after []byte) ([]FieldChange, error) {
	names, err := record.Differ(before, after, r.rules())
	if err != nil {
		return nil, err
	}
	place := func(name string) int {
		if i := slices.IndexFunc(r.fields, func(f record.Field) bool { return f.Name == name }); i >= 0 {
			return i
		}
		return len(r.fields)
	}
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	var list []FieldChange
	for _, name := range names {
		c := FieldChange{Name: name, Before: cloneBytes(record.Member(before, name)), After: cloneBytes(record.Member(after, name)),
			Sensitive: r.sensitive(name)}
		if c.Sensitive {
			c.Before, c.After = maskedValue(c.Before), maskedValue(c.After)
		}
		list = append(list, c)
	}
	return list, nil
}

// maskedValue replaces a value; one that is not there stays away.
func maskedValue(raw []byte) []byte {
	if record.KindOf(raw) <= record.Null {
		return raw
	}
	return []byte(maskedJSON)
}

// masked is a mapped record with the values of sensitive fields replaced.
func (r *remembered) masked(body []byte) []byte {
	if body == nil {
		return nil
	}
	out := []byte{'{'}
	for name, raw := range members(body) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if r.sensitive(name) {
			raw = maskedValue(raw)
		}
		out = append(append(record.AppendString(out, name), ':'), raw...)
	}
	return append(out, '}')
}

func members(body []byte) func(func(string, []byte) bool) {
	return func(yield func(string, []byte) bool) { record.Members(body, yield) }
}

// openKey describes an open key for people.
func (r *remembered) openKey(v state.View, o *state.Open) (OpenKey, error) {
	out := OpenKey{Pipeline: r.row.Address, Name: r.name, Key: ShowKey(o.Key), ID: o.Key, Reason: o.Reason, Op: o.Op, Cause: o.Cause,
		Since: o.Since, Due: o.Due, Attempts: o.Attempts, Code: o.Code, Field: o.Field, Note: o.Note, Approved: o.ApprovedAt(r.now), Run: o.Run,
		Limit: r.limit(o.Op)}
	if out.Approved {
		out.Until = o.Until
	}
	if o.Op == 0 {
		return out, nil
	}
	it, err := v.Item(r.row.ID, o.Key)
	if err != nil {
		return out, err
	}
	var before []byte
	var hash record.Hash
	if it != nil {
		hash = it.Mapped
		if it.Status != state.Out {
			before = it.Body
		}
	}
	out.Moved = o.Reason == state.Held && hash != o.Before
	after := o.After
	if o.Op == record.Delete {
		after = nil
	}
	out.Changes, err = r.changes(before, after)
	return out, err
}

// limit is the configured guard of an operation.
func (r *remembered) limit(op record.Op) string {
	if r.configured == nil {
		return ""
	}
	var l *Limit
	switch g := r.configured.Guard; op {
	case record.Create:
		l = g.Creates
	case record.Update:
		l = g.Updates
	case record.Delete, record.Disable:
		l = g.Deletes
	}
	if l == nil {
		return ""
	}
	return l.String()
}
