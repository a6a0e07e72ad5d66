package sql

import (
	"encoding/binary"
	"unicode/utf8"

	"koppel/engine/record"
)

// appendText appends s as a JSON string, or reports false when s is not UTF-8.
func appendText(dst, s []byte) ([]byte, bool) {
	if plain(s) {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"'), true
	}
	if !utf8.Valid(s) {
		return dst, false
	}
	return record.AppendString(dst, s), true
}

// plain reports whether s is ASCII that needs no escape, eight bytes a step.
func plain(s []byte) bool {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	for ; len(s) >= 8; s = s[8:] {
		x := binary.LittleEndian.Uint64(s)
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		if (x|(x-ones*' ')|(quote-ones)|(slash-ones))&high != 0 {
			return false
		}
	}
	for _, c := range s {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
