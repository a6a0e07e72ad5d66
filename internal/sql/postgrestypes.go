package sql

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"koppel/engine/record"
)

// A pgType says how the server's text of a type becomes a Value.
type pgType struct {
	form pgForm
	elem pgForm // of an array
}

// A pgForm is a form of text.
type pgForm byte

const (
	pgText pgForm = iota
	pgBool
	pgInteger
	pgFloat
	pgNumeric
	pgBytes
	pgJSON
	pgTimestamp
	pgTimestamptz
	pgPadded
	pgArray
)

// formOf gives the form of a type by its name.
func formOf(name string) pgForm {
	switch name {
	case "bool":
		return pgBool
	case "int2", "int4", "int8", "oid":
		return pgInteger
	case "float4", "float8":
		return pgFloat
	case "numeric":
		return pgNumeric
	case "bytea":
		return pgBytes
	case "json", "jsonb":
		return pgJSON
	case "timestamp":
		return pgTimestamp
	case "timestamptz":
		return pgTimestamptz
	case "bpchar":
		return pgPadded
	}
	return pgText
}

// Numbers of types that are the same in every database.
const (
	oidBool, oidInt8, oidInt2, oidInt4, oidText, oidOID        = 16, 20, 21, 23, 25, 26
	oidFloat4, oidFloat8, oidVarchar, oidDate, oidTime         = 700, 701, 1043, 1082, 1083
	oidTimestamp, oidTimestamptz, oidNumeric, oidName, oidUUID = 1114, 1184, 1700, 19, 2950
)

func builtinTypes() map[uint32]pgType {
	return map[uint32]pgType{
		oidBool: {form: pgBool}, oidInt8: {form: pgInteger}, oidInt2: {form: pgInteger}, oidInt4: {form: pgInteger},
		oidOID: {form: pgInteger}, oidText: {}, oidName: {}, oidVarchar: {}, oidDate: {}, oidTime: {}, oidUUID: {},
		oidFloat4: {form: pgFloat}, oidFloat8: {form: pgFloat}, oidNumeric: {form: pgNumeric},
		oidTimestamp: {form: pgTimestamp}, oidTimestamptz: {form: pgTimestamptz},
	}
}

// typesOf finds the types of a result's columns; the server tells of those
// that are not known yet.
func (p *pgConn) typesOf(fields []pgconn.FieldDescription) ([]pgType, error) {
	var unknown []string
	for _, f := range fields {
		if _, ok := p.types[f.DataTypeOID]; !ok {
			unknown = append(unknown, strconv.FormatUint(uint64(f.DataTypeOID), 10))
		}
	}
	if len(unknown) > 0 {
		if err := p.learn(unknown); err != nil {
			return nil, err
		}
	}
	types := make([]pgType, len(fields))
	for i, f := range fields {
		types[i] = p.types[f.DataTypeOID]
	}
	return types, nil
}

func (p *pgConn) learn(oids []string) error {
	r := p.c.ExecParams(p.ctx, `SELECT t.oid, t.typname, coalesce(b.typname, e.typname, '') FROM pg_catalog.pg_type t
		LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid AND e.typdelim = ','
		LEFT JOIN pg_catalog.pg_type b ON b.oid = e.typbasetype WHERE t.oid = ANY ($1::oid[])`,
		[][]byte{[]byte("{" + strings.Join(oids, ",") + "}")}, nil, nil, nil)
	for r.NextRow() {
		v := r.Values()
		oid, err := strconv.ParseUint(string(v[0]), 10, 32)
		if err != nil {
			continue
		}
		t := pgType{form: formOf(string(v[1]))}
		if len(v[2]) > 0 {
			t = pgType{form: pgArray, elem: formOf(string(v[2]))}
		}
		p.types[uint32(oid)] = t
	}
	if _, err := r.Close(); err != nil {
		return p.fail(err)
	}
	return nil
}

// value reads the server's text. What it makes new is in buf, which is
// returned.
func (t pgType) value(text, buf []byte) (Value, []byte) {
	switch t.form {
	case pgBool:
		v := Value{Kind: Bool}
		if len(text) == 1 && text[0] == 't' {
			v.Int = 1
		}
		return v, buf
	case pgInteger:
		if n, ok := smallInt(text); ok {
			return Value{Kind: Integer, Int: n}, buf
		}
		n, _ := strconv.ParseInt(string(text), 10, 64)
		return Value{Kind: Integer, Int: n}, buf
	case pgFloat:
		f, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			f = math.NaN()
		}
		return Value{Kind: Real, Float: f}, buf
	case pgNumeric:
		return numericValue(text, buf)
	case pgBytes:
		return Value{Kind: Blob, Text: text}, buf
	case pgJSON:
		b := bytes.NewBuffer(buf)
		if err := json.Compact(b, text); err != nil {
			return Value{Kind: Blob, Text: text}, buf
		}
		return Value{Kind: JSON, Text: b.Bytes()}, b.Bytes()
	case pgTimestamp, pgTimestamptz:
		buf = appendTimestamp(buf, text)
		return Value{Kind: Text, Text: buf}, buf
	case pgPadded:
		return Value{Kind: Text, Text: bytes.TrimRight(text, " ")}, buf
	case pgArray:
		out, ok := appendArray(buf, text, t.elem)
		if !ok {
			return Value{Kind: Blob, Text: text}, buf
		}
		return Value{Kind: JSON, Text: out}, out
	}
	return Value{Kind: Text, Text: text}, buf
}

func numericValue(text, buf []byte) (Value, []byte) {
	if c := text[len(text)-1]; c < '0' || c > '9' { // NaN, Infinity
		return Value{Kind: Real, Float: math.NaN()}, buf
	}
	if v, err := Number(text); err == nil {
		return v, buf
	}
	buf = record.AppendCanonicalNumber(buf, text)
	return Value{Kind: Decimal, Text: buf}, buf
}

// appendTimestamp turns 2026-01-31 10:00:00.5+00 into 2026-01-31T10:00:00.5Z,
// and leaves infinity and years before our era as they are.
func appendTimestamp(dst, text []byte) []byte {
	blank := bytes.IndexByte(text, ' ')
	if blank < 0 || bytes.HasSuffix(text, []byte("BC")) {
		return append(dst, text...)
	}
	dst = append(append(append(dst, text[:blank]...), 'T'), text[blank+1:]...)
	if cut, utc := bytes.CutSuffix(dst, []byte("+00")); utc {
		dst = append(cut, 'Z')
	}
	return dst
}

// isLowest tells the value that Lowest makes.
func isLowest(v Value) bool { return v.Kind == Real && math.IsInf(v.Float, -1) }

// lowestOf gives the text of the lowest value of a parameter's type; numeric
// has no infinity before version 14.
func lowestOf(oid uint32) string {
	switch oid {
	case oidInt2:
		return "-32768"
	case oidInt4:
		return "-2147483648"
	case oidInt8:
		return "-9223372036854775808"
	case oidOID:
		return "0"
	case oidNumeric:
		return "-1e1000"
	case oidFloat4, oidFloat8, oidDate, oidTimestamp, oidTimestamptz:
		return "-infinity"
	case oidTime:
		return "00:00"
	case oidBool:
		return "false"
	case oidUUID:
		return "00000000-0000-0000-0000-000000000000"
	}
	return ""
}
