package mapping

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// jqOperation gives the code of a binary operator; nil for those that are not
// compiled.
func jqOperation(op gojq.Operator) func(e *Evaluator, l, r val) (val, error) {
	switch op {
	case gojq.OpAdd:
		return (*Evaluator).added
	case gojq.OpSub:
		return (*Evaluator).subtracted
	case gojq.OpMul:
		return (*Evaluator).multiplied
	case gojq.OpDiv:
		return (*Evaluator).divided
	case gojq.OpMod:
		return (*Evaluator).remainder
	case gojq.OpEq:
		return jqOrdered(func(c int) bool { return c == 0 })
	case gojq.OpNe:
		return jqOrdered(func(c int) bool { return c != 0 })
	case gojq.OpLt:
		return jqOrdered(func(c int) bool { return c < 0 })
	case gojq.OpLe:
		return jqOrdered(func(c int) bool { return c <= 0 })
	case gojq.OpGt:
		return jqOrdered(func(c int) bool { return c > 0 })
	case gojq.OpGe:
		return jqOrdered(func(c int) bool { return c >= 0 })
	}
	return nil
}

func jqOrdered(holds func(c int) bool) func(e *Evaluator, l, r val) (val, error) {
	return func(e *Evaluator, l, r val) (val, error) {
		if err := e.chargeVal(l); err != nil {
			return null(), err
		}
		if err := e.chargeVal(r); err != nil {
			return null(), err
		}
		c, err := e.ordered(l, r, 0)
		return boolean(holds(c)), err
	}
}

// ordered compares any two values: -1, 0, 1.
func (e *Evaluator) ordered(l, r val, depth int) (int, error) {
	if i, j := jqRank(l), jqRank(r); i != j {
		return cmp.Compare(i, j), nil
	}
	if err := e.spend(1); err != nil {
		return 0, err
	}
	if depth > maxDepth {
		return 0, newFault(CodeLimit, "the value is nested more than 256 levels deep")
	}
	switch l.kind {
	case record.Number:
		return e.orderedNumbers(l, r)
	case record.String:
		return bytes.Compare(l.b, r.b), e.spend(min(len(l.b), len(r.b)) >> 9)
	case record.List:
		return e.orderedLists(l, r, depth)
	case record.Object:
		return e.orderedObjects(l, r, depth)
	}
	return 0, nil
}

// jqRank orders the types.
func jqRank(v val) int {
	switch v.kind {
	case record.Bool:
		return 1 + int(v.n)
	case record.Number:
		return 3
	case record.String:
		return 4
	case record.List:
		return 5
	case record.Object:
		return 6
	}
	return 0
}

func (e *Evaluator) orderedNumbers(l, r val) (int, error) {
	if i, ok := jqInt(l); ok {
		if j, ok := jqInt(r); ok {
			return cmp.Compare(i, j), nil
		}
	}
	if f, ok := jqFloat(l); ok {
		if g, ok := jqFloat(r); ok && f == f && g == g {
			return cmp.Compare(f, g), nil
		}
	}
	a, err := e.plain(l)
	if err != nil {
		return 0, err
	}
	b, err := e.plain(r)
	return gojq.Compare(a, b), err
}

func (e *Evaluator) orderedLists(l, r val, depth int) (int, error) {
	a, err := e.itemsOf(l)
	if err != nil {
		return 0, err
	}
	b, err := e.itemsOf(r)
	if err != nil {
		return 0, err
	}
	for i := range min(len(a), len(b)) {
		if c, err := e.ordered(a[i], b[i], depth+1); c != 0 || err != nil {
			return c, err
		}
	}
	return cmp.Compare(len(a), len(b)), nil
}

func (e *Evaluator) orderedObjects(l, r val, depth int) (int, error) {
	names, a, err := e.membersOf(l)
	if err != nil {
		return 0, err
	}
	others, b, err := e.membersOf(r)
	if err != nil {
		return 0, err
	}
	if c := slices.Compare(names, others); c != 0 {
		return c, e.spend(min(len(a), len(b)))
	}
	for i := range a {
		if c, err := e.ordered(a[i], b[i], depth+1); c != 0 || err != nil {
			return c, err
		}
	}
	return 0, nil
}

// added is l + r.
func (e *Evaluator) added(l, r val) (val, error) {
	switch {
	case l.isNull():
		return r, nil
	case l.kind == record.Number:
		if i, ok := jqInt(l); ok {
			if j, ok := jqInt(r); ok {
				if sum := i + j; (sum >= i) == (j >= 0) {
					return integerOf(int64(sum)), nil
				}
				return e.operate(jqAdd, l, r)
			}
		}
		if f, g, ok := floats(l, r); ok {
			return floatOf(f + g), nil
		}
		if _, ok := jqFloat(l); ok && r.isNull() {
			return l, nil
		}
	case r.isNull():
		return l, nil
	case l.kind == record.String && r.kind == record.String:
		return e.joined(l.b, r.b)
	case l.kind == record.List && r.kind == record.List:
		return e.chained(l, r)
	case l.kind == record.Object && r.kind == record.Object:
		return e.merged(l, r)
	}
	return e.operate(jqAdd, l, r)
}

// floats gives two numbers of which one at least is a float64.
func floats(l, r val) (f, g float64, ok bool) {
	if f, ok = jqFloat(l); ok {
		g, ok = jqFloat(r)
	}
	if ok {
		_, i := jqInt(l)
		_, j := jqInt(r)
		ok = !i || !j
	}
	return f, g, ok
}

// joined puts two texts together.
func (e *Evaluator) joined(l, r []byte) (val, error) {
	if err := e.grow(len(l) + len(r)); err != nil {
		return null(), err
	}
	start := len(e.arena)
	e.arena = append(append(e.arena, l...), r...)
	return text(e.cut(start)), nil
}

// chained puts two lists together.
func (e *Evaluator) chained(l, r val) (val, error) {
	a, err := e.itemsOf(l)
	if err != nil {
		return null(), err
	}
	b, err := e.itemsOf(r)
	if err != nil {
		return null(), err
	}
	if err := e.grow(64 * (len(a) + len(b))); err != nil {
		return null(), err
	}
	return listOf(slices.Concat(a, b)), nil
}

// merged is an object with the members of l and r; those of r count.
func (e *Evaluator) merged(l, r val) (val, error) {
	names, a, err := e.membersOf(l)
	if err != nil {
		return null(), err
	}
	others, b, err := e.membersOf(r)
	if err != nil {
		return null(), err
	}
	if err := e.grow(80 * (len(a) + len(b))); err != nil {
		return null(), err
	}
	out := &box{names: make([]string, 0, len(a)+len(b)), list: make([]val, 0, len(a)+len(b))}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case j == len(b) || i < len(a) && names[i] < others[j]:
			out.names, out.list = append(out.names, names[i]), append(out.list, a[i])
			i++
		default:
			if i < len(a) && names[i] == others[j] {
				i++
			}
			out.names, out.list = append(out.names, others[j]), append(out.list, b[j])
			j++
		}
	}
	return val{kind: record.Object, p: out}, nil
}

func (e *Evaluator) subtracted(l, r val) (val, error) {
	if i, ok := jqInt(l); ok {
		if j, ok := jqInt(r); ok {
			if d := i - j; (d <= i) == (j >= 0) {
				return integerOf(int64(d)), nil
			}
		}
	}
	if f, g, ok := floats(l, r); ok {
		return floatOf(f - g), nil
	}
	return e.operate(jqSubtract, l, r)
}

func (e *Evaluator) multiplied(l, r val) (val, error) {
	const small = 1 << 31
	if i, ok := jqInt(l); ok && -small < i && i < small {
		if j, ok := jqInt(r); ok && -small < j && j < small {
			return integerOf(int64(i * j)), nil
		}
	}
	if f, g, ok := floats(l, r); ok {
		return floatOf(f * g), nil
	}
	return e.operate(jqMultiply, l, r)
}

func (e *Evaluator) divided(l, r val) (val, error) {
	if i, ok := jqInt(l); ok {
		if j, ok := jqInt(r); ok && j != 0 && j != -1 {
			if i%j == 0 {
				return integerOf(int64(i / j)), nil
			}
			return floatOf(float64(i) / float64(j)), nil
		}
	}
	if f, g, ok := floats(l, r); ok && g != 0 {
		return floatOf(f / g), nil
	}
	return e.operate(jqDivide, l, r)
}

func (e *Evaluator) remainder(l, r val) (val, error) {
	if i, ok := jqInt(l); ok {
		if j, ok := jqInt(r); ok && j != 0 && j != -1 {
			return integerOf(int64(i % j)), nil
		}
	}
	return e.operated(".[0] % .[1]", l, r)
}

// negated is -v.
func (e *Evaluator) negated(v val) (val, error) {
	if i, ok := jqInt(v); ok && i != math.MinInt {
		return integerOf(int64(-i)), nil
	}
	if v.kind == record.Number && v.form == floating {
		return floatOf(-v.float()), nil
	}
	if v.kind == record.Number && v.form == literal && v.n == bigInt {
		b, negative := bytes.CutPrefix(v.b, []byte{'-'})
		if !negative {
			b = append([]byte{'-'}, b...)
		}
		return val{kind: record.Number, n: bigInt, b: b}, nil
	}
	return e.operated("-.[0]", v, null())
}

// operate calls an operation that programs of the library call too.
func (e *Evaluator) operate(f jqCallback, l, r val) (val, error) {
	a, err := e.plain(l)
	if err != nil {
		return null(), err
	}
	b, err := e.plain(r)
	if err != nil {
		return null(), err
	}
	out := f(e, nil, []any{a, b})
	if err, ok := out.(error); ok {
		return null(), ofLibrary(err)
	}
	return fromJQ(out), nil
}
