package record

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// holds reports whether b is strictly valid and has the former's form already.
// It may say no to a value that has: names with escapes and deep values are
// left to the general way.
func (f *former) holds(b []byte) bool {
	limits := DefaultLimits()
	return len(b) <= limits.Size && f.holdsValue(b, 0, limits.Depth) == len(b)
}

// holdsValue returns the place behind the value at b[i], or -1.
func (f *former) holdsValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '{':
		return f.holdsObject(b, i, depth-1)
	case '[':
		return f.holdsList(b, i, depth-1)
	case '"':
		return holdsText(b, i)
	case 't':
		return holdsWord(b, i, "true")
	case 'f':
		return holdsWord(b, i, "false")
	case 'n':
		return holdsWord(b, i, "null")
	}
	end := number(b, i)
	if end < 0 {
		return -1
	}
	lit := b[i:end]
	if f.canonical && !IsCanonicalNumber(lit) || !f.canonical && !isPlainNumber(lit) {
		return -1
	}
	return end
}

// isPlainNumber knows most literals that AppendNumber keeps as they are.
func isPlainNumber(lit []byte) bool {
	if lit[0] == '-' && lit[1] == '0' {
		return false
	}
	for _, c := range lit {
		if c|0x20 == 'e' {
			return false
		}
	}
	return true
}

func holdsWord(b []byte, i int, w string) int {
	if end := i + len(w); end <= len(b) && string(b[i:end]) == w {
		return end
	}
	return -1
}

func (f *former) holdsList(b []byte, i, depth int) int {
	if depth < 0 {
		return -1
	}
	if i++; i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = f.holdsValue(b, i, depth); i < 0 || i >= len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i++
		case ']':
			return i + 1
		default:
			return -1
		}
	}
}

func (f *former) holdsObject(b []byte, i, depth int) int {
	if depth < 0 {
		return -1
	}
	if i++; i < len(b) && b[i] == '}' {
		return i + 1
	}
	for prev := []byte(nil); ; i++ {
		if i >= len(b) || b[i] != '"' {
			return -1
		}
		end := holdsText(b, i)
		if end < 0 || end >= len(b) || b[end] != ':' {
			return -1
		}
		name := b[i+1 : end-1]
		if prev != nil && bytes.Compare(prev, name) >= 0 || bytes.IndexByte(name, '\\') >= 0 {
			return -1
		}
		prev = name
		if i = f.holdsValue(b, end+1, depth); i < 0 || i >= len(b) {
			return -1
		}
		if b[i] == '}' {
			return i + 1
		}
		if b[i] != ',' {
			return -1
		}
	}
}

// holdsText accepts literals whose only escapes are those AppendString writes.
func holdsText(b []byte, i int) int {
	for i++; ; {
		if i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		} else if i >= len(b) {
			return -1
		}
		n := 1
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			n = minimalEscape(b[i:])
		case c < ' ':
			return -1
		case c >= utf8.RuneSelf:
			var r rune
			if r, n = utf8.DecodeRune(b[i:]); r == utf8.RuneError && n < 2 {
				return -1
			}
		}
		if n == 0 {
			return -1
		}
		i += n
	}
}

// minimalEscape returns the length of the escape that starts b when it is one
// that AppendString writes, else 0.
func minimalEscape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if bytes.IndexByte([]byte(`"\bfnrt`), b[1]) >= 0 {
		return 2
	}
	if len(b) < 6 {
		return 0
	}
	r := hex4(b[2:])
	if r < 0 || r >= ' ' {
		return 0
	}
	if string(appendEscape(nil, byte(r))) == string(b[:6]) {
		return 6
	}
	return 0
}
