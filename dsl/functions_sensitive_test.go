package dsl

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Whatever is computed from a sensitive value is sensitive. The expressions
// read hush ("canary"), number (123123) or mixed ({a sensitive, b not}).
func TestFunctionsKeepSensitivity(t *testing.T) {
	tests := []string{
		`abs(number)`, `ceil(number)`, `floor(number)`, `log(number, 2)`, `max(1, number)`, `min(1, number)`,
		`parseint("11", number / number + 1)`, `pow(number, 2)`, `pow(2, number / number)`, `signum(number)`, `sum([1, number])`,
		`chomp(hush)`, `endswith(hush, "y")`, `format("%s", hush)`, `format(hush)`, `formatlist("%s", [hush])`, `indent(2, hush)`,
		`join(",", [hush])`, `join(hush, ["a", "b"])`, `lower(hush)`, `regex("c.*", hush)`, `regexall("c", hush)`, `replace(hush, "c", "d")`,
		`replace("c", "c", hush)`, `split("a", hush)`, `startswith(hush, "c")`, `strcontains(hush, "c")`, `strcontains("a", hush)`, `strrev(hush)`,
		`substr(hush, 0, 1)`, `title(hush)`, `trim(hush, "c")`, `trimprefix(hush, "c")`, `trimspace(hush)`, `trimsuffix(hush, "y")`, `upper(hush)`,
		`alltrue([hush == "canary"])`, `anytrue([hush == "canary"])`, `chunklist([hush], 1)`, `coalesce("", hush)`, `coalescelist([], [hush])`,
		`compact([hush])`, `concat([hush], ["a"])`, `contains(["canary"], hush)`, `contains([hush], "canary")`, `distinct([hush])`, `element([hush], 0)`,
		`element(["a", "b"], number)`, `flatten([[hush]])`, `index(["canary"], hush)`, `index([hush], "canary")`, `keys({(nonsensitive(hush)) = hush})[0] == hush`,
		`length(hush)`, `length(sensitive([1]))`, `length(sensitive({a = 1}))`, `lookup(mixed, "a")`, `lookup({canary = "x"}, hush)`, `lookup({}, "x", hush)`, `lookup(sensitive({a = 1}), "a")`,
		`matchkeys([hush], ["a"], ["a"])`, `matchkeys(["a"], [hush], ["canary"])`, `merge({a = hush}, {})`, `merge(sensitive({a = 1}), {})`, `one([hush])`, `one(sensitive([]))`,
		`range(number / number)`, `reverse([hush])`, `setintersection([hush], ["canary"])`, `setproduct([hush], ["a"])`, `setsubtract([hush], ["a"])`,
		`setunion([hush], ["a"])`, `slice([hush], 0, 1)`, `slice(["a"], 0, number / number)`, `sort([hush])`, `transpose({a = [hush]})`, `values({a = hush})`, `zipmap(["a"], [hush])`, `keys(sensitive({a = 1}))`,
		`base64decode(base64encode(hush))`, `base64gunzip(base64gzip(hush))`, `csvdecode("a\n${hush}")`, `jsondecode("\"${hush}\"")`, `jsonencode({a = hush})`,
		`textdecodebase64(textencodebase64(hush, "utf-8"), "utf-8")`, `urldecode(urlencode(hush))`, `yamldecode(hush)`, `yamlencode([hush])`,
		`base64sha256(hush)`, `base64sha512(hush)`, `md5(hush)`, `sha1(hush)`, `sha256(hush)`, `sha512(hush)`, `uuidv5("dns", hush)`,
		`formatdate("'${hush}'", "2018-01-02T23:12:01Z")`, `timeadd(sensitive("2018-01-02T23:12:01Z"), "1h")`, `timecmp(sensitive("2018-01-02T23:12:01Z"), "2018-01-02T23:12:01Z")`,
		`sensitive(1)`, `tobool(sensitive("true"))`, `tolist([hush])`, `tomap({a = hush})`, `tonumber(sensitive("1"))`, `toset([hush])`, `tostring(number)`,
		`can(tonumber(hush))`, `can(tonumber(number))`, `can(tonumber(sensitive("x")))`, `try(tonumber(hush), 1)`, `try(hush, 1)`, `try(tonumber(sensitive("x")), 1)`, `try(try(tonumber(hush), 1), 2)`,
	}
	for _, expr := range tests {
		v, diags := evaluate(t, expr)
		if diags.HasErrors() {
			t.Errorf("%s: %v", expr, diags)
			continue
		}
		if !isSensitive(v) {
			t.Errorf("%s = %#v, which is not sensitive", expr, v)
		}
	}
}

func TestFunctionsKeepWhatIsPublicPublic(t *testing.T) {
	for _, expr := range []string{
		`lookup(mixed, "b")`, `mixed.b`, `keys(mixed)`, `length(mixed)`, `merge({a = hush}, {b = "plain"}).b`, `values(mixed)[1]`, `concat([hush], ["a"])[1]`,
		`nonsensitive(hush)`, `nonsensitive(mixed)`, `nonsensitive({a = [hush]})`, `issensitive(hush)`, `try(mixed.b, hush)`, `can(mixed.b)`,
	} {
		v, diags := evaluate(t, expr)
		if diags.HasErrors() {
			t.Errorf("%s: %v", expr, diags)
			continue
		}
		if isSensitive(v) {
			t.Errorf("%s is sensitive", expr)
		}
	}
}

// A failure must not show a sensitive value, in whole or in part.
func TestFunctionErrorsHideSensitiveValues(t *testing.T) {
	for _, expr := range []string{
		`abs(hush)`, `ceil(hush)`, `parseint(hush, 10)`, `parseint("10", number)`, `tonumber(hush)`, `tobool(hush)`, `jsondecode(hush)`, `yamldecode("${hush}: [")`, `csvdecode("${hush}\n1,2")`,
		`base64decode("${hush}!")`, `base64gunzip(hush)`, `textencodebase64("a", hush)`, `textdecodebase64(hush, "utf-8")`, `urldecode("%z${hush}")`,
		`formatdate("YYYY", hush)`, `formatdate("qq${hush}", "2018-01-02T23:12:01Z")`, `timeadd(hush, "1h")`, `timeadd("2018-01-02T23:12:01Z", hush)`, `timecmp(hush, hush)`,
		`regex(hush, "x")`, `regex("[${hush}", "x")`, `replace("x", "/[${hush}/", "")`, `lookup({}, hush)`, `lookup(tomap({}), hush)`, `index(["x"], hush)`, `element([], number)`,
		`uuidv5(hush, "x")`, `format("%d", hush)`, `format("%${hush}", 1)`, `try(tonumber(hush))`, `try({}[hush])`, `try({for s in [sensitive("canary"), sensitive("canary")] : s => 1})`, `try(tobool("x"), {for s in [hush, hush] : s => 1})`, `zipmap([hush], [])`, `indent(number, "x")`, `sum([hush])`, `range(number)`,
		`{for s in [hush, hush] : s => 1}`, `{}[hush]`, `{}[lower(hush)]`, `tomap({x = 1})[hush]`, `1 + hush`, `hush ? 1 : 2`, `!hush`, `transpose({(nonsensitive("a")) = [null, hush]})`,
		`coalesce(hush, [1])`, `merge(hush)`, `slice([1], number, 2)`, `substr(hush, "x", 1)`, `chunklist([hush], -1)`, `one([hush, hush])`, `setproduct([hush])[5]`,
	} {
		_, diags := evaluate(t, expr)
		if !diags.HasErrors() {
			t.Errorf("%s does not fail", expr)
		}
		for _, d := range fromHCL(diags) {
			if text := d.Summary + " " + d.Detail; strings.Contains(strings.ToLower(text), "canary") || strings.Contains(text, "123123") {
				t.Errorf("%s shows the value: %s", expr, text)
			}
		}
	}
}

func TestFunctionErrorsSayWhy(t *testing.T) {
	tests := []struct{ expr, want string }{
		{`tonumber("abc")`, `cannot convert "abc" to number`},
		{`timestamp()`, "gives another value at every evaluation"},
		{`pow("a", 1)`, "a number is required"},
		{`indent(99999999999, "a\nb")`, "from 0 to 1000"},
		{`timecmp("2017", "2017-11-22T00:00:00Z")`, "timestamp"},
		{`uuidv5("example", "x")`, `"example" is no namespace`},
		{`base64gunzip("AAAA")`, "gunzip"},
		{`one([1, 2])`, "zero or one elements"},
		{`lower(null)`, "must not be null"},
		{`lowr("x")`, `Did you mean "lower"?`},
		{`lenght(["x"])`, `Did you mean "length"?`},
		{`qqqqq("x")`, `There is no function named "qqqqq".`},
		{`hush2`, `Did you mean "hush"?`},
		{`try(tonumber("x"), tonumber("y"))`, `cannot convert "y"`},
	}
	for _, tt := range tests {
		_, diags := evaluate(t, tt.expr)
		text := ""
		for _, d := range fromHCL(diags) {
			text += d.Summary + " " + d.Detail
		}
		if !strings.Contains(text, tt.want) {
			t.Errorf("%s: %q does not say %q", tt.expr, text, tt.want)
		}
	}
}

// Marks that mean something else than sensitive come through as well, on
// values that are not known yet.
func TestFunctionsKeepOtherMarks(t *testing.T) {
	type mark struct{}
	functions := knownFunctions()
	for name, args := range map[string][]cty.Value{
		"lower":    {cty.DynamicVal.Mark(mark{})},
		"tostring": {cty.DynamicVal.Mark(mark{})},
		"length":   {cty.DynamicVal.Mark(mark{})},
		"lookup":   {cty.DynamicVal.Mark(mark{}), cty.StringVal("a")},
		"coalesce": {cty.DynamicVal.Mark(mark{}), cty.StringVal("a")},
		"merge":    {cty.DynamicVal.Mark(mark{})},
		"sum":      {cty.DynamicVal.Mark(mark{})},
	} {
		v, err := functions[name].Call(args)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, marks := v.UnmarkDeep(); len(marks) == 0 {
			t.Errorf("%s(unknown, marked) = %#v has lost its mark", name, v)
		}
	}
}

func TestClosureErrorKeepsCauses(t *testing.T) {
	_, diags := evaluate(t, `try(lower(null), upper(null))`)
	extra, ok := hcl.DiagnosticExtra[interface{ FunctionCallError() error }](diags[0])
	if !ok {
		t.Fatalf("no function call behind %v", diags)
	}
	joined, ok := extra.FunctionCallError().(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 {
		t.Errorf("causes of %v are lost", extra.FunctionCallError())
	}
}
