package dsl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"koppel/engine/connector"
	"koppel/engine/mapping"
)

// checkKey refuses a key that would show what is sensitive.
func (p *pipelineLoad) checkKey() {
	attr := p.body.Attributes["key"]
	at := p.d.Block.DefRange()
	if attr != nil {
		at = attr.Expr.Range()
	}
	for _, k := range p.p.Key {
		for _, f := range p.p.Fields {
			if k.Name != "" && f.Name == k.Name && f.Sensitive {
				p.sensitiveKey(at)
				return
			}
		}
		if k.Name == "" && coversPath(p.spec.SensitiveSrc, k.Source) && k.Source != "" {
			p.sensitiveKey(at)
			return
		}
	}
	if len(p.spec.Key) == 0 {
		return
	}
	fields := make([]mapping.Field, len(p.spec.Key))
	for i, n := range p.spec.Key {
		fields[i] = mapping.Field{Name: fmt.Sprintf("key%d", i), Value: n}
	}
	spec := p.spec
	spec.Fields, spec.Whole, spec.Rules, spec.Key, spec.Where, spec.Protect = fields, nil, nil, nil, nil, nil
	program, _ := mapping.Compile(spec, p.l.consts(p.c))
	for i := range fields {
		if program != nil && program.Sensitive(fields[i].Name) {
			p.sensitiveKey(at)
			return
		}
	}
}

// checkShape lets the sink say what of the mapped records it can't take.
func (p *pipelineLoad) checkShape() {
	sink, ok := p.l.project.sinkConfigs[p.p.Into].(connector.Fitted)
	if !ok || p.l.project.unsettled[p.p.Into] {
		return
	}
	if err := sink.Fits(p.p.Shape()); err != nil {
		hint := ""
		if field := (*connector.FieldError)(nil); errors.As(err, &field) {
			hint = field.Hint
		}
		p.l.out.add("invalid_value", intoRange(p), fmt.Sprintf("%s: %v", p.p.Into, err), "%s", hint)
	}
}

func (p *pipelineLoad) sensitiveKey(at hcl.Range) {
	p.l.out.add("sensitive", at, "The key is sensitive", "Keys are shown in plans and logs, and what is computed from a sensitive value is sensitive too. Use another key.")
}

// checkNow warns of fields that change with every run.
func (p *pipelineLoad) checkNow() {
	if !p.p.Program.Reads().Now {
		return
	}
	for _, f := range p.spec.Fields {
		spec := p.spec
		spec.Fields, spec.Whole, spec.Rules, spec.Key, spec.Where, spec.Protect = []mapping.Field{{Name: f.Name, Value: f.Value}}, nil, nil, nil, nil, nil
		spec.Joins, spec.Lookups = withoutSides(spec.Joins), namesOnly(spec.Lookups)
		program, _ := mapping.Compile(spec, p.l.consts(p.c))
		if program != nil && program.Reads().Now {
			p.l.out.warn("unstable", p.l.places.find(f.Value.Pos, -1, -1), fmt.Sprintf("The field %q changes with every run", f.Name),
				"now is stored, so that every record is updated every time. Use today, or a time from the source.")
		}
	}
	if p.spec.Whole != nil && p.spec.Whole.Kind == mapping.KindJQ && strings.Contains(p.spec.Whole.Text, "now") {
		p.l.out.warn("unstable", p.l.places.find(p.spec.Whole.Pos, -1, -1), "The records change with every run", "now is stored, so that every record is updated every time.")
	}
}

// withoutSides keeps the names of joins alone.
func withoutSides(joins []mapping.Join) []mapping.Join {
	out := make([]mapping.Join, len(joins))
	for i, j := range joins {
		out[i] = mapping.Join{Name: j.Name, Pos: j.Pos, Target: j.Target, Sensitive: j.Sensitive,
			Left: []*mapping.Node{mapping.Const("", false, j.Pos)}, Right: []*mapping.Node{mapping.Path(j.Name, nil, j.Pos)}}
	}
	return out
}

// namesOnly keeps the names of lookups alone.
func namesOnly(lookups []mapping.Lookup) []mapping.Lookup {
	out := make([]mapping.Lookup, len(lookups))
	for i, l := range lookups {
		out[i] = mapping.Lookup{Name: l.Name, Pos: l.Pos}
	}
	return out
}

// identify sets what tells one configuration of the pipeline from another.
func (p *pipelineLoad) identify() {
	rules := make([]any, 0, len(p.p.Fields))
	for _, f := range p.p.Fields {
		rules = append(rules, []any{f.Name, f.Type, f.Sensitive, f.Send, f.OnNull, f.CreateOnly, f.Compare})
	}
	described := map[string]any{
		"from": p.p.From, "fromVersion": p.l.kindVersion(p.from), "into": p.p.Into, "intoVersion": p.l.kindVersion(p.into),
		"joins": p.p.Joins, "fields": rules, "open": p.p.OpenShape, "key": p.key,
		"deletes": []any{p.p.Deletes.Action, p.p.Deletes.Target},
	}
	if lookups := p.describeLookups(); len(lookups) > 0 {
		described["lookups"] = lookups
	}
	program, set := p.p.Program, p.p.Deletes.Set
	p.p.Identify = func(seal func([]byte) []byte) []byte {
		parts := []any{described, program.Fingerprint(seal)}
		if set != nil {
			parts = append(parts, set.Fingerprint(seal))
		}
		return digest(parts)
	}
	p.p.Fingerprint = p.p.Identify(func([]byte) []byte { return nil })
}

// kindVersion is the version of the kind that a reference leads to.
func (l *loader) kindVersion(r *reference) int {
	if r == nil {
		return 0
	}
	switch r.decl.Class {
	case "source":
		return l.kinds.sources[r.decl.Kind].Version
	case "sink":
		return l.kinds.sinks[r.decl.Kind].Version
	}
	return 0
}
