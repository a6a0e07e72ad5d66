package mapping

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"

	"koppel/engine/record"
)

// A looping is a predicate built-in at work: its list, its predicate (nil when
// none was given) and the places that the predicate sees.
type looping struct {
	x     *exprCompiler
	n     *ast.BuiltinNode
	list  code
	pred  code
	third code
	at    loop
}

// builtin compiles a built-in function of the language.
func (x *exprCompiler) builtin(n *ast.BuiltinNode) code {
	if !slices.Contains(predicateNames(), n.Name) {
		return x.plain(n)
	}
	if len(n.Arguments) == 0 {
		return x.problem(n, CodeArgument, n.Name+" takes a list", "")
	}
	l := &looping{x: x, n: n, list: x.node(n.Arguments[0]), at: loop{x.slot(), x.slot(), -1}}
	if n.Name == "reduce" {
		l.at.acc = x.slot()
	}
	if len(n.Arguments) > 1 {
		x.loops = append(x.loops, l.at)
		l.pred = x.node(n.Arguments[1])
		x.loops = x.loops[:len(x.loops)-1]
	}
	if len(n.Arguments) > 2 {
		l.third = x.node(n.Arguments[2])
	}
	if run := l.compile(); run != nil {
		return x.at(n, run)
	}
	return x.problem(n, CodeName, "there is no "+n.Name, "")
}

func (l *looping) compile() code {
	switch l.n.Name {
	case "all":
		return l.until(false, true)
	case "any":
		return l.until(true, false)
	case "none":
		run := l.until(true, false)
		return func(e *Evaluator) (val, error) {
			v, err := run(e)
			return boolean(!v.isTrue()), err
		}
	case "one":
		run := l.count()
		return func(e *Evaluator) (val, error) {
			v, err := run(e)
			return boolean(v.n == 1), err
		}
	case "count":
		return l.count()
	case "filter":
		return l.filter()
	case "map":
		return l.mapEach()
	case "sum":
		return l.sum()
	case "find", "findIndex", "findLast", "findLastIndex":
		return l.find()
	case "groupBy":
		return l.groupBy()
	case "sortBy":
		return l.sortBy()
	case "reduce":
		return l.reduce()
	}
	return nil
}

// elementsOf gives the list's elements; null is the empty list.
func (e *Evaluator) elementsOf(name string, v val) ([]val, error) {
	switch v.kind {
	case record.Null:
		return nil, nil
	case record.List:
		return e.elements(v)
	}
	return nil, about(CodeType, name+" takes a list, not "+kindName(v), v)
}

// run evaluates the predicate (or takes the element itself) for each element;
// yield returns false to end.
func (l *looping) run(e *Evaluator, yield func(i int, element, result val) (bool, error)) ([]val, error) {
	list, err := l.list(e)
	if err != nil {
		return nil, err
	}
	vs, err := e.elementsOf(l.n.Name, list)
	if err != nil {
		return nil, err
	}
	for i, v := range vs {
		result := v
		if l.pred != nil {
			e.locals[l.at.item], e.locals[l.at.index] = v, integerOf(int64(i))
			result, err = l.pred(e)
		}
		if err == nil {
			err = e.spend(1)
		}
		if err != nil {
			return nil, err
		}
		more, err := yield(i, v, result)
		if err != nil || !more {
			return vs, err
		}
	}
	return vs, nil
}

// until ends at the first element whose verdict is stop.
func (l *looping) until(stop, otherwise bool) code {
	return func(e *Evaluator) (val, error) {
		out := otherwise
		_, err := l.run(e, func(_ int, _, r val) (bool, error) {
			t, err := truth(r)
			if t == stop {
				out = stop
			}
			return t != stop, err
		})
		return boolean(out), err
	}
}

func (l *looping) count() code {
	return func(e *Evaluator) (val, error) {
		n := int64(0)
		_, err := l.run(e, func(_ int, _, r val) (bool, error) {
			t, err := truth(r)
			if t {
				n++
			}
			return true, err
		})
		return integerOf(n), err
	}
}

func (l *looping) filter() code {
	return func(e *Evaluator) (val, error) {
		out := []val{}
		_, err := l.run(e, func(_ int, v, r val) (bool, error) {
			t, err := truth(r)
			if t {
				out = append(out, v)
			}
			return true, err
		})
		return listOf(out), err
	}
}

func (l *looping) mapEach() code {
	return func(e *Evaluator) (val, error) {
		out := []val{}
		_, err := l.run(e, func(_ int, _, r val) (bool, error) {
			out = append(out, r)
			return true, e.grow(64)
		})
		return listOf(out), err
	}
}

func (l *looping) sum() code {
	return func(e *Evaluator) (val, error) {
		total := integerOf(0)
		_, err := l.run(e, func(i int, _, r val) (bool, error) {
			var err error
			if i == 0 && isNumber(r) {
				total = r
			} else {
				total, err = arithmetic("+", total, r)
			}
			return true, err
		})
		return total, err
	}
}

func (l *looping) find() code {
	index := l.n.Name == "findIndex" || l.n.Name == "findLastIndex"
	last := l.n.Name == "findLast" || l.n.Name == "findLastIndex"
	return func(e *Evaluator) (val, error) {
		found := null()
		_, err := l.run(e, func(i int, v, r val) (bool, error) {
			t, err := truth(r)
			if !t {
				return true, err
			}
			if found = v; index {
				found = integerOf(int64(i))
			}
			return last, err
		})
		return found, err
	}
}

func (l *looping) groupBy() code {
	return func(e *Evaluator) (val, error) {
		var names []string
		groups := map[string][]val{}
		_, err := l.run(e, func(_ int, v, r val) (bool, error) {
			key, ok := e.scalarText(nil, r)
			if !ok {
				return false, about(CodeType, "groupBy groups by text, a number, true or false, not "+kindName(r), r)
			}
			if _, ok := groups[string(key)]; !ok {
				names = append(names, string(key))
			}
			groups[string(key)] = append(groups[string(key)], v)
			return true, e.grow(64)
		})
		vs := make([]val, len(names))
		for i, name := range names {
			vs[i] = listOf(groups[name])
		}
		return objectOf(names, vs), err
	}
}

func (l *looping) sortBy() code {
	return func(e *Evaluator) (val, error) {
		var by []val
		vs, err := l.run(e, func(_ int, _, r val) (bool, error) {
			by = append(by, r)
			return true, e.grow(64)
		})
		if err != nil {
			return null(), err
		}
		order := textOf("asc")
		if l.third != nil {
			if order, err = l.third(e); err != nil {
				return null(), err
			}
		}
		return e.sorted(vs, by, order)
	}
}

// sorted orders vs by the values beside them, stably.
func (e *Evaluator) sorted(vs, by []val, order val) (val, error) {
	sign := 1
	switch {
	case isText(order) && string(order.b) == "desc":
		sign = -1
	case !isText(order) || string(order.b) != "asc":
		return null(), about(CodeType, `the order is "asc" or "desc"`, order)
	}
	places := make([]int, len(vs))
	for i := range places {
		places[i] = i
	}
	var failed error
	slices.SortStableFunc(places, func(i, j int) int {
		a, b := by[i], by[j]
		if err := e.spend(1); err != nil && failed == nil {
			failed = err
		}
		if a.isNull() || b.isNull() {
			return sign * (int(b2i(b.isNull())) - int(b2i(a.isNull())))
		}
		c, err := compare("sort", a, b)
		if err != nil && failed == nil {
			failed = err
		}
		return sign * c
	})
	out := make([]val, len(vs))
	for i, p := range places {
		out[i] = vs[p]
	}
	return listOf(out), failed
}

func b2i(t bool) uint8 {
	if t {
		return 1
	}
	return 0
}

func (l *looping) reduce() code {
	return func(e *Evaluator) (val, error) {
		list, err := l.list(e)
		if err != nil {
			return null(), err
		}
		vs, err := e.elementsOf("reduce", list)
		if err != nil {
			return null(), err
		}
		var acc val
		from := 0
		switch {
		case l.third != nil:
			if acc, err = l.third(e); err != nil {
				return null(), err
			}
		case len(vs) == 0:
			return null(), newFault(CodeType, "reduce of an empty list needs a value to start with")
		default:
			acc, from = vs[0], 1
		}
		for i := from; i < len(vs); i++ {
			e.locals[l.at.item], e.locals[l.at.index], e.locals[l.at.acc] = vs[i], integerOf(int64(i)), acc
			if acc, err = l.pred(e); err == nil {
				err = e.spend(1)
			}
			if err != nil {
				return null(), err
			}
		}
		return acc, nil
	}
}

// plain compiles a built-in without a predicate.
func (x *exprCompiler) plain(n *ast.BuiltinNode) code {
	b, ok := x.builtins[n.Name]
	if !ok {
		_, known := builtin.Index[n.Name]
		if known {
			return x.problem(n, CodeName, n.Name+" is not available for records", "")
		}
		return x.problem(n, CodeName, "unknown function "+n.Name, nearest(n.Name, x.known()))
	}
	if len(n.Arguments) < b.min || b.max >= 0 && len(n.Arguments) > b.max {
		return x.problem(n, CodeArgument, "wrong number of arguments for "+n.Name, "")
	}
	from, to := x.span(n.Location())
	f := &Function{Name: n.Name, run: b.run, null: nullSeen, text: b.text}
	return invoke(f, x.nodes(n.Arguments), x.n, from, to)
}
