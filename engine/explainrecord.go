package engine

import (
	"slices"
	"strings"

	"koppel/engine/mapping"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A RecordTrace is one source record on its way through the mapping.
type RecordTrace struct {
	Part, Key string
	Record    []byte // as it was read, masked; nil: gone
	// Fate is mapped, filtered, failed, waiting, gone, or out_of_window.
	Fate              string
	Code, Field, Note string // of a record that failed or waits
	Joins             []JoinTrace
	Items             []ItemTrace
}

// An ItemTrace is what one record gives: the record itself, or one output of
// each.
type ItemTrace struct {
	Item  []byte // masked; nil without each
	Joins []JoinTrace
	Steps []StepTrace
	Key   string // empty: it has none
	ID    record.Key
	// Fate is mapped, filtered, failed or waiting; Note says why.
	Fate, Note string
	Field      string // that failed
	// Dropped says what dropped a filtered one: where, or a join.
	Dropped string
}

// A StepTrace is one expression with what it gave.
type StepTrace struct {
	Field     string // mapped field, or where, key, map
	Pos       mapping.Pos
	Program   string // text of an expr or jq program; empty for other forms
	Value     []byte // masked JSON; nil with an error
	Error     string
	Sensitive bool
}

// A JoinTrace is one join or lookup with what it found.
type JoinTrace struct {
	Name, With string   // With is the address of a connection for a lookup
	Lookup     bool     // Keys is the question
	Keys       []string // that were looked for; empty: null and empty match nothing
	Sensitive  bool     // Keys are masked
	Found      []FoundRecord
	// Result is joined, null, dropped, waiting or failed; Note says why.
	Result, Note string
}

// A FoundRecord is one match of a join; a lookup's has no key.
type FoundRecord struct {
	Key    string
	Record []byte // masked
}

// record follows one source record.
func (x *explaining) record(m *mapper, e *entry, ref state.SourceRef) (*RecordTrace, *outcome, error) {
	var body []byte
	if e.length > 0 {
		var err error
		if body, err = x.read.body(e, x.e.Store.Hasher(), nil); err != nil {
			return nil, nil, err
		}
	}
	t := &RecordTrace{Part: ref.Part, Key: ref.Key.String(), Record: x.mask(x.w.p.From, "src", body)}
	out := &outcome{}
	m.run(out, e, ref.Part, body)
	t.Fate, t.Code, t.Field, t.Note = fateName(out.fate), out.code, out.field, out.note
	if body == nil || e.twice || e.seen != seenPut {
		return t, out, nil
	}
	return t, out, x.stages(m, t, ref, body)
}

// stages evaluates a record step by step, so that one that fails hides no
// other.
func (x *explaining) stages(m *mapper, t *RecordTrace, ref state.SourceRef, body []byte) error {
	if m.ev.Load(body) != nil {
		return nil // the outcome says so
	}
	var done bool
	if t.Joins, done = x.joins(m, false); done {
		return nil
	}
	items, err := m.ev.Items()
	if err != nil {
		return nil
	}
	for _, item := range items {
		t.Items = append(t.Items, x.item(m, ref, item))
	}
	return nil
}

// item follows one item, the one of the record itself when it is nil.
func (x *explaining) item(m *mapper, ref state.SourceRef, item []byte) ItemTrace {
	var t ItemTrace
	if item != nil {
		m.ev.SetItem(item)
		t.Item = slices.Clone(item)
		if m.p.Program.EachSensitive() {
			t.Item = []byte(maskedJSON)
		}
	}
	var done bool
	if t.Joins, done = x.joins(m, true); done {
		last := t.Joins[len(t.Joins)-1]
		t.Fate, t.Note, t.Dropped = last.Result, last.Note, "join "+last.Name
		if last.Result == "dropped" {
			t.Fate = "filtered"
		}
		return t
	}
	for _, s := range m.ev.Trace() {
		step := StepTrace{Field: s.Field, Pos: s.Pos, Program: s.Program, Value: s.Value, Sensitive: s.Sensitive}
		if s.Sensitive {
			step.Value = maskedValue(s.Value)
		}
		if s.Err != nil {
			step.Error = s.Err.Error()
		}
		t.Steps = append(t.Steps, step)
	}
	d := desired{src: ref}
	switch ok, err := m.item(&d); {
	case err != nil:
		t.Fate = "failed"
		t.Field, _, t.Note = describe(err)
	case !ok:
		t.Fate, t.Dropped = "filtered", "where"
	default:
		t.Fate, t.Key, t.ID = "mapped", ShowKey(d.key), d.key
	}
	return t
}

// joins binds the joins and lookups before each, or those after it. done: the
// record goes no further.
func (x *explaining) joins(m *mapper, afterEach bool) (list []JoinTrace, done bool) {
	for i, b := range m.p.Program.Binds() {
		if b.AfterEach != afterEach {
			continue
		}
		var t JoinTrace
		whole := false // a list, which may be empty
		switch s := m.sides[i].(type) {
		case *joinLookup:
			t = JoinTrace{Name: s.join.Name, With: s.join.With, Sensitive: m.p.Program.JoinSensitive(b.I)}
			x.lookedUp(m, s, &t)
			whole = s.join.Many == "list"
		case *lookupSide:
			t = x.asked(m, s)
		}
		var out outcome
		result, err := m.sides[i].bind(m.ev, &out)
		switch {
		case err != nil:
			t.Result = "failed"
			_, _, t.Note = describe(err)
		case result == joinWaits:
			t.Result, t.Note = "waiting", out.note
		case result == joinSkips:
			t.Result = "dropped"
		case result == joinOut:
			t.Result = fateName(out.fate)
		case len(t.Found) == 0 && !whole:
			t.Result = "null"
		default:
			t.Result = "joined"
		}
		list = append(list, t)
		if err != nil || result != joined {
			return list, true
		}
	}
	return list, false
}

// asked fills in what a lookup asks and what it finds.
func (x *explaining) asked(m *mapper, l *lookupSide) JoinTrace {
	t := JoinTrace{Name: l.lookup.Name, With: l.lookup.Connection, Lookup: true, Sensitive: l.hidden}
	q, ok, err := m.ev.Question(l.i)
	if err != nil || !ok {
		return t // binding it says so
	}
	asked := l.question(q)
	t.Keys = []string{l.shown(&asked)}
	if t.Sensitive {
		t.Keys[0] = strings.Trim(maskedJSON, `"`)
	}
	found, err := l.ask(q)
	if err != nil || found == nil {
		return t
	}
	shown := []byte(maskedJSON)
	if !m.p.Program.LookupSensitive(l.i) {
		shown = maskPaths(found, m.p.Program.ReadBySensitive(l.lookup.Name))
	}
	t.Found = []FoundRecord{{Record: shown}}
	return t
}

// lookedUp fills in what a join looks for and what it finds.
func (x *explaining) lookedUp(m *mapper, j *joinLookup, t *JoinTrace) {
	keys, err := m.ev.Left(j.i)
	if err != nil {
		return // binding it says so
	}
	for _, k := range keys {
		text := k.String()
		if t.Sensitive {
			text = strings.Trim(maskedJSON, `"`)
		}
		t.Keys = append(t.Keys, text)
	}
	if j.findAll(keys) != nil {
		return // binding it says so
	}
	for _, row := range j.found {
		t.Found = append(t.Found, FoundRecord{Key: record.Key(row.key).String(), Record: x.mask(j.join.With, j.join.Name, row.body)})
	}
}

// mask hides what is sensitive of a record of a source or pipeline: what it
// declares, and what sensitive fields read of it under the name root.
func (x *explaining) mask(address, root string, body []byte) []byte {
	if body == nil {
		return nil
	}
	return maskPaths(x.declared(address, body), x.w.p.Program.ReadBySensitive(root))
}

// declared hides what the source or pipeline itself says is sensitive.
func (x *explaining) declared(address string, body []byte) []byte {
	if src := x.e.Project.Sources[address]; src != nil {
		return maskPaths(body, src.Sensitive)
	}
	p := x.e.Project.Pipelines[address]
	if p == nil {
		return []byte(maskedJSON)
	}
	r := &remembered{configured: p, sealed: true}
	for _, f := range p.Fields {
		r.fields = append(r.fields, f.Field)
	}
	return r.masked(body)
}

// maskPaths replaces the values at dotted paths; a list on the way means each
// of its elements.
func maskPaths(body []byte, paths []string) []byte {
	if len(paths) == 0 {
		return slices.Clone(body)
	}
	v, err := record.Decode(body)
	if err != nil {
		return []byte(maskedJSON)
	}
	for _, path := range paths {
		var steps []string
		if path != "" {
			steps = strings.Split(path, ".")
		}
		v = maskAt(v, steps)
	}
	out, err := record.Append(nil, v)
	if err != nil {
		return []byte(maskedJSON)
	}
	return out
}

func maskAt(v any, steps []string) any {
	if list, ok := v.([]any); ok && len(steps) > 0 {
		for i := range list {
			list[i] = maskAt(list[i], steps)
		}
		return list
	}
	if len(steps) == 0 {
		if v == nil {
			return nil
		}
		return strings.Trim(maskedJSON, `"`)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if inner, there := object[steps[0]]; there {
		object[steps[0]] = maskAt(inner, steps[1:])
	}
	return object
}

// fateName names a fate for people.
func fateName(f fate) string {
	switch f {
	case fateFiltered:
		return "filtered"
	case fateFailed:
		return "failed"
	case fateWaiting:
		return "waiting"
	case fateGone:
		return "gone"
	case fateExpired, fateAhead:
		return "out_of_window"
	}
	return "mapped"
}
