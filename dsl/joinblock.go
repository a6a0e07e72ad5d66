package dsl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"koppel/engine"
	"koppel/engine/mapping"
)

// A joinLoad is one join block while its pipeline is put together.
type joinLoad struct {
	block *hclsyntax.Block
	with  *reference
}

// reservedNames can't be names of joins and lookups.
var reservedNames = map[string]bool{
	"src": true, "item": true, "target": true, "today": true, "now": true, "var": true, "local": true, "each": true,
	"record": true, "changed": true, "connection": true, "source": true, "sink": true, "pipeline": true, "true": true, "false": true, "null": true,
}

// joinBlocks evaluates the join and lookup blocks.
func (p *pipelineLoad) joinBlocks() {
	seen := map[string]hcl.Range{}
	for _, b := range p.body.Blocks {
		if b.Type != "join" && b.Type != "lookup" {
			continue
		}
		if !p.checkName(b, seen) {
			continue
		}
		if b.Type == "lookup" {
			p.lookups = append(p.lookups, p.lookupBlock(b))
			continue
		}
		p.l.out.onlyKnown(b, []string{"with", "on", "none", "many"}, nil)
		j := joinLoad{block: b}
		if attr := b.Body.Attributes["with"]; attr == nil {
			p.l.out.add("missing_argument", b.DefRange(), "A join says with what", "Write with = source.KIND.NAME or with = pipeline.NAME.")
		} else {
			j.with = p.v.refer(attr.Expr, p.in, "source", "pipeline")
		}
		if j.with != nil && j.with.decl.Class == "pipeline" && j.with.decl.Block.Body.Attributes["into"] != nil {
			p.targets[b.Labels[0]] = true
		}
		p.joins = append(p.joins, j)
	}
}

// checkName tells whether a join or lookup has a name of its own.
func (p *pipelineLoad) checkName(b *hclsyntax.Block, seen map[string]hcl.Range) bool {
	if len(b.Labels) != 1 {
		p.l.out.add("invalid_label", b.DefRange(), fmt.Sprintf("A %s block has one label", b.Type), "Write %s \"NAME\" { … }; its records are then read as NAME.field.", b.Type)
		return false
	}
	name := b.Labels[0]
	switch first, twice := seen[name]; {
	case !hclsyntax.ValidIdentifier(name):
		p.l.out.add("invalid_name", b.LabelRanges[0], fmt.Sprintf("%q is not a name", name), "Records are read as NAME.field, so it has letters, digits and _ only.")
		return false
	case reservedNames[name]:
		p.l.out.add("invalid_name", b.LabelRanges[0], fmt.Sprintf("%q stands for something else", name), "Give the %s another name.", b.Type)
		return false
	case twice:
		p.l.out.duplicate("the name "+name, b, first)
		return false
	}
	seen[name] = b.DefRange()
	return true
}

// convertJoins makes the pipeline's converter, which knows all names, and
// converts the sides of the joins and the questions of the lookups with it.
func (p *pipelineLoad) convertJoins() {
	var names []string
	for _, j := range p.joins {
		names = append(names, j.block.Labels[0])
	}
	for _, l := range p.lookups {
		names = append(names, l.block.Labels[0])
	}
	p.c = p.l.converter(p.v, p.in, names)
	for _, j := range p.joins {
		p.join(j)
	}
	for _, l := range p.lookups {
		p.lookup(l)
	}
}

// join converts the sides of one join.
func (p *pipelineLoad) join(j joinLoad) {
	name, attrs := j.block.Labels[0], j.block.Body.Attributes
	join := mapping.Join{Name: name, Pos: p.l.places.whole(j.block.DefRange()), Target: p.targets[name]}
	switch sides, ok := unwrapTuple(attrs["on"]); {
	case attrs["on"] == nil:
		p.l.out.add("missing_argument", j.block.DefRange(), "A join says which values must be equal", "Write on = [src.field, %s.field].", name)
		p.c.failed = true
	case !ok || len(sides) != 2:
		p.l.out.add("invalid_value", attrs["on"].Expr.Range(), "on has two sides", "Write on = [src.field, %s.field]; for several fields on = [[src.a, src.b], [%s.a, %s.b]].", name, name, name)
		p.c.failed = true
	default:
		p.sides(&join, sides)
	}
	if p.c.failed || j.with == nil {
		join.Left, join.Right = p.noSide(name, join.Pos)
	}
	if j.with == nil {
		p.c.failed = true
		p.spec.Joins = append(p.spec.Joins, join)
		return
	}
	join.Sensitive = p.l.sensitiveOf(j.with)
	p.spec.Joins = append(p.spec.Joins, join)
	p.p.Joins = append(p.p.Joins, engine.Join{
		Name: name, With: j.with.address(),
		None: p.v.choice(attrs["none"], p.in, "null", "skip", "error"),
		Many: p.v.choice(attrs["many"], p.in, "error", "first", "list"),
	})
}

// noSide stands for sides that have problems.
func (p *pipelineLoad) noSide(name string, pos mapping.Pos) (left, right []*mapping.Node) {
	return []*mapping.Node{mapping.Const(nil, false, pos)}, []*mapping.Node{mapping.Path(name, []string{"id"}, pos)}
}

// sides converts both sides of `on`. They may stand in either order.
func (p *pipelineLoad) sides(join *mapping.Join, sides []hclsyntax.Expression) {
	left, right := sides[0], sides[1]
	if reads(left, join.Name) && !reads(right, join.Name) {
		left, right = right, left
	}
	join.Left, join.Right = p.side(left), p.side(right)
	switch {
	case reads(left, join.Name) || !reads(right, join.Name) && !hasProgram(right):
		p.l.out.add("invalid_value", right.Range(), "One side of a join reads the right record",
			"Write on = [src.field, %s.field]: the left side from the record, the right one through %s.", join.Name, join.Name)
		p.c.failed = true
	case len(join.Left) != len(join.Right):
		p.l.out.add("invalid_value", right.Range(), "The sides of a join have as many values", "The left side has %d, the right one %d.", len(join.Left), len(join.Right))
		p.c.failed = true
	}
}

func (p *pipelineLoad) side(expr hclsyntax.Expression) []*mapping.Node {
	exprs := []hclsyntax.Expression{expr}
	if list, ok := unwrap(expr).(*hclsyntax.TupleConsExpr); ok {
		exprs = list.Exprs
	}
	nodes := make([]*mapping.Node, 0, len(exprs))
	for _, e := range exprs {
		nodes = append(nodes, p.c.node(e))
	}
	return nodes
}

// reads tells whether an expression of HCL has a path from root.
func reads(expr hclsyntax.Expression, root string) bool {
	for _, t := range expr.Variables() {
		if t.RootName() == root {
			return true
		}
	}
	return false
}

// hasProgram tells whether expr holds an expr or jq program, whose reads only
// package mapping knows.
func hasProgram(expr hclsyntax.Expression) bool {
	found := false
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if f, ok := n.(*hclsyntax.FunctionCallExpr); ok && isProgramCall(f.Name) {
			found = true
		}
		return nil
	})
	return found
}

func unwrapTuple(attr *hclsyntax.Attribute) ([]hclsyntax.Expression, bool) {
	if attr == nil {
		return nil, false
	}
	list, ok := unwrap(attr.Expr).(*hclsyntax.TupleConsExpr)
	if !ok {
		return nil, false
	}
	return list.Exprs, true
}

// settleJoins says which joins' targets are read.
func (p *pipelineLoad) settleJoins() {
	reads := p.p.Program.Reads()
	for _, j := range p.p.Joins {
		if _, ok := reads.Roots[j.Name+".target"]; ok && p.targets[j.Name] {
			if j.Many == "list" {
				p.l.out.add("scope", p.joinRange(j.Name), j.Name+".target can't be read of a list",
					"With many = \"list\" there are several targets. Use many = \"first\" or \"error\".")
			}
			if p.p.Targets == nil {
				p.p.Targets = map[string]string{}
			}
			p.p.Targets[j.Name] = j.With
		}
	}
}

// joinRange is where a join stands.
func (p *pipelineLoad) joinRange(name string) hcl.Range {
	for _, j := range p.joins {
		if j.block.Labels[0] == name {
			return j.block.DefRange()
		}
	}
	return p.d.Block.DefRange()
}
