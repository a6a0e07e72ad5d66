package mapping

import (
	"unicode/utf8"

	"koppel/engine/record"
)

// appendDirect appends a field's value by its piece. False says that its code
// must do it; nothing is then taken from the record's bounds.
func (e *Evaluator) appendDirect(dst []byte, f *field) (out []byte, ok bool) {
	from, steps, made := len(dst), e.steps, e.made
	var kind record.Kind
	if f.copied >= 0 {
		dst, kind = e.appendCopy(dst, f.copied)
	} else {
		dst, kind = e.appendPiece(dst, f.piece)
	}
	if kind == record.Absent || f.ruled && !f.accepts(kind, dst[from:]) {
		e.steps, e.made = steps, made
		return dst[:from], false
	}
	if kind == record.Number {
		e.canon = e.canon && isCanonical(kind, dst[from:])
	}
	return dst, true
}

// appendCopy appends what stands in a slot.
func (e *Evaluator) appendCopy(dst []byte, slot int) ([]byte, record.Kind) {
	raw, kind, clean := e.scan.Clean(slot)
	switch {
	case clean:
		return append(dst, raw...), kind
	case kind == record.Absent:
		return append(dst, nullLiteral...), record.Null
	}
	return dst, record.Absent
}

var nullLiteral = []byte("null")

// appendPiece appends what a piece gives as JSON.
func (e *Evaluator) appendPiece(dst []byte, p piece) ([]byte, record.Kind) {
	from := len(dst)
	dst, kind := p(e, append(dst, '"'))
	switch kind {
	case record.String:
		dst = append(dst, '"')
	case record.Null:
		dst = append(dst[:from], nullLiteral...)
	case record.Number, record.Bool:
		dst = append(dst[:from], dst[from+1:]...)
	}
	return dst, kind
}

// appendMembers appends the object of a whole mapping by the pieces of its
// members. False says that its code must do it.
func (e *Evaluator) appendMembers(dst []byte) (out []byte, ok bool) {
	from, steps, made := len(dst), e.steps, e.made
	e.canon = true
	for i, f := range e.p.members {
		at := len(dst)
		if dst = append(dst, f.quoted...); i == 0 {
			dst[at] = '{'
		}
		if dst, ok = e.appendDirect(dst, f); !ok || len(dst)-from > maxOutput {
			e.steps, e.made, e.canon = steps, made, false
			return dst[:from], false
		}
	}
	return append(dst, '}'), true
}

// keyDirect is the text of a key's part by its piece; false as appendDirect. It
// leaves numbers to the code: their text is that of the canonical form.
func (e *Evaluator) keyDirect(p *part) (text string, ok bool) {
	if p.piece == nil {
		return "", false
	}
	steps, made := e.steps, e.made
	b, kind := p.piece(e, e.keyed[:0])
	e.keyed = b
	if kind != record.String {
		e.steps, e.made = steps, made
		return "", false
	}
	return string(b), true
}

// accepts reports whether a value keeps the rules of the field as it is.
func (f *field) accepts(kind record.Kind, raw []byte) bool {
	if kind == record.Null {
		return f.def == nil && !f.required
	}
	if f.check == nil {
		return true
	}
	v := val{kind: kind, b: raw}
	switch kind {
	case record.String:
		v.b = raw[1 : len(raw)-1]
	case record.Bool:
		v = boolean(raw[0] == 't')
	}
	return f.check(v)
}

// isCanonical reports whether a value in body form is known to be in canonical
// form too.
func isCanonical(kind record.Kind, raw []byte) bool {
	switch kind {
	case record.Number:
		return record.IsCanonicalNumber(raw)
	case record.List, record.Object:
		return false
	}
	return true
}

// isFlat reports whether an object made during evaluation holds only values
// whose body form is known to be canonical.
func isFlat(v val) bool {
	if v.p == nil || v.p.decoded != nil {
		return false
	}
	for i, x := range v.p.list {
		switch {
		case isList(x), isObject(x), !utf8.ValidString(v.p.names[i]):
			return false
		case isNumber(x) && x.form == literal && !record.IsCanonicalNumber(x.b):
			return false
		}
	}
	return true
}

// Canonical reports whether the record that Map made last is known to be in
// canonical form; many others are too.
func (e *Evaluator) Canonical() bool { return e.canon }
