package mapping

import (
	"strings"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// comma gives the outputs of l, then those of r.
func comma(l, r jqCode) jqCode {
	return several(func(e *Evaluator, in val, yield jqYield) error {
		if err := e.spend(1); err != nil {
			return err
		}
		if err := l.each(e, in, yield); err != nil {
			return err
		}
		return r.each(e, in, yield)
	})
}

// alternative is l // r.
func alternative(l, r jqCode) jqCode {
	if left, right := l.one, r.one; left != nil && right != nil {
		return jqCode{sure: r.sure, one: func(e *Evaluator, in val) (val, error) {
			v, err := left(e, in)
			if err != nil || !isNone(v) && isTruthy(v) {
				return v, err
			}
			return right(e, in)
		}}
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		found := false
		err := l.each(e, in, func(v val) error {
			if !isTruthy(v) {
				return nil
			}
			found = true
			return yield(v)
		})
		if err != nil || found {
			return err
		}
		return r.each(e, in, yield)
	})
}

// logical is l and r, or l or r when or is set.
func logical(l, r jqCode, or bool) jqCode {
	if left, right := l.one, r.one; left != nil && right != nil {
		return jqCode{sure: l.sure && r.sure, one: func(e *Evaluator, in val) (val, error) {
			v, err := left(e, in)
			if err != nil || isNone(v) {
				return none(), err
			}
			if isTruthy(v) == or {
				return boolean(or), nil
			}
			if v, err = right(e, in); err != nil || isNone(v) {
				return none(), err
			}
			return boolean(isTruthy(v)), nil
		}}
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		return l.each(e, in, func(v val) error {
			if isTruthy(v) == or {
				return yield(boolean(or))
			}
			return r.each(e, in, func(v val) error { return yield(boolean(isTruthy(v))) })
		})
	})
}

// condition compiles if with the elifs that are left.
func (j *jqCompiler) condition(cond, then *gojq.Query, elifs []*gojq.IfElif, last *gojq.Query, at bool) jqCode {
	c, t, otherwise := j.query(cond, at), j.query(then, at), jqIdentity()
	switch {
	case len(elifs) > 0:
		otherwise = j.condition(elifs[0].Cond, elifs[0].Then, elifs[1:], last, at)
	case last != nil:
		otherwise = j.query(last, at)
	}
	return choose(c, t, otherwise)
}

// choose is t or f of the input for each output of c.
func choose(c, t, f jqCode) jqCode {
	if test, yes, no := c.one, t.one, f.one; test != nil && yes != nil && no != nil {
		return jqCode{sure: c.sure && t.sure && f.sure, one: func(e *Evaluator, in val) (val, error) {
			v, err := test(e, in)
			switch {
			case err != nil || isNone(v):
				return none(), err
			case isTruthy(v):
				return yes(e, in)
			}
			return no(e, in)
		}}
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		return c.each(e, in, func(v val) error {
			if isTruthy(v) {
				return t.each(e, in, yield)
			}
			return f.each(e, in, yield)
		})
	})
}

// attempt is try; nothing catches when catch is nil. What comes after the
// outputs of the body is not tried.
func attempt(body jqCode, catch *jqCode) jqCode {
	if catch == nil {
		empty := jqEmpty()
		catch = &empty
	}
	if run, after := body.one, catch.one; run != nil && after != nil {
		return jqCode{sure: body.sure && catch.sure, one: func(e *Evaluator, in val) (val, error) {
			v, err := run(e, in)
			if err == nil || !isCatchable(err) {
				return v, err
			}
			return after(e, e.caught(err))
		}}
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		passed := false
		err := body.each(e, in, func(v val) error {
			err := yield(v)
			passed = err != nil
			return err
		})
		if err == nil || passed || !isCatchable(err) {
			return err
		}
		return catch.each(e, e.caught(err), yield)
	})
}

// A binder gives the variables of a pattern their values.
type binder func(e *Evaluator, v val) error

// bind compiles source as pattern | body.
func (j *jqCompiler) bind(q *gojq.Query, at bool) jqCode {
	source := j.query(q.Left, at)
	set := j.pattern(q.Patterns)
	body := j.query(q.Right, at)
	if run, after := source.one, body.one; run != nil && after != nil {
		return jqCode{sure: source.sure && body.sure, one: func(e *Evaluator, in val) (val, error) {
			v, err := run(e, in)
			if err == nil && !isNone(v) {
				err = set(e, v)
			}
			if err != nil || isNone(v) {
				return none(), err
			}
			return after(e, in)
		}}
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		return source.each(e, in, func(v val) error {
			if err := set(e, v); err != nil {
				return err
			}
			return body.each(e, in, yield)
		})
	})
}

// pattern compiles the one pattern of a binding. Its variables stay bound until
// the query around it ends.
func (j *jqCompiler) pattern(ps []*gojq.Pattern) binder {
	if len(ps) != 1 {
		j.unknown()
		return nil
	}
	p := ps[0]
	switch {
	case p.Name != "":
		return j.name(p.Name)
	case len(p.Array) > 0:
		return j.arrayPattern(p.Array)
	}
	return j.objectPattern(p.Object)
}

func (j *jqCompiler) name(name string) binder {
	slot := j.c.p.locals
	j.c.p.locals++
	j.binds = append(j.binds, let{name, slot})
	return func(e *Evaluator, v val) error {
		e.locals[slot] = v
		return nil
	}
}

func (j *jqCompiler) arrayPattern(ps []*gojq.Pattern) binder {
	var inner []binder
	for _, p := range ps {
		inner = append(inner, j.pattern([]*gojq.Pattern{p}))
	}
	return func(e *Evaluator, v val) error {
		if !v.isNull() && v.kind != record.List {
			return e.needArray(v)
		}
		for i, set := range inner {
			x, err := e.elementOf(v, i)
			if err == nil {
				err = set(e, x)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func (j *jqCompiler) objectPattern(members []*gojq.PatternObject) binder {
	var names []string
	var inner []binder
	for _, m := range members {
		name, isVariable := strings.CutPrefix(m.Key, "$")
		if m.KeyQuery != nil || m.KeyString != nil && m.KeyString.Queries != nil {
			j.unknown()
			return nil
		}
		if m.KeyString != nil {
			if name = j.key(m.KeyString.Str); name == "" {
				j.unknown()
			}
		}
		if isVariable {
			names, inner = append(names, name), append(inner, j.name(m.Key))
		}
		if m.Val != nil {
			names, inner = append(names, name), append(inner, j.pattern([]*gojq.Pattern{m.Val}))
		}
	}
	return func(e *Evaluator, v val) error {
		for i, set := range inner {
			x, err := e.memberOf(v, names[i])
			if err == nil {
				err = set(e, x)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// key is the name of a member as the program has it.
func (j *jqCompiler) key(s string) string { return string(j.literalOf(s).b) }

// reduce compiles reduce: the last output of the update counts, and without one
// the state stays.
func (j *jqCompiler) reduce(r *gojq.Reduce, at bool) jqCode {
	start, source := j.query(r.Start, at), j.query(r.Query, at)
	set := j.pattern(r.Patterns)
	update := j.query(r.Update, false)
	run := func(e *Evaluator, in, state val) (val, error) {
		err := source.each(e, in, func(v val) error {
			if err := set(e, v); err != nil {
				return err
			}
			return update.each(e, state, func(v val) error {
				state = v
				return nil
			})
		})
		return state, err
	}
	return withOne(start, run)
}

// foreach compiles foreach.
func (j *jqCompiler) foreach(f *gojq.Foreach, at bool) jqCode {
	start, source := j.query(f.Start, at), j.query(f.Query, at)
	set := j.pattern(f.Patterns)
	update, extract := j.query(f.Update, false), jqIdentity()
	if f.Extract != nil {
		extract = j.query(f.Extract, false)
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		return start.each(e, in, func(state val) error {
			return source.each(e, in, func(v val) error {
				if err := set(e, v); err != nil {
					return err
				}
				return update.each(e, state, func(v val) error {
					state = v
					return extract.each(e, v, yield)
				})
			})
		})
	})
}
