package sql

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"koppel/engine/record"
)

// Fit turns a value into what the column keeps, and refuses what the database
// would round, cut or read as something else: it does so without an error for
// digits behind the point, parts of a second and members of an ENUM.
func (mysqlDialect) Fit(c *Column, v Value) (Value, error) {
	if v.Kind == Bool {
		v.Kind = Integer
	}
	if v.Kind == Null || c.Base == "" {
		return v, nil
	}
	switch c.Base {
	case "tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric":
		return fitExact(c, v)
	case "float", "double", "real":
		return fitFloat(c, v)
	case "bit", "year":
		return mysqlSmall(c, v)
	case "date", "timestamp", "timestamptz", "time":
		return fitMoment(c, v)
	case "json":
		return v, nil
	case "char":
		v = numberText(v)
		v.Text = bytes.TrimRight(v.Text, " ")
		return v, nil
	case "enum", "set":
		return mysqlMember(c, numberText(v))
	case "blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary":
		return v, fmt.Errorf("column %q is %s; bytes can't be written", c.Name, c.Type)
	}
	if c.JSON && v.Kind != Text {
		return v, nil
	}
	return numberText(v), nil
}

// numberText writes numbers as text.
func numberText(v Value) Value {
	switch v.Kind {
	case Integer, Real, Decimal:
		b, _ := AppendJSON(nil, v)
		return Value{Kind: Text, Text: b}
	}
	return v
}

// fitExact wants no more digits behind the point than the column keeps.
// Those before it are the database's to refuse.
func fitExact(c *Column, v Value) (Value, error) {
	literal := numberText(v).Text
	if v.Kind == Integer {
		return v, nil
	}
	if v.Kind == Text && looksNumeric(literal) && record.Valid(literal, record.Limits{}) != nil {
		return v, fmt.Errorf("column %q is %s and would turn this text into another number", c.Name, c.Type)
	}
	if v.Kind == JSON || record.KindOf(literal) != record.Number || record.Valid(literal, record.Limits{}) != nil {
		return v, fmt.Errorf("column %q is %s and keeps no such value", c.Name, c.Type)
	}
	plain := record.AppendCanonicalNumber(nil, literal)
	if v.Kind == Text && !bytes.Equal(plain, literal) {
		return v, fmt.Errorf("column %q is %s and would turn this text into another number", c.Name, c.Type)
	}
	if bytes.ContainsAny(plain, "eE") {
		return v, fmt.Errorf("column %q is %s and does not keep this number", c.Name, c.Type)
	}
	if _, fraction, _ := bytes.Cut(plain, []byte(".")); len(fraction) > c.Scale {
		return v, fmt.Errorf("column %q is %s and would round this number", c.Name, c.Type)
	}
	// As text, every digit goes over.
	return Value{Kind: Text, Text: plain}, nil
}

func fitFloat(c *Column, v Value) (Value, error) {
	literal := numberText(v).Text
	if v.Kind == JSON || record.KindOf(literal) != record.Number || record.Valid(literal, record.Limits{}) != nil {
		return v, fmt.Errorf("column %q is %s and keeps no such value", c.Name, c.Type)
	}
	size := 64
	if c.Base == "float" && !strings.Contains(c.Type, ",") {
		size = 32
	}
	f, err := strconv.ParseFloat(string(literal), size)
	if err == nil {
		back := record.AppendCanonicalNumber(nil, strconv.AppendFloat(nil, f, 'e', -1, size))
		if bytes.Equal(back, record.AppendCanonicalNumber(nil, literal)) {
			f, _ = strconv.ParseFloat(string(back), 64)
			return Value{Kind: Real, Float: f}, nil
		}
	}
	return v, fmt.Errorf("column %q is %s and would round this number", c.Name, c.Type)
}

// mysqlSmall is for BIT and YEAR: 24 would be the year 2024.
func mysqlSmall(c *Column, v Value) (Value, error) {
	n := v
	if v.Kind == Text {
		if i, err := strconv.ParseInt(string(v.Text), 10, 64); err == nil && strconv.FormatInt(i, 10) == string(v.Text) {
			n = Value{Kind: Integer, Int: i}
		}
	}
	if v.Kind == Decimal && c.Base == "bit" {
		if _, err := strconv.ParseUint(string(v.Text), 10, 64); err == nil {
			return v, nil
		}
	}
	if n.Kind != Integer || n.Int < 0 || c.Base == "year" && n.Int != 0 && n.Int < 1901 {
		return v, fmt.Errorf("column %q is %s and keeps no such value", c.Name, c.Type)
	}
	return n, nil
}

// mysqlMember keeps a number from being taken for the place of a member.
func mysqlMember(c *Column, v Value) (Value, error) {
	if v.Kind == Text && looksNumeric(v.Text) && !strings.Contains(c.Type, "'"+string(v.Text)+"'") {
		return v, fmt.Errorf("column %q is %s and has no such member", c.Name, c.Type)
	}
	return v, nil
}

// fitMoment turns ISO text into the database's form, in UTC.
func fitMoment(c *Column, v Value) (Value, error) {
	if v.Kind != Text {
		return v, fmt.Errorf("column %q is %s and keeps ISO text only", c.Name, c.Type)
	}
	out, err := clockText(string(v.Text), c.Base, c.Scale)
	if err != nil {
		return v, fmt.Errorf("column %q is %s: %q %w", c.Name, c.Type, clip(v.Text), err)
	}
	return text(out), nil
}

func clip(b []byte) []byte { return b[:min(len(b), 60)] }

func clockText(s, base string, digits int) (string, error) {
	layouts := []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"}
	form := "2006-01-02 15:04:05"
	switch base {
	case "date":
		layouts, form = []string{"2006-01-02"}, "2006-01-02"
	case "time":
		layouts, form = []string{"15:04:05", "15:04"}, "15:04:05"
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		t = t.UTC()
		if t.Nanosecond()%int(math.Pow10(9-digits)) != 0 {
			return "", errors.New("has more digits of a second than the column keeps")
		}
		if digits > 0 && base != "date" {
			form += "." + strings.Repeat("0", digits)
		}
		return t.Format(form), nil
	}
	if base == "time" {
		whole, fraction, point := strings.Cut(s, ".")
		if mysqlDuration(whole) && point == (fraction != "") && strings.Trim(fraction, "0123456789") == "" {
			if len(strings.TrimRight(fraction, "0")) > digits {
				return "", errors.New("has more digits of a second than the column keeps")
			}
			return s, nil
		}
	}
	return "", errors.New("is no such ISO text")
}

// mysqlDuration tells whether s is a TIME beyond a day without a fraction, such
// as -120:00:00.
func mysqlDuration(s string) bool {
	parts := strings.Split(strings.TrimPrefix(s, "-"), ":")
	if len(parts) != 3 || len(parts[0]) < 2 || len(parts[0]) > 3 || len(parts[1]) != 2 || len(parts[2]) != 2 {
		return false
	}
	return strings.Trim(strings.Join(parts, ""), "0123456789") == ""
}

// Spare adds to text and numbers as SQLite's does; what a small column does not
// keep, the database refuses.
func (mysqlDialect) Spare(c *Column, old Value, n int) (Value, bool) {
	switch c.Base {
	case "date":
		return text(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -n).Format("2006-01-02")), old.Kind != Null
	case "timestamp":
		return text(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -n).Format(time.DateTime)), old.Kind != Null
	case "int", "integer":
		return Value{Kind: Integer, Int: math.MaxInt32 - int64(n)}, old.Kind != Null
	case "smallint":
		return Value{Kind: Integer, Int: math.MaxInt16 - int64(n)}, old.Kind != Null && n < 1<<14
	case "tinyint", "bit", "year", "time", "timestamptz", "enum", "set":
		return old, false
	}
	return sqliteDialect{}.Spare(c, old, n)
}
