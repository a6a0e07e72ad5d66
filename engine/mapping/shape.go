package mapping

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"koppel/engine/record"
)

// A shape is what a node computes, where it is one of the common computations
// that are also compiled to a piece. Nodes and expr programs become shapes
// alike, so what they mean directly is written once.
type shape struct {
	op    string // shapeSource, shapeConst, an operator of expr, or a function
	slot  int    // of shapeSource
	value val    // of shapeConst
	args  []*shape
	built *direct // of shapeBuilt
}

// A direct is what a shape that no language shares is compiled to; nil parts
// are those that it does not have.
type direct struct {
	piece   piece
	test    test
	operand operand
}

// Operations of shapes that are no functions or operators.
const (
	shapeSource = "src"
	shapeConst  = "const"
	shapeBuilt  = "built"
	shapeToday  = "today"
	shapeChoice = "?:"
	shapeJoin   = "join of a list" // join of one list by a separator
)

// shape returns the shape of a node that has been compiled; nil for those that
// have none.
func (c *compiler) shape(n *Node) *shape {
	switch n.Kind {
	case KindPath:
		return c.pathShape(n.Name, n.Steps)
	case KindConst:
		v, err := constantVal(n.Value)
		if err != nil {
			return nil
		}
		return constShape(v)
	case KindToday:
		return &shape{op: shapeToday}
	case KindCall:
		args := make([]*shape, len(n.Nodes))
		for i, a := range n.Nodes {
			args[i] = c.shape(a)
		}
		return composed(n.Name, args...)
	case KindExpr, KindJQ:
		return c.shapes[n]
	}
	return nil
}

// composed is an operation on shapes; nil when one of them is none.
func composed(op string, args ...*shape) *shape {
	if slices.Contains(args, nil) {
		return nil
	}
	return &shape{op: op, args: args}
}

func constShape(v val) *shape {
	if isList(v) || isObject(v) {
		return nil
	}
	return &shape{op: shapeConst, value: v}
}

// pathShape knows members of the source record, and constants.
func (c *compiler) pathShape(root string, steps []string) *shape {
	switch {
	case root == "src" && c.scope.src && !c.scope.judging:
		if len(steps) == 0 || slices.ContainsFunc(steps, isIndex) {
			return nil
		}
		return &shape{op: shapeSource, slot: c.p.tree.Want(steps...)}
	case slices.Contains(knownRoots(c.p.names)[:3], root) || slices.Contains(c.p.names, root):
		return nil
	case c.p.consts.has(root):
		if v, problem, _ := c.p.consts.lookup(root, steps); problem == "" {
			return constShape(v)
		}
	}
	return nil
}

func (x *exprCompiler) shape(n ast.Node) *shape {
	switch n := n.(type) {
	case *ast.NilNode:
		return constShape(null())
	case *ast.IntegerNode:
		return constShape(integerOf(int64(n.Value)))
	case *ast.FloatNode:
		return constShape(floatOf(n.Value))
	case *ast.BoolNode:
		return constShape(boolean(n.Value))
	case *ast.StringNode:
		return constShape(textOf(n.Value))
	case *ast.IdentifierNode:
		if n.Value == "today" {
			return &shape{op: shapeToday}
		}
	case *ast.ChainNode:
		return x.shape(n.Node)
	case *ast.MemberNode:
		if id, steps, ok := x.chain(n); ok {
			return x.c.pathShape(id.Value, steps)
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return composed("!", x.shape(n.Node))
		}
	case *ast.BinaryNode:
		return composed(n.Operator, x.shape(n.Left), x.shape(n.Right))
	case *ast.ConditionalNode:
		return composed(shapeChoice, x.shape(n.Cond), x.shape(n.Exp1), x.shape(n.Exp2))
	case *ast.CallNode:
		return x.callShape(n)
	}
	return nil
}

func (x *exprCompiler) callShape(n *ast.CallNode) *shape {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || x.c.funcs[id.Value] == nil {
		return nil
	}
	args := make([]*shape, len(n.Arguments))
	for i, a := range n.Arguments {
		args[i] = x.shape(a)
	}
	s := composed(id.Value, args...)
	if s == nil || s.op != "join" || args[0].op == shapeConst && len(args) > 1 {
		return s
	}
	// In expr join takes its arguments in either order.
	if len(args) == 2 && args[1].op == shapeConst {
		return composed(shapeJoin, args[1], args[0])
	}
	return nil
}

// isConstText reports whether a shape is a constant text.
func (s *shape) isConstText() bool { return s.op == shapeConst && s.value.kind == record.String }
