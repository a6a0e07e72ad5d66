package sql

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"koppel/engine/record"
)

// A Kind is the kind of a Value.
type Kind byte

// The kinds of values. Bool and JSON are how a value enters; a database that
// has no such types gives them back as Integer and Text.
const (
	Null    Kind = iota
	Bool         // Int is 0 or 1
	Integer      // Int
	Real         // Float
	Text         // Text, UTF-8
	JSON         // Text holds a list or an object as JSON
	Blob         // Text holds the bytes
	Decimal      // Text holds a number in canonical form that is neither Integer nor Real
)

// A Value is one column's value. Text may be a view of memory that its maker
// uses again.
type Value struct {
	Kind  Kind
	Int   int64
	Float float64
	Text  []byte
}

// ErrDigits says that a number has more digits than an integer of 64 bits or a
// double holds, so that storing it would round it.
var ErrDigits = errors.New("has more digits than the database keeps as a number; send it as text with string(…)")

// FromJSON turns a checked JSON value into a column's value. Text without
// escapes is a view of raw; other text is appended to scratch, which is
// returned.
func FromJSON(raw, scratch []byte) (Value, []byte, error) {
	switch record.KindOf(raw) {
	case record.Absent, record.Null:
		return Value{}, scratch, nil
	case record.Bool:
		if raw[0] == 't' {
			return Value{Kind: Bool, Int: 1}, scratch, nil
		}
		return Value{Kind: Bool}, scratch, nil
	case record.String:
		inner := raw[1 : len(raw)-1]
		if bytes.IndexByte(inner, '\\') < 0 {
			return Value{Kind: Text, Text: inner}, scratch, nil
		}
		from := len(scratch)
		scratch = record.AppendUnquoted(scratch, raw)
		return Value{Kind: Text, Text: scratch[from:]}, scratch, nil
	case record.List, record.Object:
		return Value{Kind: JSON, Text: raw}, scratch, nil
	}
	v, err := Number(raw)
	if errors.Is(err, ErrDigits) {
		from := len(scratch)
		scratch = record.AppendCanonicalNumber(scratch, raw)
		return Value{Kind: Decimal, Text: scratch[from:]}, scratch, nil
	}
	return v, scratch, err
}

// FromAny turns a value that is known before a run into a column's value, by
// way of its JSON form.
func FromAny(v any) (Value, error) {
	raw, err := record.Append(nil, v)
	if err != nil {
		return Value{}, err
	}
	out, _, err := FromJSON(raw, nil)
	return out, err
}

// Number turns a JSON number into an Integer or a Real that stand for exactly
// the same decimal, or gives ErrDigits.
func Number(lit []byte) (Value, error) {
	if i, ok := smallInt(lit); ok {
		return Value{Kind: Integer, Int: i}, nil
	}
	var buf [64]byte
	plain := record.AppendCanonicalNumber(buf[:0], lit)
	if i, err := strconv.ParseInt(string(plain), 10, 64); err == nil {
		return Value{Kind: Integer, Int: i}, nil
	}
	f, err := strconv.ParseFloat(string(plain), 64)
	if err != nil || math.IsInf(f, 0) {
		return Value{}, ErrDigits
	}
	var back [64]byte
	if !bytes.Equal(record.AppendCanonicalNumber(nil, strconv.AppendFloat(back[:0], f, 'e', -1, 64)), plain) {
		return Value{}, ErrDigits
	}
	return Value{Kind: Real, Float: f}, nil
}

// smallInt reads an integer of at most 18 digits.
func smallInt(lit []byte) (int64, bool) {
	digits := lit
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) != len(lit) {
		n = -n
	}
	return n, true
}

// AppendJSON appends v as JSON: numbers as plain decimals with the fewest
// digits that mean the same double, Text as a string. Blob, doubles that are
// no number and text that is not UTF-8 have no JSON form: ok is false.
func AppendJSON(dst []byte, v Value) (out []byte, ok bool) {
	switch v.Kind {
	case Null:
		return append(dst, "null"...), true
	case Bool:
		return strconv.AppendBool(dst, v.Int != 0), true
	case Integer:
		return strconv.AppendInt(dst, v.Int, 10), true
	case Real:
		if math.IsInf(v.Float, 0) || math.IsNaN(v.Float) {
			return dst, false
		}
		return strconv.AppendFloat(dst, v.Float+0, 'f', -1, 64), true
	case JSON, Decimal:
		return append(dst, v.Text...), true
	case Text:
		return appendText(dst, v.Text)
	}
	return dst, false
}

// KeyText gives the text that v has as a part of a key; false for null, empty
// text and bytes.
func (v Value) KeyText() (string, bool) {
	switch v.Kind {
	case Bool:
		return strconv.FormatBool(v.Int != 0), true
	case Integer:
		return strconv.FormatInt(v.Int, 10), true
	case Real:
		b, ok := AppendJSON(nil, v)
		return string(b), ok
	case Text, Decimal:
		return string(v.Text), len(v.Text) > 0
	}
	return "", false
}
