package mapping

import (
	"slices"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// listBuiltin compiles the language's functions over lists and objects.
func (j *jqCompiler) listBuiltin(arity string, args []*gojq.Query, at bool) (jqCode, bool) {
	switch arity {
	case "map/1":
		return mapOver(j.query(args[0], false)), true
	case "map_values/1":
		return mapValues(j.query(args[0], false)), true
	case "length/0":
		return filter((*Evaluator).jqLength), true
	case "keys/0":
		return filter((*Evaluator).keys), true
	case "has/1":
		return withOne(j.query(args[0], at), (*Evaluator).has), true
	case "in/1":
		return withOne(j.query(args[0], at), func(e *Evaluator, in, a val) (val, error) { return e.has(a, in) }), true
	case "first/0":
		return filter(func(e *Evaluator, in val) (val, error) { return e.elementOf(in, 0) }), true
	case "last/0":
		return filter(func(e *Evaluator, in val) (val, error) { return e.elementOf(in, -1) }), true
	case "add/0":
		return filter((*Evaluator).total), true
	case "add/1":
		return collect(j.query(args[0], at)).then(filter((*Evaluator).total)), true
	case "reverse/0":
		return filter((*Evaluator).reversed), true
	case "flatten/0":
		return filter((*Evaluator).flat), true
	case "to_entries/0":
		return filter((*Evaluator).entries), true
	case "from_entries/0":
		return j.fromEntries(), true
	case "with_entries/1":
		f := j.query(args[0], false)
		return filter((*Evaluator).entries).then(mapOver(f)).then(j.fromEntries()), true
	case "type/0":
		return filter(func(_ *Evaluator, in val) (val, error) { return textOf(jqType(in)), nil }), true
	}
	return jqCode{}, false
}

// mapOver is map.
func mapOver(f jqCode) jqCode {
	values := iterate(true)
	run := f.one
	if run == nil {
		return collect(values.then(f))
	}
	return filter(func(e *Evaluator, in val) (val, error) {
		var vs []val
		err := values.all(e, in, func(x val) error {
			v, err := run(e, x)
			if err != nil || isNone(v) {
				return err
			}
			vs = append(vs, v)
			return e.grow(64)
		})
		return listOf(vs), err
	})
}

// mapValues is map_values: what has no output is left out.
func mapValues(f jqCode) jqCode {
	f = firstOf(f)
	return filter(func(e *Evaluator, in val) (val, error) {
		vs, ok, err := e.valuesOf(in)
		if err != nil {
			return null(), err
		}
		if !ok {
			return null(), e.cannotIterate(in)
		}
		if err := e.grow(80 * len(vs)); err != nil {
			return null(), err
		}
		var names, kept []string
		if in.kind == record.Object {
			if names, _, err = e.membersOf(in); err != nil {
				return null(), err
			}
		}
		out := make([]val, 0, len(vs))
		for i, x := range vs {
			v, err := f.one(e, x)
			if err != nil {
				return null(), err
			}
			if isNone(v) {
				continue
			}
			if out = append(out, v); names != nil {
				kept = append(kept, names[i])
			}
		}
		return val{kind: in.kind, p: &box{names: kept, list: out}}, nil
	})
}

// jqLength is length.
func (e *Evaluator) jqLength(in val) (val, error) {
	switch in.kind {
	case record.Null:
		return integerOf(0), nil
	case record.String:
		n := 0
		for range string(in.b) {
			n++
		}
		return integerOf(int64(n)), e.spend(len(in.b) >> 9)
	case record.List, record.Object:
		return integerOf(int64(e.length(in))), e.spend(len(in.b) >> 8)
	case record.Number:
		if i, ok := jqInt(in); ok && i >= 0 {
			return integerOf(int64(i)), nil
		}
		return e.operated(".[0] | length", in, null())
	}
	return null(), e.cannotApply("length", in)
}

func (e *Evaluator) keys(in val) (val, error) {
	switch in.kind {
	case record.List:
		n := e.length(in)
		if err := e.grow(64 * n); err != nil {
			return null(), err
		}
		vs := make([]val, n)
		for i := range vs {
			vs[i] = integerOf(int64(i))
		}
		return listOf(vs), nil
	case record.Object:
		names, _, err := e.membersOf(in)
		if err == nil {
			err = e.grow(64 * len(names))
		}
		if err != nil {
			return null(), err
		}
		vs := make([]val, len(names))
		for i, name := range names {
			vs[i] = textOf(name)
		}
		return listOf(vs), nil
	}
	return null(), e.cannotApply("keys", in)
}

// has tells whether v has a member or an element.
func (e *Evaluator) has(v, key val) (val, error) {
	switch {
	case v.isNull():
		return boolean(false), nil
	case v.kind == record.List && isNumber(key):
		i, ok := jqInt(key)
		if !ok {
			return e.operated(".[1] as $x | .[0] | has($x)", v, key)
		}
		return boolean(0 <= i && i < e.length(v)), nil
	case v.kind == record.Object && isText(key):
		_, ok, err := e.member(v, string(key.b))
		return boolean(ok), err
	}
	return null(), e.cannotApplyTo("has", v, key)
}

// total is add.
func (e *Evaluator) total(in val) (val, error) {
	vs, ok, err := e.valuesOf(in)
	if err != nil {
		return null(), err
	}
	if !ok {
		return null(), e.cannotApply("add", in)
	}
	vs = slices.DeleteFunc(slices.Clone(vs), val.isNull)
	if len(vs) == 0 {
		return null(), nil
	}
	for _, v := range vs {
		_, simple := jqFloat(v)
		if v.kind != vs[0].kind || v.kind == record.Bool || v.kind == record.Number && !simple {
			x, err := e.plain(in)
			if err == nil {
				err = e.charge(x)
			}
			if err != nil {
				return null(), err
			}
			return e.operated(".[0] | add", in, null())
		}
	}
	switch vs[0].kind {
	case record.String:
		return e.concatenated(vs)
	case record.List:
		return e.chainedAll(vs)
	}
	sum := vs[0]
	for _, v := range vs[1:] {
		if sum, err = e.added(sum, v); err != nil {
			return null(), err
		}
	}
	return sum, nil
}

// chainedAll puts lists together.
func (e *Evaluator) chainedAll(lists []val) (val, error) {
	var all []val
	for _, l := range lists {
		vs, err := e.itemsOf(l)
		if err == nil {
			err = e.grow(64 * len(vs))
		}
		if err != nil {
			return null(), err
		}
		all = append(all, vs...)
	}
	return listOf(all), nil
}

func (e *Evaluator) reversed(in val) (val, error) {
	if in.kind != record.List {
		return null(), e.cannotApply("reverse", in)
	}
	vs, err := e.itemsOf(in)
	if err == nil {
		err = e.grow(64 * len(vs))
	}
	vs = slices.Clone(vs)
	slices.Reverse(vs)
	return listOf(vs), err
}

func (e *Evaluator) flat(in val) (val, error) {
	vs, ok, err := e.valuesOf(in)
	if err == nil && !ok {
		err = e.cannotApply("flatten", in)
	}
	if err != nil {
		return null(), err
	}
	out, err := e.flatten(nil, vs, 0)
	return listOf(out), err
}

func (e *Evaluator) flatten(out, vs []val, depth int) ([]val, error) {
	if depth > maxDepth {
		return out, newFault(CodeLimit, "the value is nested more than 256 levels deep")
	}
	for _, v := range vs {
		if err := e.spend(1); err != nil {
			return out, err
		}
		if v.kind != record.List {
			if out = append(out, v); e.grow(64) != nil {
				return out, errOutput()
			}
			continue
		}
		inner, err := e.itemsOf(v)
		if err == nil {
			out, err = e.flatten(out, inner, depth+1)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// entries is to_entries.
func (e *Evaluator) entries(in val) (val, error) {
	names, err := e.keys(in)
	if err != nil {
		return null(), err
	}
	keys, err := e.itemsOf(names)
	if err != nil {
		return null(), err
	}
	vs, _, err := e.valuesOf(in)
	if err == nil {
		err = e.grow(200 * len(vs))
	}
	if err != nil {
		return null(), err
	}
	members, out := []string{"key", "value"}, make([]val, len(vs))
	for i, v := range vs {
		out[i] = val{kind: record.Object, p: &box{names: members, list: []val{keys[i], v}}}
	}
	return listOf(out), nil
}

// fromEntries is from_entries as the language defines it.
func (j *jqCompiler) fromEntries() jqCode {
	return j.defined(`map({(.key // .Key // .name // .Name): if has("value") then .value else .Value end}) | add // {}`)
}
