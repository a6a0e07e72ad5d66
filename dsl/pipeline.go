package dsl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"koppel/engine"
	"koppel/engine/mapping"
	"koppel/engine/record"
)

var (
	pipelineArguments = []string{"from", "into", "enabled", "description", "after", "each", "where", "key", "map", "first_run", "for_each"}
	pipelineBlocks    = []string{"join", "lookup", "map", "field", "deletes", "guard", "errors", "schedule", "test", "notify"}
)

// A pipelineLoad is one pipeline instance while it is put together.
type pipelineLoad struct {
	l    *loader
	d    *declaration
	in   *instance
	body *hclsyntax.Body
	v    *values
	c    *converter
	p    *engine.Pipeline
	spec mapping.Spec

	from, into *reference
	key        []string // of the source that it reads
	joins      []joinLoad
	lookups    []lookupLoad
	targets    map[string]bool // joins whose NAME.target can be read
}

// loadPipelines evaluates all pipeline instances.
func (l *loader) loadPipelines() {
	for _, d := range l.conf.order {
		if d.Class == "pipeline" {
			instances, _ := l.values.instances(d)
			l.pipelineText(d)
			for _, in := range checked(instances) {
				l.pipeline(d, in)
			}
		}
		if d.instances != nil || d.Class != "pipeline" {
			l.project.Blocks = append(l.project.Blocks, blockOf(d))
		}
	}
}

// pipeline evaluates one pipeline instance, once; nil while it is being
// evaluated, which a circle of references leads to.
func (l *loader) pipeline(d *declaration, in *instance) *engine.Pipeline {
	address := d.address() + in.suffix()
	if l.building[address] {
		return l.project.Pipelines[address]
	}
	l.building[address] = true
	if l.o.Resolve && !in.phantom {
		in = l.resolved(d, in)
	}
	waiting := l.program.waiting
	p := &pipelineLoad{
		l: l, d: d, in: in, body: d.Block.Body, v: l.program, targets: map[string]bool{},
		p: &engine.Pipeline{Address: address, Name: d.Name + in.suffix()},
	}
	l.program.waiting, l.values.waiting = "", ""
	p.load()
	l.program.waiting = waiting
	if in.phantom {
		return nil
	}
	l.project.Pipelines[address] = p.p
	l.loads[address] = p
	return p.p
}

// resolved is the instance with what its programs read resolved.
func (l *loader) resolved(d *declaration, in *instance) *instance {
	if !in.each || isReference(in.value) || in.value.IsWhollyKnown() {
		return in
	}
	if d.known == nil {
		d.known = l.program.forEach(d.Block.Body.Attributes["for_each"])
	}
	if fresh := findInstance(d.known, in.key); fresh != nil {
		return fresh
	}
	return in
}

// load evaluates the parts of the instance.
func (p *pipelineLoad) load() {
	out := p.l.out
	out.onlyKnown(p.d.Block, pipelineArguments, pipelineBlocks)
	p.head()
	p.joinBlocks()
	p.convertJoins()
	p.mapping()
	p.fieldBlocks()
	p.deletes()
	p.guards()
	p.firstRun()
	p.schedule()
	p.notify()
	p.compile()
	p.tests()
	if p.v.waiting != "" {
		p.p.Err = fmt.Errorf("%s needs a value that is not there: %s", p.p.Address, p.v.waiting)
	}
}

// head evaluates from, into and the plain arguments.
func (p *pipelineLoad) head() {
	attrs, v := p.body.Attributes, p.v
	p.p.Description = v.text(attrs["description"], p.in)
	p.p.Enabled = v.truth(attrs["enabled"], p.in, true)
	if attrs["from"] == nil {
		p.l.out.add("missing_argument", p.d.Block.DefRange(), "A pipeline reads from something", "Write from = source.KIND.NAME or from = pipeline.NAME.")
	} else if p.from = v.refer(attrs["from"].Expr, p.in, "source", "pipeline"); p.from != nil {
		p.p.From = p.from.address()
		if p.p.From == p.p.Address {
			p.l.out.add("cycle", attrs["from"].Expr.Range(), "A pipeline can't read from itself", "It may join itself, to see what was delivered before this run.")
		}
		p.key = p.l.keyOf(p.from)
		p.spec.SensitiveSrc = p.l.sensitiveOf(p.from)
		if s := p.l.project.Sources[p.p.From]; s != nil {
			p.spec.SourceKey = s.Key
		}
	}
	if p.into = v.referIfSet(attrs["into"], p.in, "sink"); p.into != nil {
		p.p.Into = p.into.address()
	}
	p.after(attrs["after"])
}

// after evaluates the list of pipelines that must have run before.
func (p *pipelineLoad) after(attr *hclsyntax.Attribute) {
	if attr == nil {
		return
	}
	exprs := []hclsyntax.Expression{attr.Expr}
	if list, ok := unwrap(attr.Expr).(*hclsyntax.TupleConsExpr); ok {
		exprs = list.Exprs
	}
	for _, e := range exprs {
		value := p.v.eval(e, p.in)
		inner, _ := value.UnmarkDeep()
		if inner.IsKnown() && inner.Type().IsMapType() && inner.Type().ElementType() == referenceType {
			for _, element := range inner.Elements() {
				p.addAfter(p.v.asReference(element, e.Range(), "pipeline"))
			}
			continue
		}
		p.addAfter(p.v.asReference(value, e.Range(), "pipeline"))
	}
}

func (p *pipelineLoad) addAfter(r *reference) {
	if r != nil {
		p.p.After = append(p.p.After, r.address())
	}
}

// keyOf gives the key fields of what a pipeline reads: those of the source, or
// the mapped fields of the pipeline that are its key. A pipeline that is part of
// a circle, or whose key is not mapped, has none.
func (l *loader) keyOf(r *reference) []string {
	if s := l.project.Sources[r.address()]; s != nil {
		return s.Key
	}
	if r.decl.Class != "pipeline" {
		return nil
	}
	up := l.pipeline(r.decl, r.inst)
	if up == nil {
		return nil
	}
	var names []string
	for _, k := range up.Key {
		if k.Name == "" || strings.Contains(k.Name, ".") {
			return nil
		}
		names = append(names, k.Name)
	}
	return names
}

// sensitiveOf gives the sensitive paths of the records of a source or
// pipeline. A pipeline that is part of a circle has none.
func (l *loader) sensitiveOf(r *reference) []string {
	if s := l.project.Sources[r.address()]; s != nil {
		return s.Sensitive
	}
	if r.decl.Class != "pipeline" {
		return nil
	}
	up := l.pipeline(r.decl, r.inst)
	if up == nil {
		return nil
	}
	return l.loads[up.Address].sensitiveFields()
}

// sensitiveFields lists the fields of the pipeline's records that are
// sensitive; the empty path covers all of them.
func (p *pipelineLoad) sensitiveFields() []string {
	if !p.hasMap() {
		return p.spec.SensitiveSrc
	}
	if p.spec.Whole != nil && p.p.Program != nil && p.p.Program.Sensitive("") {
		return []string{""}
	}
	var paths []string
	for _, f := range p.p.Fields {
		if f.Sensitive {
			paths = append(paths, f.Name)
		}
	}
	return paths
}

// compile compiles the programs and takes from them what the engine must know.
func (p *pipelineLoad) compile() {
	p.p.Program = p.l.compile(p.spec, p.c)
	if p.p.Program == nil || p.from == nil {
		return
	}
	p.settleFields()
	p.contentField()
	p.joinItself()
	p.p.Key = p.p.Program.KeyFields(p.key)
	p.settleJoins()
	p.checkKey()
	p.checkShape()
	p.checkNow()
	p.identify()
}

// settleFields marks the fields that are sensitive by what they read.
func (p *pipelineLoad) settleFields() {
	for i := range p.p.Fields {
		f := &p.p.Fields[i]
		f.Sensitive = f.Sensitive || p.p.Program.Sensitive(f.Name)
	}
}

// contentField adds the digest of the file that a record names, where the sink
// delivers the file itself.
func (p *pipelineLoad) contentField() {
	if p.into == nil || p.into.decl.Later {
		return
	}
	p.p.Content = p.l.kinds.sinks[p.into.decl.Kind].Static.Content
	path := slices.IndexFunc(p.p.Fields, func(f engine.Field) bool { return f.Name == p.p.Content })
	if path < 0 || slices.ContainsFunc(p.p.Fields, func(f engine.Field) bool { return f.Name == record.ContentField }) {
		return
	}
	p.p.Fields = append(p.p.Fields, engine.Field{OnNull: "clear", Field: record.Field{
		Name: record.ContentField, Type: "string", Send: true, Sensitive: p.p.Fields[path].Sensitive,
	}})
}

// joinItself compiles a pipeline that joins itself again, now that its own
// sensitive fields are known.
func (p *pipelineLoad) joinItself() {
	hidden := p.sensitiveFields()
	again := false
	for i, j := range p.p.Joins {
		if j.With == p.p.Address && len(hidden) > 0 {
			p.spec.Joins[i].Sensitive, again = hidden, true
		}
	}
	if again {
		p.p.Program = p.l.compile(p.spec, p.c)
		p.settleFields()
	}
}
