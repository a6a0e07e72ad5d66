package mapping

import (
	"encoding/json"
	"math"
	"regexp"

	"github.com/itchyny/gojq"
)

// A jqCallback is a function of this package as jq calls it: with the
// evaluator, its input and its arguments, which stand until it returns.
type jqCallback func(e *Evaluator, in any, args []any) any

// add makes a callback known to the program; arity -1 takes any number.
func (w *jqWriter) add(name string, arity int, f jqCallback) {
	least, most := arity+1, arity+1
	if arity < 0 {
		least, most = 1, 30
	}
	option := gojq.WithFunction(name, least, most, func(in any, args []any) any {
		e := args[0].(*Evaluator)
		out := f(e, in, args[1:])
		if err, ok := out.(error); ok {
			e.noteLimit(err)
		}
		return out
	})
	w.used[name+string(rune('0'+least))] = option
}

// noteLimit makes a broken bound final: a program cannot catch it.
func (e *Evaluator) noteLimit(err error) {
	if f, ok := err.(*fault); ok && f.code == CodeLimit {
		e.steps = -1
		if e.broken == nil {
			e.broken = f
		}
	}
}

// jqFunction lets jq call a function of the table.
func jqFunction(f *Function) jqCallback {
	return func(e *Evaluator, _ any, args []any) any {
		base := len(e.stack)
		defer func() { e.stack = e.stack[:base] }()
		for _, a := range args {
			v, err := fromAny(a)
			if err != nil {
				return err
			}
			e.stack = append(e.stack, v)
		}
		top := len(e.stack)
		v, err := f.apply(e, e.stack[base:top:top])
		if err != nil {
			return err
		}
		return e.decoded(v)
	}
}

// jqSite lets jq run code that was made for one call.
func jqSite(run code) jqCallback {
	return func(e *Evaluator, _ any, args []any) any {
		outer := e.jqArgs
		e.jqArgs = args
		defer func() { e.jqArgs = outer }()
		v, err := run(e)
		if err != nil {
			return err
		}
		return e.decoded(v)
	}
}

// jqArgument is the code of the i-th argument of the call at hand.
func jqArgument(i int) code {
	return func(e *Evaluator) (val, error) { return fromAny(e.jqArgs[i]) }
}

// jqPlace refuses places of lists that are too far off, alone or in a path.
func jqPlace(_ *Evaluator, _ any, args []any) any {
	if tooFar(args[0]) {
		return newFault(CodeLimit, "a place in a list beyond 1,000,000")
	}
	if path, ok := args[0].([]any); ok {
		for _, p := range path {
			if tooFar(p) {
				return newFault(CodeLimit, "a place in a list beyond 1,000,000")
			}
		}
	}
	return args[0]
}

func tooFar(v any) bool {
	switch v := v.(type) {
	case int:
		return v > largestIndex
	case string, bool, nil, []any, map[string]any:
		return false
	}
	f, _ := gojq.ToFloat64(v)
	return math.Abs(f) > largestIndex
}

// jqGuard gives its input back when the record may handle all of it once more.
func jqGuard(e *Evaluator, in any, _ []any) any {
	if err := e.charge(in); err != nil {
		return err
	}
	return in
}

// jqSplits is the guard of what makes a list of a text's parts.
func jqSplits(e *Evaluator, in any, _ []any) any {
	if s, ok := in.(string); ok {
		if err := e.grow(16 * len(s)); err != nil {
			return err
		}
	}
	return in
}

// Finding all places of a regular expression takes, for each place, work in
// proportion to the whole text: maxSearch bounds the product. freeSearch is the
// size of texts that are searched whatever is found, maxSearched that of texts
// whose places cannot be counted first.
const (
	maxSearch   = 1 << 28
	freeSearch  = 8 << 10
	maxSearched = 16 << 10
)

// jqSearches is the guard of what finds all places of a regular expression; re
// is nil when it is not known before a run.
func jqSearches(re *regexp.Regexp) jqCallback {
	return func(e *Evaluator, in any, _ []any) any {
		s, ok := in.(string)
		if !ok || len(s) <= freeSearch {
			return in
		}
		most := maxSearch / len(s)
		if re == nil && len(s) > maxSearched || re != nil && len(re.FindAllStringIndex(s, most+1)) > most {
			return newFault(CodeLimit, "a regular expression is searched for in more text than a record may search")
		}
		if err := e.spend(len(s) >> 4); err != nil {
			return err
		}
		return in
	}
}

func jqTransposes(e *Evaluator, in any, _ []any) any {
	rows, _ := in.([]any)
	longest := 0
	for _, r := range rows {
		if r, ok := r.([]any); ok {
			longest = max(longest, len(r))
		}
	}
	if len(rows) > 0 && longest > e.most/16/len(rows) {
		return errOutput()
	}
	if err := e.grow(16 * longest * len(rows)); err != nil {
		return err
	}
	return in
}

// charge takes the work of handling a value once.
func (e *Evaluator) charge(v any) error {
	switch v := v.(type) {
	case nil, bool, int, float64:
		return nil
	case string:
		if len(v) < 64 {
			return nil
		}
	}
	return e.weigh(v, 0)
}

// weigh takes the work and the room of a value, shared parts as often as they
// occur.
func (e *Evaluator) weigh(v any, depth int) error {
	room := e.most
	if err := weigh(v, depth, &room); err != nil {
		return err
	}
	return e.spend((e.most - room) >> 6)
}

// weigh walks through a value and takes its size from room.
func weigh(v any, depth int, room *int) error {
	if depth > maxDepth {
		return newFault(CodeLimit, "the value is nested more than 256 levels deep")
	}
	if *room -= 8; *room < 0 {
		return errOutput()
	}
	switch v := v.(type) {
	case string:
		*room -= len(v)
	case json.Number:
		*room -= len(v)
	case []any:
		for _, x := range v {
			if err := weigh(x, depth+1, room); err != nil {
				return err
			}
		}
	case map[string]any:
		for k, x := range v {
			*room -= len(k)
			if err := weigh(x, depth+1, room); err != nil {
				return err
			}
		}
	}
	if *room < 0 {
		return errOutput()
	}
	return nil
}

// jqCharge takes the room of a text that is put in the place of a match, and
// the work of copying all that was put in before it once more, as jq does.
func jqCharge(e *Evaluator, in any, _ []any) any {
	if s, ok := in.(string); ok {
		if e.replaced += len(s); e.replaced > e.most {
			return errOutput()
		}
		if err := e.spend(e.replaced >> 9); err != nil {
			return err
		}
	}
	return in
}

// jqConcat puts the parts of a string together: what is no text becomes JSON.
func jqConcat(e *Evaluator, _ any, args []any) any {
	out := e.scratch[:0]
	for _, a := range args {
		if s, ok := a.(string); ok {
			out = append(out, s...)
		} else {
			if err := e.charge(a); err != nil {
				return err
			}
			b, err := gojq.Marshal(a)
			if err != nil {
				return err
			}
			out = append(out, b...)
		}
		if len(out) > e.most {
			return errOutput()
		}
	}
	e.scratch = out
	if err := e.grow(len(out)); err != nil {
		return err
	}
	return string(out)
}

// jqJoin is join/1 with its result weighed first.
func jqJoin(e *Evaluator, in any, args []any) any {
	if err := e.charge(in); err != nil {
		return err
	}
	list, _ := in.([]any)
	sep, _ := args[0].(string)
	if len(list) > 0 && len(sep) > e.most/len(list) {
		return errOutput()
	}
	if err := e.grow(len(list) * len(sep)); err != nil {
		return err
	}
	return e.delegate("join", map[string]any{"in": in, "sep": args[0]})
}

// operation makes the callback of an operator known and names it.
func (w *jqWriter) operation(op gojq.Operator) string {
	switch op {
	case gojq.OpAdd:
		w.add("_koppel_add", 2, jqAdd)
		return "_koppel_add"
	case gojq.OpMul:
		w.add("_koppel_multiply", 2, jqMultiply)
		return "_koppel_multiply"
	case gojq.OpSub:
		w.add("_koppel_subtract", 2, jqSubtract)
		return "_koppel_subtract"
	case gojq.OpDiv:
		w.add("_koppel_divide", 2, jqDivide)
		return "_koppel_divide"
	}
	name := map[gojq.Operator]string{gojq.OpEq: "eq", gojq.OpNe: "ne", gojq.OpLt: "lt", gojq.OpLe: "le", gojq.OpGt: "gt", gojq.OpGe: "ge"}[op]
	w.add("_koppel_"+name, 2, jqCompare(op))
	return "_koppel_" + name
}

func jqAdd(e *Evaluator, _ any, args []any) any {
	switch l := args[0].(type) {
	case nil:
		return args[1]
	case int:
		if r, ok := args[1].(int); ok {
			if sum := l + r; (sum >= l) == (r >= 0) {
				return sum
			}
		}
	case string:
		if r, ok := args[1].(string); ok {
			if err := e.grow(len(l) + len(r)); err != nil {
				return err
			}
			return l + r
		}
	case []any:
		if r, ok := args[1].([]any); ok {
			if err := e.grow(16 * (len(l) + len(r))); err != nil {
				return err
			}
		}
	case map[string]any:
		if r, ok := args[1].(map[string]any); ok {
			if err := e.grow(32 * (len(l) + len(r))); err != nil {
				return err
			}
		}
	}
	return e.delegate("+", args)
}

func jqMultiply(e *Evaluator, _ any, args []any) any {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			if n, ok := gojq.ToFloat64(args[1-i]); ok && n > 0 {
				if len(a) > 0 && n > float64(e.most/len(a)) {
					return errOutput()
				}
				if err := e.grow(len(a) * int(n)); err != nil {
					return err
				}
			}
		case map[string]any:
			if err := e.weigh(a, 0); err != nil {
				return err
			}
		}
	}
	return e.delegate("*", args)
}

func jqSubtract(e *Evaluator, _ any, args []any) any {
	if l, ok := args[0].([]any); ok {
		if r, ok := args[1].([]any); ok {
			for _, a := range args {
				if err := e.weigh(a, 0); err != nil {
					return err
				}
			}
			if len(l) > 0 && len(r) > e.steps/len(l) {
				return newFault(CodeLimit, "the record takes more work than one may")
			}
			if err := e.spend(len(l) * len(r)); err != nil {
				return err
			}
		}
	}
	return e.delegate("-", args)
}

func jqDivide(e *Evaluator, _ any, args []any) any {
	if s, ok := args[0].(string); ok {
		if err := e.grow(8 * len(s)); err != nil {
			return err
		}
	}
	return e.delegate("/", args)
}

// jqCompare is a comparison: any two values have an order.
func jqCompare(op gojq.Operator) jqCallback {
	return func(e *Evaluator, _ any, args []any) any {
		for _, a := range args {
			if err := e.charge(a); err != nil {
				return err
			}
		}
		c := gojq.Compare(args[0], args[1])
		switch op {
		case gojq.OpEq:
			return c == 0
		case gojq.OpNe:
			return c != 0
		case gojq.OpLt:
			return c < 0
		case gojq.OpLe:
			return c <= 0
		case gojq.OpGt:
			return c > 0
		}
		return c >= 0
	}
}
