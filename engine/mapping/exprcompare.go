package mapping

import (
	"bytes"
	"regexp"
	"slices"

	"github.com/expr-lang/expr/ast"

	"koppel/engine/record"
)

// equal compares two values. Null equals null only; text, numbers and booleans
// do not compare with each other.
func (e *Evaluator) equal(a, b val) (bool, error) {
	switch {
	case a.isNull() || b.isNull():
		return a.isNull() && b.isNull(), nil
	case a.kind == b.kind:
		return e.same(a, b, 0)
	case isScalar(a) && isScalar(b):
		return false, about(CodeType, "cannot compare "+kindName(a)+" with "+kindName(b)+"; convert one of them with string(…), number(…) or bool(…)", a)
	}
	return false, nil
}

func isScalar(v val) bool { return !isList(v) && !isObject(v) && !v.isNull() }

// same compares deeply; values of different types inside lists and objects
// are different.
func (e *Evaluator) same(a, b val, depth int) (bool, error) {
	if a.kind != b.kind {
		return false, nil
	}
	if depth > maxDepth {
		return false, newFault(CodeLimit, "the value is nested more than 256 levels deep")
	}
	switch a.kind {
	case record.Bool:
		return a.n == b.n, nil
	case record.String:
		return bytes.Equal(a.b, b.b), nil
	case record.Number:
		return compareNumbers(a, b) == 0, nil
	case record.List:
		as, err := e.elements(a)
		if err != nil {
			return false, err
		}
		bs, err := e.elements(b)
		if err != nil || len(as) != len(bs) {
			return false, err
		}
		return e.sameAll(as, bs, depth)
	case record.Object:
		an, as, err := e.members(a)
		if err != nil {
			return false, err
		}
		bn, bs, err := e.members(b)
		if err != nil || !slices.Equal(an, bn) {
			return false, err
		}
		return e.sameAll(as, bs, depth)
	}
	return true, nil
}

func (e *Evaluator) sameAll(as, bs []val, depth int) (bool, error) {
	for i := range as {
		if err := e.spend(1); err != nil {
			return false, err
		}
		if t, err := e.same(as[i], bs[i], depth+1); err != nil || !t {
			return false, err
		}
	}
	return true, nil
}

// ordering compares numbers with numbers and text with text; with null it is
// false.
func ordering(op string, holds func(int) bool) binaryOp {
	return func(_ *Evaluator, a, b val) (val, error) {
		if a.isNull() || b.isNull() {
			return boolean(false), nil
		}
		c, err := compare(op, a, b)
		return boolean(err == nil && holds(c)), err
	}
}

func compare(op string, a, b val) (int, error) {
	switch {
	case isNumber(a) && isNumber(b):
		return compareNumbers(a, b), nil
	case isText(a) && isText(b):
		return bytes.Compare(a.b, b.b), nil
	}
	return 0, about(CodeType, op+" compares two numbers or two texts, not "+kindName(a)+" and "+kindName(b), a)
}

// in is a in b: an element of a list, a member of an object.
func (e *Evaluator) in(a, b val) (bool, error) {
	switch {
	case b.isNull():
		return false, nil
	case isObject(b):
		if a.isNull() {
			return false, nil
		}
		if !isText(a) {
			return false, about(CodeType, "the name of a member is text, not "+kindName(a), a)
		}
		_, found, err := e.member(b, string(a.b))
		return found, err
	case !isList(b):
		return false, about(CodeType, "in looks in a list or an object, not in "+kindName(b)+"; text has contains", b)
	}
	vs, err := e.elements(b)
	for _, v := range vs {
		if err == nil {
			err = e.spend(1)
		}
		if err != nil {
			return false, err
		}
		if t, err := e.equal(a, v); err != nil || t {
			return t, err
		}
	}
	return false, err
}

// textTest is an operator on two texts; with null it is false.
func textTest(op string, holds func(a, b []byte) bool) binaryOp {
	return func(_ *Evaluator, a, b val) (val, error) {
		if a.isNull() || b.isNull() {
			return boolean(false), nil
		}
		for _, v := range []val{a, b} {
			if !isText(v) {
				return null(), needText(op, v)
			}
		}
		return boolean(holds(a.b, b.b)), nil
	}
}

// matches compiles a match with a regular expression.
func (x *exprCompiler) matches(n *ast.BinaryNode) code {
	left, right := x.node(n.Left), x.node(n.Right)
	if s, ok := n.Right.(*ast.StringNode); ok {
		re, err := regexp.Compile(s.Value)
		if err != nil {
			return x.problem(n.Right, CodeSyntax, err.Error(), "")
		}
		return x.at(n, func(e *Evaluator) (val, error) {
			v, err := left(e)
			if err != nil || v.isNull() {
				return boolean(false), err
			}
			return e.matched(re, v)
		})
	}
	return x.at(n, func(e *Evaluator) (val, error) {
		v, err := left(e)
		if err != nil {
			return null(), err
		}
		p, err := right(e)
		if err != nil || v.isNull() || p.isNull() {
			return boolean(false), err
		}
		re, err := e.regexp(p)
		if err != nil {
			return null(), err
		}
		return e.matched(re, v)
	})
}

func (e *Evaluator) matched(re *regexp.Regexp, v val) (val, error) {
	if !isText(v) {
		return null(), needText("matches", v)
	}
	if err := e.spend(1 + len(v.b)>>4); err != nil {
		return null(), err
	}
	return boolean(re.Match(v.b)), nil
}

// regexp compiles a regular expression that a record gives.
func (e *Evaluator) regexp(p val) (*regexp.Regexp, error) {
	if !isText(p) {
		return nil, needText("matches", p)
	}
	if re, ok := e.regexps[string(p.b)]; ok {
		return re, nil
	}
	if len(p.b) > 1000 {
		return nil, newFault(CodeLimit, "the regular expression is longer than 1,000 bytes")
	}
	re, err := regexp.Compile(string(p.b))
	if err != nil {
		return nil, about(CodeConvert, "the text is no regular expression", p)
	}
	if e.regexps == nil || len(e.regexps) >= 100 {
		e.regexps = map[string]*regexp.Regexp{}
	}
	e.regexps[string(p.b)] = re
	return re, e.spend(1000)
}
