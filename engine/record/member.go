package record

import (
	"bytes"
	"slices"
)

// A Kind is the kind of a JSON value.
type Kind byte

// The kinds. Absent is that of no bytes at all.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	List
	Object
)

// String names the kind as messages do.
func (k Kind) String() string {
	return [...]string{"absent", "null", "bool", "number", "string", "list", "object"}[k]
}

// KindOf tells the kind of a checked value, without white space before it, by
// its first byte.
func KindOf(raw []byte) Kind {
	if len(raw) == 0 {
		return Absent
	}
	switch raw[0] {
	case 'n':
		return Null
	case 't', 'f':
		return Bool
	case '"':
		return String
	case '[':
		return List
	case '{':
		return Object
	}
	return Number
}

// Members yields the top-level members of a checked object in their order: the
// name as text and the raw value, a view of body. It stops when yield returns
// false, and yields nothing when body is no object. Each name is allocated: a
// Scanner is the way to read many records.
func Members(body []byte, yield func(name string, raw []byte) bool) {
	eachMember(body, func(lit, raw []byte) bool {
		return yield(string(AppendUnquoted(nil, lit)), raw)
	})
}

// Member returns the raw value of the top-level member of that name in a
// checked object, a view of body; nil when it is absent.
func Member(body []byte, name string) []byte {
	var found []byte
	eachMember(body, func(lit, raw []byte) bool {
		if sameText(lit, name) {
			found = raw
		}
		return found == nil
	})
	return found
}

func sameText(lit []byte, text string) bool {
	if inner := lit[1 : len(lit)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == text
	}
	return string(AppendUnquoted(nil, lit)) == text
}

// Text returns a scalar as the text that keys are made of: a string without
// its quotes, a number in canonical form, true or false. It reports false for
// null, lists, objects and what is absent.
func Text(raw []byte) (string, bool) {
	switch KindOf(raw) {
	case String:
		return decodeString(raw), true
	case Number:
		return string(AppendCanonicalNumber(nil, raw)), true
	case Bool:
		return string(raw), true
	}
	return "", false
}

// eachMember yields name literals and raw values of a checked object.
func eachMember(b []byte, yield func(lit, raw []byte) bool) {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return
	}
	for i = space(b, i+1); i < len(b) && b[i] == '"'; {
		end := skipString(b, i)
		from := space(b, space(b, end)+1)
		to := Skip(b, from)
		if !yield(b[i:end], b[from:to:to]) {
			return
		}
		if i = space(b, to); i >= len(b) || b[i] != ',' {
			return
		}
		i = space(b, i+1)
	}
}

// Elements yields the raw elements of a checked list, views of it, in their
// order. It stops when yield returns false, and yields nothing when list is no
// list.
func Elements(list []byte, yield func(raw []byte) bool) {
	i := space(list, 0)
	if i >= len(list) || list[i] != '[' {
		return
	}
	for i = space(list, i+1); i < len(list) && list[i] != ']'; {
		to := Skip(list, i)
		if !yield(list[i:to:to]) {
			return
		}
		if i = space(list, to); i >= len(list) || list[i] != ',' {
			return
		}
		i = space(list, i+1)
	}
}

// eachElement yields the raw elements of a checked list.
func eachElement(b []byte, yield func(raw []byte)) {
	Elements(b, func(raw []byte) bool {
		yield(raw)
		return true
	})
}

// Skip returns the place behind the checked value that begins at b[i], white
// space before it included.
func Skip(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ' ', '\n', '\r', '\t', ',', ':':
			i++
			continue
		default:
			for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != '}' && b[i] != ']' {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

// skipString returns the place behind the checked literal at b[i].
func skipString(b []byte, i int) int {
	for i++; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		i += n
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes&1 == 0 {
			return i + 1
		}
	}
}

// AppendMembers appends to b an object that has of a checked object the
// members with these names, as they stand there. What is no object is appended
// as it is.
func AppendMembers(b, body []byte, names []string) []byte {
	if KindOf(body) != Object {
		return append(b, body...)
	}
	b = append(b, '{')
	from := len(b)
	eachMember(body, func(lit, raw []byte) bool {
		if !slices.ContainsFunc(names, func(name string) bool { return sameText(lit, name) }) {
			return true
		}
		if len(b) > from {
			b = append(b, ',')
		}
		b = append(append(append(b, lit...), ':'), raw...)
		return true
	})
	return append(b, '}')
}
