package mapping

import (
	"bytes"
	"math/big"
	"slices"
	"strconv"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// bigInt is what n holds of a literal that stands for a *big.Int: other
// literals of that many digits are taken as records have them.
const bigInt = 1

// fromJQ makes a val of a value of the language, which may be an infinite
// number or none.
func fromJQ(v any) val {
	switch v := v.(type) {
	case float64:
		return floatOf(v)
	case *big.Int:
		return val{kind: record.Number, n: bigInt, b: v.Append(nil, 10)}
	}
	x, err := fromAny(v)
	if err != nil {
		panic("a value of jq: " + err.Error())
	}
	return x
}

// plain gives a value as the language's library takes it.
func (e *Evaluator) plain(v val) (any, error) { return e.plainAt(v, 0) }

func (e *Evaluator) plainAt(v val, depth int) (any, error) {
	switch {
	case v.kind == record.Number && v.form == literal && v.n == bigInt:
		n, _ := new(big.Int).SetString(string(v.b), 10)
		return n, nil
	case v.kind != record.List && v.kind != record.Object:
		return e.decoded(v), nil
	case v.b != nil:
		return record.DecodeTrusted(v.b), e.spend(len(v.b) >> 6)
	case v.p.decoded != nil:
		return v.p.decoded, nil
	case depth > maxDepth:
		return nil, newFault(CodeLimit, "the value is nested more than 256 levels deep")
	}
	if err := e.grow(16 * len(v.p.list)); err != nil {
		return nil, err
	}
	list := make([]any, len(v.p.list))
	for i, x := range v.p.list {
		var err error
		if list[i], err = e.plainAt(x, depth+1); err != nil {
			return nil, err
		}
		if err := e.spend(1); err != nil {
			return nil, err
		}
	}
	if v.kind == record.List {
		return list, nil
	}
	m := make(map[string]any, len(list))
	for i, name := range v.p.names {
		m[name] = list[i]
	}
	return m, nil
}

// jqInt gives a number that the language holds as an int.
func jqInt(v val) (int, bool) {
	switch {
	case v.kind != record.Number:
		return 0, false
	case v.form == integer:
		return int(int64(v.n)), true
	case v.form == literal && v.n != bigInt:
		i, ok := shortInt(v.b)
		return int(i), ok
	}
	return 0, false
}

// jqFloat gives a number that the language holds as a float64, or as an int.
// It knows most of them.
func jqFloat(v val) (float64, bool) {
	switch {
	case v.kind != record.Number:
		return 0, false
	case v.form == integer:
		return float64(int64(v.n)), true
	case v.form == floating:
		return v.float(), true
	case v.n == bigInt:
		return 0, false
	}
	if i, ok := shortInt(v.b); ok {
		return float64(i), true
	}
	if !isShortFraction(v.b) {
		return 0, false
	}
	f, err := strconv.ParseFloat(stringOf(v.b), 64)
	return f, err == nil
}

// isShortFraction tells whether a literal has a fraction and so few digits that
// decoding keeps them.
func isShortFraction(b []byte) bool {
	return len(b) <= 16 && b[len(b)-1] != '0' && bytes.IndexByte(b, '.') > 0 && bytes.IndexByte(b, 'e') < 0 && bytes.IndexByte(b, 'E') < 0
}

// chargeVal takes the work of handling all of a value once, as charge does.
func (e *Evaluator) chargeVal(v val) error {
	if v.kind != record.List && v.kind != record.Object {
		return nil
	}
	room := e.most
	if err := weighVal(v, 0, &room); err != nil {
		return err
	}
	return e.spend((e.most - room) >> 6)
}

func weighVal(v val, depth int, room *int) error {
	switch {
	case v.kind != record.List && v.kind != record.Object || v.b != nil:
		*room -= 8 + len(v.b)
	case v.p.decoded != nil:
		return weigh(v.p.decoded, depth, room)
	case depth > maxDepth:
		return newFault(CodeLimit, "the value is nested more than 256 levels deep")
	default:
		*room -= 8
		for _, x := range v.p.list {
			if err := weighVal(x, depth+1, room); err != nil {
				return err
			}
		}
	}
	if *room < 0 {
		return errOutput()
	}
	return nil
}

// jqType names a type as the language does.
func jqType(v val) string {
	switch v.kind {
	case record.Bool:
		return "boolean"
	case record.Number:
		return "number"
	case record.String:
		return "string"
	case record.List:
		return "array"
	case record.Object:
		return "object"
	}
	return "null"
}

// items yields the elements of a list; what v is was checked.
func (e *Evaluator) items(v val, yield jqYield) error {
	switch {
	case v.b != nil:
		return e.rawItems(v.b, yield)
	case v.p.decoded != nil:
		for _, x := range v.p.decoded.([]any) {
			if err := e.spend(1); err != nil {
				return err
			}
			if err := yield(fromJQ(x)); err != nil {
				return err
			}
		}
		return nil
	}
	for _, x := range v.p.list {
		if err := e.spend(1); err != nil {
			return err
		}
		if err := yield(x); err != nil {
			return err
		}
	}
	return nil
}

func (e *Evaluator) rawItems(b []byte, yield jqYield) error {
	if err := e.spend(len(b) >> 8); err != nil {
		return err
	}
	for i := blank(b, 1); i < len(b) && b[i] != ']'; {
		to := record.Skip(b, i)
		if err := e.spend(1); err != nil {
			return err
		}
		if err := yield(e.raw(b[i:to:to])); err != nil {
			return err
		}
		if i = blank(b, to); i < len(b) && b[i] == ',' {
			i = blank(b, i+1)
		}
	}
	return nil
}

// itemsOf gives the elements of a list as a slice that is not to be changed.
func (e *Evaluator) itemsOf(v val) ([]val, error) {
	if v.b == nil && v.p.decoded == nil {
		return v.p.list, nil
	}
	var vs []val
	err := e.items(v, func(x val) error {
		vs = append(vs, x)
		return e.grow(64)
	})
	return vs, err
}

// membersOf gives the names of an object, sorted, and its values.
func (e *Evaluator) membersOf(v val) ([]string, []val, error) {
	switch {
	case v.b != nil:
		return e.members(v)
	case v.p.decoded == nil:
		return v.p.names, v.p.list, nil
	}
	m := v.p.decoded.(map[string]any)
	if err := e.grow(96 * len(m)); err != nil {
		return nil, nil, err
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	vs := make([]val, len(names))
	for i, name := range names {
		vs[i] = fromJQ(m[name])
	}
	return names, vs, nil
}

// memberOf is .name: null of null.
func (e *Evaluator) memberOf(v val, name string) (val, error) {
	switch {
	case v.isNull():
		return null(), nil
	case v.kind != record.Object:
		return null(), e.needObject(v)
	case v.b == nil && v.p.decoded != nil:
		return fromJQ(v.p.decoded.(map[string]any)[name]), nil
	}
	x, _, err := e.member(v, name)
	return x, err
}

// valuesOf gives the elements of a list or the members of an object.
func (e *Evaluator) valuesOf(v val) ([]val, bool, error) {
	switch v.kind {
	case record.List:
		vs, err := e.itemsOf(v)
		return vs, true, err
	case record.Object:
		_, vs, err := e.membersOf(v)
		return vs, true, err
	}
	return nil, false, nil
}

// appendJQ appends a value as the language writes JSON.
func (e *Evaluator) appendJQ(dst []byte, v val, depth int) ([]byte, error) {
	switch v.kind {
	case record.Bool:
		return strconv.AppendBool(dst, v.n == 1), nil
	case record.Null:
		return append(dst, "null"...), nil
	case record.Number:
		return e.appendJQNumber(dst, v)
	case record.String:
		if isPlainASCII(v.b) {
			return append(append(append(dst, '"'), v.b...), '"'), e.spend(len(v.b) >> 9)
		}
		b, err := gojq.Marshal(string(v.b))
		return append(dst, b...), err
	}
	if len(dst) > e.most {
		return dst, errOutput()
	}
	if depth > maxDepth {
		return dst, newFault(CodeLimit, "the value is nested more than 256 levels deep")
	}
	return e.appendJQBox(dst, v, depth)
}

func (e *Evaluator) appendJQNumber(dst []byte, v val) ([]byte, error) {
	if i, ok := jqInt(v); ok {
		return strconv.AppendInt(dst, int64(i), 10), nil
	}
	x, err := e.plain(v)
	if err != nil {
		return dst, err
	}
	b, err := gojq.Marshal(x)
	return append(dst, b...), err
}

func (e *Evaluator) appendJQBox(dst []byte, v val, depth int) ([]byte, error) {
	if v.kind == record.List {
		dst = append(dst, '[')
		first := true
		err := e.items(v, func(x val) (err error) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst, err = e.appendJQ(dst, x, depth+1)
			return err
		})
		return append(dst, ']'), err
	}
	names, vs, err := e.membersOf(v)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	for i, x := range vs {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = e.appendJQ(dst, textOf(names[i]), depth); err != nil {
			return dst, err
		}
		if dst, err = e.appendJQ(append(dst, ':'), x, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), e.spend(len(vs))
}

// isPlainASCII tells whether no byte needs an escape or is part of a longer
// character.
func isPlainASCII(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendJQText appends what tostring gives.
func (e *Evaluator) appendJQText(dst []byte, v val) ([]byte, error) {
	if v.kind == record.String {
		return append(dst, v.b...), nil
	}
	if err := e.chargeVal(v); err != nil {
		return dst, err
	}
	return e.appendJQ(dst, v, 0)
}

// jqText is tostring.
func (e *Evaluator) jqText(v val) (val, error) {
	switch v.kind {
	case record.String:
		return v, nil
	case record.List, record.Object:
		return e.jqJSON(v)
	}
	start := len(e.arena)
	var err error
	e.arena, err = e.appendJQ(e.arena, v, 0)
	return text(e.cut(start)), err
}
