package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// jqOutcome runs a jq program over a value, compiled or by the library, and
// gives its outputs or its error as text. isCompiled tells whether it was
// compiled.
func jqOutcome(program, in string, interpret bool) (out string, isCompiled bool, code string) {
	n := JQ(program, 0)
	p, problems := compileSpec(Spec{Each: n}, testConsts(), interpret)
	if problems != nil {
		return "problem: " + problems[0].Error(), false, ""
	}
	e := p.Evaluator(testRun())
	if err := e.loadAny([]byte(in)); err != nil {
		return "input: " + err.Error(), false, ""
	}
	isCompiled = p.jqs[n].query != nil
	items, err := e.Items()
	var ve *ValueError
	if errors.As(err, &ve) {
		return "error: " + ve.Problem + " " + ve.Value, isCompiled, ve.Code
	}
	var b strings.Builder
	for _, item := range items {
		fmt.Fprintf(&b, "%s\n", item)
	}
	return b.String(), isCompiled, ""
}

// mappedOutcome runs a jq program as a field, as a condition and as a member of
// a whole mapping, which may be computed straight into the output.
func mappedOutcome(program, in string, interpret, grouped bool) (out string, limited bool) {
	for _, s := range []Spec{
		{Fields: []Field{{Name: "b", Value: JQ(".a", 0)}, {Name: "v", Value: JQ(program, 0)}, {Name: "w", Value: JQ(program+" // .b", 0)}}, Where: JQ(program, 0)},
		{Whole: JQ("{v: ("+program+"), b, \"a\": .o.a}", 0)},
	} {
		p, problems := compileSpec(s, testConsts(), interpret)
		if problems != nil {
			return "problem: " + problems[0].Error(), false
		}
		if !grouped {
			p.group = nil
		}
		e := p.Evaluator(testRun())
		if err := e.Load([]byte(in)); err != nil {
			return "input: " + err.Error(), false
		}
		note := func(v any, err error) {
			var ve *ValueError
			limited = limited || errors.As(err, &ve) && ve.Code == CodeLimit
			out += fmt.Sprintf("%s %v\n", v, err)
		}
		ok, err := e.Where()
		note(fmt.Sprint(ok), err)
		b, err := e.Map(nil)
		note(string(b), err)
		if err == nil {
			note(string(e.Ordered(nil)), nil)
		}
	}
	return out, limited
}

// sameMapped checks that a program does the same in a mapping, compiled and by
// the library.
func sameMapped(t interface{ Fatalf(string, ...any) }, program, in string) {
	got, limited := mappedOutcome(program, in, false, true)
	want, other := mappedOutcome(program, in, true, false)
	if diff := cmp.Diff(want, got); diff != "" && !limited && !other && !constantAfterPipe.MatchString(program) {
		t.Fatalf("%s\nof %s: -library +compiled:\n%s", program, in, diff)
	}
	grouped, limited := mappedOutcome(program, in, true, true)
	if diff := cmp.Diff(want, grouped); diff != "" && !limited && !other {
		t.Fatalf("%s\nof %s: -library +library in one run:\n%s", program, in, diff)
	}
}

// constantAfterPipe finds programs that the library can run wrongly: its
// optimizer merges a load with the constant or variable behind it although another branch
// jumps to that one, as in (1, $x) | null.
var constantAfterPipe = regexp.MustCompile(`[|][ (]*([$]|now|null|true|false|nan|infinite|-?[0-9]|"|\[ *\]|\[[^.]*\]|\{)`)

// sameOutcome checks that a compiled program does what the library does.
func sameOutcome(t interface{ Fatalf(string, ...any) }, program, in string) (isCompiled bool) {
	got, isCompiled, code := jqOutcome(program, in, false)
	if !isCompiled {
		return false
	}
	want, _, wantCode := jqOutcome(program, in, true)
	if code == CodeLimit || wantCode == CodeLimit {
		return true
	}
	if diff := cmp.Diff(want, got); diff != "" && !constantAfterPipe.MatchString(program) {
		t.Fatalf("%s\nof %s: -library +compiled:\n%s", program, in, diff)
	}
	return true
}

// jqValues are what programs are run on, and what stands in records.
var jqScalars = []string{"null", "true", "false", "0", "-0", "1", "-1", "2", "3", "10", "1.0", "0.5", "-2.25", "12.50", "1e3", "1e-7", "0.0000001", "1e17", "1e400", "9007199254740993", "9223372036854775807",
	"-9223372036854775808", "123456789012345678901234567890", "100000000000000000000", "3.14159265358979323846", `""`, `"a"`, `"b"`, `"abc"`, `"ABC"`, `"a,b,,c"`, `"12"`, `"-7"`, `"1e2"`, `"007"`, `" x y "`, `"Zoë 😀"`,
	`"a\"b\\c\nd\u007f\u0001"`, `"\u00e9"`, `"key"`, `"name"`, `"value"`, `"2024-05-01T10:00:00Z"`}

func drawJSON(t *rapid.T, depth int) string {
	switch k := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case depth == 0 || k < 5:
		return rapid.SampledFrom(jqScalars).Draw(t, "scalar")
	case k < 8:
		var parts []string
		for range rapid.IntRange(0, 4).Draw(t, "elements") {
			parts = append(parts, drawJSON(t, depth-1))
		}
		return "[" + strings.Join(parts, " ,") + "]"
	}
	return drawObject(t, depth-1, "a", "b", "key", "value", "name", "E-mail werk")
}

func drawObject(t *rapid.T, depth int, names ...string) string {
	var parts []string
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, len(names), rapid.ID[string]).Draw(t, "names") {
		parts = append(parts, fmt.Sprintf("%q : %s", name, drawJSON(t, depth)))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// drawJQ draws a program of the forms that are compiled.
func drawJQ(t *rapid.T, depth int) string {
	d := func() string { return drawJQ(t, depth-1) }
	if depth == 0 {
		return rapid.SampledFrom(append(jqLeaves(), jqLeaves()[:12]...)).Draw(t, "leaf")
	}
	switch rapid.IntRange(0, 22).Draw(t, "form") {
	case 0, 1:
		return d() + " | " + d()
	case 2:
		return "(" + d() + ", " + d() + ")"
	case 3:
		return "(" + d() + ") // (" + d() + ")"
	case 4, 5:
		return "((" + d() + ") " + rapid.SampledFrom([]string{"+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or"}).Draw(t, "op") + " (" + d() + "))"
	case 6:
		return "if " + d() + " then " + d() + rapid.SampledFrom([]string{" end", " else " + d() + " end", " elif " + d() + " then " + d() + " else " + d() + " end"}).Draw(t, "else")
	case 7:
		return "(try (" + d() + ")" + rapid.SampledFrom([]string{"", " catch .", " catch [.]"}).Draw(t, "catch") + ")"
	case 8:
		return "[" + d() + "]"
	case 9:
		return "{" + rapid.SampledFrom([]string{"a", `"b"`, "key: (" + d() + ")", "(" + d() + "): (" + d() + ")", `"x\(` + d() + `)": 1`, "$today", `"a": 1, a: (` + d() + ")", `"\(.a)"`}).Draw(t, "member") + ", value: (" + d() + ")}"
	case 10:
		return `"<\(` + d() + `)-\(` + d() + `)>"`
	case 11:
		return "((" + d() + ") as $x | " + d() + rapid.SampledFrom([]string{" | $x", " | [$x, .]", ""}).Draw(t, "use") + ")"
	case 12:
		return "((" + d() + ") as " + rapid.SampledFrom([]string{"[$x, $y]", "{a: $x, $b}", `{"a": [$x]}`}).Draw(t, "pattern") + " | [$x, (" + d() + ")])"
	case 13:
		return "reduce (" + d() + ") as $x (" + d() + "; " + rapid.SampledFrom([]string{". + $x", "[., $x]", "empty", "., $x", d()}).Draw(t, "update") + ")"
	case 14:
		return "[foreach (" + d() + ") as $x (0; . + 1; [., $x]" + rapid.SampledFrom([]string{"", ", ."}).Draw(t, "extract") + ")]"
	case 15, 16:
		f := rapid.SampledFrom([]string{"map", "select", "any", "all", "sort_by", "group_by", "unique_by", "min_by", "max_by", "with_entries", "map_values", "first", "last", "isempty", "add", "has", "in", "join", "split",
			"startswith", "endswith", "ltrimstr", "rtrimstr", "trimstr", "contains", "inside", "index", "rindex", "indices", "range", "error"}).Draw(t, "function")
		return f + "(" + d() + ")"
	case 17:
		return rapid.SampledFrom([]string{"any", "all", "limit"}).Draw(t, "two") + "(" + rapid.SampledFrom([]string{"2", "0", ".a"}).Draw(t, "n") + "; " + d() + ")"
	case 18:
		return rapid.SampledFrom([]string{"words", "coalesce", "default", "contains_fold", "substr"}).Draw(t, "table") + "(" + d() + "; " + d() + ")"
	case 19:
		return "(" + d() + ")[" + d() + "]" + rapid.SampledFrom([]string{"", "?"}).Draw(t, "optional")
	case 20:
		return "(" + d() + ")[" + rapid.SampledFrom([]string{"1:", ":2", "-2:", "0:1", "(" + d() + "):", ":(" + d() + ")"}).Draw(t, "slice") + "]"
	case 21:
		return "(" + d() + ")" + rapid.SampledFrom([]string{".a", "[]", "[]?", ".b?", `["a"]`, "[0]", "[-1]", ".a.b?", "[]?.a", ".a[]?.b"}).Draw(t, "suffix")
	}
	return "-(" + d() + ")"
}

func jqLeaves() []string {
	return []string{".", ".a", ".b", ".o.a", ".l", ".o", ".l[]?", ".a[]?", ".[]?", ".o.a.b?", `.["E-mail werk"]`, ".l[0]", ".nope", ".nope.x", "..", "null", "true", "false", "1", "-1", "2.5", "1e3", "1e1000", "12345678901234567890123", `"a"`, `"b"`, `","`, `""`, `"12"`,
		"[]", "{}", `[1,"a",null]`, `{"a":1}`, "$src", "$src.o.a", "$var.min", "$var.price", "$local.o.k", "$local.domains", "$today", "now", "empty", "error", "not", "length", "keys", "type", "add", "unique", "sort", "group_by(.)", "min", "max", "reverse", "flatten",
		"tostring", "tonumber", "tojson", "ascii_downcase", "ascii_upcase", "trim", "ltrim", "rtrim", "to_entries", "from_entries", "first", "last", "any", "all", "values", "nulls", "strings", "numbers", "booleans", "arrays", "objects", "iterables", "scalars",
		"floor", "ceil", "round", "sqrt", "abs", "fabs", "trunc", "nan", "infinite", "lower", "upper", "string", "number", "bool", "slug", "sha256", `test("a")`, `test("A"; "i")`, `sub("b"; "X")`, `gsub("[a-c]"; "-")`, `[splits(", *")]`, `[scan("[a-z]")]`, `[match("b")]`, "@text", "@json", "@html", "@uri", "@csv", "@base64",
		`@html "<\(.a)>"`, "explode", "implode", "fromjson", "todate", "fromdate", `strftime("%Y")`, "transpose", "isnan", "utf8bytelength", "toboolean", `table("land"; .)`, `table("land"; .a; "?")`, "recurse", "range(3)", "range(1;4)", "@base64d", "@sh", "@tsv"}
}

// TestJQCompiledAsLibrary checks compiled programs against the library.
func TestJQCompiledAsLibrary(t *testing.T) {
	compiled, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		program := drawJQ(t, rapid.IntRange(0, 4).Draw(t, "depth"))
		in := drawJSON(t, 2)
		if rapid.IntRange(0, 4).Draw(t, "record") > 0 {
			in = drawObject(t, 2, "a", "b", "l", "o", "key", "name", "value", "E-mail werk")
		}
		all++
		if sameOutcome(t, program, in) {
			compiled++
		}
	})
	if compiled*10 < all*7 {
		t.Errorf("%d of %d programs are compiled", compiled, all)
	}
}

// drawUsualJQ draws a program of the kind that is computed straight into the
// output, or nearly so.
func drawUsualJQ(t *rapid.T, depth int) string {
	d := func() string { return drawUsualJQ(t, depth-1) }
	if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
		return rapid.SampledFrom([]string{".a", ".b", ".o.a", ".o.b.c", ".s", ".l", ".n", ".d", ".gone", ".gone.x", "1", "2.50", "null", "true", "false", `""`, `"Abc é"`, `"x\"y"`}).Draw(t, "operand")
	}
	switch rapid.IntRange(0, 8).Draw(t, "operation") {
	case 0:
		return "((" + d() + ") // (" + d() + "))"
	case 1:
		return "((" + d() + ") " + rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">=", "and", "or"}).Draw(t, "op") + " (" + d() + "))"
	case 2:
		return "(if " + d() + " then " + d() + " else " + d() + " end)"
	case 3:
		return "((" + d() + ") | " + rapid.SampledFrom([]string{"not", "tostring", "ascii_downcase", "ascii_upcase", `join(",")`, `join("\"")`, "lower", "upper", "string", "date", "length"}).Draw(t, "filter") + ")"
	case 4:
		return `"<\(` + d() + `)-\(` + d() + `)>"`
	case 5:
		return rapid.SampledFrom([]string{"words", "coalesce", "default"}).Draw(t, "function") + "(" + d() + "; " + d() + ")"
	case 6:
		return `formatdate("` + rapid.SampledFrom([]string{"DD-MM-YYYY", "D/M YY", "hh:mm"}).Draw(t, "layout") + `"; ` + d() + ")"
	}
	return rapid.SampledFrom([]string{"lower", "upper", "trim", "string", "date"}).Draw(t, "unary") + "(" + d() + ")"
}

// TestJQMappedAsLibrary checks mappings of compiled programs against those of
// the library.
func TestJQMappedAsLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var program string
		if rapid.IntRange(0, 4).Draw(t, "usual") > 0 {
			program = drawUsualJQ(t, rapid.IntRange(0, 4).Draw(t, "depth"))
		} else {
			program = drawJQ(t, 2)
		}
		if rapid.IntRange(0, 3).Draw(t, "library") == 0 { // programs with functions of their own are left to the library
			program = "(def f: .; (" + program + ") | f)"
		}
		scalar := rapid.OneOf(rapid.SampledFrom(jqScalars), rapid.SampledFrom([]string{`"2024-02-29"`, `"Van  Berg"`, `"x"`, "true", "17", "0.8"}))
		var members []string
		for _, name := range []string{"a", "b", "s", "n", "d"} {
			if rapid.IntRange(0, 5).Draw(t, "has") > 0 {
				members = append(members, fmt.Sprintf("%q:%s", name, scalar.Draw(t, name)))
			}
		}
		members = append(members, `"l":`+rapid.SampledFrom([]string{"null", "[]", `["a","b"]`, `[ "a" , "b\n" ]`, `["a",null,1]`, `"l"`, `[["a"]]`, `["é"]`}).Draw(t, "l"),
			`"o":`+rapid.SampledFrom([]string{"null", "{}", `"o"`, "[]", `{"a":1,"b":null}`, `{"a":"A","b":{"c":"C"}}`, `{"b":7}`}).Draw(t, "o"))
		sameMapped(t, program, "{"+strings.Join(members, ",")+"}")
	})
}

// FuzzJQCompiled checks whatever is compiled against the library.
func FuzzJQCompiled(f *testing.F) {
	for i, leaf := range jqLeaves() {
		f.Add(leaf, jqScalars[i%len(jqScalars)])
		f.Add("[.l[]? | "+leaf+"]", sample)
	}
	for _, s := range jqTexts() {
		f.Add(s, employee)
	}
	f.Fuzz(func(t *testing.T, program, in string) {
		if len(program) < 1000 && len(in) < 4000 {
			sameOutcome(t, program, in)
			sameMapped(t, program, in)
		}
	})
}
