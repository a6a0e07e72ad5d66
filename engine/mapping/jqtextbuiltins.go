package mapping

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// textBuiltin compiles the language's functions over text.
func (j *jqCompiler) textBuiltin(arity string, args []*gojq.Query, at bool) (jqCode, bool) {
	switch arity {
	case "tostring/0":
		return filter((*Evaluator).jqText), true
	case "tojson/0":
		return filter((*Evaluator).jqJSON), true
	case "ascii_downcase/0":
		return mapped("ascii_downcase", 'A', 'Z'), true
	case "ascii_upcase/0":
		return mapped("ascii_upcase", 'a', 'z'), true
	case "trim/0":
		return trimmed("trim", bytes.TrimSpace), true
	case "ltrim/0":
		return trimmed("ltrim", func(b []byte) []byte { return bytes.TrimLeftFunc(b, unicode.IsSpace) }), true
	case "rtrim/0":
		return trimmed("rtrim", func(b []byte) []byte { return bytes.TrimRightFunc(b, unicode.IsSpace) }), true
	case "startswith/1":
		return j.twoTexts("startswith", args[0], at, func(s, t []byte) val { return boolean(bytes.HasPrefix(s, t)) }), true
	case "endswith/1":
		return j.twoTexts("endswith", args[0], at, func(s, t []byte) val { return boolean(bytes.HasSuffix(s, t)) }), true
	case "ltrimstr/1":
		return j.twoTexts("ltrimstr", args[0], at, func(s, t []byte) val { return text(bytes.TrimPrefix(s, t)) }), true
	case "rtrimstr/1":
		return j.twoTexts("rtrimstr", args[0], at, func(s, t []byte) val { return text(bytes.TrimSuffix(s, t)) }), true
	case "trimstr/1":
		return j.twoTexts("trimstr", args[0], at, func(s, t []byte) val { return text(bytes.TrimSuffix(bytes.TrimPrefix(s, t), t)) }), true
	case "split/1":
		return withOne(j.query(args[0], at), (*Evaluator).splitAt), true
	case "join/1":
		return withOne(j.query(args[0], at), (*Evaluator).joinedBy), true
	case "contains/1":
		return withOne(j.query(args[0], at), (*Evaluator).contains), true
	case "inside/1":
		return withOne(j.query(args[0], at), func(e *Evaluator, in, a val) (val, error) { return e.contains(a, in) }), true
	case "index/1", "rindex/1", "indices/1":
		return j.places(strings.TrimSuffix(arity, "/1"), args[0], at), true
	case "test/1", "test/2":
		return j.test(args)
	case "sub/2", "gsub/2":
		return j.substitute(args, arity == "gsub/2")
	}
	return jqCode{}, false
}

// jqJSON is tojson.
func (e *Evaluator) jqJSON(v val) (val, error) {
	if err := e.chargeVal(v); err != nil {
		return null(), err
	}
	out, err := e.appendJQ(nil, v, 0)
	if err == nil {
		err = e.grow(len(out))
	}
	return text(out), err
}

// mapped is a function that changes the case of letters from first to last.
func mapped(name string, first, last byte) jqCode {
	return filter(func(e *Evaluator, in val) (val, error) {
		if !isText(in) {
			return null(), e.cannotApply(name, in)
		}
		i := 0
		for i < len(in.b) && (in.b[i] < first || in.b[i] > last) {
			i++
		}
		if i == len(in.b) {
			return in, e.spend(len(in.b) >> 9)
		}
		if err := e.grow(len(in.b)); err != nil {
			return null(), err
		}
		out := e.keep(in.b)
		for ; i < len(out); i++ {
			if c := out[i]; first <= c && c <= last {
				out[i] = c ^ 0x20
			}
		}
		return text(out), nil
	})
}

func trimmed(name string, trim func([]byte) []byte) jqCode {
	return filter(func(e *Evaluator, in val) (val, error) {
		if !isText(in) {
			return null(), e.cannotApply(name, in)
		}
		return text(trim(in.b)), e.spend(len(in.b) >> 9)
	})
}

// twoTexts compiles a function of two texts.
func (j *jqCompiler) twoTexts(name string, arg *gojq.Query, at bool, f func(s, t []byte) val) jqCode {
	return withOne(j.query(arg, at), func(e *Evaluator, in, a val) (val, error) {
		if !isText(in) || !isText(a) {
			return null(), e.cannotApplyTo(name, in, a)
		}
		return f(in.b, a.b), nil
	})
}

// splitAt is split.
func (e *Evaluator) splitAt(in, sep val) (val, error) {
	if !isText(in) || !isText(sep) {
		return null(), e.cannotApplyTo("split", in, sep)
	}
	if len(in.b) == 0 {
		return listOf(nil), nil
	}
	n := bytes.Count(in.b, sep.b) + 1
	if err := e.grow(16*len(in.b) + 64*n); err != nil {
		return null(), err
	}
	vs := make([]val, 0, n)
	for _, part := range bytes.Split(in.b, sep.b) {
		vs = append(vs, text(part[:len(part):len(part)]))
	}
	return listOf(vs), nil
}

// joinedBy is join: scalars with text between them; the library does the rest.
func (e *Evaluator) joinedBy(in, sep val) (val, error) {
	vs, ok, err := e.valuesOf(in)
	switch {
	case err != nil:
		return null(), err
	case !ok:
		return null(), e.cannotApplyTo("join", in, sep)
	case len(vs) == 0:
		return textOf(""), nil
	case !isText(sep):
		return e.operate(func(e *Evaluator, _ any, args []any) any { return jqJoin(e, args[0], args[1:]) }, in, sep)
	}
	if len(sep.b) > e.most/len(vs) {
		return null(), errOutput()
	}
	out := e.scratch[:0]
	for i, v := range vs {
		if v.kind == record.List || v.kind == record.Object {
			return e.operate(func(e *Evaluator, _ any, args []any) any { return jqJoin(e, args[0], args[1:]) }, in, sep)
		}
		if i > 0 {
			out = append(out, sep.b...)
		}
		if v.isNull() {
			continue
		}
		if out, err = e.appendJQText(out, v); err != nil {
			return null(), err
		}
		if len(out) > e.most {
			return null(), errOutput()
		}
	}
	e.scratch = out
	if err := e.grow(len(out)); err != nil {
		return null(), err
	}
	return text(e.keep(out)), nil
}

// contains tells whether l holds r.
func (e *Evaluator) contains(l, r val) (val, error) {
	if isText(l) && isText(r) {
		return boolean(bytes.Contains(l.b, r.b)), e.spend(len(l.b) >> 9)
	}
	return e.guarded(".[1] as $x | .[0] | contains($x)", l, r)
}

// guarded runs a program of the library over two values that it handles whole.
func (e *Evaluator) guarded(program string, l, r val) (val, error) {
	for _, v := range []val{l, r} {
		x, err := e.plain(v)
		if err == nil {
			err = e.charge(x)
		}
		if err != nil {
			return null(), err
		}
	}
	return e.operated(program, l, r)
}

// places compiles index, rindex and indices.
func (j *jqCompiler) places(name string, arg *gojq.Query, at bool) jqCode {
	program := ".[1] as $x | .[0] | " + name + "($x)"
	return withOne(j.query(arg, at), func(e *Evaluator, in, a val) (val, error) {
		if name == "index" && isText(in) && isText(a) && len(a.b) > 0 {
			i := bytes.Index(in.b, a.b)
			if i < 0 {
				return null(), e.spend(len(in.b) >> 9)
			}
			return integerOf(int64(utf8.RuneCount(in.b[:i]))), e.spend(len(in.b) >> 9)
		}
		return e.guarded(program, in, a)
	})
}

// quotedText gives the text of a query that is one between quotes.
func quotedText(q *gojq.Query) (string, bool) {
	t := q.Term
	if t == nil || len(q.FuncDefs) > 0 || t.Type != gojq.TermTypeString || t.Str.Queries != nil || len(t.SuffixList) > 0 {
		return "", false
	}
	return t.Str.Str, true
}

// test compiles test for a regular expression and flags that the program says.
func (j *jqCompiler) test(args []*gojq.Query) (jqCode, bool) {
	pattern, ok := quotedText(args[0])
	flags, prefix := "", ""
	if ok && len(args) == 2 {
		flags, ok = quotedText(args[1])
	}
	if !ok || strings.Trim(flags, "gim") != "" {
		return j.unknown(), true
	}
	if strings.Contains(flags, "i") {
		prefix = "(?i)"
	}
	if strings.Contains(flags, "m") {
		prefix = "(?s)" + prefix
	}
	re, err := regexp.Compile(prefix + pattern)
	if err != nil {
		return j.unknown(), true
	}
	program := (&gojq.Func{Name: "test", Args: args}).String()
	return filter(func(e *Evaluator, in val) (val, error) {
		if isText(in) {
			return boolean(re.Match(in.b)), e.spend(len(in.b) >> 9)
		}
		return e.operated(".[0] | "+program, in, null())
	}), true
}

// substitute compiles sub and gsub of a regular expression that never matches
// nothing by a text, both as the program says them.
func (j *jqCompiler) substitute(args []*gojq.Query, all bool) (jqCode, bool) {
	pattern, ok := quotedText(args[0])
	put, isLiteral := quotedText(args[1])
	re, err := regexp.Compile(pattern)
	if !ok || !isLiteral || err != nil || matchesNothing(pattern) || !utf8.ValidString(put) {
		return j.unknown(), true
	}
	name, most := "sub", 1
	if all {
		name, most = "gsub", -1
	}
	program := ".[0] | " + (&gojq.Func{Name: name, Args: args}).String()
	return filter(func(e *Evaluator, in val) (val, error) {
		if !isText(in) {
			return e.operated(program, in, null())
		}
		if x, ok := jqSearches(re)(e, string(in.b), nil).(error); ok {
			return null(), x
		}
		places := re.FindAllIndex(in.b, most)
		if len(places) == 0 {
			return in, nil
		}
		if err := e.grow(len(in.b) + len(places)*(len(put)+32)); err != nil {
			return null(), err
		}
		start, from := len(e.arena), 0
		for _, p := range places {
			e.arena = append(append(e.arena, in.b[from:p[0]]...), put...)
			from = p[1]
		}
		e.arena = append(e.arena, in.b[from:]...)
		return text(e.cut(start)), nil
	}), true
}
