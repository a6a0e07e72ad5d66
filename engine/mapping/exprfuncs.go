package mapping

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"koppel/engine/record"
)

// An exprBuiltin is a built-in of the expr language that the function table
// does not replace.
type exprBuiltin struct {
	min, max int
	run      operation
	text     bool // every argument is text
}

func exprBuiltins() map[string]exprBuiltin {
	return map[string]exprBuiltin{
		"len":         {1, 1, exprLen, false},
		"type":        {1, 1, exprType, false},
		"abs":         {1, 1, exprAbs, false},
		"ceil":        {1, 1, rounding("ceil", math.Ceil), false},
		"floor":       {1, 1, rounding("floor", math.Floor), false},
		"round":       {1, 1, rounding("round", math.Round), false},
		"int":         {1, 1, exprInt, false},
		"float":       {1, 1, exprFloat, false},
		"max":         {1, -1, extreme("max", 1), false},
		"min":         {1, -1, extreme("min", -1), false},
		"mean":        {1, -1, exprMean, false},
		"median":      {1, -1, exprMedian, false},
		"trimPrefix":  {1, 2, affix(bytes.TrimPrefix), true},
		"trimSuffix":  {1, 2, affix(bytes.TrimSuffix), true},
		"splitAfter":  {2, 2, splitAfter, true},
		"repeat":      {2, 2, exprRepeat, false},
		"indexOf":     {2, 2, position(bytes.Index), true},
		"lastIndexOf": {2, 2, position(bytes.LastIndex), true},
		"hasPrefix":   {2, 2, textPair(bytes.HasPrefix), true},
		"hasSuffix":   {2, 2, textPair(bytes.HasSuffix), true},
		"toJSON":      {1, 1, toJSON, false},
		"fromJSON":    {1, 1, fromJSON, true},
		"toBase64":    {1, 1, toBase64, true},
		"fromBase64":  {1, 1, fromBase64, true},
		"get":         {2, 2, exprGet, false},
		"take":        {2, 2, exprTake, false},
		"keys":        {1, 1, exprKeys, false},
		"values":      {1, 1, exprValues, false},
		"toPairs":     {1, 1, toPairs, false},
		"fromPairs":   {1, 1, fromPairs, false},
		"reverse":     {1, 1, exprReverse, false},
		"uniq":        {1, 1, exprUniq, false},
		"concat":      {1, -1, exprConcat, false},
		"flatten":     {1, 1, exprFlatten, false},
		"sort":        {1, 2, exprSort, false},
		"bitand":      {2, 2, bits(func(x, y int64) int64 { return x & y }), false},
		"bitor":       {2, 2, bits(func(x, y int64) int64 { return x | y }), false},
		"bitxor":      {2, 2, bits(func(x, y int64) int64 { return x ^ y }), false},
		"bitnand":     {2, 2, bits(func(x, y int64) int64 { return x &^ y }), false},
		"bitshl":      {2, 2, bits(func(x, y int64) int64 { return x << y }), false},
		"bitshr":      {2, 2, bits(func(x, y int64) int64 { return x >> y }), false},
		"bitushr":     {2, 2, bits(func(x, y int64) int64 { return int64(uint64(x) >> y) }), false},
		"bitnot":      {1, 1, bitnot, false},
	}
}

func exprLen(e *Evaluator, args []val) (val, error) {
	if args[0].isNull() {
		return integerOf(0), nil
	}
	return lengthOf(e, args)
}

func exprType(_ *Evaluator, args []val) (val, error) {
	switch v := args[0]; v.kind {
	case record.Bool:
		return textOf("bool"), nil
	case record.String:
		return textOf("string"), nil
	case record.List:
		return textOf("array"), nil
	case record.Object:
		return textOf("map"), nil
	case record.Number:
		if isWhole(v) {
			return textOf("int"), nil
		}
		return textOf("float"), nil
	}
	return textOf("nil"), nil
}

func needNumber(name string, v val) error {
	if isNumber(v) {
		return nil
	}
	return about(CodeType, name+" takes a number, not "+kindName(v), v)
}

func exprAbs(_ *Evaluator, args []val) (val, error) {
	if err := needNumber("abs", args[0]); err != nil {
		return null(), err
	}
	if compareNumbers(args[0], integerOf(0)) < 0 {
		return negative(args[0])
	}
	return args[0], nil
}

// rounding gives whole numbers as they are, and rounds others in float64.
func rounding(name string, round func(float64) float64) operation {
	return func(_ *Evaluator, args []val) (val, error) {
		if err := needNumber(name, args[0]); err != nil || isWhole(args[0]) {
			return args[0], err
		}
		return fromAny(round(asFloat(args[0])))
	}
}

func exprInt(_ *Evaluator, args []val) (val, error) {
	v := args[0]
	if isText(v) {
		i, err := strconv.ParseInt(string(v.b), 10, 64)
		if err != nil {
			return null(), about(CodeConvert, "the text does not convert to a whole number", v)
		}
		return integerOf(i), nil
	}
	if err := needNumber("int", v); err != nil {
		return null(), err
	}
	if i, ok := asInt(v); ok {
		return integerOf(i), nil
	}
	f := math.Trunc(asFloat(v))
	if math.Abs(f) >= 1<<63 {
		return null(), overflow()
	}
	return integerOf(int64(f)), nil
}

func exprFloat(_ *Evaluator, args []val) (val, error) {
	v := args[0]
	if isText(v) {
		f, err := strconv.ParseFloat(string(v.b), 64)
		if err != nil {
			return null(), about(CodeConvert, "the text does not convert to a number", v)
		}
		return fromAny(f)
	}
	if err := needNumber("float", v); err != nil {
		return null(), err
	}
	return fromAny(asFloat(v))
}

// numbers collects the numbers among arguments and in lists.
func (e *Evaluator) numbers(name string, args []val) ([]val, error) {
	var out []val
	for _, v := range args {
		vs := []val{v}
		if isList(v) {
			var err error
			if vs, err = e.elements(v); err != nil {
				return nil, err
			}
		}
		for _, x := range vs {
			if err := needNumber(name, x); err != nil {
				return nil, err
			}
		}
		out = append(out, vs...)
	}
	return out, e.grow(64 * len(out))
}

func extreme(name string, sign int) operation {
	return func(e *Evaluator, args []val) (val, error) {
		vs, err := e.numbers(name, args)
		if err != nil || len(vs) == 0 {
			return null(), err
		}
		best := vs[0]
		for _, v := range vs[1:] {
			if compareNumbers(v, best)*sign > 0 {
				best = v
			}
		}
		return best, nil
	}
}

func exprMean(e *Evaluator, args []val) (val, error) {
	vs, err := e.numbers("mean", args)
	if err != nil || len(vs) == 0 {
		return floatOf(0), err
	}
	sum := 0.0
	for _, v := range vs {
		sum += asFloat(v)
	}
	return fromAny(sum / float64(len(vs)))
}

func exprMedian(e *Evaluator, args []val) (val, error) {
	vs, err := e.numbers("median", args)
	if err != nil || len(vs) == 0 {
		return floatOf(0), err
	}
	fs := make([]float64, len(vs))
	for i, v := range vs {
		fs[i] = asFloat(v)
	}
	slices.Sort(fs)
	if n := len(fs); n%2 == 0 {
		return fromAny((fs[n/2-1] + fs[n/2]) / 2)
	}
	return fromAny(fs[len(fs)/2])
}

func affix(cut func(s, fix []byte) []byte) operation {
	return func(_ *Evaluator, args []val) (val, error) {
		fix := []byte(" ")
		if len(args) > 1 {
			fix = args[1].b
		}
		return text(cut(args[0].b, fix)), nil
	}
}

func splitAfter(e *Evaluator, args []val) (val, error) {
	if err := e.grow(8 * len(args[0].b)); err != nil {
		return null(), err
	}
	var vs []val
	for _, p := range bytes.SplitAfter(args[0].b, args[1].b) {
		vs = append(vs, text(p))
	}
	return listOf(vs), nil
}

func exprRepeat(e *Evaluator, args []val) (val, error) {
	if !isText(args[0]) {
		return null(), needText("repeat", args[0])
	}
	n, err := wholeArgument("repeat", args[1])
	if err != nil {
		return null(), err
	}
	if n < 0 {
		return null(), about(CodeType, "repeat takes no negative count", args[1])
	}
	if n > 0 && int64(len(args[0].b)) > int64(e.most)/n {
		return null(), errOutput()
	}
	return text(bytes.Repeat(args[0].b, int(n))), e.grow(len(args[0].b) * int(n))
}

func position(find func(s, sep []byte) int) operation {
	return func(_ *Evaluator, args []val) (val, error) {
		at := find(args[0].b, args[1].b)
		if at > 0 {
			at = utf8.RuneCount(args[0].b[:at])
		}
		return integerOf(int64(at)), nil
	}
}

func textPair(holds func(a, b []byte) bool) operation {
	return func(_ *Evaluator, args []val) (val, error) {
		return boolean(holds(args[0].b, args[1].b)), nil
	}
}

// toJSON gives indented JSON, as the language's own does.
func toJSON(e *Evaluator, args []val) (val, error) {
	b, err := e.appendBody(nil, args[0], 0)
	if err != nil {
		return null(), err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return null(), err
	}
	return text(out.Bytes()), e.grow(out.Len())
}

func fromJSON(e *Evaluator, args []val) (val, error) {
	if err := record.Valid(args[0].b, record.Limits{}); err != nil {
		return null(), about(CodeConvert, err.Error(), args[0])
	}
	b := bytes.TrimSpace(args[0].b)
	return e.raw(b), e.spend(len(b) >> 4)
}

func toBase64(e *Evaluator, args []val) (val, error) {
	s := base64.StdEncoding.EncodeToString(args[0].b)
	return textOf(s), e.grow(len(s))
}

func fromBase64(e *Evaluator, args []val) (val, error) {
	b, err := base64.StdEncoding.DecodeString(string(args[0].b))
	if err != nil || !utf8.Valid(b) {
		return null(), about(CodeConvert, "the text is no base64 of text", args[0])
	}
	return text(b), e.grow(len(b))
}

func exprGet(e *Evaluator, args []val) (val, error) {
	v, i := args[0], args[1]
	if isList(v) && isNumber(i) {
		at, ok := asInt(i)
		n := int64(e.length(v))
		if !ok || at >= n || at < -n {
			return null(), nil
		}
	}
	return e.index(v, i)
}

// listArgument gives the elements of an argument that must be a list.
func (e *Evaluator) listArgument(name string, v val) ([]val, error) {
	if !isList(v) {
		return nil, about(CodeType, name+" takes a list, not "+kindName(v), v)
	}
	vs, err := e.elements(v)
	if err == nil {
		err = e.grow(64 * len(vs))
	}
	return vs, err
}

func exprTake(e *Evaluator, args []val) (val, error) {
	vs, err := e.listArgument("take", args[0])
	if err != nil {
		return null(), err
	}
	n, err := wholeArgument("take", args[1])
	if err == nil && n < 0 {
		err = about(CodeType, "take takes no negative count", args[1])
	}
	if err != nil {
		return null(), err
	}
	return listOf(vs[:min(n, int64(len(vs)))]), nil
}

func (e *Evaluator) objectArgument(name string, v val) ([]string, []val, error) {
	if !isObject(v) {
		return nil, nil, about(CodeType, name+" takes an object, not "+kindName(v), v)
	}
	names, vs, err := e.members(v)
	if err == nil {
		err = e.grow(64 * len(vs))
	}
	return names, vs, err
}

func exprKeys(e *Evaluator, args []val) (val, error) {
	names, _, err := e.objectArgument("keys", args[0])
	vs := make([]val, len(names))
	for i, name := range names {
		vs[i] = textOf(name)
	}
	return listOf(vs), err
}

func exprValues(e *Evaluator, args []val) (val, error) {
	_, vs, err := e.objectArgument("values", args[0])
	return listOf(vs), err
}

func toPairs(e *Evaluator, args []val) (val, error) {
	names, vs, err := e.objectArgument("toPairs", args[0])
	pairs := make([]val, len(names))
	for i, name := range names {
		pairs[i] = listOf([]val{textOf(name), vs[i]})
	}
	return listOf(pairs), err
}

func fromPairs(e *Evaluator, args []val) (val, error) {
	pairs, err := e.listArgument("fromPairs", args[0])
	if err != nil {
		return null(), err
	}
	names, vs := make([]string, len(pairs)), make([]val, len(pairs))
	for i, p := range pairs {
		pair, err := e.listArgument("fromPairs", p)
		if err != nil || len(pair) != 2 || !isText(pair[0]) {
			return null(), about(CodeType, "fromPairs takes lists of a text and a value", p)
		}
		names[len(pairs)-1-i], vs[len(pairs)-1-i] = string(pair[0].b), pair[1]
	}
	return objectOf(names, vs), nil
}

func exprReverse(e *Evaluator, args []val) (val, error) {
	vs, err := e.listArgument("reverse", args[0])
	vs = slices.Clone(vs)
	slices.Reverse(vs)
	return listOf(vs), err
}

func exprUniq(e *Evaluator, args []val) (val, error) {
	vs, err := e.listArgument("uniq", args[0])
	var out []val
	seen := map[string]bool{}
	for _, v := range vs {
		if err != nil {
			return null(), err
		}
		var b []byte
		if b, err = e.appendBody(nil, v, 0); err == nil {
			b, err = record.AppendCanonical(nil, b)
		}
		if err == nil && !seen[string(b)] {
			seen[string(b)] = true
			out = append(out, v)
			err = e.grow(len(b))
		}
	}
	return listOf(out), err
}

func exprConcat(e *Evaluator, args []val) (val, error) {
	var out []val
	for _, v := range args {
		vs, err := e.listArgument("concat", v)
		if err != nil {
			return null(), err
		}
		out = append(out, vs...)
	}
	return listOf(out), nil
}

func exprFlatten(e *Evaluator, args []val) (val, error) {
	if !isList(args[0]) {
		return null(), about(CodeType, "flatten takes a list, not "+kindName(args[0]), args[0])
	}
	out, err := e.flattened(nil, args[0], 0)
	return listOf(out), err
}

func (e *Evaluator) flattened(out []val, v val, depth int) ([]val, error) {
	if depth > maxDepth {
		return out, newFault(CodeLimit, "the value is nested more than 256 levels deep")
	}
	vs, err := e.listArgument("flatten", v)
	for _, x := range vs {
		if err != nil {
			return out, err
		}
		if isList(x) {
			out, err = e.flattened(out, x, depth+1)
		} else {
			out = append(out, x)
		}
	}
	return out, err
}

func exprSort(e *Evaluator, args []val) (val, error) {
	vs, err := e.listArgument("sort", args[0])
	if err != nil {
		return null(), err
	}
	order := textOf("asc")
	if len(args) > 1 {
		order = args[1]
	}
	return e.sorted(vs, vs, order)
}

func bits(op func(x, y int64) int64) operation {
	return func(_ *Evaluator, args []val) (val, error) {
		x, err := wholeArgument("a bit operation", args[0])
		if err != nil {
			return null(), err
		}
		y, err := wholeArgument("a bit operation", args[1])
		if err != nil {
			return null(), err
		}
		return integerOf(op(x, y)), nil
	}
}

func bitnot(_ *Evaluator, args []val) (val, error) {
	x, err := wholeArgument("bitnot", args[0])
	return integerOf(^x), err
}
