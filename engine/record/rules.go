package record

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// A Compare says when two values of one field count as equal.
type Compare byte

// The comparisons. Unordered is for lists: the order of their elements does
// not count. Fold is for texts: case, and white space around them, does not
// count. Both leave values of other kinds as Exact does.
const (
	Exact Compare = iota
	Unordered
	Fold
)

// Rules are the comparisons by top-level field; Exact for those not named.
type Rules map[string]Compare

// normalizer gives records the form in which equal records are equal bytes.
type normalizer struct {
	check      *Scanner
	form       former
	canon, out []byte
	elements   [][]byte
	text       []byte
}

func newNormalizer() normalizer {
	return normalizer{check: NewScanner(nil, Limits{}), form: former{canonical: true}}
}

// record returns body in canonical form with the rules applied, valid until
// the next call: body itself when that is its form.
func (z *normalizer) record(body []byte, rules Rules) ([]byte, error) {
	if !z.form.holds(body) {
		if err := z.check.Scan(body); err != nil {
			return nil, err
		}
		z.canon = z.form.append(z.canon[:0], body)
		body = z.canon
	}
	return z.ruled(body, rules), nil
}

// ruled applies the rules to a canonical body.
func (z *normalizer) ruled(body []byte, rules Rules) []byte {
	if !rules.touch(body) {
		return body
	}
	dst := append(z.out[:0], '{')
	eachMember(body, func(lit, raw []byte) bool {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, lit...), ':')
		dst = z.apply(dst, raw, rules.of(lit))
		return true
	})
	z.out = append(dst, '}')
	return z.out
}

// touch reports whether any rule can change the canonical body.
func (r Rules) touch(body []byte) bool {
	for name, c := range r {
		switch KindOf(Member(body, name)) {
		case List:
			if c == Unordered {
				return true
			}
		case String:
			if c == Fold {
				return true
			}
		}
	}
	return false
}

func (r Rules) of(lit []byte) Compare {
	inner := lit[1 : len(lit)-1]
	if bytes.IndexByte(inner, '\\') >= 0 {
		inner = appendUnescaped(nil, inner)
	}
	return r[string(inner)]
}

func (z *normalizer) apply(dst, raw []byte, c Compare) []byte {
	switch kind := KindOf(raw); {
	case c == Unordered && kind == List:
		return z.unordered(dst, raw)
	case c == Fold && kind == String:
		z.text = AppendUnquoted(z.text[:0], raw)
		return AppendString(dst, appendFolded(nil, bytes.TrimSpace(z.text)))
	}
	return append(dst, raw...)
}

func (z *normalizer) unordered(dst, list []byte) []byte {
	z.elements = z.elements[:0]
	eachElement(list, func(raw []byte) { z.elements = append(z.elements, raw) })
	slices.SortFunc(z.elements, bytes.Compare)
	dst = append(dst, '[')
	for i, e := range z.elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, e...)
	}
	return append(dst, ']')
}

// appendFolded appends s with each rune replaced by the least of those that
// Unicode's simple case folding holds equal to it.
func appendFolded(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		least := r
		for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
			least = min(least, o)
		}
		dst = utf8.AppendRune(dst, least)
		s = s[n:]
	}
	return dst
}
