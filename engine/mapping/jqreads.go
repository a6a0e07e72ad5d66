package mapping

import (
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// jqReads finds statically what a program reads: at tells whether the input of
// the query at hand is the record itself. Where that cannot be told, all of
// the record counts as read.
type jqReads struct {
	c    *compiler
	n    *Node
	root string
}

func (r *jqReads) add(steps ...string) { r.c.reads.add(r.root, steps) }

func (r *jqReads) query(q *gojq.Query, at bool) {
	if q == nil {
		return
	}
	if len(q.FuncDefs) > 0 {
		if at {
			r.add()
		}
		for _, fd := range q.FuncDefs {
			r.query(fd.Body, false)
		}
	}
	switch {
	case q.Term != nil:
		r.term(q.Term, at)
	case q.Right == nil:
	case q.Op == gojq.OpPipe && len(q.Patterns) > 0:
		r.query(q.Left, at)
		r.patterns(q.Patterns, at)
		r.query(q.Right, at)
	case q.Op == gojq.OpPipe && r.passes(q.Left):
		r.passed(q.Left, at)
		r.query(q.Right, at)
	case q.Op == gojq.OpPipe:
		r.query(q.Left, at)
		r.query(q.Right, false)
	case q.Op >= gojq.OpAssign:
		if at {
			r.add()
		}
		r.query(q.Left, at)
		r.query(q.Right, at)
	default:
		r.query(q.Left, at)
		r.query(q.Right, at)
	}
}

// passes recognises queries that give their input back: . and select(…).
func (r *jqReads) passes(q *gojq.Query) bool {
	t := q.Term
	if t == nil || len(q.FuncDefs) > 0 || len(t.SuffixList) > 0 {
		return false
	}
	return t.Type == gojq.TermTypeIdentity || t.Type == gojq.TermTypeFunc && t.Func.Name == "select" && len(t.Func.Args) == 1
}

func (r *jqReads) passed(q *gojq.Query, at bool) {
	if q.Term.Type == gojq.TermTypeFunc {
		r.query(q.Term.Func.Args[0], at)
	}
}

func (r *jqReads) patterns(ps []*gojq.Pattern, at bool) {
	for _, p := range ps {
		r.patterns(p.Array, at)
		for _, o := range p.Object {
			r.query(o.KeyQuery, at)
			r.text(o.KeyString, at)
			if o.Val != nil {
				r.patterns([]*gojq.Pattern{o.Val}, at)
			}
		}
	}
}

func (r *jqReads) text(s *gojq.String, at bool) {
	if s == nil {
		return
	}
	for _, q := range s.Queries {
		r.query(q, at)
	}
}

func (r *jqReads) term(t *gojq.Term, at bool) {
	r.suffixes(t, at)
	switch t.Type {
	case gojq.TermTypeIdentity, gojq.TermTypeIndex, gojq.TermTypeRecurse:
		if t.Index != nil {
			r.index(t.Index, at)
		}
		if at {
			r.add(pathOf(t)...)
		}
	case gojq.TermTypeFunc:
		r.function(t, at)
	case gojq.TermTypeObject:
		r.object(t.Object, at)
	case gojq.TermTypeArray:
		r.query(t.Array.Query, at)
	case gojq.TermTypeUnary:
		r.term(t.Unary.Term, at)
	case gojq.TermTypeFormat:
		if t.Str == nil && at {
			r.add()
		}
		r.text(t.Str, at)
	case gojq.TermTypeString:
		r.text(t.Str, at)
	case gojq.TermTypeQuery:
		r.query(t.Query, at)
	default:
		r.control(t, at)
	}
}

func (r *jqReads) control(t *gojq.Term, at bool) {
	switch t.Type {
	case gojq.TermTypeIf:
		r.query(t.If.Cond, at)
		r.query(t.If.Then, at)
		for _, e := range t.If.Elif {
			r.query(e.Cond, at)
			r.query(e.Then, at)
		}
		if r.query(t.If.Else, at); t.If.Else == nil && at {
			r.add()
		}
	case gojq.TermTypeTry:
		r.query(t.Try.Body, at)
		r.query(t.Try.Catch, false)
	case gojq.TermTypeReduce:
		r.query(t.Reduce.Query, at)
		r.patterns(t.Reduce.Patterns, at)
		r.query(t.Reduce.Start, at)
		r.query(t.Reduce.Update, false)
	case gojq.TermTypeForeach:
		r.query(t.Foreach.Query, at)
		r.patterns(t.Foreach.Patterns, at)
		r.query(t.Foreach.Start, at)
		r.query(t.Foreach.Update, false)
		r.query(t.Foreach.Extract, false)
	case gojq.TermTypeLabel:
		r.query(t.Label.Body, at)
	}
}

// suffixes reads what is computed inside of suffixes.
func (r *jqReads) suffixes(t *gojq.Term, at bool) {
	for _, s := range t.SuffixList {
		if s.Index != nil {
			r.index(s.Index, at)
		}
	}
}

func (r *jqReads) index(i *gojq.Index, at bool) {
	r.text(i.Str, at)
	r.query(i.Start, at)
	r.query(i.End, at)
}

// pathOf gives the names that follow the start of a term, as far as they are
// constant.
func pathOf(t *gojq.Term) []string {
	var steps []string
	if t.Type == gojq.TermTypeIndex {
		name, ok := indexName(t.Index)
		if !ok {
			return nil
		}
		steps = append(steps, name)
	}
	if t.Type == gojq.TermTypeRecurse {
		return nil
	}
	for _, s := range t.SuffixList {
		if s.Optional {
			continue
		}
		name, ok := "", false
		if s.Index != nil {
			name, ok = indexName(s.Index)
		}
		if !ok {
			return steps
		}
		steps = append(steps, name)
	}
	return steps
}

// indexName gives the name of .name, ."name" and .["name"].
func indexName(i *gojq.Index) (string, bool) {
	switch {
	case i.Name != "":
		return i.Name, true
	case i.Str != nil && i.Str.Queries == nil:
		return i.Str.Str, true
	case i.IsSlice || i.Start == nil || i.Start.Term == nil:
		return "", false
	}
	t := i.Start.Term
	if t.Type == gojq.TermTypeString && t.Str.Queries == nil && len(t.SuffixList) == 0 {
		return t.Str.Str, true
	}
	return "", false
}

// function reads a call. What is known to look at its arguments only does not
// read its input itself.
func (r *jqReads) function(t *gojq.Term, at bool) {
	f := t.Func
	if root, ok := strings.CutPrefix(f.Name, "$"); ok {
		r.variable(root, pathOf(t))
		return
	}
	onlyArguments := []string{"first/1", "last/1", "limit/2", "skip/2", "nth/2", "isempty/1", "range/1", "range/2", "range/3",
		"add/1", "any/2", "all/2", "IN/2", "empty/0", "now/0", "null/0", "error/1", "path/1", "infinite/0", "nan/0"}
	_, isTable := r.c.funcs[f.Name]
	arity := f.Name + "/" + string(rune('0'+min(len(f.Args), 9)))
	if at && !slices.Contains(onlyArguments, arity) && !(isTable && len(f.Args) > 1) && !(isTable && len(f.Args) == 1 && !jqHas(f.Name, 1)) {
		r.add()
	}
	for _, a := range f.Args {
		r.query(a, at)
	}
}

// variable reads a root by its variable. Variables that the program binds are
// no roots, or shadow one: then more is noted than is read.
func (r *jqReads) variable(root string, steps []string) {
	c := r.c
	switch {
	case c.p.consts.has(root):
		c.reads.addConst(root, steps)
	case !slices.Contains(c.visible(), root):
	case len(steps) == 0 || steps[0] != "target" || !c.hasTarget(root):
		c.reads.add(root, steps)
		if len(steps) == 0 && c.hasTarget(root) {
			c.reads.add(root+".target", nil)
		}
	case !c.scope.answers:
		c.problem(r.n.Pos, CodeScope, "$"+root+".target cannot be read in "+c.scope.what+": it is known after delivery", "")
	default:
		c.reads.add(root+".target", steps[1:])
	}
}

// hasTarget tells whether a name is a join whose target's answer can be read.
func (c *compiler) hasTarget(name string) bool {
	return slices.ContainsFunc(c.p.spec.Joins, func(j Join) bool { return j.Name == name && j.Target })
}

func (r *jqReads) object(o *gojq.Object, at bool) {
	for _, kv := range o.KeyVals {
		r.query(kv.KeyQuery, at)
		r.text(kv.KeyString, at)
		if r.query(kv.Val, at); kv.Val != nil {
			continue
		}
		switch root, isVariable := strings.CutPrefix(kv.Key, "$"); {
		case isVariable:
			r.variable(root, nil)
		case !at:
		case kv.Key != "":
			r.add(kv.Key)
		case kv.KeyString != nil && kv.KeyString.Queries == nil:
			r.add(kv.KeyString.Str)
		default:
			r.add()
		}
	}
}
