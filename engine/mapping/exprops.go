package mapping

import (
	"bytes"
	"math"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"koppel/engine/record"
)

func isList(v val) bool   { return v.kind == record.List }
func isObject(v val) bool { return v.kind == record.Object }
func isNumber(v val) bool { return v.kind == record.Number }

// truth is a condition's verdict; null counts as false.
func truth(v val) (bool, error) {
	if v.kind == record.Bool || v.isNull() {
		return v.isTrue(), nil
	}
	return false, about(CodeType, "true or false is needed, not "+kindName(v), v)
}

func (x *exprCompiler) conditional(n *ast.ConditionalNode) code {
	cond, yes, no := x.test(n.Cond), x.node(n.Exp1), x.node(n.Exp2)
	return func(e *Evaluator) (val, error) {
		v, err := cond(e)
		if err != nil {
			return null(), err
		}
		if v.isTrue() {
			return yes(e)
		}
		return no(e)
	}
}

// test compiles a condition: its code gives true or false.
func (x *exprCompiler) test(n ast.Node) code {
	run := x.node(n)
	return x.at(n, func(e *Evaluator) (val, error) {
		v, err := run(e)
		if err != nil || v.kind == record.Bool {
			return v, err
		}
		t, err := truth(v)
		return boolean(t), err
	})
}

func (x *exprCompiler) unary(n *ast.UnaryNode) code {
	if n.Operator == "not" || n.Operator == "!" {
		run := x.test(n.Node)
		return func(e *Evaluator) (val, error) {
			v, err := run(e)
			return boolean(!v.isTrue()), err
		}
	}
	run := x.node(n.Node)
	return x.at(n, func(e *Evaluator) (val, error) {
		v, err := run(e)
		switch {
		case err != nil:
			return null(), err
		case !isNumber(v):
			return null(), about(CodeType, n.Operator+" takes a number, not "+kindName(v), v)
		case n.Operator == "-":
			return negative(v)
		}
		return v, nil
	})
}

// negative is -v, digits kept.
func negative(v val) (val, error) {
	switch {
	case v.form == floating:
		return floatOf(-v.float()), nil
	case v.form == literal && v.b[0] == '-':
		return val{kind: record.Number, b: v.b[1:]}, nil
	case v.form == literal:
		return val{kind: record.Number, b: append([]byte{'-'}, v.b...)}, nil
	case int64(v.n) == math.MinInt64:
		return null(), overflow()
	}
	return integerOf(-int64(v.n)), nil
}

func (x *exprCompiler) binary(n *ast.BinaryNode) code {
	switch n.Operator {
	case "and", "&&", "or", "||":
		return x.logic(n)
	case "??":
		return x.orElse(n)
	case "matches":
		return x.matches(n)
	}
	op := binaryOperation(n.Operator)
	if op == nil {
		return x.problem(n, CodeSyntax, "unknown operator "+n.Operator, "")
	}
	left, right := x.node(n.Left), x.node(n.Right)
	from, to := x.span(n.Location())
	node := x.n
	return func(e *Evaluator) (val, error) {
		a, err := left(e)
		if err != nil {
			return null(), err
		}
		b, err := right(e)
		if err != nil {
			return null(), err
		}
		v, err := op(e, a, b)
		if err != nil {
			return null(), placed(err, node, from, to)
		}
		return v, nil
	}
}

func (x *exprCompiler) logic(n *ast.BinaryNode) code {
	left, right := x.test(n.Left), x.test(n.Right)
	stop := n.Operator == "or" || n.Operator == "||"
	return func(e *Evaluator) (val, error) {
		v, err := left(e)
		if err != nil || v.isTrue() == stop {
			return v, err
		}
		return right(e)
	}
}

func (x *exprCompiler) orElse(n *ast.BinaryNode) code {
	left, right := x.node(n.Left), x.node(n.Right)
	return func(e *Evaluator) (val, error) {
		v, err := left(e)
		if err != nil || !v.isNull() {
			return v, err
		}
		return right(e)
	}
}

type binaryOp func(e *Evaluator, a, b val) (val, error)

func binaryOperation(op string) binaryOp {
	switch op {
	case "==":
		return func(e *Evaluator, a, b val) (val, error) {
			t, err := e.equal(a, b)
			return boolean(t), err
		}
	case "!=":
		return func(e *Evaluator, a, b val) (val, error) {
			t, err := e.equal(a, b)
			return boolean(!t), err
		}
	case "<":
		return ordering(op, func(c int) bool { return c < 0 })
	case "<=":
		return ordering(op, func(c int) bool { return c <= 0 })
	case ">":
		return ordering(op, func(c int) bool { return c > 0 })
	case ">=":
		return ordering(op, func(c int) bool { return c >= 0 })
	case "in":
		return func(e *Evaluator, a, b val) (val, error) {
			t, err := e.in(a, b)
			return boolean(t), err
		}
	case "contains":
		return textTest(op, bytes.Contains)
	case "startsWith":
		return textTest(op, bytes.HasPrefix)
	case "endsWith":
		return textTest(op, bytes.HasSuffix)
	case "+":
		return add
	case "-", "*", "/", "%", "**", "^":
		return func(_ *Evaluator, a, b val) (val, error) { return arithmetic(op, a, b) }
	case "..":
		return numberRange
	}
	return nil
}

func overflow() error {
	return newFault(CodeLimit, "the numbers are too large for exact arithmetic in 64 bits")
}

// add is a + b: two numbers or two texts.
func add(e *Evaluator, a, b val) (val, error) {
	if !isText(a) || !isText(b) {
		return arithmetic("+", a, b)
	}
	if err := e.grow(len(a.b) + len(b.b)); err != nil {
		return null(), err
	}
	start := len(e.arena)
	e.arena = append(append(e.arena, a.b...), b.b...)
	return text(e.cut(start)), nil
}

// arithmetic computes on two numbers: exactly when both are written as whole
// numbers, else in float64. / and ** always give a float64.
func arithmetic(op string, a, b val) (val, error) {
	for _, v := range []val{a, b} {
		if !isNumber(v) {
			what := " takes numbers, not "
			if op == "+" {
				what = " takes two numbers or two texts, not "
			}
			return null(), about(CodeType, op+what+kindName(v), v)
		}
	}
	switch op {
	case "/", "**", "^":
	default:
		if isWhole(a) && isWhole(b) {
			return exact(op, a, b)
		}
	}
	x, y := asFloat(a), asFloat(b)
	var f float64
	switch op {
	case "+":
		f = x + y
	case "-":
		f = x - y
	case "*":
		f = x * y
	case "/":
		f = x / y
	case "%":
		return null(), about(CodeType, "% takes whole numbers", a)
	default:
		f = math.Pow(x, y)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		if op == "/" && y == 0 {
			return null(), about(CodeConvert, "division by zero", a)
		}
		return null(), about(CodeConvert, "the result is no number that JSON can hold", a)
	}
	return floatOf(f), nil
}

// exact computes on whole numbers.
func exact(op string, a, b val) (val, error) {
	x, okX := asInt(a)
	y, okY := asInt(b)
	if !okX || !okY {
		return null(), overflow()
	}
	var r int64
	fits := true
	switch op {
	case "+":
		r = x + y
		fits = (r >= x) == (y >= 0)
	case "-":
		r = x - y
		fits = (r <= x) == (y >= 0)
	case "*":
		r = x * y
		fits = x == 0 || r/x == y && !(x == -1 && y == math.MinInt64)
	case "%":
		if y == 0 {
			return null(), about(CodeConvert, "division by zero", a)
		}
		if y != -1 {
			r = x % y
		}
	}
	if !fits {
		return null(), overflow()
	}
	return integerOf(r), nil
}

// numberRange is a..b: the whole numbers from a to b.
func numberRange(e *Evaluator, a, b val) (val, error) {
	from, err := wholeArgument("..", a)
	if err != nil {
		return null(), err
	}
	to, err := wholeArgument("..", b)
	if err != nil {
		return null(), err
	}
	if to < from {
		return listOf(nil), nil
	}
	n := uint64(to) - uint64(from) + 1
	if n == 0 || n > maxOutput/64 {
		return null(), newFault(CodeLimit, "the range has more than 262,144 elements")
	}
	if err := e.grow(int(n) * 64); err != nil {
		return null(), err
	}
	vs := make([]val, n)
	for i := range vs {
		vs[i] = integerOf(from + int64(i))
	}
	return listOf(vs), nil
}

func (x *exprCompiler) slice(n *ast.SliceNode) code {
	of := x.node(n.Node)
	from, to := always(integerOf(0)), always(null())
	if n.From != nil {
		from = x.node(n.From)
	}
	if n.To != nil {
		to = x.node(n.To)
	}
	return x.at(n, func(e *Evaluator) (val, error) {
		v, err := of(e)
		if err != nil || v.isNull() {
			return null(), err
		}
		a, err := from(e)
		if err != nil {
			return null(), err
		}
		b, err := to(e)
		if err != nil {
			return null(), err
		}
		return e.sliced(v, a, b)
	})
}

// sliced is v[a:b], b null meaning the end: of a list, or of text by code
// points.
func (e *Evaluator) sliced(v, a, b val) (val, error) {
	n, vs := 0, []val(nil)
	switch {
	case isText(v):
		n = utf8.RuneCount(v.b)
	case isList(v):
		var err error
		if vs, err = e.elements(v); err != nil {
			return null(), err
		}
		n = len(vs)
	default:
		return null(), about(CodeType, kindName(v)+" has no slices", v)
	}
	if b.isNull() {
		b = integerOf(int64(n))
	}
	from, err := wholeArgument("a slice", a)
	if err != nil {
		return null(), err
	}
	to, err := wholeArgument("a slice", b)
	if err != nil {
		return null(), err
	}
	from, to = clampPlace(from, n), clampPlace(to, n)
	from = min(from, to)
	if isText(v) {
		s := v.b[runes(v.b, from):]
		return text(s[:runes(s, to-from)]), nil
	}
	return listOf(vs[from:to]), nil
}

func clampPlace(at int64, n int) int64 {
	if at < 0 {
		at += int64(n)
	}
	return min(max(at, 0), int64(n))
}
