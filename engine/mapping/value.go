package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"unsafe"

	"koppel/engine/record"
)

// A val is one value while a record is evaluated. Its bytes may be views of
// the record or of the evaluator's arena: they stand until the next Load.
type val struct {
	kind record.Kind // never Absent
	form form
	n    uint64 // bool: 0 or 1; numbers by form
	b    []byte // text: its bytes; number: its literal; list, object: JSON
	p    *box   // list, object: what was made during evaluation
}

// A form says how a number is held.
type form byte

const (
	literal  form = iota // b is the JSON literal
	integer              // n is an int64
	floating             // n is the bits of a float64
)

// A box holds a list or an object that is no JSON yet: either decoded values
// as in package record, or vals.
type box struct {
	decoded any      // []any or map[string]any; nil when list holds the values
	names   []string // of an object: sorted, one per value
	list    []val
}

func null() val { return val{kind: record.Null} }

func boolean(t bool) val {
	if t {
		return val{kind: record.Bool, n: 1}
	}
	return val{kind: record.Bool}
}

func text(b []byte) val      { return val{kind: record.String, b: b} }
func textOf(s string) val    { return text(bytesOf(s)) }
func integerOf(i int64) val  { return val{kind: record.Number, form: integer, n: uint64(i)} }
func listOf(vs []val) val    { return val{kind: record.List, p: &box{list: vs}} }
func (v val) isNull() bool   { return v.kind == record.Null }
func (v val) isTrue() bool   { return v.kind == record.Bool && v.n == 1 }
func (v val) float() float64 { return math.Float64frombits(v.n) }
func floatOf(f float64) val {
	return val{kind: record.Number, form: floating, n: math.Float64bits(f)}
}

// bytesOf views a string as bytes that nobody writes to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// stringOf views bytes that stay as they are for as long as the string lives.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// objectOf makes an object of members in any order; of two with one name the
// first counts.
func objectOf(names []string, vs []val) val {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return names[order[a]] < names[order[b]] })
	b := &box{}
	for _, i := range order {
		if n := len(b.names); n > 0 && b.names[n-1] == names[i] {
			continue
		}
		b.names = append(b.names, names[i])
		b.list = append(b.list, vs[i])
	}
	return val{kind: record.Object, p: b}
}

// raw makes a val of checked JSON; absent is null. Text with escapes goes into
// the arena.
func (e *Evaluator) raw(b []byte) val {
	if len(b) > 0 && b[0] <= ' ' {
		b = bytes.TrimLeft(b, " \t\r\n")
	}
	switch record.KindOf(b) {
	case record.Bool:
		return boolean(b[0] == 't')
	case record.Number:
		return val{kind: record.Number, b: b}
	case record.String:
		inner := b[1 : len(b)-1]
		if bytes.IndexByte(inner, '\\') < 0 {
			return text(inner)
		}
		start := len(e.arena)
		e.arena = record.AppendUnquoted(e.arena, b)
		return text(e.cut(start))
	case record.List:
		return val{kind: record.List, b: b}
	case record.Object:
		return val{kind: record.Object, b: b}
	}
	return null()
}

// cut returns what the arena holds from start on, closed for appending.
func (e *Evaluator) cut(start int) []byte {
	return e.arena[start:len(e.arena):len(e.arena)]
}

// keep copies bytes into the arena.
func (e *Evaluator) keep(b []byte) []byte {
	start := len(e.arena)
	e.arena = append(e.arena, b...)
	return e.cut(start)
}

// fromAny makes a val of a decoded value.
func fromAny(v any) (val, error) {
	switch v := v.(type) {
	case nil:
		return null(), nil
	case bool:
		return boolean(v), nil
	case string:
		return textOf(v), nil
	case int:
		return integerOf(int64(v)), nil
	case int64:
		return integerOf(v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return null(), newFault(CodeConvert, "the result is no number that JSON can hold")
		}
		return floatOf(v), nil
	case json.Number:
		return val{kind: record.Number, b: bytesOf(string(v))}, nil
	case *big.Int:
		return val{kind: record.Number, b: v.Append(nil, 10)}, nil
	case []any:
		return val{kind: record.List, p: &box{decoded: v}}, nil
	case map[string]any:
		return val{kind: record.Object, p: &box{decoded: v}}, nil
	}
	return null(), newFault(CodeType, fmt.Sprintf("a value of type %T is none that a record can hold", v))
}

// elements returns the values of a list.
func (e *Evaluator) elements(v val) ([]val, error) {
	if v.b != nil {
		if err := e.spend(len(v.b) >> 6); err != nil {
			return nil, err
		}
		vs := make([]val, 0, 8)
		eachElement(v.b, func(raw []byte) { vs = append(vs, e.raw(raw)) })
		return vs, nil
	}
	if v.p.decoded == nil {
		return v.p.list, nil
	}
	list := v.p.decoded.([]any)
	if err := e.spend(len(list) >> 2); err != nil {
		return nil, err
	}
	vs := make([]val, len(list))
	for i, x := range list {
		var err error
		if vs[i], err = fromAny(x); err != nil {
			return nil, err
		}
	}
	return vs, nil
}

// members returns the names, sorted, and values of an object.
func (e *Evaluator) members(v val) ([]string, []val, error) {
	if v.b != nil {
		if err := e.spend(len(v.b) >> 6); err != nil {
			return nil, nil, err
		}
		var names []string
		var vs []val
		record.Members(v.b, func(name string, raw []byte) bool {
			names, vs = append(names, name), append(vs, e.raw(raw))
			return true
		})
		o := objectOf(names, vs)
		return o.p.names, o.p.list, nil
	}
	if v.p.decoded == nil {
		return v.p.names, v.p.list, nil
	}
	m := v.p.decoded.(map[string]any)
	if err := e.spend(len(m)); err != nil {
		return nil, nil, err
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	vs := make([]val, len(names))
	for i, name := range names {
		var err error
		if vs[i], err = fromAny(m[name]); err != nil {
			return nil, nil, err
		}
	}
	return names, vs, nil
}

// member returns the member of an object; false when it is absent.
func (e *Evaluator) member(v val, name string) (val, bool, error) {
	if v.b != nil {
		if err := e.spend(len(v.b) >> 8); err != nil {
			return null(), false, err
		}
		raw := record.Member(v.b, name)
		return e.raw(raw), raw != nil, nil
	}
	if v.p.decoded == nil {
		i, ok := slices.BinarySearch(v.p.names, name)
		if !ok {
			return null(), false, nil
		}
		return v.p.list[i], true, nil
	}
	x, ok := v.p.decoded.(map[string]any)[name]
	m, err := fromAny(x)
	return m, ok, err
}

// length counts the elements of a list or the members of an object.
func (e *Evaluator) length(v val) int {
	n := 0
	switch {
	case v.b != nil && v.kind == record.List:
		eachElement(v.b, func([]byte) { n++ })
	case v.b != nil:
		record.Members(v.b, func(string, []byte) bool { n++; return true })
	case v.p.decoded == nil:
		n = len(v.p.list)
	case v.kind == record.List:
		n = len(v.p.decoded.([]any))
	default:
		n = len(v.p.decoded.(map[string]any))
	}
	return n
}

// decoded gives a value in the types of package record. Text is copied, so
// that it may outlive the arena.
func (e *Evaluator) decoded(v val) any {
	switch v.kind {
	case record.Bool:
		return v.n == 1
	case record.String:
		return string(v.b)
	case record.Number:
		switch v.form {
		case integer:
			return int(int64(v.n))
		case floating:
			return v.float()
		}
		return record.DecodeTrusted(v.b)
	case record.List, record.Object:
		return e.decodedBox(v)
	}
	return nil
}

func (e *Evaluator) decodedBox(v val) any {
	if v.b != nil {
		return record.DecodeTrusted(v.b)
	}
	if v.p.decoded != nil {
		return v.p.decoded
	}
	if v.kind == record.List {
		list := make([]any, len(v.p.list))
		for i, x := range v.p.list {
			list[i] = e.decoded(x)
		}
		return list
	}
	m := make(map[string]any, len(v.p.names))
	for i, name := range v.p.names {
		m[name] = e.decoded(v.p.list[i])
	}
	return m
}

// maxDepth bounds lists and objects inside each other, as it does for what is
// read.
const maxDepth = 256

// appendBody appends the value in body form.
func (e *Evaluator) appendBody(dst []byte, v val, depth int) ([]byte, error) {
	if depth > maxDepth {
		return dst, newFault(CodeLimit, "the value is nested more than 256 levels deep")
	}
	if len(dst)-e.outStart > maxOutput {
		return dst, errOutput()
	}
	switch v.kind {
	case record.Bool:
		return strconv.AppendBool(dst, v.n == 1), nil
	case record.String:
		return record.AppendString(dst, v.b), nil
	case record.Number:
		return appendNumber(dst, v)
	case record.List, record.Object:
		return e.appendBox(dst, v, depth)
	}
	return append(dst, "null"...), nil
}

func (e *Evaluator) appendBox(dst []byte, v val, depth int) ([]byte, error) {
	if v.b != nil {
		return record.AppendBody(dst, v.b)
	}
	if v.p.decoded != nil {
		if err := e.weigh(v.p.decoded, depth); err != nil {
			return dst, err
		}
		return record.Append(dst, v.p.decoded)
	}
	open, closing := byte('['), byte(']')
	if v.kind == record.Object {
		open, closing = '{', '}'
	}
	dst = append(dst, open)
	for i, x := range v.p.list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if v.kind == record.Object {
			dst = append(record.AppendString(dst, v.p.names[i]), ':')
		}
		var err error
		if dst, err = e.appendBody(dst, x, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, closing), nil
}

// appendNumber appends a number as plain decimal.
func appendNumber(dst []byte, v val) ([]byte, error) {
	switch v.form {
	case integer:
		return strconv.AppendInt(dst, int64(v.n), 10), nil
	case floating:
		if f := v.float(); f == 0 {
			return append(dst, '0'), nil
		}
		return record.Append(dst, v.float())
	}
	return record.AppendNumber(dst, v.b), nil
}

// scalarText appends the text of text, a number or a boolean.
func (e *Evaluator) scalarText(dst []byte, v val) ([]byte, bool) {
	switch v.kind {
	case record.String:
		return append(dst, v.b...), true
	case record.Number:
		out, err := appendNumber(dst, v)
		return out, err == nil
	case record.Bool:
		return strconv.AppendBool(dst, v.n == 1), true
	}
	return dst, false
}

// kindName names a value's type as messages do.
func kindName(v val) string {
	switch v.kind {
	case record.String:
		return "text"
	case record.Bool:
		return "true or false"
	case record.Number:
		return "a number"
	case record.List:
		return "a list"
	case record.Object:
		return "an object"
	}
	return "null"
}
