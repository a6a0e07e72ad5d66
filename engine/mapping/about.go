package mapping

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"

	"koppel/engine/record"
)

// HasEach reports whether one source record can give several items.
func (p *Program) HasEach() bool { return p.each != nil }

// HasWhere reports whether there is a filter.
func (p *Program) HasWhere() bool { return p.where != nil }

// FieldNames gives the names of the fields of map { … } in their order, which is
// that of Evaluator.Ordered; nil when the mapping makes whole objects, or none.
func (p *Program) FieldNames() []string {
	var names []string
	for _, f := range p.fields {
		names = append(names, f.name)
	}
	return names
}

// HasProtect reports whether rows of the target are judged before a delete.
func (p *Program) HasProtect() bool { return p.protect != nil }

// KeyIsSource reports whether an item's key is its source record's: there is no
// each, and the key expressions are none or exactly the source's key paths.
func (p *Program) KeyIsSource(sourceKey []string) bool {
	if p.each != nil {
		return false
	}
	if len(p.key) == 0 {
		return true
	}
	if len(p.key) != len(sourceKey) {
		return false
	}
	for i, k := range p.key {
		if k.node.Kind != KindPath || k.node.Name != "src" || dotted(k.node.Steps) != sourceKey[i] {
			return false
		}
	}
	return true
}

// KeyFields names, per part of the key, the mapped field that has the very same
// expression. Without key expressions the parts are sourceKey's paths.
func (p *Program) KeyFields(sourceKey []string) []record.KeyField {
	nodes := make([]*Node, 0, len(p.key))
	for _, k := range p.key {
		nodes = append(nodes, k.node)
	}
	if len(nodes) == 0 && p.each == nil {
		for _, path := range sourceKey {
			nodes = append(nodes, Path("src", splitDotted(path), 0))
		}
	}
	var out []record.KeyField
	for _, n := range nodes {
		var k record.KeyField
		if n.Kind == KindPath && n.Name == "src" {
			k.Source = dotted(n.Steps)
		}
		want := describe(n)
		for _, f := range p.fields {
			if f.def == nil && describe(f.node) == want {
				k.Name = f.name
				break
			}
		}
		out = append(out, k)
	}
	return out
}

// describe is a text that is equal for equal expressions.
func describe(n *Node) string {
	b, err := json.Marshal(described(n, func(v any) any { return v }))
	if err != nil {
		return ""
	}
	return string(b)
}

// described is a node as plain values, without places.
func described(n *Node, secret func(any) any) any {
	if n == nil {
		return nil
	}
	v := n.Value
	if n.Sensitive {
		v = secret(v)
	}
	inner := make([]any, len(n.Nodes))
	for i, x := range n.Nodes {
		inner[i] = described(x, secret)
	}
	return []any{n.Kind, n.Name, n.Steps, v, n.Text, n.Names, inner}
}

// Fingerprint identifies what the program computes: its nodes, and the
// constants, tables and files that they read. Sensitive values enter through
// seal only, a keyed hash.
func (p *Program) Fingerprint(seal func([]byte) []byte) []byte {
	secret := func(v any) any {
		b, err := record.Append(nil, v)
		if err != nil {
			b = nil
		}
		return seal(b)
	}
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, part := range p.describedParts(secret) {
		if err := enc.Encode(part); err != nil {
			panic("describe a program: " + err.Error()) // nodes hold JSON values only
		}
	}
	return h.Sum(nil)
}

func (p *Program) describedParts(secret func(any) any) []any {
	var out []any
	add := func(name string, nodes ...*Node) {
		for _, n := range nodes {
			out = append(out, []any{name, described(n, secret)})
		}
	}
	for _, j := range p.spec.Joins {
		add("left "+j.Name, j.Left...)
		add("right "+j.Name, j.Right...)
	}
	for _, l := range p.spec.Lookups {
		out = append(out, []any{"lookup", l.Name, l.QueryNames, l.HeaderNames})
		add("path", l.Path)
		add("query", l.Query...)
		add("headers", l.Headers...)
		add("body", l.Body)
	}
	add("each", p.spec.Each)
	add("where", p.spec.Where)
	add("key", p.spec.Key...)
	for _, f := range slices.Concat(p.fields, p.rules) {
		out = append(out, []any{"field", f.name, f.typ, f.required})
		add("value", f.node)
		if f.def != nil {
			add("default", f.def.node)
		}
	}
	add("map", p.spec.Whole)
	add("protect", p.spec.Protect)
	add("deleted", p.spec.Deleted)
	return append(out, p.describedConsts(secret)...)
}

// describedConsts lists the constants, tables and files that are read.
func (p *Program) describedConsts(secret func(any) any) []any {
	r := p.Reads()
	read := map[string]any{}
	for _, path := range r.consts {
		v := p.consts.decoded(path[0], path[1:])
		if p.consts.sensitive(path[0], path[1:]) {
			v = secret(v)
		}
		read[dotted(path)] = v
	}
	for _, name := range r.tables {
		t := p.consts.given.Tables[name]
		var v any = t.Values
		if t.Sensitive {
			v = secret(v)
		}
		read["table "+name] = v
	}
	for _, name := range r.files {
		read["file "+name] = p.consts.given.Files[name]
	}
	out := make([]any, 0, len(read))
	for _, name := range slices.Sorted(maps.Keys(read)) {
		out = append(out, []any{name, read[name]})
	}
	return out
}
