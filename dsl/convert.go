package dsl

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// plain turns a value into the form that records have: nil, bool, int,
// float64, json.Number, string, []any, map[string]any. What is not known is
// null, and a reference is its address.
func plain(v cty.Value) any {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return nil
	}
	t := v.Type()
	switch {
	case t == cty.String:
		return v.AsString()
	case t == cty.Number:
		return plainNumber(v.AsBigFloat())
	case t == cty.Bool:
		return v.True()
	case t == referenceType:
		return referenceOf(v).address()
	case t.IsMapType() || t.IsObjectType():
		m := make(map[string]any, v.LengthInt())
		for k, e := range v.Elements() {
			k, _ = k.Unmark()
			m[k.AsString()] = plain(e)
		}
		return m
	case t.IsListType() || t.IsTupleType() || t.IsSetType():
		list := make([]any, 0, v.LengthInt())
		for _, e := range v.Elements() {
			list = append(list, plain(e))
		}
		return list
	}
	return nil
}

// plainNumber keeps all digits: an int or float64 when it prints the same.
func plainNumber(f *big.Float) any {
	text := f.Text('f', -1)
	if !strings.Contains(text, ".") {
		if n, err := strconv.Atoi(text); err == nil && text != "-0" {
			return n
		}
		return json.Number(text)
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil && strconv.FormatFloat(x, 'f', -1, 64) == text {
		return x
	}
	return json.Number(text)
}

// sensitivePaths lists the dotted paths below prefix that are sensitive.
func sensitivePaths(prefix string, v cty.Value) []string {
	inner, marks := v.Unmark()
	if marksSensitive(marks) {
		return []string{prefix}
	}
	if !inner.IsKnown() || inner.IsNull() || !inner.CanIterateElements() {
		return nil
	}
	t := inner.Type()
	var paths []string
	for k, e := range inner.Elements() {
		step := ""
		switch {
		case t.IsSetType():
			return nil
		case k.Type() == cty.String:
			step = k.AsString()
		default:
			step = k.AsBigFloat().Text('f', -1)
		}
		paths = append(paths, sensitivePaths(prefix+"."+step, e)...)
	}
	return paths
}

// marksSensitive tells whether marks say that a value is sensitive.
func marksSensitive(marks cty.ValueMarks) bool {
	_, ok := marks[sensitive{}]
	return ok
}
