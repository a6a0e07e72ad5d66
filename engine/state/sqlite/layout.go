package sqlite

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Marks at the start of a body. Any other start is that of the body itself.
const (
	laidOut = 0 // the number of a layout, and the values of its members
	asItIs  = 1 // a body that starts with a mark
)

// A layout is the names of an object's members in their order, as they are
// written. The bodies of a pipeline's items have few of them, so that their
// names are stored once.
type layout struct {
	id    int64
	names string   // each but the last before a quotation mark
	heads []string // what stands before each value
}

func newLayout(id int64, names string) *layout {
	l := &layout{id: id, names: names}
	for i, name := range strings.Split(names, `"`) {
		head := `,"` + name + `":`
		if i == 0 {
			head = "{" + head[1:]
		}
		l.heads = append(l.heads, head)
	}
	return l
}

// appendPlain stores a body without a layout.
func appendPlain(dst, body []byte) []byte {
	if len(body) > 0 && body[0] <= asItIs {
		dst = append(dst, asItIs)
	}
	return append(dst, body...)
}

// encode stores a body that has this layout; ok is false for another one, and
// dst as it was.
func (l *layout) encode(dst, body []byte) (out []byte, ok bool) {
	out = binary.AppendUvarint(append(dst, laidOut), uint64(l.id))
	at := 0
	for _, head := range l.heads {
		if len(body)-at < len(head) || string(body[at:at+len(head)]) != head {
			return dst, false
		}
		at += len(head)
		n := valueSize(body[at:])
		if n <= 0 {
			return dst, false
		}
		value := body[at : at+n]
		at += n
		size := uint64(n) << 1
		if value[0] == '"' {
			value = value[1 : n-1]
			size = uint64(len(value))<<1 | 1
		}
		if size < 0x80 {
			out = append(out, byte(size))
		} else {
			out = binary.AppendUvarint(out, size)
		}
		out = append(out, value...)
	}
	if string(body[at:]) != "}" {
		return dst, false
	}
	return out, true
}

// decode appends the body of what encode stored behind the number.
func (l *layout) decode(dst, stored []byte) (body []byte, ok bool) {
	for _, head := range l.heads {
		size, n := binary.Uvarint(stored)
		if n <= 0 || size>>1 > uint64(len(stored)-n) {
			return dst, false
		}
		value := stored[n : n+int(size>>1)]
		stored = stored[n+len(value):]
		dst = append(dst, head...)
		if size&1 == 0 {
			dst = append(dst, value...)
			continue
		}
		dst = append(append(append(dst, '"'), value...), '"')
	}
	return append(dst, '}'), len(stored) == 0
}

// valueSize is how many bytes the JSON value takes that b starts with, 0 when
// that can't be told.
func valueSize(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := textSize(b[i:])
			if n == 0 {
				return 0
			}
			if i += n - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return 0
}

// textSize is that of a text with its quotation marks, 0 when it has no end.
func textSize(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return 0
}

// appendNames gives the names of a body's members as a layout has them; ok is
// false when the body is no such object.
func appendNames(dst, body []byte) (names []byte, ok bool) {
	if len(body) < 2 || body[0] != '{' {
		return dst, false
	}
	for at := 1; ; at++ {
		n := 0
		if at < len(body) && body[at] == '"' {
			n = textSize(body[at:])
		}
		if n == 0 || at+n >= len(body) || body[at+n] != ':' {
			return dst, false
		}
		name := body[at+1 : at+n-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			return dst, false
		}
		if at > 1 {
			dst = append(dst, '"')
		}
		dst = append(dst, name...)
		at += n + 1
		if n = valueSize(body[at:]); n == 0 {
			return dst, false
		}
		if at += n; at >= len(body) || body[at] != ',' {
			return dst, at == len(body)-1 && body[at] == '}'
		}
	}
}
