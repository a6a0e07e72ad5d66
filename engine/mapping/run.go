package mapping

import (
	"fmt"
	"runtime"

	"koppel/engine/record"
)

// panicText is what a recovered panic said. Errors of the Go runtime name no
// values and pass; others are of the libraries.
func panicText(r any) string {
	if err, ok := r.(runtime.Error); ok {
		return "the program failed: " + err.Error()
	}
	return fmt.Sprint("the program failed: ", r)
}

// Where reports whether the record passes the filter: true without one.
func (e *Evaluator) Where() (bool, error) { return e.condition(e.p.where, true) }

// Deleted reports whether the source record is a tombstone: false without a
// condition.
func (e *Evaluator) Deleted() (bool, error) { return e.condition(e.p.deleted, false) }

// condition runs a part that gives true or false; null counts as false.
func (e *Evaluator) condition(p *part, without bool) (bool, error) {
	if p == nil {
		return without, nil
	}
	if p.test != nil {
		if v := p.test(e); v != undecided { // tests take nothing from the record's bounds
			return v == holds, nil
		}
	}
	v, err := e.evaluate(p.run)
	if err == nil && v.kind != record.Bool && v.kind != record.Null {
		err = about(CodeType, "a condition gives true or false, not "+kindName(v), v)
	}
	if err != nil {
		return false, e.valueError(p.name, p.sensitive, placed(err, p.node, -1, -1))
	}
	return v.isTrue(), nil
}

// Key gives the item's key. Without key expressions it is empty: the source's
// own key counts.
func (e *Evaluator) Key() (record.Key, error) {
	if len(e.p.key) == 0 {
		return "", nil
	}
	var room [4]string
	parts := room[:0]
	for _, p := range e.p.key {
		text, ok := e.keyDirect(p)
		var err error
		if !ok {
			var v val
			if v, err = e.evaluate(p.run); err == nil {
				text, err = e.keyText(v)
			}
		}
		if err == nil && text == "" {
			err = newFault(CodeEmptyKey, "the key is null or empty")
		}
		if err != nil {
			return "", e.valueError("key", p.sensitive, placed(err, p.node, -1, -1))
		}
		parts = append(parts, text)
	}
	return record.MakeKey(parts...)
}

// keyText is the text of a key's part: numbers in canonical form, null and
// absent as the empty text.
func (e *Evaluator) keyText(v val) (string, error) {
	switch v.kind {
	case record.Null:
		return "", nil
	case record.List, record.Object:
		return "", about(CodeType, "a key is text, a number, true or false, not "+kindName(v), v)
	case record.Number:
		b, err := appendNumber(nil, v)
		return string(record.AppendCanonicalNumber(nil, b)), err
	}
	b, _ := e.scalarText(nil, v)
	return string(b), nil
}

// maxAlternatives bounds the keys that one side of a join gives.
const maxAlternatives = 10_000

// Left gives the keys that a join looks for: one, or several when a part is a
// list of values. None matches nothing: null, "" and the empty list.
func (e *Evaluator) Left(i int) ([]record.Key, error) {
	return e.side(e.p.joins[i].left)
}

// Right gives the keys of a right record of a join.
func (e *Evaluator) Right(i int, right []byte) ([]record.Key, error) {
	e.reset()
	j := &e.p.joins[i]
	e.bound[j.index] = binding{value: right}
	e.decodes.drop(j.index)
	return e.side(j.right)
}

func (e *Evaluator) side(parts []*part) ([]record.Key, error) {
	combos := [][]string{nil}
	for _, p := range parts {
		v, err := e.evaluate(p.run)
		var texts []string
		if err == nil {
			texts, err = e.alternatives(v)
		}
		if err == nil && len(combos)*len(texts) > maxAlternatives {
			err = newFault(CodeLimit, "the join has more than 10,000 alternatives")
		}
		if err != nil {
			return nil, e.valueError("on", p.sensitive, placed(err, p.node, -1, -1))
		}
		var next [][]string
		for _, c := range combos {
			for _, t := range texts {
				next = append(next, append(c[:len(c):len(c)], t))
			}
		}
		combos = next
	}
	var keys []record.Key
	for _, c := range combos {
		if k, err := record.MakeKey(c...); err == nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// alternatives lists the non-empty texts that one part stands for.
func (e *Evaluator) alternatives(v val) ([]string, error) {
	vs := []val{v}
	if v.kind == record.List {
		var err error
		if vs, err = e.elements(v); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, x := range vs {
		text, err := e.keyText(x)
		if err != nil {
			return nil, err
		}
		if text != "" {
			out = append(out, text)
		}
	}
	return out, nil
}

// Protect judges a row of the target as it stands. Anything but a clear false
// protects; then warning says what was not clear, or is empty for true.
func (e *Evaluator) Protect(target []byte) (protected bool, warning string) {
	p := e.p.protect
	if p == nil {
		return false, ""
	}
	e.reset()
	e.target = target
	e.decodes.clear()
	v, err := e.evaluate(p.run)
	switch {
	case err != nil:
		return true, e.valueError("protect", p.sensitive, placed(err, p.node, -1, -1)).Error()
	case v.kind != record.Bool:
		return true, "protect gives " + kindName(v) + ", not true or false"
	}
	return v.isTrue(), ""
}
