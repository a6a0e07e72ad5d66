package dsl

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"koppel/engine"
	"koppel/engine/connector"
)

// dependencies are what must be read or run before p, in order. A pipeline may
// join itself, but read no source that waits for it.
func (l *loader) dependencies(p *engine.Pipeline) []string {
	var list []string
	own := 1 + len(p.Joins)
	for i, a := range l.project.Inputs(p) {
		if a != p.Address || i >= own {
			list = append(list, a)
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
		for _, next := range l.dependencies(p) {
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

// A bounded configuration of a sink tells which target it writes, the same text
// for the same one, and the constants that its rows have in it.
type bounded interface {
	Bounds() (target string, rows map[string]any)
}

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
	if b, ok := config.(bounded); ok {
		place, rows := b.Bounds()
		t.place, t.rows = p.into.decl.Kind+" "+place, textsOf(rows)
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
