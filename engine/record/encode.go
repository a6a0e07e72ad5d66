package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

var (
	errNotFinite = errors.New("a number is infinite or not a number")
	errNotText   = errors.New("a text is not valid UTF-8")
	errNotNumber = errors.New("a number is not written as JSON writes numbers")
)

// Append appends v as JSON in body form: members sorted by name, no white
// space, no escapes but those JSON needs, numbers as plain decimals. It takes
// what Decode returns, all other integer and float types, *big.Int,
// and lists, maps with string names and pointers of any of these. Errors: a
// number that is NaN, infinite or no JSON number, a text that is not UTF-8, a
// type that is no JSON value. dst is then returned as it was.
func Append(dst []byte, v any) ([]byte, error) {
	out, err := appendValue(dst, v)
	if err != nil {
		return dst, fmt.Errorf("encode a value: %w", err)
	}
	return out, nil
}

func appendValue(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case float64:
		return appendFloat(dst, v, 64)
	case json.Number:
		if number([]byte(v), 0) != len(v) {
			return dst, errNotNumber
		}
		return AppendNumber(dst, []byte(v)), nil
	case string:
		return appendText(dst, v)
	case []any:
		return appendList(dst, len(v), func(i int) any { return v[i] })
	case map[string]any:
		return appendMap(dst, v, func(dst []byte, v any) ([]byte, error) { return appendValue(dst, v) })
	case map[string]string:
		return appendMap(dst, v, appendText)
	case *big.Int:
		if v == nil {
			return append(dst, "null"...), nil
		}
		return v.Append(dst, 10), nil
	}
	return appendReflected(dst, reflect.ValueOf(v))
}

func appendText(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return dst, errNotText
	}
	return AppendString(dst, s), nil
}

func appendFloat(dst []byte, f float64, bits int) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, errNotFinite
	}
	if f == 0 {
		return append(dst, '0'), nil
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits), nil
}

func appendList(dst []byte, n int, at func(int) any) ([]byte, error) {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(dst, at(i)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendMap[V any](dst []byte, m map[string]V, value func([]byte, V) ([]byte, error)) ([]byte, error) {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendText(dst, name); err != nil {
			return dst, err
		}
		if dst, err = value(append(dst, ':'), m[name]); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendReflected takes the types that are rare.
func appendReflected(dst []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return appendFloat(dst, v.Float(), v.Type().Bits())
	case reflect.String:
		return appendText(dst, v.String())
	case reflect.Slice, reflect.Array:
		return appendList(dst, v.Len(), func(i int) any { return v.Index(i).Interface() })
	case reflect.Pointer:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return appendValue(dst, v.Elem().Interface())
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			m := make(map[string]any, v.Len())
			for it := v.MapRange(); it.Next(); {
				m[it.Key().String()] = it.Value().Interface()
			}
			return appendValue(dst, m)
		}
	}
	return dst, fmt.Errorf("a %s is no JSON value", v.Type())
}
