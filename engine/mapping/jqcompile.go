package mapping

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"
)

// A jqCompiler turns a parsed jq program into code that runs over the raw
// record. It knows the common forms; a program with any other is run by the
// language's own library. Results, errors and the order of outputs are those of
// the library.
//
// In its methods at tells whether the input of the query at hand is the
// program's own input: paths from there are slots of the scanner.
type jqCompiler struct {
	c      *compiler
	root   string // the root that `.` stands for
	binds  []let
	wants  []func() // take the slots
	nodes  int
	failed bool // there is a form that is not compiled
}

// maxNodes bounds the size of what is compiled: a step of work is at most one
// run through the program.
const maxNodes = 2000

// jqCompiled compiles a query that is not changed; false when it has forms that
// are left to the library.
func (c *compiler) jqCompiled(q *gojq.Query, root string) (jqCode, bool) {
	j := &jqCompiler{c: c, root: root}
	if c.interpretJQ || c.hasTarget(root) {
		return jqCode{}, false
	}
	code := j.query(q, true)
	if j.failed {
		return jqCode{}, false
	}
	j.take()
	return code, true
}

// take asks the scanner for what the compiled program reads.
func (j *jqCompiler) take() {
	for _, want := range j.wants {
		want()
	}
	j.wants = nil
}

// unknown notes a form that is not compiled.
func (j *jqCompiler) unknown() jqCode {
	j.failed = true
	return jqIdentity()
}

func (j *jqCompiler) query(q *gojq.Query, at bool) jqCode {
	j.nodes++
	if j.failed || j.nodes > maxNodes || q == nil || len(q.FuncDefs) > 0 || len(q.Imports) > 0 || q.Meta != nil {
		return j.unknown()
	}
	defer func(n int) { j.binds = j.binds[:n] }(len(j.binds))
	switch {
	case q.Term != nil:
		return j.term(q.Term, at)
	case q.Right == nil:
		return j.unknown()
	}
	switch q.Op {
	case gojq.OpPipe:
		if len(q.Patterns) > 0 {
			return j.bind(q, at)
		}
		return j.query(q.Left, at).then(j.query(q.Right, at && passes(q.Left)))
	case gojq.OpComma:
		return comma(j.query(q.Left, at), j.query(q.Right, at))
	case gojq.OpAlt:
		return alternative(j.query(q.Left, at), j.query(q.Right, at))
	case gojq.OpAnd, gojq.OpOr:
		return logical(j.query(q.Left, at), j.query(q.Right, at), q.Op == gojq.OpOr)
	}
	operation := jqOperation(q.Op)
	if operation == nil {
		return j.unknown()
	}
	return withTwo(j.query(q.Left, at), j.query(q.Right, at), operation)
}

// passes recognises queries that give their input back: . and select(…).
func passes(q *gojq.Query) bool { return (*jqReads)(nil).passes(q) }

func (j *jqCompiler) term(t *gojq.Term, at bool) jqCode {
	return j.suffixed(t, len(t.SuffixList), at)
}

// suffixed compiles a term with its first n suffixes.
func (j *jqCompiler) suffixed(t *gojq.Term, n int, at bool) jqCode {
	if steps, ok := j.fromRecord(t, n, at); ok {
		return j.recordPath(steps)
	}
	if n == 0 {
		return j.bare(t, at)
	}
	s := t.SuffixList[n-1]
	switch {
	case s.Index != nil:
		return j.index(func() jqCode { return j.suffixed(t, n-1, at) }, s.Index, at)
	case s.Iter:
		return j.suffixed(t, n-1, at).then(iterate(true))
	case !s.Optional:
		return j.unknown()
	case n == 1:
		return attempt(j.suffixed(t, 0, at), nil)
	}
	// Only the suffix before ? is tried; it sees what comes before it as its
	// input.
	atBefore := at && n == 2 && t.Type == gojq.TermTypeIdentity
	switch before := t.SuffixList[n-2]; {
	case before.Index != nil:
		return j.suffixed(t, n-2, at).then(attempt(j.index(jqIdentity, before.Index, atBefore), nil))
	case before.Iter:
		return j.suffixed(t, n-2, at).then(iterate(false))
	}
	return attempt(j.suffixed(t, n-1, at), nil)
}

// bare compiles a term without suffixes.
func (j *jqCompiler) bare(t *gojq.Term, at bool) jqCode {
	switch t.Type {
	case gojq.TermTypeIdentity:
		return jqIdentity()
	case gojq.TermTypeRecurse:
		return recurse()
	case gojq.TermTypeNull:
		return jqConst(null())
	case gojq.TermTypeTrue:
		return jqConst(boolean(true))
	case gojq.TermTypeFalse:
		return jqConst(boolean(false))
	case gojq.TermTypeNumber:
		return jqConst(numberOf(t.Number))
	case gojq.TermTypeIndex:
		return j.index(jqIdentity, t.Index, at)
	case gojq.TermTypeFunc:
		return j.function(t.Func, at)
	case gojq.TermTypeObject:
		return j.object(t.Object, at)
	case gojq.TermTypeArray:
		return j.array(t.Array, at)
	case gojq.TermTypeUnary:
		return j.unary(t.Unary, at)
	case gojq.TermTypeString:
		return j.text(t.Str, nil, at)
	case gojq.TermTypeFormat:
		return j.format(t, at)
	case gojq.TermTypeQuery:
		return j.query(t.Query, at)
	}
	return j.control(t, at)
}

func (j *jqCompiler) control(t *gojq.Term, at bool) jqCode {
	defer func(n int) { j.binds = j.binds[:n] }(len(j.binds))
	switch t.Type {
	case gojq.TermTypeIf:
		return j.condition(t.If.Cond, t.If.Then, t.If.Elif, t.If.Else, at)
	case gojq.TermTypeTry:
		body := j.query(t.Try.Body, at)
		if t.Try.Catch == nil {
			return attempt(body, nil)
		}
		catch := j.query(t.Try.Catch, false)
		return attempt(body, &catch)
	case gojq.TermTypeReduce:
		return j.reduce(t.Reduce, at)
	case gojq.TermTypeForeach:
		return j.foreach(t.Foreach, at)
	}
	return j.unknown()
}

// numberOf is a number as the language reads it in a program.
func numberOf(s string) val {
	if i, err := strconv.Atoi(s); err == nil {
		return integerOf(int64(i))
	}
	if strings.ContainsAny(s, ".eE") {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return floatOf(f)
		}
	}
	if n, ok := new(big.Int).SetString(s, 10); ok {
		return fromJQ(n)
	}
	if strings.HasPrefix(s, "-") {
		return floatOf(math.Inf(-1))
	}
	return floatOf(math.Inf(1))
}

// literalOf is a text of the program; the library is left what is no UTF-8.
func (j *jqCompiler) literalOf(s string) val {
	if !utf8.ValidString(s) {
		j.failed = true
	}
	return textOf(s)
}

func (j *jqCompiler) unary(u *gojq.Unary, at bool) jqCode {
	if t := u.Term; t.Type == gojq.TermTypeNumber && len(t.SuffixList) == 0 {
		v := numberOf(t.Number)
		if u.Op == gojq.OpSub {
			v, _ = (&Evaluator{}).negated(v)
		}
		return jqConst(v)
	}
	switch u.Op {
	case gojq.OpAdd:
		return j.term(u.Term, at).then(filter(func(e *Evaluator, in val) (val, error) {
			if !isNumber(in) {
				return null(), jqFail(func() string { return "cannot plus: " + e.typed(in) })
			}
			return in, nil
		}))
	case gojq.OpSub:
		return j.term(u.Term, at).then(filter((*Evaluator).negated))
	}
	return j.unknown()
}

// variable compiles the reading of a variable.
func (j *jqCompiler) variable(name string) jqCode {
	for _, b := range slices.Backward(j.binds) {
		if slot := b.slot; b.name == name {
			return sure(func(e *Evaluator, _ val) (val, error) { return e.locals[slot], nil })
		}
	}
	c, root := j.c, name[1:]
	switch {
	case c.p.consts.has(root):
		return jqConst(c.p.consts.vals[root])
	case name == "$today":
		return filter(func(e *Evaluator, _ val) (val, error) { return textOf(e.run.Today), nil })
	case name == "$now":
		return filter(func(e *Evaluator, _ val) (val, error) { return textOf(e.run.Now), nil })
	case !slices.Contains(c.visible(), root) || c.hasTarget(root):
		return j.unknown()
	}
	return j.rootValue(root)
}

// rootValue compiles the reading of all of a root.
func (j *jqCompiler) rootValue(root string) jqCode {
	if i := slices.Index(j.c.p.names, root); i >= 0 && root != "src" && root != "item" && root != "target" {
		return filter(func(e *Evaluator, _ val) (val, error) { return e.raw(e.bound[i].value), nil })
	}
	return filter(func(e *Evaluator, _ val) (val, error) { return e.raw(e.rootBytes(root)), nil })
}

// rootBytes is the JSON of a root; none is null.
func (e *Evaluator) rootBytes(root string) []byte {
	switch root {
	case "src":
		return e.src
	case "item":
		return e.item
	case "target":
		return e.target
	}
	return e.bound[slices.Index(e.p.names, root)].value
}
