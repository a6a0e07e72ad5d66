package mapping

import (
	"math"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// numberBuiltin compiles the language's functions over numbers.
func (j *jqCompiler) numberBuiltin(arity string, args []*gojq.Query, at bool) (jqCode, bool) {
	switch arity {
	case "tonumber/0":
		return filter((*Evaluator).toNumber), true
	case "floor/0":
		return rounded("floor", math.Floor), true
	case "ceil/0":
		return rounded("ceil", math.Ceil), true
	case "round/0":
		return rounded("round", math.Round), true
	case "trunc/0":
		return rounded("trunc", math.Trunc), true
	case "sqrt/0":
		return rounded("sqrt", math.Sqrt), true
	case "fabs/0":
		return rounded("fabs", math.Abs), true
	case "abs/0":
		return j.defined("if . < 0 then -. else . end"), true
	case "nan/0":
		return jqConst(floatOf(math.NaN())), true
	case "infinite/0":
		return jqConst(floatOf(math.Inf(1))), true
	case "range/1":
		return j.span(nil, args[0], at), true
	case "range/2":
		return j.span(args[0], args[1], at), true
	}
	return jqCode{}, false
}

func rounded(name string, f func(float64) float64) jqCode {
	return filter(func(e *Evaluator, in val) (val, error) {
		if x, ok := jqFloat(in); ok {
			return floatOf(f(x)), nil
		}
		return e.operated(".[0] | "+name, in, null())
	})
}

// toNumber is tonumber: the usual whole numbers here, the others by the library.
func (e *Evaluator) toNumber(in val) (val, error) {
	switch in.kind {
	case record.Number:
		return in, nil
	case record.String:
		if i, ok := shortInt(in.b); ok && in.b[0] != '-' && (in.b[0] != '0' || len(in.b) == 1) {
			return integerOf(i), nil
		}
		return e.operated(".[0] | tonumber", in, null())
	}
	return null(), e.cannotApply("tonumber", in)
}

// span compiles range from from, which is 0 when it is nil, to to.
func (j *jqCompiler) span(from, to *gojq.Query, at bool) jqCode {
	start := jqConst(integerOf(0))
	if from != nil {
		start = j.query(from, at)
	}
	end := j.query(to, at)
	return several(func(e *Evaluator, in val, yield jqYield) error {
		return start.each(e, in, func(a val) error {
			return end.each(e, in, func(b val) error { return e.count(a, b, yield) })
		})
	})
}

// count yields the numbers from a to before b.
func (e *Evaluator) count(a, b val, yield jqYield) error {
	for _, v := range []val{a, b} {
		if !isNumber(v) {
			return e.cannotApply("range", v)
		}
	}
	for {
		c, err := e.ordered(a, b, 0)
		if err != nil || c >= 0 {
			return err
		}
		if err := e.spend(4); err != nil { // as many operations as the library takes
			return err
		}
		if err := yield(a); err != nil {
			return err
		}
		if a, err = e.added(a, integerOf(1)); err != nil {
			return err
		}
	}
}

// libraryBuiltin compiles calls of the language that the library answers: those
// whose arguments are texts that the program says.
func (j *jqCompiler) libraryBuiltin(f *gojq.Func, arity string) (jqCode, bool) {
	known := strings.Fields(`explode/0 implode/0 fromjson/0 todate/0 fromdate/0 fromdateiso8601/0 todateiso8601/0 mktime/0 gmtime/0
		strftime/1 strptime/1 splits/1 scan/1 capture/1 match/1 utf8bytelength/0 toboolean/0 transpose/0
		isnan/0 isinfinite/0 isfinite/0 isnormal/0`)
	if !slices.Contains(known, arity) {
		return jqCode{}, false
	}
	for _, a := range f.Args {
		if s, ok := quotedText(a); !ok || j.key(s) != s {
			return j.unknown(), true
		}
	}
	guard := guardOf(f.Name)
	if re := literalRegexp(f); re != nil {
		guard = jqSearches(re)
	}
	if guard == nil {
		guard = jqGuard
	}
	program := f.String()
	return several(func(e *Evaluator, in val, yield jqYield) error {
		x, err := e.plain(in)
		if err != nil {
			return err
		}
		if err, ok := guard(e, x, nil).(error); ok {
			return err
		}
		return e.outputsOver(program, x, yield)
	}), true
}

// matchesNothing tells whether a regular expression can match the empty text.
func matchesNothing(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	return err != nil || leastLength(re) == 0
}

// leastLength is a lower bound of the length of what is matched.
func leastLength(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return leastLength(re.Sub[0])
	case syntax.OpRepeat:
		return min(re.Min, 1) * leastLength(re.Sub[0])
	case syntax.OpConcat:
		n := 0
		for _, sub := range re.Sub {
			n += leastLength(sub)
		}
		return n
	case syntax.OpAlternate:
		n := leastLength(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n = min(n, leastLength(sub))
		}
		return n
	}
	return 0
}
