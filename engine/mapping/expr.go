package mapping

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// maxProgram bounds the text of one program in bytes.
const maxProgram = 256 << 10

// An exprCompiler turns one expr program into code. The language's own parser
// reads it; it is evaluated here, so that null, numbers and bounds follow the
// rules of records.
type exprCompiler struct {
	c        *compiler
	n        *Node
	offsets  []int // of every code point, in bytes; nil when all is ASCII
	lets     []let
	loops    []loop
	builtins map[string]exprBuiltin
}

// A let is a variable of the program; a loop the places of a predicate.
type let struct {
	name string
	slot int
}

type loop struct{ item, index, acc int }

func (c *compiler) expr(n *Node) code {
	if c.exprConfig == nil {
		c.exprConfig, c.exprBuiltins = c.newExprConfig(), exprBuiltins()
	}
	x := &exprCompiler{c: c, n: n, offsets: runeOffsets(n.Text), builtins: c.exprBuiltins}
	if len(n.Text) > maxProgram {
		c.problem(n.Pos, CodeTooLarge, "the program is longer than 256 KiB", "")
		return nothing
	}
	tree, err := parser.ParseWithConfig(n.Text, c.exprConfig)
	if err != nil {
		x.syntax(err)
		return nothing
	}
	c.shapes[n] = x.shape(tree.Node)
	return x.node(tree.Node)
}

// newExprConfig tells the language's parser which names are not its own.
func (c *compiler) newExprConfig() *conf.Config {
	config := conf.CreateNew()
	for name := range c.funcs {
		config.Functions[name] = &builtin.Function{Name: name}
	}
	for _, name := range []string{"now", "duration", "timezone"} {
		config.Disabled[name] = true
	}
	return config
}

// syntax reports why the program could not be read.
func (x *exprCompiler) syntax(err error) {
	p := Problem{Pos: x.n.Pos, Offset: -1, End: -1, Code: CodeSyntax, Summary: "invalid expr: " + err.Error()}
	var fe *file.Error
	if errors.As(err, &fe) {
		p.Offset, p.End = x.span(fe.Location)
		p.Summary = "invalid expr: " + fe.Message
	}
	x.c.problems = append(x.c.problems, p)
}

// runeOffsets maps code points to bytes; nil when they are the same.
func runeOffsets(s string) []int {
	if len(s) == utf8.RuneCountInString(s) {
		return nil
	}
	var out []int
	for i := range s {
		out = append(out, i)
	}
	return append(out, len(s))
}

// span gives the bytes of a place in the program.
func (x *exprCompiler) span(l file.Location) (from, to int) {
	return x.byteAt(l.From), max(x.byteAt(l.To), x.byteAt(l.From))
}

func (x *exprCompiler) byteAt(runes int) int {
	if x.offsets != nil {
		return x.offsets[min(max(runes, 0), len(x.offsets)-1)]
	}
	return min(max(runes, 0), len(x.n.Text))
}

// problem reports a mistake at a node.
func (x *exprCompiler) problem(n ast.Node, code, summary, suggest string) code {
	from, to := x.span(n.Location())
	x.c.problems = append(x.c.problems, Problem{Pos: x.n.Pos, Offset: from, End: to, Code: code, Summary: summary, Suggest: suggest})
	return nothing
}

// at places errors of run at a node.
func (x *exprCompiler) at(n ast.Node, run code) code {
	from, to := x.span(n.Location())
	node := x.n
	return func(e *Evaluator) (val, error) {
		v, err := run(e)
		if err != nil {
			return null(), placed(err, node, from, to)
		}
		return v, nil
	}
}

func (x *exprCompiler) node(n ast.Node) code {
	switch n := n.(type) {
	case *ast.NilNode:
		return nothing
	case *ast.IntegerNode:
		return always(integerOf(int64(n.Value)))
	case *ast.FloatNode:
		return always(floatOf(n.Value))
	case *ast.BoolNode:
		return always(boolean(n.Value))
	case *ast.StringNode:
		return always(textOf(n.Value))
	case *ast.IdentifierNode:
		return x.identifier(n)
	case *ast.ChainNode:
		return x.node(n.Node)
	case *ast.MemberNode:
		return x.member(n)
	case *ast.UnaryNode:
		return x.unary(n)
	case *ast.BinaryNode:
		return x.binary(n)
	case *ast.ConditionalNode:
		return x.conditional(n)
	}
	return x.composite(n)
}

func (x *exprCompiler) composite(n ast.Node) code {
	switch n := n.(type) {
	case *ast.SliceNode:
		return x.slice(n)
	case *ast.CallNode:
		return x.call(n)
	case *ast.BuiltinNode:
		return x.builtin(n)
	case *ast.PointerNode:
		return x.pointer(n)
	case *ast.VariableDeclaratorNode:
		return x.declare(n)
	case *ast.SequenceNode:
		return x.sequence(n)
	case *ast.ArrayNode:
		return x.list(n)
	case *ast.MapNode:
		return x.object(n)
	case *ast.PredicateNode:
		return x.node(n.Node)
	case *ast.BytesNode:
		return x.problem(n, CodeSyntax, "bytes are no value of a record; write text", "")
	}
	return x.problem(n, CodeSyntax, fmt.Sprintf("%T is not supported", n), "")
}

func (x *exprCompiler) slot() int {
	x.c.p.locals++
	return x.c.p.locals - 1
}

// variable finds a let by name, the innermost first.
func (x *exprCompiler) variable(name string) (slot int, ok bool) {
	for i := len(x.lets) - 1; i >= 0; i-- {
		if x.lets[i].name == name {
			return x.lets[i].slot, true
		}
	}
	return 0, false
}

func readLocal(slot int) code {
	return func(e *Evaluator) (val, error) { return e.locals[slot], nil }
}

func (x *exprCompiler) identifier(n *ast.IdentifierNode) code {
	if slot, ok := x.variable(n.Value); ok {
		return readLocal(slot)
	}
	switch n.Value {
	case "today":
		x.c.reads.Today = true
		return today
	case "now":
		x.c.reads.Now = true
		return now
	case "null":
		return x.problem(n, CodeName, "unknown name null", "nil")
	}
	return x.root(n, n.Value, nil)
}

// root compiles a path from a root on.
func (x *exprCompiler) root(n ast.Node, root string, steps []string) code {
	run, problem, suggest := x.c.root(root, steps)
	if problem == "" {
		return x.at(n, run)
	}
	if _, ok := x.c.funcs[root]; ok {
		problem, suggest = root+" is a function", root+"(…)"
	}
	if suggest == "" && nearest(root, []string{"today", "now"}) != "" {
		suggest = nearest(root, []string{"today", "now"})
	}
	return x.problem(n, x.c.rootCode(root), problem, suggest)
}

// member compiles a.b and a[b]. Where a name is asked of what is no object the
// result is null, as in a path.
func (x *exprCompiler) member(n *ast.MemberNode) code {
	if id, steps, ok := x.chain(n); ok {
		return x.root(id, id.Value, steps)
	}
	of, by := x.node(n.Node), x.node(n.Property)
	if name, ok := n.Property.(*ast.StringNode); ok {
		return x.at(n, func(e *Evaluator) (val, error) {
			v, err := of(e)
			if err != nil {
				return null(), err
			}
			return e.named(v, name.Value)
		})
	}
	return x.at(n, func(e *Evaluator) (val, error) {
		v, err := of(e)
		if err != nil {
			return null(), err
		}
		i, err := by(e)
		if err != nil {
			return null(), err
		}
		return e.index(v, i)
	})
}

// chain recognises root.a.b with names only.
func (x *exprCompiler) chain(n ast.Node) (root *ast.IdentifierNode, steps []string, ok bool) {
	switch n := n.(type) {
	case *ast.ChainNode:
		return x.chain(n.Node)
	case *ast.MemberNode:
		name, isName := n.Property.(*ast.StringNode)
		root, steps, ok = x.chain(n.Node)
		if !ok || !isName || isIndex(name.Value) {
			return nil, nil, false
		}
		return root, append(steps, name.Value), true
	case *ast.IdentifierNode:
		_, isLet := x.variable(n.Value)
		return n, nil, !isLet && n.Value != "today" && n.Value != "now"
	}
	return nil, nil, false
}

// named is v.name.
func (e *Evaluator) named(v val, name string) (val, error) {
	if !isObject(v) {
		return null(), nil
	}
	m, _, err := e.member(v, name)
	return m, err
}

// index is v[i].
func (e *Evaluator) index(v, i val) (val, error) {
	switch {
	case v.isNull() || i.isNull():
		return null(), nil
	case isObject(v):
		if !isText(i) {
			return null(), about(CodeType, "an object is indexed by text, not "+kindName(i), i)
		}
		return e.named(v, string(i.b))
	case isList(v):
		vs, err := e.elements(v)
		if err != nil {
			return null(), err
		}
		at, err := e.place(i, len(vs))
		if err != nil {
			return null(), err
		}
		return vs[at], nil
	case isText(v):
		at, err := e.place(i, utf8.RuneCount(v.b))
		if err != nil {
			return null(), err
		}
		s := v.b[runes(v.b, int64(at)):]
		return text(s[:runes(s, 1)]), nil
	}
	return null(), about(CodeType, kindName(v)+" cannot be indexed", v)
}

// place turns an index into one of n places; negative ones count from the end.
func (e *Evaluator) place(i val, n int) (int, error) {
	at, ok := int64(0), false
	if isNumber(i) {
		at, ok = asInt(i)
	}
	if !ok {
		return 0, about(CodeType, "a list is indexed by a whole number, not "+kindName(i), i)
	}
	if at < 0 {
		at += int64(n)
	}
	if at < 0 || at >= int64(n) {
		return 0, about(CodeType, fmt.Sprintf("the index is out of range: there are %d elements", n), i)
	}
	return int(at), nil
}

func (x *exprCompiler) declare(n *ast.VariableDeclaratorNode) code {
	if slices.Contains(knownRoots(x.c.p.names), n.Name) || n.Name == "today" || n.Name == "now" {
		return x.problem(n, CodeName, "let cannot redefine "+n.Name, "")
	}
	value, slot := x.node(n.Value), x.slot()
	x.lets = append(x.lets, let{n.Name, slot})
	body := x.node(n.Expr)
	x.lets = x.lets[:len(x.lets)-1]
	return func(e *Evaluator) (val, error) {
		v, err := value(e)
		if err != nil {
			return null(), err
		}
		e.locals[slot] = v
		return body(e)
	}
}

func (x *exprCompiler) sequence(n *ast.SequenceNode) code {
	codes := x.nodes(n.Nodes)
	return func(e *Evaluator) (v val, err error) {
		for _, run := range codes {
			if v, err = run(e); err != nil {
				return null(), err
			}
		}
		return v, nil
	}
}

func (x *exprCompiler) nodes(ns []ast.Node) []code {
	codes := make([]code, len(ns))
	for i, n := range ns {
		codes[i] = x.node(n)
	}
	return codes
}

func (x *exprCompiler) list(n *ast.ArrayNode) code {
	codes := x.nodes(n.Nodes)
	return func(e *Evaluator) (val, error) {
		if err := e.grow(64 * len(codes)); err != nil {
			return null(), placed(err, x.n, -1, -1)
		}
		vs := make([]val, len(codes))
		for i, run := range codes {
			var err error
			if vs[i], err = run(e); err != nil {
				return null(), err
			}
		}
		return listOf(vs), nil
	}
}

func (x *exprCompiler) object(n *ast.MapNode) code {
	var keys, values []code
	for _, p := range n.Pairs {
		pair := p.(*ast.PairNode)
		keys, values = append(keys, x.node(pair.Key)), append(values, x.node(pair.Value))
	}
	return x.at(n, func(e *Evaluator) (val, error) {
		if err := e.grow(96 * len(keys)); err != nil {
			return null(), err
		}
		names, vs := make([]string, len(keys)), make([]val, len(keys))
		for i := range keys {
			k, err := keys[i](e)
			if err != nil {
				return null(), err
			}
			if !isText(k) {
				return null(), about(CodeType, "the name of a member is text, not "+kindName(k), k)
			}
			if vs[i], err = values[i](e); err != nil {
				return null(), err
			}
			names[i] = string(k.b)
		}
		return objectOf(names, vs), nil
	})
}

func (x *exprCompiler) pointer(n *ast.PointerNode) code {
	if len(x.loops) == 0 {
		return x.problem(n, CodeName, "# stands for an element inside a predicate only", "")
	}
	l := x.loops[len(x.loops)-1]
	switch n.Name {
	case "":
		return readLocal(l.item)
	case "index":
		return readLocal(l.index)
	case "acc":
		if l.acc >= 0 {
			return readLocal(l.acc)
		}
		return x.problem(n, CodeName, "#acc is known in reduce only", "")
	}
	return x.problem(n, CodeName, "unknown name #"+n.Name, nearest("#"+n.Name, []string{"#index", "#acc"}))
}
