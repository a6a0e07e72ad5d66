package file

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"koppel/engine/record"
)

// appendCell appends a cell's value as JSON, and nothing for an empty one:
// text as it is, numbers with the digits that are stored, numbers that are
// shown as dates or times as ISO text, true and false.
func (b *workbook) appendCell(dst []byte, c *gridCell) ([]byte, error) {
	switch c.kind {
	case "inlineStr":
		return appendText(dst, unescapeText(c.inline.text)), nil
	case "str":
		return appendText(dst, unescapeText(c.value)), nil
	case "e":
		return dst, fmt.Errorf("it holds the error %s, which is no value", bytes.TrimSpace(c.value))
	}
	if isBlank(c.value) {
		if c.formula {
			return dst, errors.New("its formula has no stored value: open the file in a spreadsheet program and save it")
		}
		return dst, nil
	}
	value := bytes.TrimSpace(c.value)
	switch c.kind {
	case "s":
		return b.appendShared(dst, value)
	case "b":
		switch string(value) {
		case "1", "true":
			return append(dst, "true"...), nil
		case "0", "false":
			return append(dst, "false"...), nil
		}
		return dst, fmt.Errorf("%q is neither true nor false", value)
	case "d":
		return appendText(dst, value), nil
	case "n":
		return b.appendNumber(dst, value, c.style)
	}
	return dst, fmt.Errorf("it is of the unknown kind %q", c.kind)
}

func appendText(dst, text []byte) []byte {
	if len(text) == 0 {
		return dst
	}
	return record.AppendString(dst, text)
}

func (b *workbook) appendShared(dst, value []byte) ([]byte, error) {
	i, err := strconv.Atoi(string(value))
	if err != nil {
		return dst, fmt.Errorf("%q is no number of a shared text", value)
	}
	from := len(dst)
	dst, ok, err := b.strings.appendTo(dst, i)
	if err != nil {
		return dst, err
	}
	if !ok {
		return dst, fmt.Errorf("there is no shared text %d", i)
	}
	if len(dst) == from+len(`""`) {
		return dst[:from], nil
	}
	return dst, nil
}

func (b *workbook) appendNumber(dst, lit []byte, style int) ([]byte, error) {
	if !isNumber(lit) {
		return dst, fmt.Errorf("%q is no number", lit)
	}
	if style < 0 || style >= len(b.styles) || !b.styles[style].date && !b.styles[style].time {
		return appendStored(dst, lit), nil
	}
	f, err := strconv.ParseFloat(string(lit), 64)
	if err != nil {
		return dst, fmt.Errorf("%q is no number of days", lit)
	}
	text, err := b.styles[style].moment(f, b.date04)
	if err != nil {
		return dst, err
	}
	return record.AppendString(dst, text), nil
}

// doubleDigits is how many digits a program needs to write a double so that
// the same one is read again.
const doubleDigits = 17

// appendStored appends a number. Spreadsheet programs hold doubles and write
// 1.1 as 1.1000000000000001; that is read as the shortest decimal of the same
// double. Integers, and numbers with more digits than a double has, stay.
func appendStored(dst, lit []byte) []byte {
	digits := 0
	for _, c := range bytes.TrimLeft(lit, "-0.") {
		if c|0x20 == 'e' {
			break
		}
		if c != '.' {
			digits++
		}
	}
	f, err := strconv.ParseFloat(string(lit), 64)
	if err == nil && f != 0 && digits >= 15 && digits <= doubleDigits && bytes.ContainsAny(lit, ".eE") {
		lit = strconv.AppendFloat(nil, f, 'g', -1, 64)
	}
	return record.AppendCanonicalNumber(dst, lit)
}

// isNumber tells whether text is a number as JSON has them.
func isNumber(text []byte) bool {
	return record.KindOf(text) == record.Number && record.Valid(text, record.Limits{}) == nil
}

// unescapeText resolves _xHHHH_, by which a part writes characters that XML
// can't hold (ECMA-376 part 1, 22.9.2.19). What can't be a text stays.
func unescapeText(text []byte) []byte {
	if !bytes.Contains(text, []byte("_x")) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, ok := escapedRune(text[i:])
		size := len("_x0000_")
		if low, pair := escapedRune(text[min(i+size, len(text)):]); ok && pair && utf16.IsSurrogate(r) && utf16.IsSurrogate(low) {
			r, size = utf16.DecodeRune(r, low), 2*size
		}
		if !ok || utf16.IsSurrogate(r) || r == utf8.RuneError {
			out = append(out, text[i])
			i++
			continue
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out
}

func escapedRune(text []byte) (rune, bool) {
	if len(text) < 7 || text[0] != '_' || text[1] != 'x' || text[6] != '_' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}
