package mapping

import (
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// A jqWriter checks the names of a parsed program and rewrites it: calls of
// the function table and operations that can make much of little go to
// functions of this package, which count the record's work.
type jqWriter struct {
	c     *compiler
	n     *Node
	funcs []string // name/arity that the program defines, where it is read
	binds []string // variables that it binds
	vars  []string // roots that it uses, in order
	used  map[string]gojq.CompilerOption
	sites int
}

// Variables of a rewritten program: the evaluator, for the functions of this
// package, and the run's clock.
const evaluatorVariable, clockVariable = "$__evaluator", "$__clock"

func (w *jqWriter) query(q *gojq.Query) {
	if q == nil {
		return
	}
	for _, i := range q.Imports {
		w.problem("import", CodeName, "programs do not import modules: "+i.ImportPath+i.IncludePath, "")
	}
	nf, nb := len(w.funcs), len(w.binds)
	for _, fd := range q.FuncDefs {
		w.define(fd)
	}
	switch {
	case q.Term != nil:
		w.term(q.Term)
	case q.Right != nil:
		w.query(q.Left)
		for _, p := range q.Patterns {
			w.pattern(p)
		}
		w.query(q.Right)
		w.operator(q)
	}
	w.funcs, w.binds = w.funcs[:nf], w.binds[:nb]
}

// define notes a function and reads its body.
func (w *jqWriter) define(fd *gojq.FuncDef) {
	w.funcs = append(w.funcs, fd.Name+"/"+strconv.Itoa(len(fd.Args)))
	if strings.HasPrefix(fd.Name, "_koppel") {
		w.problem(fd.Name, CodeName, "names of functions do not begin with _koppel: "+fd.Name, "")
	}
	nf, nb := len(w.funcs), len(w.binds)
	for _, a := range fd.Args {
		if v, ok := strings.CutPrefix(a, "$"); ok {
			w.bind(a)
			a = v
		}
		w.funcs = append(w.funcs, a+"/0")
	}
	w.query(fd.Body)
	w.funcs, w.binds = w.funcs[:nf], w.binds[:nb]
}

// bind notes a variable that the program binds.
func (w *jqWriter) bind(name string) {
	if strings.HasPrefix(name, "$__") {
		w.problem(name, CodeName, "names of variables do not begin with __: "+name, "")
	}
	if name != "" {
		w.binds = append(w.binds, name)
	}
}

func (w *jqWriter) pattern(p *gojq.Pattern) {
	w.bind(p.Name)
	for _, x := range p.Array {
		w.pattern(x)
	}
	for _, x := range p.Object {
		if strings.HasPrefix(x.Key, "$") {
			w.bind(x.Key)
		}
		w.text(x.KeyString)
		w.query(x.KeyQuery)
		if x.Val != nil {
			w.pattern(x.Val)
		}
	}
}

// operator rewrites the operators whose results can be much larger than what
// they are made of, or whose work is more than that of one step.
func (w *jqWriter) operator(q *gojq.Query) {
	switch q.Op {
	case gojq.OpAdd, gojq.OpMul, gojq.OpSub, gojq.OpDiv, gojq.OpEq, gojq.OpNe, gojq.OpLt, gojq.OpLe, gojq.OpGt, gojq.OpGe:
		*q = *w.call(w.operation(q.Op), q.Left, q.Right)
	case gojq.OpUpdateAdd, gojq.OpUpdateMul:
		op := gojq.OpAdd
		if q.Op == gojq.OpUpdateMul {
			op = gojq.OpMul
		}
		by := variable("$__by")
		update := w.call(w.operation(op), identity(), by)
		modify := &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: update}
		*q = gojq.Query{Left: q.Right, Op: gojq.OpPipe, Right: modify, Patterns: []*gojq.Pattern{{Name: "$__by"}}}
	}
}

func identity() *gojq.Query { return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}} }

func variable(name string) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name}}}
}

func pipe(l, r *gojq.Query) *gojq.Query { return &gojq.Query{Left: l, Op: gojq.OpPipe, Right: r} }

// call makes the call of a function of this package.
func (w *jqWriter) call(name string, args ...*gojq.Query) *gojq.Query {
	w.variable(evaluatorVariable)
	all := append([]*gojq.Query{variable(evaluatorVariable)}, args...)
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: all}}}
}

// variable notes that a root is used.
func (w *jqWriter) variable(name string) {
	if !slices.Contains(w.vars, name) {
		w.vars = append(w.vars, name)
	}
}

func (w *jqWriter) term(t *gojq.Term) {
	switch t.Type {
	case gojq.TermTypeIndex:
		w.index(t.Index)
	case gojq.TermTypeFunc:
		w.function(t)
	case gojq.TermTypeObject:
		w.object(t.Object)
	case gojq.TermTypeArray:
		w.query(t.Array.Query)
	case gojq.TermTypeUnary:
		w.term(t.Unary.Term)
	case gojq.TermTypeFormat, gojq.TermTypeString:
		w.format(t)
	case gojq.TermTypeIf:
		w.condition(t.If)
	case gojq.TermTypeTry:
		w.query(t.Try.Body)
		w.query(t.Try.Catch)
	case gojq.TermTypeReduce:
		w.loop(t.Reduce.Query, t.Reduce.Patterns, t.Reduce.Start, t.Reduce.Update, nil)
	case gojq.TermTypeForeach:
		w.loop(t.Foreach.Query, t.Foreach.Patterns, t.Foreach.Start, t.Foreach.Update, t.Foreach.Extract)
	case gojq.TermTypeLabel:
		w.query(t.Label.Body)
	case gojq.TermTypeQuery:
		w.query(t.Query)
	}
	for _, s := range t.SuffixList {
		if s.Index != nil {
			w.index(s.Index)
		}
	}
}

func (w *jqWriter) condition(i *gojq.If) {
	w.query(i.Cond)
	w.query(i.Then)
	for _, e := range i.Elif {
		w.query(e.Cond)
		w.query(e.Then)
	}
	w.query(i.Else)
}

func (w *jqWriter) loop(source *gojq.Query, patterns []*gojq.Pattern, start, update, extract *gojq.Query) {
	w.query(source)
	w.query(start)
	nb := len(w.binds)
	for _, p := range patterns {
		w.pattern(p)
	}
	w.query(update)
	w.query(extract)
	w.binds = w.binds[:nb]
}

// largestIndex bounds the places of lists: assigning to a place makes all
// before it.
const largestIndex = 1_000_000

// index bounds computed places.
func (w *jqWriter) index(i *gojq.Index) {
	w.text(i.Str)
	w.query(i.Start)
	w.query(i.End)
	if i.Start == nil || i.IsSlice {
		return
	}
	if t := i.Start.Term; t != nil && len(t.SuffixList) == 0 {
		if t.Type == gojq.TermTypeString && t.Str.Queries == nil {
			return
		}
		if n, err := strconv.Atoi(t.Number); t.Type == gojq.TermTypeNumber && err == nil && n <= largestIndex {
			return
		}
	}
	i.Start = w.placed(i.Start)
}

// placed makes a query whose places are checked.
func (w *jqWriter) placed(q *gojq.Query) *gojq.Query {
	w.add("_koppel_place", 1, jqPlace)
	return w.call("_koppel_place", q)
}

func (w *jqWriter) object(o *gojq.Object) {
	for _, kv := range o.KeyVals {
		if strings.HasPrefix(kv.Key, "$") {
			w.root(kv.Key)
		}
		w.query(kv.KeyQuery)
		w.query(kv.Val)
		if kv.KeyString != nil && kv.KeyString.Queries != nil && kv.Val != nil {
			w.text(kv.KeyString)
			kv.KeyQuery, kv.KeyString = w.concat(kv.KeyString, nil), nil
			continue
		}
		w.text(kv.KeyString)
	}
}

// text reads what is interpolated into a string.
func (w *jqWriter) text(s *gojq.String) {
	if s == nil {
		return
	}
	for _, q := range s.Queries {
		w.query(q)
	}
}

// format rewrites strings with interpolation and bare formats.
func (w *jqWriter) format(t *gojq.Term) {
	if t.Str == nil {
		t.Type, t.Query = gojq.TermTypeQuery, w.guarded(&gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFormat, Format: t.Format}})
		t.Format = ""
		return
	}
	if t.Str.Queries == nil {
		return
	}
	if t.Type == gojq.TermTypeString && len(t.Str.Queries) == 1 && t.Str.Queries[0].Term != nil && t.Str.Queries[0].Term.Str != nil {
		return
	}
	w.text(t.Str)
	var format *gojq.Term
	if t.Type == gojq.TermTypeFormat && t.Format != "" && t.Format != "@text" {
		format = &gojq.Term{Type: gojq.TermTypeFormat, Format: t.Format}
	}
	q := w.concat(t.Str, format)
	t.Type, t.Query, t.Str, t.Format = gojq.TermTypeQuery, q, nil, ""
}

// concat makes the call that puts the parts of a string together.
func (w *jqWriter) concat(s *gojq.String, format *gojq.Term) *gojq.Query {
	const most = 24
	w.add("_koppel_concat", -1, jqConcat)
	var parts []*gojq.Query
	for _, q := range s.Queries {
		if literal := q.Term != nil && q.Term.Type == gojq.TermTypeString && q.Term.Str != nil && q.Term.Str.Queries == nil && len(q.Term.SuffixList) == 0; !literal && format != nil {
			f := *format
			q = pipe(q, w.guarded(&gojq.Query{Term: &f}))
		}
		parts = append(parts, q)
	}
	for len(parts) > most {
		parts = append([]*gojq.Query{w.call("_koppel_concat", parts[:most]...)}, parts[most:]...)
	}
	return w.call("_koppel_concat", parts...)
}

// guarded makes a query that weighs its input first.
func (w *jqWriter) guarded(q *gojq.Query) *gojq.Query {
	w.add("_koppel_guard", 0, jqGuard)
	return pipe(w.call("_koppel_guard"), q)
}

// root checks a variable and notes it.
func (w *jqWriter) root(name string) {
	if slices.Contains(w.binds, name) || name == "$__loc__" {
		return
	}
	root := name[1:]
	switch {
	case root == "today" || root == "now":
		w.c.reads.Today = w.c.reads.Today || root == "today"
		w.c.reads.Now = w.c.reads.Now || root == "now"
		w.variable(name)
		return
	case slices.Contains(w.c.visible(), root):
		if root == "src" && w.c.scope.judging || root == "item" && w.c.scope.judging {
			w.problem(name, CodeScope, root+" is not known when a row is judged", "")
		}
		w.variable(name)
		return
	case root == "ENV" || strings.HasPrefix(root, "__"):
		w.problem(name, CodeName, name+" does not exist here: a program sees its record only", "")
		return
	}
	suggest := nearest(root, append(w.c.visible(), "today", "now"))
	if suggest != "" {
		suggest = "$" + suggest
	}
	if slices.Contains(knownRoots(w.c.p.names), root) {
		w.problem(name, CodeScope, name+" cannot be read in "+w.c.scope.what+w.c.why(root), "")
		return
	}
	w.problem(name, CodeName, "unknown variable "+name, suggest)
}

// constant checks that what is read of var, local or each is declared.
func (w *jqWriter) constant(name string, steps []string) {
	root := name[1:]
	if len(steps) == 0 || slices.Contains(w.binds, name) || !w.c.p.consts.has(root) {
		return
	}
	_, problem, suggest := w.c.p.consts.lookup(root, steps[:1])
	if problem == "" {
		return
	}
	if suggest != "" {
		suggest = "$" + suggest
	}
	at := name
	if whole := name + "." + steps[0]; wordIn(w.n.Text, whole) >= 0 {
		at = whole
	}
	w.problem(at, CodeName, "unknown name "+name+"."+steps[0], suggest)
}
