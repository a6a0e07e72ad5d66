package dsl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"koppel/engine"
	"koppel/engine/mapping"
	"koppel/engine/record"
)

// A fieldExpr is one mapped field as it stands in the file.
type fieldExpr struct {
	name string
	at   hcl.Range
	expr hclsyntax.Expression
}

// hasMap tells whether the pipeline says what its records look like.
func (p *pipelineLoad) hasMap() bool {
	return p.body.Attributes["map"] != nil || p.l.out.single(p.body, "map") != nil
}

// mapping converts where, each, key and map.
func (p *pipelineLoad) mapping() {
	attrs := p.body.Attributes
	p.spec.Each = p.one(attrs["each"])
	p.spec.Where = p.one(attrs["where"])
	if attr := attrs["key"]; attr != nil {
		p.keyNodes(attr)
	}
	p.mapNodes()
	p.checkKeyPresence()
}

// one converts an argument to a node; nil when absent.
func (p *pipelineLoad) one(attr *hclsyntax.Attribute) *mapping.Node {
	if attr == nil {
		return nil
	}
	return p.c.node(attr.Expr)
}

// keyNodes converts the key: a value, or a list of values.
func (p *pipelineLoad) keyNodes(attr *hclsyntax.Attribute) {
	exprs := []hclsyntax.Expression{attr.Expr}
	if list, ok := unwrap(attr.Expr).(*hclsyntax.TupleConsExpr); ok {
		exprs = list.Exprs
		if len(exprs) == 0 {
			p.l.out.add("invalid_value", attr.Expr.Range(), "The key is empty", "Name a value, or a list of values that are unique together.")
		}
	}
	for _, e := range exprs {
		p.spec.Key = append(p.spec.Key, p.c.node(e))
	}
}

// checkKeyPresence reports a pipeline whose records have no key.
func (p *pipelineLoad) checkKeyPresence() {
	if p.body.Attributes["key"] != nil || p.from == nil || p.from.decl.Later {
		return
	}
	switch {
	case p.spec.Each != nil || p.body.Attributes["each"] != nil:
		p.l.out.add("missing_argument", p.body.Attributes["each"].NameRange, "A pipeline with each has a key",
			"One source record gives many items: say what makes an item unique, as in key = [src.id, item.id].")
	case p.from.decl.Class == "source" && len(p.key) == 0 && p.l.project.Sources[p.from.address()] != nil:
		p.l.out.add("missing_argument", p.d.Block.DefRange(), "The records have no key",
			"Name the key in %s, as in key = [\"id\"], or here, as in key = src.id.", p.from.decl.address())
	}
}

// mapNodes converts map { … } or map = ….
func (p *pipelineLoad) mapNodes() {
	attr, b := p.body.Attributes["map"], p.l.out.single(p.body, "map")
	switch {
	case attr != nil && b != nil:
		p.l.out.add("conflict", attr.NameRange, "The pipeline has two maps", "Keep the block, or the argument.")
	case b != nil:
		p.l.out.noLabels(b)
		for _, inner := range b.Body.Blocks {
			p.l.out.add("unknown_block", inner.TypeRange, "A map has no blocks", "Write %s = { … } for an object.", inner.Type)
		}
		p.addFields(blockFields(b.Body))
	case attr == nil:
		p.p.OpenShape = true
	default:
		p.mapArgument(attr)
	}
}

func blockFields(body *hclsyntax.Body) []fieldExpr {
	var list []fieldExpr
	for _, a := range sortedAttributes(body) {
		list = append(list, fieldExpr{a.Name, a.NameRange, a.Expr})
	}
	return list
}

func (p *pipelineLoad) mapArgument(attr *hclsyntax.Attribute) {
	object, ok := unwrap(attr.Expr).(*hclsyntax.ObjectConsExpr)
	if !ok {
		p.p.OpenShape = true
		p.spec.Whole = p.c.node(attr.Expr)
		return
	}
	var list []fieldExpr
	seen := map[string]bool{}
	for _, item := range object.Items {
		name, ok := p.c.memberName(item.KeyExpr)
		if !ok {
			p.c.failed = true
			p.c.node(item.ValueExpr)
			continue
		}
		if seen[name] {
			p.l.out.add("duplicate_argument", item.KeyExpr.Range(), fmt.Sprintf("The field %q is mapped twice", name), "Keep one of them.")
			continue
		}
		seen[name] = true
		list = append(list, fieldExpr{name, item.KeyExpr.Range(), item.ValueExpr})
	}
	p.addFields(list)
}

func (p *pipelineLoad) addFields(list []fieldExpr) {
	for _, f := range list {
		n := p.c.node(f.expr)
		p.spec.Fields = append(p.spec.Fields, mapping.Field{Name: f.name, Pos: p.l.places.whole(f.at), Value: n})
		p.p.Fields = append(p.p.Fields, engine.Field{Field: record.Field{Name: f.name, Send: true}, OnNull: "clear"})
	}
}

// fieldTypes are the types that a field can be declared with.
var fieldTypes = []string{"string", "number", "integer", "bool", "date", "datetime", "list", "object"}

// fieldBlocks evaluates the field blocks.
func (p *pipelineLoad) fieldBlocks() {
	seen := map[string]bool{}
	for _, b := range p.body.Blocks {
		if b.Type != "field" {
			continue
		}
		if len(b.Labels) != 1 {
			p.l.out.add("invalid_label", b.DefRange(), "A field block has one label", "Write field \"NAME\" { … }.")
			continue
		}
		if seen[b.Labels[0]] {
			p.l.out.add("duplicate_block", b.DefRange(), fmt.Sprintf("The field %q has two blocks", b.Labels[0]), "Keep one of them.")
			continue
		}
		seen[b.Labels[0]] = true
		p.fieldBlock(b)
	}
	if p.p.OpenShape && len(p.spec.Rules) > 0 && p.spec.Whole == nil && p.body.Attributes["map"] == nil {
		root := "src"
		if p.spec.Each != nil {
			root = "item"
		}
		p.spec.Whole = mapping.Path(root, nil, p.l.places.whole(p.d.Block.DefRange()))
	}
}

// fieldBlock evaluates the rules of one field.
func (p *pipelineLoad) fieldBlock(b *hclsyntax.Block) {
	name, attrs := b.Labels[0], b.Body.Attributes
	p.l.out.onlyKnown(b, []string{"type", "required", "default", "sensitive", "on_null", "write", "compare", "send", "description"}, nil)
	rule := mapping.Field{Name: name, Pos: p.l.places.whole(b.DefRange()), Required: p.v.truth(attrs["required"], p.in, false), Sensitive: p.v.truth(attrs["sensitive"], p.in, false)}
	if attrs["type"] != nil {
		rule.Type = p.v.choice(attrs["type"], p.in, fieldTypes...)
	}
	rule.Default = p.one(attrs["default"])
	f := engine.Field{
		Field:      record.Field{Name: name, Type: rule.Type, Sensitive: rule.Sensitive, Send: p.v.truth(attrs["send"], p.in, true)},
		OnNull:     p.v.choice(attrs["on_null"], p.in, "clear", "keep", "error"),
		CreateOnly: p.v.choice(attrs["write"], p.in, "always", "create_only") == "create_only",
		Compare:    map[string]record.Compare{"exact": record.Exact, "unordered": record.Unordered, "fold": record.Fold}[p.v.choice(attrs["compare"], p.in, "exact", "unordered", "fold")],
	}
	f.Fold = f.Compare == record.Fold
	p.applyRule(b, rule, f)
}

func (p *pipelineLoad) applyRule(b *hclsyntax.Block, rule mapping.Field, f engine.Field) {
	if p.p.OpenShape {
		p.spec.Rules = append(p.spec.Rules, rule)
		p.p.Fields = append(p.p.Fields, f)
		return
	}
	var names []string
	for i := range p.spec.Fields {
		if p.spec.Fields[i].Name == rule.Name {
			rule.Value, rule.Pos = p.spec.Fields[i].Value, p.spec.Fields[i].Pos
			p.spec.Fields[i], p.p.Fields[i] = rule, f
			return
		}
		names = append(names, p.spec.Fields[i].Name)
	}
	p.l.out.add("invalid_reference", b.LabelRanges[0], fmt.Sprintf("The map has no field %q", rule.Name),
		"A field block adds rules to a mapped field.%s", didYouMean(rule.Name, names))
}

// pipelineText remembers the expressions of a pipeline's fields for people.
func (l *loader) pipelineText(d *declaration) {
	var list []fieldExpr
	for _, b := range d.Block.Body.Blocks {
		if b.Type == "map" {
			list = append(list, blockFields(b.Body)...)
		}
	}
	for _, name := range []string{"each", "where", "key", "map"} {
		if attr := d.Block.Body.Attributes[name]; attr != nil {
			list = append(list, fieldExpr{name, attr.NameRange, attr.Expr})
			if object, ok := unwrap(attr.Expr).(*hclsyntax.ObjectConsExpr); ok && name == "map" {
				list = append(list, objectFields(object)...)
			}
		}
	}
	for _, f := range list {
		at := f.expr.Range()
		src := l.files.content[at.Filename]
		if at.CanSliceBytes(src) {
			l.project.Fields[d.address()] = append(l.project.Fields[d.address()],
				FieldText{Name: f.name, Text: string(at.SliceBytes(src)), File: at.Filename, Range: rangeOf(at)})
		}
	}
}

func objectFields(object *hclsyntax.ObjectConsExpr) []fieldExpr {
	var list []fieldExpr
	for _, item := range object.Items {
		value, diags := item.KeyExpr.Value(nil)
		if !diags.HasErrors() && value.IsKnown() && !value.IsNull() && value.Type().FriendlyName() == "string" {
			list = append(list, fieldExpr{value.AsString(), item.KeyExpr.Range(), item.ValueExpr})
		}
	}
	return list
}
