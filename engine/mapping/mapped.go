package mapping

import (
	"bytes"
	"slices"

	"koppel/engine/record"
)

// Map appends the mapped record in body form: members sorted by name, defaults
// put in, types and required fields checked. On an error dst comes back as it
// was.
func (e *Evaluator) Map(dst []byte) ([]byte, error) {
	start := len(dst)
	e.outStart = start
	out, err := e.appendMapped(dst)
	if err == nil && len(out)-start > maxOutput {
		err = e.valueError("map", false, errOutput())
	}
	if err != nil {
		return dst[:start], err
	}
	e.mapped = out[start:]
	return out, nil
}

func (e *Evaluator) appendMapped(dst []byte) ([]byte, error) {
	e.canon = false
	switch {
	case e.p.whole != nil:
		return e.appendWhole(dst)
	case len(e.p.fields) > 0:
		e.runGroup()
		dst, err := e.appendFields(dst)
		e.grouped = nil
		return dst, err
	case e.p.each != nil:
		return record.AppendBody(dst, e.item)
	}
	return record.AppendBody(dst, e.src)
}

func (e *Evaluator) appendFields(dst []byte) (out []byte, err error) {
	base, at := len(dst), 0
	e.canon = e.p.unique
	defer func() {
		if r := recover(); r != nil {
			out, err = dst, e.fieldError(e.p.fields[at], newFault(CodeProgram, panicText(r)))
		}
	}()
	for n := range e.p.sorted {
		at = e.p.sorted[n]
		f := e.p.fields[at]
		from := len(dst)
		if dst = append(dst, f.quoted...); n == 0 {
			dst[from] = '{'
		}
		if dst, err = e.appendField(dst, f); err != nil {
			return dst, e.fieldError(f, err)
		}
		e.spans[at] = span{from + 1 - base, len(dst) - base}
	}
	return append(dst, '}'), nil
}

func (e *Evaluator) fieldError(f *field, err error) error {
	return e.valueError(f.name, f.sensitive, placed(err, f.node, -1, -1))
}

// appendField appends the value of a field: directly, or by its code.
func (e *Evaluator) appendField(dst []byte, f *field) ([]byte, error) {
	from := len(dst)
	if f.piece != nil && from-e.outStart <= maxOutput {
		if out, ok := e.appendDirect(dst, f); ok {
			return out, nil
		}
	}
	v, err := f.run(e)
	if err == nil {
		v, err = e.finish(f, v)
	}
	if err == nil {
		dst, err = e.appendBody(dst, v, 1)
	}
	if err == nil {
		e.canon = e.canon && isCanonical(v.kind, dst[from:])
	}
	return dst, err
}

// finish puts in the default and checks the field's rules.
func (e *Evaluator) finish(f *field, v val) (val, error) {
	if v.isNull() && f.def != nil {
		var err error
		if v, err = e.evaluate(f.def.run); err != nil {
			return v, err
		}
	}
	if v.isNull() {
		if f.required {
			return v, newFault(CodeRequired, "a value is required")
		}
		return v, nil
	}
	if f.check != nil && !f.check(v) {
		return v, about(CodeType, typeProblem(f.typ, v), v)
	}
	return v, nil
}

// appendWhole appends the object that the whole mapping makes.
func (e *Evaluator) appendWhole(dst []byte) ([]byte, error) {
	w := e.p.whole
	if e.p.members != nil {
		if out, ok := e.appendMembers(dst); ok {
			return out, nil
		}
	}
	v, err := e.evaluate(w.run)
	if err == nil && v.kind != record.Object {
		err = about(CodeType, "the mapping gives an object, not "+kindName(v), v)
	}
	if err == nil {
		v, err = e.ruled(v)
	}
	if err == nil {
		e.canon = isFlat(v)
		dst, err = e.appendBody(dst, v, 0)
	}
	if err != nil {
		if ve, ok := err.(*ValueError); ok {
			return dst, ve
		}
		return dst, e.valueError("map", w.sensitive, placed(err, w.node, -1, -1))
	}
	return dst, nil
}

// ruled applies the field blocks beside a whole mapping.
func (e *Evaluator) ruled(v val) (val, error) {
	if len(e.p.rules) == 0 {
		return v, nil
	}
	names, vs, err := e.members(v)
	if err != nil {
		return v, err
	}
	names, vs = slices.Clone(names), slices.Clone(vs)
	for _, f := range e.p.rules {
		at, found := slices.BinarySearch(names, f.name)
		x := null()
		if found {
			x = vs[at]
		}
		if x, err = e.finish(f, x); err != nil {
			return v, e.valueError(f.name, f.sensitive || e.p.whole.sensitive, placed(err, e.p.whole.node, -1, -1))
		}
		switch {
		case found:
			vs[at] = x
		case !x.isNull():
			names, vs = slices.Insert(names, at, f.name), slices.Insert(vs, at, x)
		}
	}
	return val{kind: record.Object, p: &box{names: names, list: vs}}, nil
}

// Ordered appends the record that Map made last with its members in the order
// of the mapping; without map { … } it is the same as Map's.
func (e *Evaluator) Ordered(dst []byte) []byte {
	if e.p.whole != nil || len(e.p.fields) == 0 {
		return append(dst, e.mapped...)
	}
	sep := byte('{')
	for _, s := range e.spans {
		dst = append(append(dst, sep), e.mapped[s.from:s.to]...)
		sep = ','
	}
	return append(dst, '}')
}

// A Step is one field as explain shows it.
type Step struct {
	Field     string // mapped field, or each, where, key
	Pos       Pos
	Program   string // text of an expr or jq program; empty for other forms
	Value     []byte // JSON; nil with an error
	Err       error  // a *ValueError
	Sensitive bool
}

// Trace evaluates where, the key and every field of the present item, each by
// itself, so that one that fails hides no other.
func (e *Evaluator) Trace() []Step {
	var steps []Step
	if e.p.where != nil {
		steps = append(steps, e.trace(e.p.where, nil))
	}
	for _, k := range e.p.key {
		steps = append(steps, e.trace(k, nil))
	}
	for _, f := range e.p.fields {
		steps = append(steps, e.trace(&f.part, f))
	}
	if e.p.whole != nil {
		steps = append(steps, e.trace(e.p.whole, nil))
	}
	return steps
}

func (e *Evaluator) trace(p *part, f *field) Step {
	s := Step{Field: p.name, Pos: p.node.Pos, Program: p.node.Text, Sensitive: p.sensitive}
	e.outStart = 0
	e.refill()
	v, err := e.evaluate(p.run)
	if err == nil && f != nil {
		v, err = e.finish(f, v)
	}
	if err == nil {
		s.Value, err = e.appendBody(nil, v, 0)
	}
	if err != nil {
		s.Value, s.Err = nil, e.valueError(p.name, p.sensitive, placed(err, p.node, -1, -1))
	}
	s.Value = bytes.Clone(s.Value)
	return s
}
