package dataset

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// A Type is what a column holds.
type Type int

// The types and the Go values that stand for them; null is nil everywhere.
const (
	String Type = iota // string
	Int                // int64
	Number             // Decimal
	Bool               // bool
	Time               // time.Time: the clock on the wall, in UTC, with fractions
	Any                // any JSON value
)

// A Column is one column of a table.
type Column struct {
	Name     string
	Type     Type
	Length   int // of a String, in characters; 0: any
	Decimals int // of a Number
	Label    string
}

// A Decimal is a number with a fixed count of decimals: Units × 10^-Scale.
type Decimal struct {
	Units int64
	Scale int
}

// String writes all decimals, with a zero before the point.
func (d Decimal) String() string {
	sign, n := "", d.Units
	if n < 0 {
		sign, n = "-", -n
	}
	digits := strconv.FormatInt(n, 10)
	if d.Scale == 0 {
		return sign + digits
	}
	for len(digits) <= d.Scale {
		digits = "0" + digits
	}
	at := len(digits) - d.Scale
	return sign + digits[:at] + "." + digits[at:]
}

// MarshalJSON writes the decimal as a number.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// ParseDecimal reads a decimal and rounds it half away from zero to a scale.
func ParseDecimal(s string, scale int) (Decimal, error) {
	r, ok := new(big.Rat).SetString(s)
	if !ok || strings.ContainsAny(s, "/eExX_") {
		return Decimal{}, fmt.Errorf("%q is no number", s)
	}
	text := strings.Replace(r.FloatString(scale), ".", "", 1)
	units, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return Decimal{}, fmt.Errorf("%q is too large", s)
	}
	return Decimal{Units: units, Scale: scale}, nil
}

var errText = errors.New("the value is no text")

// Convert gives a value the type of the column. Texts and JSON numbers are
// read; "" is null in every column but a String.
func (c Column) Convert(v any) (any, error) {
	if v == nil || c.Type == Any {
		return v, nil
	}
	if s, ok := v.(string); ok && s == "" && c.Type != String {
		return nil, nil
	}
	switch c.Type {
	case String:
		return c.text(v)
	case Int:
		return toInt(v)
	case Number:
		if d, ok := v.(Decimal); ok {
			return d, nil
		}
		return ParseDecimal(Text(v), c.Decimals)
	case Bool:
		return toBool(v)
	case Time:
		return toTime(v)
	}
	return nil, fmt.Errorf("the column has the unknown type %d", c.Type)
}

func (c Column) text(v any) (any, error) {
	switch v.(type) {
	case string, json.Number, int, int64:
	default:
		return nil, errText
	}
	s := Text(v)
	if n := len([]rune(s)); c.Length > 0 && n > c.Length {
		return nil, fmt.Errorf("the value has %d characters; %d are allowed", n, c.Length)
	}
	return s, nil
}

func toInt(v any) (any, error) {
	if n, ok := v.(int); ok {
		return int64(n), nil
	}
	n, err := strconv.ParseInt(Text(v), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no whole number", Text(v))
	}
	return n, nil
}

func toBool(v any) (any, error) {
	switch Text(v) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return nil, fmt.Errorf("%q is neither true nor false", Text(v))
}

func toTime(v any) (any, error) {
	if t, ok := v.(time.Time); ok {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05Z"} {
		if t, err := time.Parse(layout, Text(v)); err == nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%q is no date or time", Text(v))
}

// Text writes a value as text; null is empty.
func Text(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case int64:
		return strconv.FormatInt(x, 10)
	case bool:
		return strconv.FormatBool(x)
	case time.Time:
		return x.Format("2006-01-02T15:04:05")
	}
	return fmt.Sprint(v)
}

// Compare orders two values of one column; null comes first, as in SQL Server.
func Compare(a, b any) int {
	if a == nil || b == nil {
		return cmp.Compare(rank(a), rank(b))
	}
	switch x := a.(type) {
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case bool:
		if y, ok := b.(bool); ok {
			return cmp.Compare(rank(x), rank(y))
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y)
		}
	case Decimal:
		if y, ok := b.(Decimal); ok && x.Scale == y.Scale {
			return cmp.Compare(x.Units, y.Units)
		}
	}
	return cmp.Compare(Text(a), Text(b))
}

func rank(v any) int {
	if v == nil || v == false {
		return 0
	}
	return 1
}
