package sql

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"koppel/engine/record"
)

// Fit makes the form that the column's type takes, and refuses what the server
// would change without a word: it rounds to the digits of a type, drops offsets
// and times of day, and takes words such as today.
func (postgresDialect) Fit(c *Column, v Value) (Value, error) {
	if v.Kind == Null {
		return v, nil
	}
	switch c.Base {
	case "", "text", "varchar", "citext", "name":
		return v, nil
	case "bpchar":
		if v.Kind == Text && bytes.HasSuffix(v.Text, []byte(" ")) {
			return v, misfit(c, "drops blanks at the end")
		}
		return v, nil
	case "json", "jsonb":
		if v.Kind == Text {
			return Value{Kind: JSON, Text: record.AppendString(nil, string(v.Text))}, nil
		}
		return v, nil
	case "bool":
		return fitBool(c, v)
	case "int2", "int4", "int8", "oid", "numeric", "float4", "float8":
		return fitNumber(c, v)
	case "date", "timestamp", "timestamptz", "time":
		return fitTime(c, v)
	case "bytea", "bytea[]":
		return v, misfit(c, "holds bytes, which no record can carry")
	}
	if strings.HasSuffix(c.Base, "[]") {
		if v.Kind != JSON || v.Text[0] != '[' {
			return v, misfit(c, "takes a list")
		}
		text, err := arrayText(nil, v.Text, elementColumn(c), 0)
		if err != nil {
			return v, misfit(c, err.Error())
		}
		return Value{Kind: Text, Text: text}, nil
	}
	return v, nil
}

func misfit(c *Column, why string) error {
	return fmt.Errorf("column %q is %s and %s", c.Name, c.Type, why)
}

func fitBool(c *Column, v Value) (Value, error) {
	switch {
	case v.Kind == Bool:
		return v, nil
	case v.Kind == Text && string(v.Text) == "true":
		return Value{Kind: Bool, Int: 1}, nil
	case v.Kind == Text && string(v.Text) == "false":
		return Value{Kind: Bool}, nil
	}
	return v, misfit(c, "takes true and false only; convert with bool(…)")
}

// fitNumber takes text as well where it is just how the number comes back.
func fitNumber(c *Column, v Value) (Value, error) {
	switch v.Kind {
	case Bool:
		v.Kind = Integer
	case JSON:
		return v, misfit(c, "takes numbers only")
	case Text:
		canonical := record.KindOf(v.Text) == record.Number && record.Valid(v.Text, record.Limits{}) == nil &&
			len(bytes.TrimSpace(v.Text)) == len(v.Text) && bytes.Equal(record.AppendCanonicalNumber(nil, v.Text), v.Text)
		if !canonical {
			return v, misfit(c, "takes numbers only, and this text is none or would come back as another one")
		}
		v, _, _ = FromJSON(v.Text, nil)
	}
	if !c.holds(v) {
		return v, misfit(c, "would round this number")
	}
	return v, nil
}

// holds tells whether the type keeps all digits of a number.
func (c *Column) holds(v Value) bool {
	switch c.Base {
	case "numeric":
		if c.Scale < 0 || v.Kind == Integer {
			return true
		}
		b, _ := AppendJSON(nil, v)
		point := bytes.IndexByte(b, '.')
		return point < 0 || len(b)-point-1 <= c.Scale
	case "float8":
		return v.Kind == Real || v.Kind == Integer && wholeDouble(v.Int)
	case "float4":
		f := v.Float
		if v.Kind == Integer {
			f = float64(v.Int)
		}
		short := strconv.FormatFloat(f, 'f', -1, 32)
		return v.Kind == Integer && float64(float32(f)) == f && wholeDouble(v.Int) ||
			v.Kind == Real && short == strconv.FormatFloat(f, 'f', -1, 64) && !math.IsInf(float64(float32(f)), 0)
	}
	return v.Kind == Integer
}

func fitTime(c *Column, v Value) (Value, error) {
	if v.Kind != Text {
		return v, misfit(c, "takes ISO text only")
	}
	s := string(v.Text)
	if c.Base != "time" && (s == "infinity" || s == "-infinity") {
		return v, nil
	}
	date, clock, both := strings.Cut(s, "T")
	if !both {
		date, clock, both = strings.Cut(s, " ")
	}
	switch c.Base {
	case "date":
		if !isDate(s) {
			return v, misfit(c, "takes a date such as 2026-01-31 only; convert with date(…)")
		}
		return v, nil
	case "time":
		if rest, ok := cutClock(s, c.Scale); !ok || rest != "" {
			return v, misfit(c, "takes a time such as 10:30:00 only, of at most its digits")
		}
		return v, nil
	}
	rest, ok := cutClock(clock, c.Scale)
	switch {
	case !both || !isDate(date) || !ok:
		return v, misfit(c, "takes an ISO date-time such as 2026-01-31T10:30:00Z only, of at most its digits; convert with datetime(…)")
	case c.Base == "timestamptz" && rest == "":
		return v, misfit(c, "wants an offset or Z behind the time; convert with datetime(…)")
	case c.Base == "timestamp" && rest != "" && rest != "Z":
		return v, misfit(c, "would drop the offset; convert with datetime(…)")
	}
	return v, nil
}

func isDate(s string) bool {
	return len(s) == 10 && s[4] == '-' && s[7] == '-' && digits([]byte(s[:4])) == 4 && digits([]byte(s[5:7])) == 2 && digits([]byte(s[8:])) == 2
}

// cutClock cuts a time of day off s; scale is how many digits behind the
// seconds are kept.
func cutClock(s string, scale int) (rest string, ok bool) {
	two := func() bool { return len(s) >= 2 && digits([]byte(s[:2])) == 2 }
	if !two() || len(s) < 5 || s[2] != ':' {
		return s, false
	}
	s = s[3:]
	if !two() {
		return s, false
	}
	if s = s[2:]; !strings.HasPrefix(s, ":") {
		return s, true
	}
	if s = s[1:]; !two() {
		return s, false
	}
	if s = s[2:]; !strings.HasPrefix(s, ".") {
		return s, true
	}
	n := digits([]byte(s[1:]))
	fraction := strings.TrimRight(s[1:1+n], "0")
	if scale < 0 {
		scale = 6
	}
	return s[1+n:], n > 0 && len(fraction) <= scale
}
