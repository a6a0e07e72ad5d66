package record

import (
	"bytes"
	"fmt"
)

// Differ returns the names of the top-level fields in which two records differ
// under the rules, sorted. A field that is absent differs from one that is
// null. No bytes count as a record without fields. Errors: a body that is not
// one strict JSON object.
func Differ(a, b []byte, rules Rules) ([]string, error) {
	if bytes.Equal(a, b) {
		return nil, nil
	}
	left, err := fieldsOf(a, rules)
	if err != nil {
		return nil, err
	}
	right, err := fieldsOf(b, rules)
	if err != nil {
		return nil, err
	}
	var names []string
	for len(left) > 0 || len(right) > 0 {
		order := 0
		switch {
		case len(left) == 0:
			order = 1
		case len(right) == 0:
			order = -1
		default:
			order = bytes.Compare(left[0].name, right[0].name)
		}
		switch {
		case order < 0:
			names, left = append(names, string(left[0].name)), left[1:]
		case order > 0:
			names, right = append(names, string(right[0].name)), right[1:]
		default:
			if !bytes.Equal(left[0].raw, right[0].raw) {
				names = append(names, string(left[0].name))
			}
			left, right = left[1:], right[1:]
		}
	}
	return names, nil
}

type field struct{ name, raw []byte }

// fieldsOf lists the fields of a record by name, their values normalized.
func fieldsOf(body []byte, rules Rules) ([]field, error) {
	if len(body) == 0 {
		return nil, nil
	}
	z := newNormalizer()
	normal, err := z.record(body, rules)
	if err != nil {
		return nil, err
	}
	if KindOf(normal) != Object {
		return nil, fmt.Errorf("compare records: a %s is no record", KindOf(normal))
	}
	var fields []field
	eachMember(normal, func(lit, raw []byte) bool {
		name := lit[1 : len(lit)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name = appendUnescaped(nil, name)
		}
		fields = append(fields, field{name, raw})
		return true
	})
	return fields, nil
}
