package mapping

import (
	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// fromRecord gives the names of a path that starts at the source record: a
// term with its first n suffixes.
func (j *jqCompiler) fromRecord(t *gojq.Term, n int, at bool) ([]string, bool) {
	var steps []string
	switch {
	case t.Type == gojq.TermTypeFunc && t.Func.Name == "$src" && j.c.scope.src && !j.c.scope.judging && n > 0:
		for _, b := range j.binds {
			if b.name == "$src" {
				return nil, false
			}
		}
	case !at || j.root != "src" || !j.c.scope.src:
		return nil, false
	case t.Type == gojq.TermTypeIndex:
		name, ok := indexName(t.Index)
		if !ok {
			return nil, false
		}
		steps = append(steps, name)
	case t.Type != gojq.TermTypeIdentity || n == 0:
		return nil, false
	}
	for _, s := range t.SuffixList[:n] {
		if s.Index == nil {
			return nil, false
		}
		name, ok := indexName(s.Index)
		if !ok {
			return nil, false
		}
		steps = append(steps, name)
	}
	return steps, true
}

// recordPath reads a member of the source record from its slot. The slots of
// the members above it tell why it is absent.
func (j *jqCompiler) recordPath(steps []string) jqCode {
	slots := make([]int, len(steps))
	j.wants = append(j.wants, func() {
		for i := range steps {
			slots[i] = j.c.p.tree.Want(steps[:i+1]...)
		}
	})
	return sure(func(e *Evaluator, _ val) (val, error) {
		if raw := e.scan.Slot(slots[len(slots)-1]); raw != nil {
			return e.raw(raw), nil
		}
		above := e.src
		for _, slot := range slots {
			if v := e.raw(above); v.kind != record.Object && !v.isNull() {
				return null(), e.needObject(v)
			}
			if above = e.scan.Slot(slot); above == nil {
				break
			}
		}
		return null(), nil
	})
}

// index compiles a term that is followed by .name, .[i] or .[a:b].
func (j *jqCompiler) index(of func() jqCode, i *gojq.Index, at bool) jqCode {
	if name, ok := indexName(i); ok {
		j.literalOf(name)
		return of().then(filter(func(e *Evaluator, in val) (val, error) { return e.memberOf(in, name) }))
	}
	switch {
	case i.Str != nil:
		return withTwo(of(), j.text(i.Str, nil, at), (*Evaluator).indexed)
	case !i.IsSlice:
		return withTwo(of(), j.query(i.Start, at), (*Evaluator).placedAt)
	}
	from, to := jqConst(null()), jqConst(null())
	if i.Start != nil {
		from = j.query(i.Start, at)
	}
	if i.End != nil {
		to = j.query(i.End, at)
	}
	term := of()
	return slice(term, from, to)
}

// placedAt is v[i] of a place that the program computes: those far off break a
// bound.
func (e *Evaluator) placedAt(v, i val) (val, error) {
	if at, ok := jqInt(i); !ok || at > largestIndex {
		x, err := e.plain(i)
		if err != nil {
			return null(), err
		}
		if err, ok := jqPlace(e, nil, []any{x}).(error); ok {
			return null(), err
		}
	}
	return e.indexed(v, i)
}

// indexed is v[i].
func (e *Evaluator) indexed(v, i val) (val, error) {
	switch i.kind {
	case record.String:
		return e.memberOf(v, string(i.b))
	case record.Number:
		at, ok := jqInt(i)
		if !ok {
			x, err := e.plain(i)
			if err != nil {
				return null(), err
			}
			at, _ = gojq.ToInt(x)
		}
		return e.elementOf(v, at)
	case record.List, record.Object:
		return e.operated(".[0][.[1]]", v, i)
	}
	switch v.kind {
	case record.List:
		return null(), jqFail(func() string { return "expected a number for indexing an array but got: " + e.typed(i) })
	case record.String:
		return null(), jqFail(func() string { return "expected a number for indexing a string but got: " + e.typed(i) })
	}
	return null(), jqFail(func() string { return "expected a string for object key but got: " + e.typed(i) })
}

// elementOf is v[at] for a number.
func (e *Evaluator) elementOf(v val, at int) (val, error) {
	switch v.kind {
	case record.Null:
		return null(), nil
	case record.String:
		return e.operated(".[0][.[1]]", v, integerOf(int64(at)))
	case record.List:
	default:
		return null(), e.needArray(v)
	}
	if v.b == nil || at < 0 {
		n := e.length(v)
		if at < 0 {
			at += n
		}
		if at < 0 || at >= n {
			return null(), nil
		}
	}
	switch {
	case v.b != nil:
		found, i := null(), 0
		err := e.rawItems(v.b, func(x val) error {
			if i == at {
				found = x
				return errFound
			}
			i++
			return nil
		})
		if err == errFound {
			err = nil
		}
		return found, err
	case v.p.decoded != nil:
		return fromJQ(v.p.decoded.([]any)[at]), nil
	}
	return v.p.list[at], nil
}

// errFound ends the search of an element.
const errFound = foundError(0)

type foundError int

func (foundError) Error() string { return "found" }

// slice compiles term[from:to]; the start varies slowest.
func slice(term, from, to jqCode) jqCode {
	type operands struct{ v, from, to val }
	run := func(e *Evaluator, o operands) (val, error) { return e.sliceOf(o.v, o.from, o.to) }
	if term.one == nil || from.one == nil || to.one == nil {
		return several(func(e *Evaluator, in val, yield jqYield) error {
			return from.each(e, in, func(a val) error {
				return to.each(e, in, func(b val) error {
					return term.each(e, in, func(v val) error {
						w, err := run(e, operands{v, a, b})
						if err != nil {
							return err
						}
						return yield(w)
					})
				})
			})
		})
	}
	return jqCode{sure: term.sure && from.sure && to.sure, one: func(e *Evaluator, in val) (val, error) {
		var o operands
		for _, x := range []struct {
			run jqOne
			to  *val
		}{{from.one, &o.from}, {to.one, &o.to}, {term.one, &o.v}} {
			v, err := x.run(e, in)
			if err != nil || isNone(v) {
				return none(), err
			}
			*x.to = v
		}
		return run(e, o)
	}}
}

// sliceOf is v[from:to] of whole numbers or null; the library does the rest.
func (e *Evaluator) sliceOf(v, from, to val) (val, error) {
	a, okA := jqInt(from)
	b, okB := jqInt(to)
	if v.kind != record.List || !(okA && isNumber(from) || from.isNull()) || !(okB && isNumber(to) || to.isNull()) {
		return e.operated(".[0][.[1][0]:.[1][1]]", v, listOf([]val{from, to}))
	}
	vs, err := e.itemsOf(v)
	if err != nil {
		return null(), err
	}
	if to.isNull() {
		b = len(vs)
	}
	a = boundPlace(a, 0, len(vs))
	b = boundPlace(b, a, len(vs))
	return listOf(vs[a:b:b]), nil
}

// boundPlace counts negative places from the end and keeps them in bounds.
func boundPlace(i, least, most int) int {
	if i < 0 {
		i += most
	}
	return min(max(i, least), most)
}

// iterate is .[]; without strict it gives nothing for what cannot be iterated.
func iterate(strict bool) jqCode {
	return several(func(e *Evaluator, in val, yield jqYield) error {
		switch in.kind {
		case record.List:
			return e.items(in, yield)
		case record.Object:
			_, vs, err := e.membersOf(in)
			if err != nil {
				return err
			}
			for _, v := range vs {
				if err := e.spend(1); err != nil {
					return err
				}
				if err := yield(v); err != nil {
					return err
				}
			}
			return nil
		}
		if !strict {
			return nil
		}
		return e.cannotIterate(in)
	})
}

// recurse is ..: the input and all inside it.
func recurse() jqCode {
	var walk func(e *Evaluator, v val, depth int, yield jqYield) error
	inner := iterate(false)
	walk = func(e *Evaluator, v val, depth int, yield jqYield) error {
		if depth > maxDepth {
			return newFault(CodeLimit, "the value is nested more than 256 levels deep")
		}
		if err := yield(v); err != nil {
			return err
		}
		return inner.all(e, v, func(x val) error { return walk(e, x, depth+1, yield) })
	}
	return several(func(e *Evaluator, in val, yield jqYield) error { return walk(e, in, 0, yield) })
}
