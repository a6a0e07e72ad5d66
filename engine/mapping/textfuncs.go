package mapping

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"koppel/engine/record"
)

func textFunctions() []Function {
	return []Function{
		{Name: "lower", Params: []string{"s"}, Min: 1, Max: 1, run: lower, text: true,
			Doc:      "The text in lower case.",
			Examples: []Example{{`lower("S@X.NL")`, `"s@x.nl"`}}},
		{Name: "upper", Params: []string{"s"}, Min: 1, Max: 1, run: upper, text: true,
			Doc:      "The text in upper case.",
			Examples: []Example{{`upper("nl")`, `"NL"`}}},
		{Name: "trim", Params: []string{"s"}, Min: 1, Max: 1, run: trim, text: true,
			Doc:      "The text without white space at its ends; white space inside becomes one space.",
			Examples: []Example{{`trim("  van   der ")`, `"van der"`}}},
		{Name: "words", Params: []string{"a", "b"}, Min: 1, Max: -1, run: words, null: nullSeen,
			Doc:      "The non-empty ones, trimmed, joined by one space; null when there are none. A list stands for its elements.",
			Examples: []Example{{`words("Saar", null, "Berg")`, `"Saar Berg"`}, {`words("", null)`, `null`}}},
		{Name: "join", Params: []string{"sep", "values"}, Min: 2, Max: -1, run: joinText, null: nullSeen,
			Doc:      "The values, or the elements of lists, with sep between them. Null ones are left out; null when every value is null.",
			Examples: []Example{{`join(",", ["a", "b"])`, `"a,b"`}, {`join("-", "a", 1, null)`, `"a-1"`}}},
		{Name: "split", Params: []string{"s", "sep"}, Min: 2, Max: 2, run: split, text: true,
			Doc:      "The parts of the text between the separators; between all code points when sep is empty.",
			Examples: []Example{{`split("a;b", ";")`, `["a","b"]`}}},
		{Name: "replace", Params: []string{"s", "from", "to"}, Min: 3, Max: 3, run: replace, text: true,
			Doc:      "The text with every from replaced by to.",
			Examples: []Example{{`replace("1.2.3", ".", "-")`, `"1-2-3"`}}},
		{Name: "substr", Params: []string{"s", "start", "len"}, Min: 3, Max: 3, run: substr,
			Doc:      "len code points of the text from start on, which counts from 0, from the end when it is negative. A len of -1 means the rest.",
			Examples: []Example{{`substr("Zoë Berg", 0, 3)`, `"Zoë"`}, {`substr("Berg", -2, -1)`, `"rg"`}}},
		{Name: "contains_fold", Params: []string{"list_or_s", "x"}, Min: 2, Max: 2, run: containsFold,
			Doc:      "Whether the text equals x, or the list holds it, without regard to case, each trimmed as trim does.",
			Examples: []Example{{`contains_fold(["Sales", "IT"], " it ")`, `true`}}},
	}
}

func lower(e *Evaluator, args []val) (val, error) {
	return e.mapCase(args[0].b, 'A', 'Z', bytes.ToLower)
}

func upper(e *Evaluator, args []val) (val, error) {
	return e.mapCase(args[0].b, 'a', 'z', bytes.ToUpper)
}

// mapCase maps the letters from first to last to the other case, by byte where
// all is ASCII.
func (e *Evaluator) mapCase(s []byte, first, last byte, general func([]byte) []byte) (val, error) {
	found := false
	for _, c := range s {
		if c >= utf8.RuneSelf {
			return text(general(s)), e.grow(len(s))
		}
		found = found || first <= c && c <= last
	}
	if !found {
		return text(s), nil
	}
	start := len(e.arena)
	e.arena = append(e.arena, s...)
	out := e.cut(start)
	for i, c := range out {
		if first <= c && c <= last {
			out[i] = c ^ 0x20
		}
	}
	return text(out), e.grow(len(s))
}

func trim(e *Evaluator, args []val) (val, error) {
	start := len(e.arena)
	e.arena = appendWords(e.arena, start, args[0].b)
	return text(e.cut(start)), e.grow(len(e.arena) - start)
}

// appendWords appends the words of s to dst, one space before each unless it
// is the first behind start.
func appendWords(dst []byte, start int, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if unicode.IsSpace(r) {
			s = s[n:]
			continue
		}
		to := len(s)
		if i := bytes.IndexFunc(s, unicode.IsSpace); i >= 0 {
			to = i
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst, s = append(dst, s[:to]...), s[to:]
	}
	return dst
}

func words(e *Evaluator, args []val) (val, error) {
	out := e.scratch[:0]
	for _, v := range args {
		if err := e.eachText("words", v, func(s []byte) {
			out = appendWords(out, 0, s)
		}); err != nil {
			return null(), err
		}
	}
	e.scratch = out
	if len(out) == 0 {
		return null(), nil
	}
	return text(e.keep(out)), e.grow(len(out))
}

// eachText yields the texts of a scalar or of the scalars in a list; null ones
// are left out. What it yields must be used at once.
func (e *Evaluator) eachText(name string, v val, yield func([]byte)) error {
	switch v.kind {
	case record.Null:
		return nil
	case record.String:
		yield(v.b)
		return nil
	case record.List:
		vs, err := e.elements(v)
		for _, x := range vs {
			if err == nil && x.kind == record.List {
				err = about(CodeType, name+" takes no lists inside lists", v)
			}
			if err == nil {
				err = e.eachText(name, x, yield)
			}
		}
		return err
	case record.Object:
		return about(CodeType, name+" takes no objects", v)
	}
	b, _ := e.scalarText(nil, v)
	yield(b)
	return nil
}

func joinText(e *Evaluator, args []val) (val, error) {
	sep := args[0]
	if sep.isNull() {
		return null(), nil
	}
	if sep.kind != record.String {
		return null(), needText("join's separator", sep)
	}
	out, n, all := e.scratch[:0], 0, true
	for _, v := range args[1:] {
		all = all && v.isNull()
		before := len(out)
		err := e.eachText("join", v, func(s []byte) {
			if n++; n > 1 {
				out = append(out, sep.b...)
			}
			out = append(out, s...)
		})
		if err == nil {
			err = e.grow(len(out) - before)
		}
		if err != nil {
			return null(), err
		}
	}
	if e.scratch = out; all {
		return null(), nil
	}
	return text(e.keep(out)), nil
}

func split(e *Evaluator, args []val) (val, error) {
	if err := e.grow(8 * len(args[0].b)); err != nil {
		return null(), err
	}
	parts := bytes.Split(args[0].b, args[1].b)
	vs := make([]val, len(parts))
	for i, p := range parts {
		vs[i] = text(p)
	}
	return listOf(vs), nil
}

func replace(e *Evaluator, args []val) (val, error) {
	s, from, to := args[0].b, args[1].b, args[2].b
	n := bytes.Count(s, from)
	if n == 0 {
		return args[0], nil
	}
	if err := e.grow(len(s) + n*(len(to)-len(from))); err != nil {
		return null(), err
	}
	return text(bytes.ReplaceAll(s, from, to)), nil
}

func substr(e *Evaluator, args []val) (val, error) {
	if args[0].kind != record.String {
		return null(), needText("substr", args[0])
	}
	start, err := wholeArgument("substr", args[1])
	if err != nil {
		return null(), err
	}
	count, err := wholeArgument("substr", args[2])
	if err != nil {
		return null(), err
	}
	s := args[0].b
	if start < 0 {
		start = max(0, start+int64(utf8.RuneCount(s)))
	}
	s = s[runes(s, start):]
	if count >= 0 {
		s = s[:runes(s, count)]
	}
	return text(s), nil
}

// runes returns the length in bytes of the first n code points of s.
func runes(s []byte, n int64) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, w := utf8.DecodeRune(s[at:])
		at += w
	}
	return at
}

func wholeArgument(name string, v val) (int64, error) {
	if v.kind == record.Number {
		if i, ok := asInt(v); ok {
			return i, nil
		}
	}
	return 0, about(CodeType, name+" takes whole numbers there", v)
}

func containsFold(e *Evaluator, args []val) (val, error) {
	want, ok := e.scalarText(nil, args[1])
	if !ok {
		return null(), about(CodeType, "contains_fold looks for text, a number, true or false, not "+kindName(args[1]), args[1])
	}
	want = appendWords(nil, 0, want)
	found := false
	err := e.eachText("contains_fold", args[0], func(s []byte) {
		if !found {
			e.scratch = appendWords(e.scratch[:0], 0, s)
			found = strings.EqualFold(stringOf(e.scratch), stringOf(want))
		}
	})
	return boolean(found), err
}
