package mapping

import (
	"bytes"

	"koppel/engine/record"
)

// typeCheck returns the test of a field type; nil for none.
func typeCheck(typ string) func(val) bool {
	switch typ {
	case "string":
		return func(v val) bool { return v.kind == record.String }
	case "number":
		return func(v val) bool { return v.kind == record.Number }
	case "integer":
		return isInteger
	case "bool":
		return func(v val) bool { return v.kind == record.Bool }
	case "date":
		return func(v val) bool { return v.kind == record.String && isISODate(v.b) }
	case "datetime":
		return func(v val) bool { return v.kind == record.String && isISODateTime(v.b) }
	case "list":
		return func(v val) bool { return v.kind == record.List }
	case "object":
		return func(v val) bool { return v.kind == record.Object }
	}
	return nil
}

func isInteger(v val) bool {
	if v.kind != record.Number {
		return false
	}
	b, err := appendNumber(nil, v)
	return err == nil && bytes.IndexByte(record.AppendCanonicalNumber(nil, b), '.') < 0
}

// typeProblem says what is wrong and which function makes the type wanted.
func typeProblem(typ string, v val) string {
	problem := kindName(v) + " where the field's type is " + typ
	switch typ {
	case "string", "number", "bool", "date", "datetime":
		if v.kind != record.List && v.kind != record.Object {
			problem += "; " + typ + "(…) converts it"
		}
	}
	return problem
}
