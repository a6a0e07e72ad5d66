package dsl

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"koppel/engine"
	"koppel/engine/connector"
)

// dependencies are the pipelines that must run before p, in order.
func dependencies(p *engine.Pipeline) []string {
	var list []string
	if p.From != p.Address {
		list = append(list, p.From)
	}
	for _, j := range p.Joins {
		if j.With != p.Address {
			list = append(list, j.With)
		}
	}
	return append(list, p.After...)
}

// checkCircles reports pipelines that wait for each other, once per circle.
func (l *loader) checkCircles() {
	state := map[string]cellState{}
	var path []string
	var visit func(address string)
	visit = func(address string) {
		p := l.project.Pipelines[address]
		if p == nil || state[address] == done {
			return
		}
		if state[address] == busy {
			l.circle(path, address)
			return
		}
		state[address] = busy
		path = append(path, address)
		for _, next := range dependencies(p) {
			visit(next)
		}
		path = path[:len(path)-1]
		state[address] = done
	}
	for _, p := range l.project.byAddress() {
		visit(p.Address)
	}
}

func (l *loader) circle(path []string, address string) {
	for i, a := range path {
		if a == address {
			path = path[i:]
			break
		}
	}
	names := append(append([]string{}, path...), address)
	l.out.add("cycle", l.loads[address].d.Block.DefRange(), "Pipelines depend on each other in a circle",
		"%s. Take one of the references (from, join, after) out.", strings.Join(names, " → "))
}

// A target is what a pipeline writes to, as far as the files tell.
type target struct {
	pipeline *pipelineLoad
	place    string
	rows     map[string]string
}

// setSinks are the kinds whose target belongs to one pipeline.
var setSinks = map[string]bool{"sql": true, "file": true}

// checkSharedSinks reports two pipelines that write the same rows.
func (l *loader) checkSharedSinks() {
	var list []target
	for _, p := range l.project.byAddress() {
		load := l.loads[p.Address]
		if load.into == nil || !setSinks[load.into.decl.Kind] {
			continue
		}
		list = append(list, l.targetOf(load))
	}
	sort.SliceStable(list, func(i, j int) bool {
		return list[i].pipeline.d.Block.TypeRange.Start.Byte < list[j].pipeline.d.Block.TypeRange.Start.Byte
	})
	for i, t := range list {
		for _, earlier := range list[:i] {
			if t.place == earlier.place && !disjoint(t.rows, earlier.rows) {
				l.out.add("ambiguous_sink", intoRange(t.pipeline), "Two pipelines write the same rows",
					"%s writes them too: each would delete what the other delivers. Give each a table or file of its own, or constant rows that differ: rows = { … }.",
					earlier.pipeline.p.Address)
				break
			}
		}
	}
}

func intoRange(p *pipelineLoad) hcl.Range {
	if attr := p.body.Attributes["into"]; attr != nil {
		return attr.Expr.Range()
	}
	return p.d.Block.DefRange()
}

// targetOf describes a pipeline's target by the arguments that name it.
func (l *loader) targetOf(p *pipelineLoad) target {
	t := target{pipeline: p, place: p.p.Into}
	config := l.project.sinkConfigs[p.p.Into]
	if config == nil {
		return t
	}
	into := reflect.ValueOf(config).Elem()
	names := map[string]string{}
	for _, param := range parametersOf(into.Type()) {
		field := into.FieldByIndex(param.index)
		switch x := field.Interface().(type) {
		case connector.Connection:
			names["connection"] = x.Address
		case connector.Template:
			if x != nil && param.name == "path" {
				names["path"] = x.Source()
			}
		case map[string]string:
			if param.name == "rows" {
				t.rows = x
			}
		case map[string]any:
			if param.name == "rows" {
				t.rows = textsOf(x)
			}
		case string:
			if param.name == "table" || param.name == "path" {
				names[param.name] = x
			}
		}
	}
	if names["table"] != "" && names["connection"] != "" || names["path"] != "" {
		t.place = fmt.Sprint(p.into.decl.Kind, names)
	}
	return t
}

func textsOf(m map[string]any) map[string]string {
	texts := map[string]string{}
	for k, v := range m {
		texts[k] = fmt.Sprint(v)
	}
	return texts
}

// disjoint tells whether no row can belong to both sets of constants.
func disjoint(a, b map[string]string) bool {
	for column, value := range a {
		if other, ok := b[column]; ok && other != value {
			return true
		}
	}
	return false
}

// moves evaluates the moved blocks.
func (l *loader) moves() {
	for _, b := range l.conf.moved {
		l.out.onlyKnown(b, []string{"from", "to"}, nil)
		from, to := l.movedAddress(b, "from"), l.movedAddress(b, "to")
		if from == "" || to == "" {
			continue
		}
		fromClass, _, _ := strings.Cut(from, ".")
		toClass, _, _ := strings.Cut(to, ".")
		switch {
		case fromClass != toClass:
			l.out.add("invalid_reference", b.Body.Attributes["to"].Expr.Range(), "A move stays in its class", "%s can't become %s.", from, to)
			continue
		case l.exists(from):
			l.out.add("conflict", b.Body.Attributes["from"].Expr.Range(), fmt.Sprintf("%s still exists", from), "A moved block names an address that is no longer declared.")
			continue
		case !l.exists(to):
			block, _, _ := strings.Cut(strings.TrimPrefix(to, toClass+"."), "[")
			l.out.add("invalid_reference", b.Body.Attributes["to"].Expr.Range(), fmt.Sprintf("There is no %s", to),
				"State is moved to an address that is declared.%s", referenceHint(toClass, block, l.conf.ofClass(toClass)))
			continue
		}
		l.project.Moved = append(l.project.Moved, engine.Move{From: from, To: to})
	}
}

// exists tells whether an address is that of a block or instance.
func (l *loader) exists(address string) bool {
	block, _, isInstance := strings.Cut(address, "[")
	d := l.conf.declarations[block]
	if d == nil || !isInstance {
		return d != nil
	}
	for _, in := range d.instances {
		if d.address()+in.suffix() == address {
			return true
		}
	}
	return false
}

// movedAddress reads one side of a moved block, which need not exist.
func (l *loader) movedAddress(b *hclsyntax.Block, side string) string {
	attr := b.Body.Attributes[side]
	if attr == nil {
		l.out.add("missing_argument", b.DefRange(), "A moved block has from and to", "Write from = pipeline.old and to = pipeline.new.")
		return ""
	}
	t, ok := unwrap(attr.Expr).(*hclsyntax.ScopeTraversalExpr)
	if !ok || !movable(t.Traversal) {
		l.out.add("invalid_reference", attr.Expr.Range(), "This is no address", "Write pipeline.NAME, source.KIND.NAME or sink.KIND.NAME.")
		return ""
	}
	return traversalText(t.Traversal)
}

func movable(t hcl.Traversal) bool {
	want := map[string]int{"pipeline": 2, "source": 3, "sink": 3}[t.RootName()]
	if want == 0 || len(t) < want || len(t) > want+1 {
		return false
	}
	for _, step := range t[1:want] {
		if _, ok := step.(hcl.TraverseAttr); !ok {
			return false
		}
	}
	if len(t) == want {
		return true
	}
	_, ok := stepName(t[want])
	return ok
}

// isSensitiveProject tells whether anything in the project is sensitive, so
// that what is stored is sealed.
func (l *loader) isSensitiveProject() bool {
	if l.secrets.used.Load() {
		return true
	}
	for _, b := range l.conf.variables {
		if l.values.isSensitiveVariable(b) {
			return true
		}
	}
	for _, s := range l.project.Sources {
		if len(s.Sensitive) > 0 {
			return true
		}
	}
	for _, p := range l.project.Pipelines {
		for _, f := range p.Fields {
			if f.Sensitive {
				return true
			}
		}
	}
	return false
}
