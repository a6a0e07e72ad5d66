package mapping

import (
	"slices"
	"strings"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// sortBuiltin compiles the language's functions that order values.
func (j *jqCompiler) sortBuiltin(arity string, args []*gojq.Query, _ bool) (jqCode, bool) {
	name, n, _ := strings.Cut(arity, "/")
	pick := map[string]func(*Evaluator, []val, []val) (val, error){
		"sort": (*Evaluator).sortedItems, "unique": (*Evaluator).uniqueItems, "group": (*Evaluator).groups,
		"min": func(e *Evaluator, vs, keys []val) (val, error) { return e.extreme(vs, keys, true) },
		"max": func(e *Evaluator, vs, keys []val) (val, error) { return e.extreme(vs, keys, false) },
	}[strings.TrimSuffix(name, "_by")]
	weighed := func(e *Evaluator, vs, keys []val) (val, error) {
		for _, v := range keys {
			if err := e.chargeVal(v); err != nil {
				return null(), err
			}
		}
		return pick(e, vs, keys)
	}
	switch {
	case pick == nil:
		return jqCode{}, false
	case n == "0" && name != "group" && !strings.HasSuffix(name, "_by"):
		return filter(func(e *Evaluator, in val) (val, error) {
			if in.kind != record.List {
				return null(), e.cannotApply(name, in)
			}
			vs, err := e.itemsOf(in)
			if err != nil {
				return null(), err
			}
			return weighed(e, vs, vs)
		}), true
	case n == "1" && strings.HasSuffix(name, "_by"):
		keysOf := mapOver(collect(j.query(args[0], false)))
		return filter(func(e *Evaluator, in val) (val, error) {
			keys, err := keysOf.one(e, in)
			if err != nil {
				return null(), err
			}
			if in.kind != record.List {
				return null(), e.cannotApplyTo(name, in, keys)
			}
			vs, err := e.itemsOf(in)
			if err != nil {
				return null(), err
			}
			return weighed(e, vs, keys.p.list)
		}), true
	}
	return jqCode{}, false
}

// order gives the places of keys in their order; equal ones stay as they are.
func (e *Evaluator) order(keys []val) ([]int, error) {
	if err := e.grow(16 * len(keys)); err != nil {
		return nil, err
	}
	places := make([]int, len(keys))
	for i := range places {
		places[i] = i
	}
	var failed error
	slices.SortStableFunc(places, func(a, b int) int {
		if failed != nil {
			return 0
		}
		c, err := e.ordered(keys[a], keys[b], 0)
		failed = err
		return c
	})
	return places, failed
}

func (e *Evaluator) sortedItems(vs, keys []val) (val, error) {
	places, err := e.order(keys)
	if err == nil {
		err = e.grow(64 * len(vs))
	}
	if err != nil {
		return null(), err
	}
	out := make([]val, len(vs))
	for i, at := range places {
		out[i] = vs[at]
	}
	return listOf(out), nil
}

// runs yields the places of keys in order, and whether one differs from the one
// before it.
func (e *Evaluator) runs(keys []val, yield func(at int, isNew bool)) error {
	places, err := e.order(keys)
	if err != nil {
		return err
	}
	last := 0
	for i, at := range places {
		c := 1
		if i > 0 {
			if c, err = e.ordered(keys[last], keys[at], 0); err != nil {
				return err
			}
		}
		if c != 0 {
			last = at
		}
		yield(at, c != 0)
	}
	return e.grow(64 * len(keys))
}

func (e *Evaluator) uniqueItems(vs, keys []val) (val, error) {
	var out []val
	err := e.runs(keys, func(at int, isNew bool) {
		if isNew {
			out = append(out, vs[at])
		}
	})
	return listOf(out), err
}

func (e *Evaluator) groups(vs, keys []val) (val, error) {
	var out []val
	err := e.runs(keys, func(at int, isNew bool) {
		if isNew {
			out = append(out, listOf(nil))
		}
		group := out[len(out)-1].p
		group.list = append(group.list, vs[at])
	})
	return listOf(out), err
}

// extreme is the first of the least or the last of the greatest.
func (e *Evaluator) extreme(vs, keys []val, least bool) (val, error) {
	if len(vs) == 0 {
		return null(), nil
	}
	best := 0
	for i := 1; i < len(keys); i++ {
		c, err := e.ordered(keys[best], keys[i], 0)
		if err != nil {
			return null(), err
		}
		if c > 0 == least {
			best = i
		}
	}
	return vs[best], nil
}
