package dsl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"koppel/engine/mapping"
)

// A converter turns expressions that are evaluated per record into nodes of
// package mapping.
type converter struct {
	v      *values
	in     *instance
	files  *sourceFiles
	places *places
	table  map[string]bool // the functions of package mapping
	names  []string        // of joins and lookups
	// words says that `record` and `changed` stand for members of the input.
	words bool
	// templates holds the files that template_file names.
	templates map[string]string
	// failed says that something had a problem.
	failed bool
	// programs holds the texts of all programs, to see which constants they read.
	programs []string
}

// node converts an expression. One with a problem, which was reported, becomes
// null, so that the problems of what stands around it are found as well.
func (c *converter) node(expr hclsyntax.Expression) *mapping.Node {
	if n := c.convert(expr); n != nil {
		return n
	}
	c.failed = true
	return mapping.Const(nil, false, c.places.whole(expr.Range()))
}

// convert converts an expression. Nil: it has a problem, which was reported.
func (c *converter) convert(expr hclsyntax.Expression) *mapping.Node {
	switch e := unwrap(expr).(type) {
	case *hclsyntax.ScopeTraversalExpr:
		return c.path(e.Traversal, e.SrcRange)
	case *hclsyntax.IndexExpr, *hclsyntax.RelativeTraversalExpr:
		return c.longPath(e)
	case *hclsyntax.FunctionCallExpr:
		return c.call(e)
	case *hclsyntax.TupleConsExpr:
		return mapping.List(c.nodes(e.Exprs), c.places.whole(e.SrcRange))
	case *hclsyntax.ObjectConsExpr:
		return c.object(e)
	case *hclsyntax.ObjectConsKeyExpr:
		return c.constant(e)
	default:
		if c.perRecord(e) {
			c.notPerRecord(e)
			return nil
		}
		return c.constant(e)
	}
}

func (c *converter) nodes(exprs []hclsyntax.Expression) []*mapping.Node {
	list := make([]*mapping.Node, len(exprs))
	for i, e := range exprs {
		list[i] = c.node(e)
	}
	return list
}

func (c *converter) object(e *hclsyntax.ObjectConsExpr) *mapping.Node {
	var names []string
	var exprs []hclsyntax.Expression
	seen := map[string]bool{}
	for _, item := range e.Items {
		name, ok := c.memberName(item.KeyExpr)
		if !ok {
			c.failed = true
			c.nodes([]hclsyntax.Expression{item.ValueExpr})
			continue
		}
		if seen[name] {
			c.v.out.add("duplicate_argument", item.KeyExpr.Range(), fmt.Sprintf("%q stands twice in this object", name), "Keep one of them.")
			c.failed = true
			continue
		}
		seen[name] = true
		names, exprs = append(names, name), append(exprs, item.ValueExpr)
	}
	return mapping.Object(names, c.nodes(exprs), c.places.whole(e.SrcRange))
}

// memberName evaluates the name of a member: a word, a text, or (…) of what is
// known before a run.
func (c *converter) memberName(expr hclsyntax.Expression) (string, bool) {
	if c.perRecord(expr) {
		c.v.out.add("not_per_record", expr.Range(), "The name of a member can't come from a record", "Write the object as a jq program: jq(\"{(.name): .value}\").")
		return "", false
	}
	value, ok := c.v.typed(c.v.eval(expr, c.in), "the name of a member", expr.Range(), cty.DynamicPseudoType, "")
	if !ok {
		return "", false
	}
	if value.Type() == cty.Number {
		return value.AsBigFloat().Text('f', -1), true
	}
	if value.Type() != cty.String {
		c.v.out.add("invalid_value", expr.Range(), "The name of a member is no text", "Put it in quotes.")
		return "", false
	}
	return value.AsString(), true
}

// constant evaluates an expression that reads no record.
func (c *converter) constant(expr hclsyntax.Expression) *mapping.Node {
	value := c.v.eval(expr, c.in)
	if isBroken(value) {
		return nil
	}
	if reason := reasonOf(value); reason != "" && !value.IsWhollyKnown() {
		c.v.wait(reason)
	}
	return mapping.Const(plain(value), isSensitive(value), c.places.whole(expr.Range()))
}

// isRecordName tells whether a name stands for something of each record.
func (c *converter) isRecordName(root string) bool {
	if root == "record" || root == "changed" {
		return c.words
	}
	if recordRoots[root] {
		return true
	}
	for _, n := range c.names {
		if n == root {
			return true
		}
	}
	return false
}

// isConstantName tells whether a name is known before a run.
func isConstantName(root string) bool { return root == "var" || root == "local" || root == "each" }

// perRecord tells whether an expression reads a record, or an unknown name.
func (c *converter) perRecord(expr hclsyntax.Expression) bool {
	for _, t := range expr.Variables() {
		if root := t.RootName(); !isConstantName(root) && !isClass(root) {
			return true
		}
	}
	found := false
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if f, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			_, before := c.v.functions[f.Name]
			found = found || !before && (c.table[f.Name] || isProgramCall(f.Name))
		}
		return nil
	})
	return found
}

func isProgramCall(name string) bool { return name == "expr" || name == "jq" || name == "jq_file" }

// path converts src.A.b, NAME.x, today, var.x and the like.
func (c *converter) path(t hcl.Traversal, at hcl.Range) *mapping.Node {
	root := t.RootName()
	switch {
	case isConstantName(root):
		return c.constant(&hclsyntax.ScopeTraversalExpr{Traversal: t, SrcRange: at})
	case root == "today" && len(t) == 1:
		return mapping.Today(c.places.whole(at))
	case root == "now" && len(t) == 1:
		return mapping.Now(c.places.whole(at))
	case !c.isRecordName(root):
		c.unknownName(t, at)
		return nil
	}
	steps, ok := c.steps(t[1:])
	if !ok {
		return nil
	}
	if c.words && (root == "record" || root == "changed") {
		return mapping.Path("src", append([]string{root}, steps...), c.places.whole(at))
	}
	return mapping.Path(root, steps, c.places.whole(at))
}

func (c *converter) steps(t hcl.Traversal) ([]string, bool) {
	steps := make([]string, 0, len(t))
	for _, step := range t {
		name, ok := stepName(step)
		if !ok {
			index, isIndex := step.(hcl.TraverseIndex)
			if !isIndex || index.Key.Type() != cty.Number {
				c.v.out.add("not_per_record", step.SourceRange(), "[*] can't be used on values of records",
					"Write a jq program, as in jq(\"[.items[].name]\"), or expr(\"map(src.items, .name)\").")
				return nil, false
			}
			name = index.Key.AsBigFloat().Text('f', -1)
		}
		steps = append(steps, name)
	}
	return steps, true
}

// longPath converts paths with an index that is an expression: src[each.key].
func (c *converter) longPath(expr hclsyntax.Expression) *mapping.Node {
	if !c.perRecord(expr) {
		return c.constant(expr)
	}
	switch e := expr.(type) {
	case *hclsyntax.RelativeTraversalExpr:
		base := c.convert(unwrap(e.Source))
		if base == nil {
			return nil
		}
		steps, ok := c.steps(e.Traversal)
		if !ok {
			return nil
		}
		return c.extend(base, steps, e)
	case *hclsyntax.IndexExpr:
		if c.perRecord(e.Key) {
			c.v.out.add("not_per_record", e.Key.Range(), "An index can't come from a record",
				"Look it up in a table, as in table(\"NAME\", src.code), or write an expr program.")
			return nil
		}
		base := c.convert(unwrap(e.Collection))
		name, ok := c.memberName(e.Key)
		if base == nil || !ok {
			return nil
		}
		return c.extend(base, []string{name}, e)
	}
	return nil
}

// extend goes on from a path; other values have no members in HCL.
func (c *converter) extend(base *mapping.Node, steps []string, e hclsyntax.Expression) *mapping.Node {
	if base.Kind != mapping.KindPath {
		c.v.out.add("not_per_record", e.Range(), "A member can be taken of a path only",
			"Write an expr program%s.", c.asExpr(e))
		return nil
	}
	all := append(append([]string{}, base.Steps...), steps...)
	return mapping.Path(base.Name, all, c.places.whole(e.Range()))
}

// unknownName reports a name that nothing stands for.
func (c *converter) unknownName(t hcl.Traversal, at hcl.Range) {
	root := t.RootName()
	if isClass(root) {
		c.v.out.add("scope", at, fmt.Sprintf("A reference to a %s is no value of a record", root), "Join it to read its records: join \"NAME\" { with = %s … }.", traversalText(t))
		return
	}
	known := append([]string{"src", "item", "today", "now", "var", "local", "each"}, c.names...)
	if c.words {
		known = append(known, "record", "changed")
	}
	hint := didYouMean(root, known)
	if hint == "" && len(t) == 1 {
		hint = fmt.Sprintf(" A field of the record is src.%s; a text is %q.", root, root)
	}
	c.v.out.add("unknown_name", hcl.RangeBetween(t[0].SourceRange(), t[0].SourceRange()), fmt.Sprintf("There is nothing called %q", root),
		"Names that are known here: %s.%s", strings.Join(known, ", "), hint)
}
