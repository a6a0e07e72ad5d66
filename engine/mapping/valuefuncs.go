package mapping

import (
	"bytes"
	"unicode/utf8"

	"koppel/engine/record"
)

func valueFunctions() []Function {
	return []Function{
		{Name: "coalesce", Params: []string{"a", "b"}, Min: 1, Max: -1, run: coalesce, null: nullSeen,
			Doc:      `The first that is neither null nor ""; null when there is none.`,
			Examples: []Example{{`coalesce(null, "", "c")`, `"c"`}}},
		{Name: "default", Params: []string{"x", "y"}, Min: 2, Max: 2, run: defaultTo, null: nullSeen,
			Doc:      "x, or y when x is null.",
			Examples: []Example{{`default(null, "-")`, `"-"`}, {`default("", "-")`, `""`}}},
		{Name: "string", Params: []string{"x"}, Min: 1, Max: 1, run: toText,
			Doc:      "The text of text, a number (its digits kept), true or false.",
			Examples: []Example{{`string(12.50)`, `"12.50"`}, {`string(1e3)`, `"1000"`}}},
		{Name: "number", Params: []string{"x"}, Min: 1, Max: 1, run: toNumber,
			Doc:      "The number that a text holds, its digits kept.",
			Examples: []Example{{`number(" 12.50 ")`, `12.50`}}},
		{Name: "bool", Params: []string{"x"}, Min: 1, Max: 1, run: toBool,
			Doc:      "True or false of true/false, 1/0, t/f, yes/no, ja/nee, without regard to case.",
			Examples: []Example{{`bool("Ja")`, `true`}, {`bool(0)`, `false`}}},
		{Name: "first", Params: []string{"list"}, Min: 1, Max: 1, run: first,
			Doc:      "The first element; null of an empty list.",
			Examples: []Example{{`first(["a", "b"])`, `"a"`}}},
		{Name: "last", Params: []string{"list"}, Min: 1, Max: 1, run: last,
			Doc:      "The last element; null of an empty list.",
			Examples: []Example{{`last(["a", "b"])`, `"b"`}}},
		{Name: "length", Params: []string{"list"}, Min: 1, Max: 1, run: lengthOf,
			Doc:      "The number of elements of a list, members of an object, or code points of a text.",
			Examples: []Example{{`length(["a", "b"])`, `2`}}},
	}
}

func coalesce(_ *Evaluator, args []val) (val, error) {
	for _, v := range args {
		if !v.isNull() && !(v.kind == record.String && len(v.b) == 0) {
			return v, nil
		}
	}
	return null(), nil
}

func defaultTo(_ *Evaluator, args []val) (val, error) {
	if args[0].isNull() {
		return args[1], nil
	}
	return args[0], nil
}

func toText(e *Evaluator, args []val) (val, error) {
	if args[0].kind == record.String {
		return args[0], nil
	}
	start := len(e.arena)
	out, ok := e.scalarText(e.arena, args[0])
	if !ok {
		return null(), about(CodeConvert, kindName(args[0])+" does not convert to text", args[0])
	}
	e.arena = out
	return text(e.cut(start)), nil
}

func toNumber(_ *Evaluator, args []val) (val, error) {
	v := args[0]
	if v.kind == record.Number {
		return v, nil
	}
	if v.kind == record.String {
		if lit := numberLiteral(bytes.TrimSpace(v.b)); lit != nil {
			return val{kind: record.Number, b: lit}, nil
		}
	}
	return null(), about(CodeConvert, kindName(v)+" does not convert to a number", v)
}

// numberLiteral makes a JSON number of decimal text: a plus sign and leading
// zeros are dropped. Nil when the text is no number.
func numberLiteral(s []byte) []byte {
	negative := false
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		negative, s = s[0] == '-', s[1:]
	}
	i := countDigits(s)
	if i == 0 {
		return nil
	}
	whole, rest := bytes.TrimLeft(s[:i], "0"), s[i:]
	if len(whole) == 0 {
		whole = []byte("0")
	}
	if end, ok := fractionAndExponent(rest); !ok || end != len(rest) {
		return nil
	}
	lit := make([]byte, 0, len(s)+1)
	if negative {
		lit = append(lit, '-')
	}
	return append(append(lit, whole...), rest...)
}

func fractionAndExponent(s []byte) (end int, ok bool) {
	if len(s) > 0 && s[0] == '.' {
		n := countDigits(s[1:])
		if n == 0 {
			return 0, false
		}
		end = n + 1
	}
	if end < len(s) && s[end]|0x20 == 'e' {
		at := end + 1
		if at < len(s) && (s[at] == '+' || s[at] == '-') {
			at++
		}
		n := countDigits(s[at:])
		if n == 0 {
			return 0, false
		}
		end = at + n
	}
	return end, true
}

func countDigits(s []byte) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

func toBool(e *Evaluator, args []val) (val, error) {
	v := args[0]
	if v.kind == record.Bool {
		return v, nil
	}
	var room [16]byte
	s, ok := e.scalarText(room[:0], v)
	if v.kind == record.Number {
		s = record.AppendCanonicalNumber(nil, s)
	}
	if ok {
		switch string(bytes.ToLower(bytes.TrimSpace(s))) {
		case "true", "1", "t", "yes", "ja":
			return boolean(true), nil
		case "false", "0", "f", "no", "nee":
			return boolean(false), nil
		}
	}
	return null(), about(CodeConvert, kindName(v)+" does not convert to true or false", v)
}

func first(e *Evaluator, args []val) (val, error) { return e.end("first", args[0], false) }
func last(e *Evaluator, args []val) (val, error)  { return e.end("last", args[0], true) }

func (e *Evaluator) end(name string, list val, last bool) (val, error) {
	if list.kind != record.List {
		return null(), about(CodeType, name+" takes a list, not "+kindName(list), list)
	}
	vs, err := e.elements(list)
	switch {
	case err != nil || len(vs) == 0:
		return null(), err
	case last:
		return vs[len(vs)-1], nil
	}
	return vs[0], nil
}

func lengthOf(e *Evaluator, args []val) (val, error) {
	switch v := args[0]; v.kind {
	case record.String:
		return integerOf(int64(utf8.RuneCount(v.b))), nil
	case record.List, record.Object:
		return integerOf(int64(e.length(v))), nil
	}
	return null(), about(CodeType, "length takes a list, an object or text, not "+kindName(args[0]), args[0])
}
