package engine

import (
	"context"
	"fmt"

	"koppel/engine/mapping"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A mapper takes source records through join, each, where, key and map. It
// belongs to one goroutine.
type mapper struct {
	p        *Pipeline
	dir      string   // the project's folder
	contents string   // the field with the path of a file that counts as well
	never    []string // the fields that may not be null
	ev       *mapping.Evaluator
	sides    []side // as Program.Binds lists them
	ended    func() error
	identity bool
	hash     *record.Hasher
	rules    record.Rules
	out      []byte // what mapped records are appended to
	// ordered: the records are given in the order of the mapping, for a set that
	// takes them so; sorted is where they are made before.
	ordered bool
	sorted  []byte
}

func (s *session) mapper(ctx context.Context, w *work) *mapper {
	consts := s.consts()
	consts.Context = ctx
	m := &mapper{p: w.p, dir: s.Project.Dir, contents: w.p.Content, ev: w.p.Program.Evaluator(consts), ended: ctx.Err, identity: w.identity, hash: s.Store.Hasher(), rules: w.rules}
	m.ordered = w.set != nil && w.set.ordered != nil
	for _, f := range w.p.Fields {
		if f.OnNull == "error" {
			m.never = append(m.never, f.Name)
		}
	}
	for _, b := range w.p.Program.Binds() {
		if b.Lookup {
			m.sides = append(m.sides, w.lookups[b.I].side(ctx))
		} else {
			m.sides = append(m.sides, w.joins[b.I].lookup(ctx))
		}
	}
	return m
}

// A side is what a record is bound to beside itself: a join, or a lookup.
type side interface {
	bind(ev *mapping.Evaluator, out *outcome) (joinResult, error)
}

// unsureUpstream says why a record waits for the pipeline that it comes from.
const unsureUpstream = "it is not known whether the target of the earlier pipeline took it; the next run of that pipeline settles it"

// run evaluates one source record and overwrites out with what it came to.
func (m *mapper) run(out *outcome, e *entry, part string, body []byte) {
	*out = outcome{items: out.items[:0], src: state.SourceRef{Part: part, Key: e.key}, order: place(e.order), raw: e.raw}
	if e.planned {
		out.upstream = append(out.upstream, plan.Expectation{Pipeline: m.p.From, Key: e.key, Hash: e.raw})
	}
	switch {
	case e.twice:
		out.fail(&recordError{code: "duplicate_key", field: "key", message: fmt.Sprintf("several source records have the key %s", e.key)})
		return
	case e.seen == seenGone:
		out.fate = fateGone
		return
	case e.seen == seenExpired:
		out.fate = fateExpired
		return
	case e.seen == seenAhead:
		out.fate = fateAhead
		return
	case e.seen == seenUnsure:
		out.wait("unsure", unsureUpstream)
		return
	case e.seen == seenOutdated:
		out.wait("outdated", "it was read under an earlier configuration of the source and not again since")
		return
	}
	if err := m.record(out, body); err != nil {
		out.fail(err)
	}
}

// loaded evaluates the source record that was loaded last.
func (m *mapper) loaded(out *outcome, f *scanned, part string) {
	*out = outcome{items: out.items[:0], src: state.SourceRef{Part: part, Key: f.key}, raw: f.raw}
	if err := m.bound(out); err != nil {
		out.fail(err)
	}
}

func (m *mapper) record(out *outcome, body []byte) error {
	if err := m.ev.Load(body); err != nil {
		return err
	}
	return m.bound(out)
}

// bound takes the record at hand through the stages.
func (m *mapper) bound(out *outcome) error {
	if done, err := m.bind(out, false); done || err != nil {
		return err
	}
	items, err := m.ev.Items()
	if err != nil {
		return err
	}
	for i, item := range items {
		if item != nil {
			m.ev.SetItem(item)
		}
		before := out.fate
		done, err := m.bind(out, true)
		if err != nil {
			return err
		}
		if done && out.fate == fateWaiting {
			return nil
		}
		if done {
			out.fate = before
			out.filtered++
			continue
		}
		n := len(out.items)
		out.items = append(out.items, desired{src: out.src, order: itemPlace(out.order, i), raw: out.raw})
		ok, err := m.item(&out.items[n])
		if err != nil {
			return err
		}
		if !ok {
			out.items = out.items[:n]
			out.filtered++
		}
	}
	for i := range out.items {
		out.items[i].upstream = out.upstream
	}
	if len(out.items) == 0 && (out.filtered > 0 || m.p.Program.HasEach()) {
		out.fate = fateFiltered
	}
	return nil
}

// bind binds the joins and lookups that come before each, or those that come
// after it. done says that the record goes no further: it waits, or one of them
// drops it.
func (m *mapper) bind(out *outcome, afterEach bool) (done bool, err error) {
	for i, b := range m.p.Program.Binds() {
		if b.AfterEach != afterEach {
			continue
		}
		result, err := m.sides[i].bind(m.ev, out)
		if err != nil {
			return true, err
		}
		switch result {
		case joinSkips:
			out.fate = fateFiltered
			return true, nil
		case joinWaits, joinOut:
			return true, nil
		}
	}
	return false, nil
}

// item evaluates where, key and map for the item at hand.
func (m *mapper) item(d *desired) (bool, error) {
	ok, err := m.ev.Where()
	if err != nil || !ok {
		return false, err
	}
	if d.key, err = m.ev.Key(); err != nil {
		return false, err
	}
	if d.key == "" {
		d.key = d.src.Key
	}
	if d.body, err = m.body(); err != nil {
		return false, err
	}
	if m.ev.Canonical() {
		d.mapped = m.hash.Canonical(d.body, m.rules)
	} else if d.mapped, err = m.hash.Record(d.body, m.rules); err != nil {
		return false, err
	}
	if m.ordered {
		from := len(m.out)
		m.out = m.ev.Ordered(m.out)
		d.body = m.out[from:len(m.out):len(m.out)]
	}
	return true, nil
}

// body maps the item at hand.
func (m *mapper) body() (body []byte, err error) {
	if m.ordered {
		m.sorted, err = m.ev.Map(m.sorted[:0])
		body = m.sorted
	} else {
		from := len(m.out)
		m.out, err = m.ev.Map(m.out)
		body = m.out[from:len(m.out):len(m.out)]
	}
	if err == nil {
		err = m.onNull(body)
	}
	if err == nil && m.contents != "" {
		body, err = m.content(body)
	}
	return body, err
}

// onNull refuses nulls where a field says that they are errors.
func (m *mapper) onNull(body []byte) error {
	for _, name := range m.never {
		if k := record.KindOf(record.Member(body, name)); k == record.Null || k == record.Absent {
			return &recordError{code: "null", field: name, message: fmt.Sprintf("%s is null, and on_null = \"error\"", name)}
		}
	}
	return nil
}
