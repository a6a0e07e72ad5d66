package mapping

import (
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// function compiles a call: a variable, a function of the language, or one of
// the function table.
func (j *jqCompiler) function(f *gojq.Func, at bool) jqCode {
	name, n := f.Name, len(f.Args)
	if strings.HasPrefix(name, "$") {
		return j.variable(name)
	}
	arity := name + "/" + strconv.Itoa(n)
	for _, group := range []func(*jqCompiler, string, []*gojq.Query, bool) (jqCode, bool){
		(*jqCompiler).flowBuiltin, (*jqCompiler).textBuiltin, (*jqCompiler).listBuiltin, (*jqCompiler).sortBuiltin, (*jqCompiler).numberBuiltin,
	} {
		if code, ok := group(j, arity, f.Args, at); ok {
			return code
		}
	}
	if code, ok := j.libraryBuiltin(f, arity); ok {
		return code
	}
	t, ok := j.c.funcs[name]
	if !ok || isBanned(name) || strings.HasPrefix(name, "_") || jqHas(name, n) {
		return j.unknown()
	}
	return j.tableFunction(t, f.Args, at)
}

// defined compiles a function of the language as the language defines it, over
// an input that is not the record.
func (j *jqCompiler) defined(program string) jqCode {
	q, err := gojq.Parse(program)
	if err != nil {
		return j.unknown()
	}
	return j.query(q, false)
}

// flowBuiltin compiles what chooses among outputs.
func (j *jqCompiler) flowBuiltin(arity string, args []*gojq.Query, at bool) (jqCode, bool) {
	switch arity {
	case "empty/0":
		return jqEmpty(), true
	case "not/0":
		return filter(func(_ *Evaluator, in val) (val, error) { return boolean(!isTruthy(in)), nil }), true
	case "error/0":
		return filter(raise), true
	case "error/1":
		return j.query(args[0], at).then(filter(raise)), true
	case "select/1":
		return chosen(j.query(args[0], at)), true
	case "first/1":
		return firstOf(j.query(args[0], at)), true
	case "last/1":
		return lastOf(j.query(args[0], at)), true
	case "isempty/1":
		return found(j.query(args[0], at), jqIdentity(), func(val) bool { return true }, false), true
	case "any/0":
		return found(iterate(true), jqIdentity(), isTruthy, true), true
	case "any/1":
		return found(iterate(true), j.query(args[0], false), isTruthy, true), true
	case "any/2":
		return found(j.query(args[0], at), j.query(args[1], false), isTruthy, true), true
	case "all/0":
		return found(iterate(true), jqIdentity(), isFalsy, false), true
	case "all/1":
		return found(iterate(true), j.query(args[0], false), isFalsy, false), true
	case "all/2":
		return found(j.query(args[0], at), j.query(args[1], false), isFalsy, false), true
	case "limit/2":
		return j.limit(args, at), true
	case "recurse/0":
		return recurse(), true
	case "now/0":
		return filter(func(e *Evaluator, _ val) (val, error) { return fromJQ(e.now), nil }), true
	case "values/0", "nulls/0", "strings/0", "numbers/0", "booleans/0", "arrays/0", "objects/0", "iterables/0", "scalars/0":
		return ofType(strings.TrimSuffix(arity, "/0")), true
	}
	return jqCode{}, false
}

func isFalsy(v val) bool { return !isTruthy(v) }

// raise is error.
func raise(e *Evaluator, in val) (val, error) {
	say := func() string {
		if isText(in) {
			return "error: " + string(in.b)
		}
		b, err := e.appendJQ(nil, in, 0)
		if err != nil {
			return "error"
		}
		return "error: " + string(b)
	}
	return null(), &jqError{say: say, value: &in}
}

// chosen is select.
func chosen(f jqCode) jqCode {
	if run := f.one; run != nil {
		return perhaps(func(e *Evaluator, in val) (val, error) {
			v, err := run(e, in)
			if err != nil || isNone(v) || !isTruthy(v) {
				return none(), err
			}
			return in, nil
		})
	}
	return choose(f, jqIdentity(), jqEmpty())
}

// firstOf is first(f).
func firstOf(f jqCode) jqCode {
	if f.one != nil {
		return f
	}
	stop := &jqStop{}
	return perhaps(func(e *Evaluator, in val) (val, error) {
		out := none()
		err := f.all(e, in, func(v val) error {
			out = v
			return stop
		})
		if err == error(stop) {
			err = nil
		}
		return out, err
	})
}

// lastOf is last(f).
func lastOf(f jqCode) jqCode {
	if f.one != nil {
		return f
	}
	return perhaps(func(e *Evaluator, in val) (val, error) {
		out := none()
		err := f.all(e, in, func(v val) error {
			out = v
			return nil
		})
		return out, err
	})
}

// found looks for an output of test, over the outputs of f, that holds; with it
// the output is yes, else the contrary.
func found(f, test jqCode, holds func(val) bool, yes bool) jqCode {
	stop := &jqStop{}
	return filter(func(e *Evaluator, in val) (val, error) {
		err := f.each(e, in, func(v val) error {
			return test.each(e, v, func(w val) error {
				if holds(w) {
					return stop
				}
				return nil
			})
		})
		if err == error(stop) {
			return boolean(yes), nil
		}
		return boolean(!yes), err
	})
}

// limit compiles limit(n; f) for a number that the program says.
func (j *jqCompiler) limit(args []*gojq.Query, at bool) jqCode {
	most, err := strconv.Atoi(args[0].String())
	if err != nil || most < 0 {
		return j.unknown()
	}
	f, stop := j.query(args[1], at), &jqStop{}
	if most == 0 {
		return jqEmpty()
	}
	return several(func(e *Evaluator, in val, yield jqYield) error {
		n := 0
		err := f.each(e, in, func(v val) error {
			n++
			if err := yield(v); err != nil {
				return err
			}
			if n == most {
				return stop
			}
			return nil
		})
		if err == error(stop) {
			err = nil
		}
		return err
	})
}

// ofType passes values of some types.
func ofType(name string) jqCode {
	types := map[string][]string{
		"values": {"boolean", "number", "string", "array", "object"}, "nulls": {"null"}, "strings": {"string"}, "numbers": {"number"},
		"booleans": {"boolean"}, "arrays": {"array"}, "objects": {"object"}, "iterables": {"array", "object"},
		"scalars": {"null", "boolean", "number", "string"},
	}[name]
	return perhaps(func(_ *Evaluator, in val) (val, error) {
		if slices.Contains(types, jqType(in)) {
			return in, nil
		}
		return none(), nil
	})
}

// tableFunction compiles a call of the function table; one-value functions are
// filters too.
func (j *jqCompiler) tableFunction(f *Function, queries []*gojq.Query, at bool) jqCode {
	var args []jqCode
	for _, q := range queries {
		args = append(args, j.query(q, at))
	}
	if len(args) == 0 && f.takes(1) {
		args = []jqCode{jqIdentity()}
	}
	switch {
	case !f.takes(len(args)) || len(args) > 28:
		return j.unknown()
	case f.Name == "table" || f.Name == "template_file":
		return j.fileFunction(f, queries, args)
	}
	return called(args, f.apply)
}

// fileFunction compiles the functions whose first argument is known before a
// run.
func (j *jqCompiler) fileFunction(f *Function, queries []*gojq.Query, args []jqCode) jqCode {
	if len(queries) == 0 {
		return j.unknown()
	}
	t := queries[0].Term
	if t == nil || t.Type != gojq.TermTypeString || t.Str.Queries != nil || len(t.SuffixList) > 0 {
		return j.unknown()
	}
	run, problem := nothing, ""
	if f.Name == "table" {
		argument := func(i int) code { return func(e *Evaluator) (val, error) { return e.jqVals[i], nil } }
		run, problem, _ = j.c.table(t.Str.Str, []code{argument(0), argument(1)}[:len(args)-1])
	} else {
		run, problem = j.c.template(t.Str.Str)
	}
	if problem != "" {
		return j.unknown()
	}
	return called(args[1:], func(e *Evaluator, args []val) (val, error) {
		outer := e.jqVals
		e.jqVals = args
		defer func() { e.jqVals = outer }()
		return run(e)
	})
}

// called is f of all combinations of arguments; those of the last one vary
// slowest.
func called(args []jqCode, f operation) jqCode {
	one, all := true, true
	for _, a := range args {
		one, all = one && a.one != nil, all && a.sure
	}
	if !one {
		return several(func(e *Evaluator, in val, yield jqYield) error {
			return e.callAll(args, make([]val, len(args)), f, in, yield)
		})
	}
	return jqCode{sure: all, one: func(e *Evaluator, in val) (val, error) {
		base := len(e.stack)
		e.stack = slices.Grow(e.stack, len(args))[:base+len(args)]
		for i := len(args) - 1; i >= 0; i-- {
			v, err := args[i].one(e, in)
			if err != nil || isNone(v) {
				e.stack = e.stack[:base]
				return none(), err
			}
			e.stack[base+i] = v
		}
		top := base + len(args)
		v, err := e.callOnce(e.stack[base:top:top], f)
		e.stack = e.stack[:base]
		return v, err
	}}
}

func (e *Evaluator) callAll(args []jqCode, vs []val, f operation, in val, yield jqYield) error {
	if len(args) == 0 {
		v, err := e.callOnce(slices.Clone(vs), f)
		if err != nil {
			return err
		}
		return yield(v)
	}
	last := len(args) - 1
	return args[last].each(e, in, func(v val) error {
		vs[last] = v
		return e.callAll(args[:last], vs, f, in, yield)
	})
}

// callOnce calls a function of the table, which knows numbers that JSON holds.
func (e *Evaluator) callOnce(args []val, f operation) (val, error) {
	for i := range args {
		var err error
		if args[i], err = settledVal(args[i]); err != nil {
			return null(), err
		}
		if args[i].p == nil || args[i].p.decoded != nil {
			continue
		}
		if err := e.chargeVal(args[i]); err != nil {
			return null(), err
		}
		if hasOddNumber(args[i], 0) {
			x, err := e.plain(args[i])
			if err != nil {
				return null(), err
			}
			args[i].p = &box{decoded: x}
		}
	}
	return f(e, args)
}

// settledVal makes a value one that the rest of the package knows.
func settledVal(v val) (val, error) {
	if isNumber(v) && v.form != integer {
		if v.form == floating && !isFinite(v.float()) {
			return null(), newFault(CodeConvert, "the result is no number that JSON can hold")
		}
		if v.form == literal {
			v.n = 0
		}
	}
	return v, nil
}

// hasOddNumber tells whether a list or an object that was made on the way holds
// a number that JSON does not, or one that only the language tells apart.
func hasOddNumber(v val, depth int) bool {
	if v.p == nil || v.p.decoded != nil || depth > maxDepth {
		return false
	}
	for _, x := range v.p.list {
		odd := isNumber(x) && (x.form == floating && !isFinite(x.float()) || x.form == literal && x.n == bigInt)
		if odd || hasOddNumber(x, depth+1) {
			return true
		}
	}
	return false
}

func isFinite(f float64) bool { return f-f == 0 }
