package mapping

import "koppel/engine/record"

// A jqCode is a compiled query. Where it gives at most one output, one computes
// it; otherwise all yields its outputs.
type jqCode struct {
	one  jqOne
	all  jqAll
	sure bool // one always gives an output
}

// A jqOne gives the output of a query for an input; a value of the kind Absent
// stands for none.
type jqOne func(e *Evaluator, in val) (val, error)

// A jqAll yields the outputs of a query for an input, in order. An error of
// yield ends it and is handed back as it is.
type jqAll func(e *Evaluator, in val, yield jqYield) error

// A jqYield takes one output.
type jqYield func(v val) error

// none stands for no output.
func none() val { return val{} }

func sure(one jqOne) jqCode    { return jqCode{one: one, sure: true} }
func perhaps(one jqOne) jqCode { return jqCode{one: one} }
func several(all jqAll) jqCode { return jqCode{all: all} }
func jqConst(v val) jqCode     { return sure(func(*Evaluator, val) (val, error) { return v, nil }) }
func jqIdentity() jqCode       { return sure(func(_ *Evaluator, in val) (val, error) { return in, nil }) }
func jqEmpty() jqCode          { return perhaps(func(*Evaluator, val) (val, error) { return none(), nil }) }
func isNone(v val) bool        { return v.kind == record.Absent }
func isTruthy(v val) bool      { return v.kind != record.Null && (v.kind != record.Bool || v.n == 1) }

// each yields the outputs of a query, however many it gives.
func (q jqCode) each(e *Evaluator, in val, yield jqYield) error {
	if q.one == nil {
		return q.all(e, in, yield)
	}
	v, err := q.one(e, in)
	if err != nil || isNone(v) {
		return err
	}
	return yield(v)
}

// then gives the outputs of r for every output of q.
func (q jqCode) then(r jqCode) jqCode {
	switch {
	case q.one != nil && r.one != nil:
		first, second := q.one, r.one
		return jqCode{sure: q.sure && r.sure, one: func(e *Evaluator, in val) (val, error) {
			v, err := first(e, in)
			if err != nil || isNone(v) {
				return none(), err
			}
			return second(e, v)
		}}
	case q.one != nil:
		first, second := q.one, r.all
		return several(func(e *Evaluator, in val, yield jqYield) error {
			v, err := first(e, in)
			if err != nil || isNone(v) {
				return err
			}
			return second(e, v, yield)
		})
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		return q.all(e, in, func(v val) error { return r.each(e, v, yield) })
	})
}

// withOne is f of the input and each output of an argument.
func withOne(arg jqCode, f func(e *Evaluator, in, a val) (val, error)) jqCode {
	if run := arg.one; run != nil {
		return jqCode{sure: arg.sure, one: func(e *Evaluator, in val) (val, error) {
			a, err := run(e, in)
			if err != nil || isNone(a) {
				return none(), err
			}
			return f(e, in, a)
		}}
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		return arg.all(e, in, func(a val) error {
			v, err := f(e, in, a)
			if err != nil {
				return err
			}
			return yield(v)
		})
	})
}

// withTwo is f of each output of l and of r: those of r vary slowest, as for
// every call of the language's own functions.
func withTwo(l, r jqCode, f func(e *Evaluator, l, r val) (val, error)) jqCode {
	if left, right := l.one, r.one; left != nil && right != nil {
		return jqCode{sure: l.sure && r.sure, one: func(e *Evaluator, in val) (val, error) {
			b, err := right(e, in)
			if err != nil || isNone(b) {
				return none(), err
			}
			a, err := left(e, in)
			if err != nil || isNone(a) {
				return none(), err
			}
			return f(e, a, b)
		}}
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		return r.each(e, in, func(b val) error {
			return l.each(e, in, func(a val) error {
				v, err := f(e, a, b)
				if err != nil {
					return err
				}
				return yield(v)
			})
		})
	})
}

// filter is the code of a function of the input alone.
func filter(f func(e *Evaluator, in val) (val, error)) jqCode { return sure(f) }
