package mapping

import (
	"slices"
	"strconv"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// A jqGroup is one program of the language's library that runs several queries
// over one input: what a run costs to begin is paid once. It gives the outputs
// of each as a list.
type jqGroup struct {
	program *jqProgram
	n       int
}

// jqGroup makes the group of the fields' programs that the library runs; nil
// when there are fewer than two.
func (c *compiler) jqGroup() *jqGroup {
	var queries []*gojq.Query
	var writers []*jqWriter
	var programs []*jqProgram
	for _, f := range c.p.fields {
		if p := c.p.jqs[f.node]; p != nil && p.query == nil && p.mixed == nil && f.node.Kind == KindJQ {
			queries, writers, programs = append(queries, p.rewritten), append(writers, p.writer), append(programs, p)
		}
	}
	if len(queries) < 2 {
		return nil
	}
	g := c.jqGrouped(programs[0], queries, writers)
	if g != nil {
		for i, p := range programs {
			p.place = i
		}
	}
	return g
}

// jqGrouped compiles queries that were rewritten into one program.
func (c *compiler) jqGrouped(like *jqProgram, queries []*gojq.Query, writers []*jqWriter) *jqGroup {
	o := &gojq.Object{}
	for i, q := range queries {
		list := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeArray, Array: &gojq.Array{Query: q}}}
		o.KeyVals = append(o.KeyVals, &gojq.ObjectKeyVal{Key: "q" + strconv.Itoa(i), Val: list})
	}
	p, err := c.jqLibrary(like.node, &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeObject, Object: o}}, like.input, writers...)
	if err != nil {
		return nil
	}
	return &jqGroup{program: p, n: len(queries)}
}

// run gives the lists of outputs, one for each query; false when any of them
// failed: nothing is then taken from the record's bounds but time, and each is
// to be run by itself, to tell which one failed.
func (g *jqGroup) run(e *Evaluator) (lists []any, ok bool) {
	steps, made, replaced, broken := e.steps, e.made, e.replaced, e.broken
	defer func() {
		if r := recover(); r != nil {
			lists, ok = nil, false
		}
		if !ok {
			e.steps, e.made, e.replaced, e.broken = steps, made, replaced, broken
		}
	}()
	out, more := e.start(g.program).Next()
	m, isObject := out.(map[string]any)
	if !more || !isObject {
		return nil, false
	}
	lists = make([]any, g.n)
	for i := range lists {
		lists[i] = m["q"+strconv.Itoa(i)]
	}
	return lists, true
}

// runGroup runs the group of the fields for the present record.
func (e *Evaluator) runGroup() {
	e.grouped = nil
	if g := e.p.group; g != nil {
		if lists, ok := g.run(e); ok {
			e.grouped = lists
		}
	}
}

// ofGroup gives what a program of the group gave: one value; none is null.
func (e *Evaluator) ofGroup(p *jqProgram) (val, error) {
	v, err := onlyOutput(e.grouped[p.place])
	if err != nil {
		return null(), placed(err, p.node, -1, -1)
	}
	return v, nil
}

func onlyOutput(list any) (val, error) {
	outputs, _ := list.([]any)
	if len(outputs) == 0 {
		return null(), nil
	}
	v, err := fromAny(outputs[0])
	if err == nil && len(outputs) > 1 {
		if _, err = fromAny(outputs[1]); err == nil {
			err = errOutputs()
		}
	}
	return v, err
}

// A jqMixed is an object construction of which some members are compiled; the
// library runs the others as a group. It is a short cut: where anything fails
// or gives other than one output, the program is run as a whole.
type jqMixed struct {
	names  []string // of the object, sorted
	codes  []jqOne  // by name; nil for members of the group
	places []int    // by name, in the group
	group  *jqGroup
}

// A jqPart is one member while a mixed program is compiled; isCompiled is
// false for one that is left to the library.
type jqPart struct {
	kv         *gojq.ObjectKeyVal
	name       string
	code       jqCode
	isCompiled bool
}

// jqMixed compiles the members of an object construction that can be; nil when
// there is nothing to gain.
func (c *compiler) jqMixed(q *gojq.Query, root string, isCompiled bool) []jqPart {
	t := q.Term
	if isCompiled || c.interpretJQ || c.hasTarget(root) || t == nil || t.Type != gojq.TermTypeObject || len(t.SuffixList) > 0 || len(q.FuncDefs) > 0 {
		return nil
	}
	var parts []jqPart
	var names []string
	compiled := 0
	for _, kv := range t.Object.KeyVals {
		j := &jqCompiler{c: c, root: root}
		m := j.member(kv, true)
		p := jqPart{kv: kv, name: m.name, code: m.value, isCompiled: !j.failed && m.value.one != nil}
		if m.key != nil || m.name == "" || !p.isCompiled && kv.Val == nil {
			return nil
		}
		if p.isCompiled {
			j.take()
			compiled++
		}
		names, parts = append(names, m.name), append(parts, p)
	}
	slices.Sort(names)
	if compiled == 0 || len(slices.Compact(names)) < len(parts) {
		return nil
	}
	return parts
}

// jqMix puts the parts of a program together, whose members are rewritten by
// now.
func (c *compiler) jqMix(parts []jqPart, p *jqProgram) *jqMixed {
	slices.SortFunc(parts, func(a, b jqPart) int { return compareText(a.name, b.name) })
	m := &jqMixed{}
	var queries []*gojq.Query
	for _, part := range parts {
		m.names, m.places = append(m.names, part.name), append(m.places, len(queries))
		if part.isCompiled {
			m.codes = append(m.codes, part.code.one)
			continue
		}
		m.codes, queries = append(m.codes, nil), append(queries, part.kv.Val)
	}
	if m.group = c.jqGrouped(p, queries, []*jqWriter{p.writer}); m.group == nil {
		return nil
	}
	return m
}

// mixed runs a program that is compiled in part; false when it is to be run as
// a whole.
func (e *Evaluator) mixed(p *jqProgram) (val, bool) {
	steps, made, replaced, broken := e.steps, e.made, e.replaced, e.broken
	v, ok := e.mix(p)
	if !ok {
		e.steps, e.made, e.replaced, e.broken = steps, made, replaced, broken
	}
	return v, ok
}

func (e *Evaluator) mix(p *jqProgram) (val, bool) {
	m := p.mixed
	lists, ok := m.group.run(e)
	if !ok {
		return null(), false
	}
	in, vs := e.raw(e.rootBytes(p.input)), make([]val, len(m.names))
	for i, run := range m.codes {
		var err error
		if run != nil {
			vs[i], err = run(e, in)
		} else {
			outputs, _ := lists[m.places[i]].([]any)
			if len(outputs) != 1 {
				return null(), false
			}
			vs[i], err = fromAny(outputs[0])
		}
		if err != nil || isNone(vs[i]) {
			return null(), false
		}
	}
	return val{kind: record.Object, p: &box{names: m.names, list: vs}}, true
}
