package mapping

import (
	"slices"
	"strings"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// array compiles [ … ].
func (j *jqCompiler) array(a *gojq.Array, at bool) jqCode {
	if a.Query == nil {
		return jqConst(listOf(nil))
	}
	return collect(j.query(a.Query, at))
}

// collect is the list of a query's outputs.
func collect(q jqCode) jqCode {
	return filter(func(e *Evaluator, in val) (val, error) {
		vs, err := e.collected(q, in)
		return listOf(vs), err
	})
}

func (e *Evaluator) collected(q jqCode, in val) ([]val, error) {
	if q.one != nil {
		v, err := q.one(e, in)
		if err != nil || isNone(v) {
			return nil, err
		}
		return []val{v}, e.grow(64)
	}
	var vs []val
	err := q.all(e, in, func(v val) error {
		vs = append(vs, v)
		return e.grow(64)
	})
	return vs, err
}

// A jqMember is one member of an object construction; without a key its name is
// known, without a value the member of that name is read.
type jqMember struct {
	name  string
	key   *jqCode
	value jqCode
	same  bool // the value is the input's member of the computed name
}

// object compiles { … }.
func (j *jqCompiler) object(o *gojq.Object, at bool) jqCode {
	var members []jqMember
	for _, kv := range o.KeyVals {
		members = append(members, j.member(kv, at))
	}
	for _, m := range members {
		if m.key != nil || m.value.one == nil {
			return several(func(e *Evaluator, in val, yield jqYield) error {
				return e.construct(members, nil, in, yield)
			})
		}
	}
	return fixedObject(members)
}

func (j *jqCompiler) member(kv *gojq.ObjectKeyVal, at bool) jqMember {
	defer func(n int) { j.binds = j.binds[:n] }(len(j.binds))
	m := jqMember{}
	switch name, isVariable := strings.CutPrefix(kv.Key, "$"); {
	case isVariable:
		m.name, m.value = name, j.variable(kv.Key)
		if kv.Val != nil {
			j.unknown()
		}
		return m
	case kv.Key != "":
		m.name = kv.Key
	case kv.KeyString != nil && kv.KeyString.Queries == nil:
		m.name = j.key(kv.KeyString.Str)
	case kv.KeyString != nil:
		key := j.text(kv.KeyString, nil, at)
		m.key, m.same = &key, kv.Val == nil
	case kv.KeyQuery != nil:
		key := j.query(kv.KeyQuery, at)
		m.key = &key
	}
	switch {
	case kv.Val != nil:
		m.value = j.query(kv.Val, at)
	case m.key == nil:
		m.value = j.term(&gojq.Term{Type: gojq.TermTypeIndex, Index: &gojq.Index{Str: &gojq.String{Str: m.name}}}, at)
	case !m.same:
		j.unknown()
	}
	return m
}

// fixedObject is an object whose names are known and whose values have one
// output each: of two members with one name the last counts.
func fixedObject(members []jqMember) jqCode {
	var names []string
	for _, m := range members {
		names = append(names, m.name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	places, all := make([]int, len(members)), true
	for i, m := range members {
		places[i], _ = slices.BinarySearch(names, m.name)
		all = all && m.value.sure
	}
	return jqCode{sure: all, one: func(e *Evaluator, in val) (val, error) {
		if err := e.grow(64 * len(names)); err != nil {
			return none(), err
		}
		vs := make([]val, len(names))
		for i := range members {
			v, err := members[i].value.one(e, in)
			if err != nil || isNone(v) {
				return none(), err
			}
			vs[places[i]] = v
		}
		return val{kind: record.Object, p: &box{names: names, list: vs}}, nil
	}}
}

// A jqPair is the name, as a value, and the value of a member.
type jqPair struct{ name, value val }

// construct yields an object for every combination of names and values; those
// of the first member vary slowest.
func (e *Evaluator) construct(members []jqMember, done []jqPair, in val, yield jqYield) error {
	if len(members) == 0 {
		v, err := e.objectOfPairs(done)
		if err != nil {
			return err
		}
		return yield(v)
	}
	m, rest := &members[0], members[1:]
	with := func(name val) error {
		next := func(v val) error {
			return e.construct(rest, append(done[:len(done):len(done)], jqPair{name, v}), in, yield)
		}
		if !m.same {
			return m.value.each(e, in, next)
		}
		v, err := e.indexed(in, name)
		if err != nil {
			return err
		}
		return next(v)
	}
	if m.key == nil {
		return with(textOf(m.name))
	}
	return m.key.each(e, in, with)
}

func (e *Evaluator) objectOfPairs(pairs []jqPair) (val, error) {
	if err := e.grow(96 * len(pairs)); err != nil {
		return null(), err
	}
	names, vs := make([]string, len(pairs)), make([]val, len(pairs))
	for i, p := range slices.Backward(pairs) {
		if p.name.kind != record.String {
			return null(), jqFail(func() string { return "expected a string for object key but got: " + e.typed(p.name) })
		}
		// Of two members with one name objectOf takes the first.
		names[len(pairs)-1-i], vs[len(pairs)-1-i] = string(p.name.b), p.value
	}
	return objectOf(names, vs), nil
}

// text compiles a string; format is applied to what is interpolated, tostring
// when it is nil.
func (j *jqCompiler) text(s *gojq.String, format *jqCode, at bool) jqCode {
	if s.Queries == nil {
		return jqConst(j.literalOf(s.Str))
	}
	var parts []jqCode
	one, all := true, true
	for _, q := range s.Queries {
		part := j.query(q, at)
		if isLiteral := q.Term != nil && q.Term.Str != nil && q.Term.Type == gojq.TermTypeString && q.Term.Str.Queries == nil; !isLiteral && format != nil {
			part = part.then(*format)
		}
		parts = append(parts, part)
		one, all = one && part.one != nil, all && part.sure
	}
	if !one {
		return several(func(e *Evaluator, in val, yield jqYield) error {
			return e.combine(parts, nil, in, yield)
		})
	}
	return jqCode{sure: all, one: func(e *Evaluator, in val) (val, error) {
		var room [8]val
		vs := append(room[:0], make([]val, len(parts))...)
		for i := len(parts) - 1; i >= 0; i-- {
			v, err := parts[i].one(e, in)
			if err != nil || isNone(v) {
				return none(), err
			}
			vs[i] = v
		}
		return e.concatenated(vs)
	}}
}

// combine yields the texts of all combinations of parts; those of the last part
// vary slowest.
func (e *Evaluator) combine(parts []jqCode, behind []val, in val, yield jqYield) error {
	if len(parts) == 0 {
		behind = slices.Clone(behind)
		slices.Reverse(behind)
		v, err := e.concatenated(behind)
		if err != nil {
			return err
		}
		return yield(v)
	}
	last := len(parts) - 1
	return parts[last].each(e, in, func(v val) error {
		return e.combine(parts[:last], append(behind[:len(behind):len(behind)], v), in, yield)
	})
}

// concatenated puts values together: what is no text becomes JSON.
func (e *Evaluator) concatenated(vs []val) (val, error) {
	out := e.scratch[:0]
	e.scratch = nil
	var err error
	for _, v := range vs {
		if out, err = e.appendJQText(out, v); err != nil {
			return null(), err
		}
		if len(out) > e.most {
			return null(), errOutput()
		}
	}
	e.scratch = out
	if err := e.grow(len(out)); err != nil {
		return null(), err
	}
	return text(e.keep(out)), nil
}

// format compiles @name and @name "…".
func (j *jqCompiler) format(t *gojq.Term, at bool) jqCode {
	var f jqCode
	switch t.Format {
	case "@text":
		f = filter((*Evaluator).jqText)
	case "@json":
		f = filter((*Evaluator).jqJSON)
	case "@html", "@uri", "@csv", "@tsv", "@sh", "@base64": // the others can give text that is no UTF-8
		f = byLibrary(t.Format)
	default:
		return j.unknown()
	}
	if t.Str == nil {
		return f
	}
	return j.text(t.Str, &f, at)
}

// byLibrary is a function of the input alone that the library computes.
func byLibrary(program string) jqCode {
	return filter(func(e *Evaluator, in val) (val, error) {
		x, err := e.plain(in)
		if err == nil {
			err = e.charge(x)
		}
		if err != nil {
			return null(), err
		}
		out := none()
		err = e.outputsOver(program, x, func(v val) error {
			out = v
			return nil
		})
		return out, err
	})
}
