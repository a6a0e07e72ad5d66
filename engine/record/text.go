package record

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// special marks, by its top bit, the first of the eight bytes in x that is a
// quote, a backslash, a control character or not ASCII. Marks behind the first
// may be wrong.
//
// With the second lowest bit turned, a quote comes right behind the control
// characters and no other byte does, so one subtraction finds both.
func special(x uint64) uint64 {
	return (x | ((x ^ ones*2) - ones*('"'^2+1)) | ((x ^ ones*'\\') - ones)) & tops
}

// text checks the string literal that starts at b[i].
func (s *Scanner) text(b []byte, i int) int { return s.textFrom(b, i, i+1) }

// textFrom checks the rest of a literal: what starts at b[start] is known to be
// well up to b[i].
func (s *Scanner) textFrom(b []byte, start, i int) int {
	for {
		if i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		} else if i >= len(b) {
			return s.fail(start, "a string does not end")
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = s.escape(b, i); i < 0 {
				return -1
			}
		case c < ' ':
			return s.fail(i, "a control character in a string")
		case c < utf8.RuneSelf:
			i++
		case c >= 0xc2 && c < 0xe0 && i+1 < len(b) && b[i+1]&0xc0 == 0x80:
			i += 2
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n < 2 {
				return s.fail(i, "invalid UTF-8")
			}
			i += n
		}
	}
}

// escape checks the escape that starts at b[i], both halves of a pair.
func (s *Scanner) escape(b []byte, i int) int {
	s.escaped = true
	if i+1 >= len(b) {
		return s.fail(i, "a string does not end")
	}
	if b[i+1] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), b[i+1]) < 0 {
			return s.fail(i, "an unknown escape")
		}
		return i + 2
	}
	r := hex4(b[i+2:])
	if r < 0 {
		return s.fail(i, "an escape without four hexadecimal digits")
	}
	if r&^0x7ff != 0xd800 {
		return i + 6
	}
	if r < 0xdc00 && i+12 <= len(b) && b[i+6] == '\\' && b[i+7] == 'u' && hex4(b[i+8:])&^0x3ff == 0xdc00 {
		return i + 12
	}
	return s.fail(i, "an escape of half a surrogate pair")
}

// hex4 reads four hexadecimal digits; -1 when they are not there.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// unquoted is the text of a checked literal without its quotes: the very bytes
// when nothing is escaped in them.
func (s *Scanner) unquoted(lit []byte) []byte {
	if bytes.IndexByte(lit, '\\') < 0 {
		return lit
	}
	from := len(s.scratch)
	s.scratch = appendUnescaped(s.scratch, lit)
	return s.scratch[from:]
}

// scalar checks a number, true, false or null.
func (s *Scanner) scalar(b []byte, i int) int {
	if i >= len(b) {
		return s.fail(i, "a value is missing")
	}
	switch b[i] {
	case 't':
		return s.word(b, i, "true")
	case 'f':
		return s.word(b, i, "false")
	case 'n':
		return s.word(b, i, "null")
	}
	if end := number(b, i); end > 0 {
		return end
	}
	return s.fail(i, "no JSON value starts so")
}

func (s *Scanner) word(b []byte, i int, w string) int {
	if end := i + len(w); end <= len(b) && string(b[i:end]) == w {
		return end
	}
	return s.fail(i, "no JSON value starts so")
}

// number returns the place behind the number literal at b[i], or -1 when none
// is there or it breaks off.
func number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	from := i
	if i = digits(b, i); i == from || b[from] == '0' && i > from+1 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		from = i + 1
		if i = digits(b, from); i == from {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from = i
		if i = digits(b, from); i == from {
			return -1
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
