package record

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string literal with as few escapes as JSON
// allows: for quote, backslash and control characters, the short ones where
// they exist. Bytes that are not UTF-8 become U+FFFD.
func AppendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	from := len(dst)
	dst = append(dst, s...)
	// What was copied is mostly the literal already; where it is not, the rest
	// is written again from s.
	if n := literalPrefix(dst[from:]); n < len(s) {
		dst = appendLiteral(dst[:from+n], []byte(s[n:]))
	}
	return append(dst, '"')
}

// appendLiteral appends s, whatever it holds, without quotes around it.
func appendLiteral(dst, s []byte) []byte {
	for len(s) > 0 {
		n := literalPrefix(s)
		dst = append(dst, s[:n]...)
		if s = s[n:]; len(s) == 0 {
			break
		}
		if s[0] < utf8.RuneSelf {
			dst = appendEscape(dst, s[0])
		} else {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		s = s[1:]
	}
	return dst
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// AppendUnquoted appends the text of a checked JSON string literal.
func AppendUnquoted(dst, lit []byte) []byte {
	if len(lit) < 2 {
		return dst
	}
	return appendUnescaped(dst, lit[1:len(lit)-1])
}

// appendUnescaped appends the text between the quotes of a checked literal.
func appendUnescaped(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 >= len(s) {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			dst, s = appendUnicode(dst, s)
			continue
		}
		dst = append(dst, c)
	}
}

// appendUnicode appends the rune whose digits start s, and returns what is
// behind them.
func appendUnicode(dst, s []byte) (out, rest []byte) {
	r := hex4(s)
	if r < 0 {
		return dst, s
	}
	s = s[4:]
	if r&^0x3ff == 0xd800 && len(s) >= 6 {
		if low := hex4(s[2:]); low&^0x3ff == 0xdc00 {
			r, s = 0x10000+(r-0xd800)<<10+(low-0xdc00), s[6:]
		}
	}
	return utf8.AppendRune(dst, r), s
}

// literalPrefix returns how many bytes at the start of s stand for themselves
// in a literal: valid UTF-8 that needs no escape.
func literalPrefix(s []byte) int {
	for i := 0; ; {
		if i+8 <= len(s) {
			m := special(binary.LittleEndian.Uint64(s[i:]))
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		} else if i >= len(s) {
			return i
		}
		switch c := s[i]; {
		case c < ' ' || c == '"' || c == '\\':
			return i
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n < 2 {
				return i
			}
			i += n
		}
	}
}
