package mapping

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

const sample = `{"id":"7","n":12.50,"big":9007199254740993,"e":1e3,"t":true,"f":false,"nil":null,"empty":"","name":"Saar","prefix":"van  der","mail":"S@X.NL",
 "tags":["b","a",null,"c"],"nums":[3,1,2],"o":{"a":{"b":"deep"},"list":[{"x":1},{"x":2}]},"E-mail werk":"w@x.nl","esc":"a\"b\nc","date":"2024-05-01","dt":"2024-05-01T10:00:00Z","mixed":["1",1,true]}`

// evaluate compiles one node, runs it on a record and gives the JSON of its
// value.
func evaluate(t *testing.T, n *Node, rec string) (string, error) {
	t.Helper()
	p, problems := Compile(Spec{Fields: []Field{{Name: "v", Value: n}}}, testConsts())
	if problems != nil {
		return "", problems[0]
	}
	e := p.Evaluator(testRun())
	if err := e.Load([]byte(rec)); err != nil {
		return "", err
	}
	b, err := e.Map(nil)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(b), `{"v":`), "}"), nil
}

func testRun() RunConsts { return RunConsts{Today: "2024-05-02", Now: "2024-05-02T08:00:00Z"} }

func testConsts() Consts {
	return Consts{
		Var:       map[string]any{"min": 3, "token": "geheim", "price": json.Number("12.50")},
		Local:     map[string]any{"domains": []any{"example.com"}, "o": map[string]any{"k": "v"}},
		Sensitive: []string{"var.token"},
		Tables:    map[string]Table{"land": {Values: map[string]any{"NL": "Nederland", "1": "een"}}},
		Files:     map[string]string{"w.html": "<p>{src.name} {{x}} {y} {src.amp}</p>", "w.txt": "{src.name}, {today}"},
	}
}

func TestExpr(t *testing.T) {
	tests := []struct{ program, want string }{
		{`src.name`, `"Saar"`},
		{`src.nope`, `null`},
		{`src.nope.deeper["x"]`, `null`},
		{`src["E-mail werk"]`, `"w@x.nl"`},
		{`src.n`, `12.50`},
		{`src.big`, `9007199254740993`},
		{`src.big + 1`, `9007199254740994`},
		{`9223372036854775807 + 1`, "error: the numbers are too large for exact arithmetic in 64 bits"},
		{`src.e`, `1000`},
		{`src.n + 1`, `13.5`},
		{`4 / 2`, `2`},
		{`7 % 3`, `1`},
		{`2 ** 3`, `8`},
		{`-src.n`, `-12.50`},
		{`1 / 0`, "error: division by zero"},
		{`not src.nil`, `true`},
		{`!src.f`, `true`},
		{`src.nope < 3`, `false`},
		{`3 >= src.nil`, `false`},
		{`src.n > 12`, `true`},
		{`"a" < "b"`, `true`},
		{`"a" < 1`, "error: < compares two numbers or two texts, not text and a number"},
		{`len(src.nope)`, `0`},
		{`len("Zoë")`, `3`},
		{`any(src.nope, # == 1)`, `false`},
		{`all(src.nope, # == 1)`, `true`},
		{`filter(src.nope, # == 1)`, `[]`},
		{`map(src.nope, #)`, `[]`},
		{`map(src.nums, # * 2)`, `[6,2,4]`},
		{`filter(src.o.list, .x > 1)`, `[{"x":2}]`},
		{`count(src.nums, # > 1)`, `2`},
		{`sum(src.nums)`, `6`},
		{`sum(src.o.list, .x)`, `3`},
		{`find(src.nums, # < 3)`, `1`},
		{`findLastIndex(src.nums, # < 3)`, `2`},
		{`sortBy(src.o.list, .x, "desc")`, `[{"x":2},{"x":1}]`},
		{`sort(src.nums)`, `[1,2,3]`},
		{`groupBy(src.nums, # > 1)`, `{"false":[1],"true":[3,2]}`},
		{`reduce(src.nums, #acc + #, 0)`, `6`},
		{`src.name == "Saar"`, `true`},
		{`src.id == 7`, "error: cannot compare text with a number"},
		{`src.t == "true"`, "error: cannot compare true or false with text"},
		{`src.nope == 7`, `false`},
		{`src.nope == nil`, `true`},
		{`src.name != nil`, `true`},
		{`7.0 == 7`, `true`},
		{`"a" in src.tags`, `true`},
		{`"z" in src.tags`, `false`},
		{`1 in src.tags`, "error: cannot compare"},
		{`"a" in src.o`, `true`},
		{`"a" in src.nope`, `false`},
		{`src.name matches "^S"`, `true`},
		{`src.nope matches "^S"`, `false`},
		{`src.name contains "aa"`, `true`},
		{`src.name startsWith "S" and src.name endsWith "r"`, `true`},
		{`src.nope ?? "x"`, `"x"`},
		{`src.o?.a?.b`, `"deep"`},
		{`src.tags[0]`, `"b"`},
		{`src.tags[-1]`, `"c"`},
		{`src.tags[9]`, "error: the index is out of range"},
		{`src.nums[1:]`, `[1,2]`},
		{`src.name[:2]`, `"Sa"`},
		{`let x = src.n; x`, `12.50`},
		{`src.t ? 1 : 2`, `1`},
		{`if src.t { "y" } else { "n" }`, `"y"`},
		{`lower(src.mail)`, `"s@x.nl"`},
		{`src.mail | lower()`, `"s@x.nl"`},
		{`join(src.tags, ",")`, `"b,a,c"`},
		{`join(",", src.tags)`, `"b,a,c"`},
		{`date(src.date) >= today`, `false`},
		{`now`, `"2024-05-02T08:00:00Z"`},
		{`today`, `"2024-05-02"`},
		{`var.min + 1`, `4`},
		{`var.price`, `12.50`},
		{`local.o.k`, `"v"`},
		{`"example.com" in local.domains`, `true`},
		{`table("land", "NL")`, `"Nederland"`},
		{`table("land", "XX", "?")`, `"?"`},
		{`table("land", 1)`, `"een"`},
		{`{"a": src.name, b: [1, nil]}`, `{"a":"Saar","b":[1,null]}`},
		{`keys(src.o)`, `["a","list"]`},
		{`toJSON({a: 1})`, "\"{\\n  \\\"a\\\": 1\\n}\""},
		{`fromJSON("{\"a\":1.50}").a`, `1.50`},
		{`max(src.nums)`, `3`},
		{`min(src.nums, 0.5)`, `0.5`},
		{`mean(src.nums)`, `2`},
		{`round(2.5)`, `3`},
		{`int("12")`, `12`},
		{`type(src.nope)`, `"nil"`},
		{`1..3`, `[1,2,3]`},
		{`1..100000000`, "error: the range has more than"},
		{`repeat("x", 1000000000)`, "error: the record makes more than 16 MiB"},
		{`all(1..200000, all(1..200000, true))`, "error: the record takes more work"},
		{`uniq([1, 1.0, "1"])`, `[1,"1"]`},
		{`flatten([[1], [2, [3]]])`, `[1,2,3]`},
		{`src.name.x`, `null`},
		{`src.name +`, "problem: invalid expr"},
		{`srcc.name`, "problem: unknown name srcc; did you mean src?"},
		{`lowr("A")`, "problem: unknown function lowr; did you mean lower?"},
		{`var.mn`, "problem: unknown name var.mn; did you mean var.min?"},
		{`item.x`, "problem: item cannot be read in v: the pipeline has no each"},
		{`lower()`, "problem: wrong number of arguments: lower(s)"},
		{`coalesce()`, "problem: wrong number of arguments: coalesce(a, [b], …)"},
		{`formatdate("DD dd", src.name)`, `problem: the layout has a part that is no date format: "dd"`},
		{`parsedate(src.name, "DD 'x")`, "problem: the layout has a quote that does not end"},
		{`datetime(src.name, "Europe/Amstrdam")`, "problem: no zone has that name"},
		{`src.name matches "("`, "problem: error parsing regexp"},
		{`filter(src.nums, # == 1).x`, `null`},
		{`src.a.foo()`, "problem: values of records have no methods"},
		{`$env`, "problem: "},
	}
	for _, tt := range tests {
		t.Run(tt.program, func(t *testing.T) { check(t, Expr(tt.program, 0), tt.want) })
	}
}

// check compares what a node gives with the JSON, error or problem wanted. No
// time passes meanwhile, however slow the machine is.
func check(t *testing.T, n *Node, want string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { checkTimed(t, n, want) })
}

// checkTimed does so while time passes.
func checkTimed(t *testing.T, n *Node, want string) {
	t.Helper()
	got, err := evaluate(t, n, sample)
	var p Problem
	if errors.As(err, &p) {
		got = "problem: " + p.Error()
	} else if err != nil {
		var ve *ValueError
		if errors.As(err, &ve) {
			got = "error: " + ve.Problem
		} else {
			got = "error: " + err.Error()
		}
	}
	if strings.HasPrefix(want, "error: ") || strings.HasPrefix(want, "problem: ") {
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s…", got, want)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJQ(t *testing.T) {
	tests := []struct{ program, want string }{
		{`.name`, `"Saar"`},
		{`.n`, `12.50`},
		{`.big`, `9007199254740993`},
		{`.big + 1`, `9007199254740994`},
		{`.e`, `1000`},
		{`.nope.x`, `null`},
		{`empty`, `null`},
		{`.nums[]`, "error: the program gives more than one output"},
		{`[.tags[]? | select(. != null)]`, `["b","a","c"]`},
		{`"\(.name) \(.n)!"`, `"Saar 12.50!"`},
		{`@html "<\(.esc)>"`, `"<a&quot;b\nc>"`},
		{`@base64`, "\"eyJFLW1haWwg"},
		{`.mail | lower`, `"s@x.nl"`},
		{`lower(.mail)`, `"s@x.nl"`},
		{`words(.name; .prefix; "Berg")`, `"Saar van der Berg"`},
		{`join("-"; .name; .id)`, `"Saar-7"`},
		{`.tags | join(",")`, `"b,a,,c"`},
		{`now`, `1714636800`},
		{`$today`, `"2024-05-02"`},
		{`$src.name`, `"Saar"`},
		{`$var.min`, `3`},
		{`$local.o.k`, `"v"`},
		{`table("land"; "NL")`, `"Nederland"`},
		{`.id | table("land"; .; "?")`, `"?"`},
		{`[.nums[] | . * 2] | add`, `12`},
		{`add(.nums[])`, `6`},
		{`.o.list | map(.x) | sort | reverse`, `[2,1]`},
		{`.nums | sort_by(-.)`, `[3,2,1]`},
		{`{name, id: .id, "a\(1)": 2}`, `{"a1":2,"id":"7","name":"Saar"}`},
		{`reduce .nums[] as $x (0; . + $x)`, `6`},
		{`.nums[0] += 5 | .nums`, `[8,1,2]`},
		{`def f(x): x + 1; f(.nums[0])`, `4`},
		{`def now: 5; now`, `5`},
		{`first(.nums[])`, `3`},
		{`.nums | first`, `3`},
		{`.nums | length`, `3`},
		{`.name | test("^S")`, `true`},
		{`.name | gsub("a"; "b")`, `"Sbbr"`},
		{`[.name | splits("a")]`, `["S","","r"]`},
		{`try error("x") catch .`, `"x"`},
		{`.name | error`, "error: error: Saar"},
		{`.name + 1`, "error: cannot add: string"},
		{`path(.o.a.b)`, `["o","a","b"]`},
		{`[paths] | length > 3`, `true`},
		{`del(.o, .tags) | has("o")`, `false`},
		{`to_entries | length`, `19`},
		{`.t and (.f | not)`, `true`},
		{`.nope // "x"`, `"x"`},
		{`if .t then 1 else 2 end`, `1`},
		{`. as {name: $n, nums: [$a]} | "\($n)\($a)"`, `"Saar3"`},
		{`[limit(2; .nums[])]`, `[3,1]`},
		{`label $out | foreach .nums[] as $x (0; . + $x; if . > 3 then ., break $out else empty end)`, `4`},
		{`input`, "problem: input does not exist here"},
		{`env`, "problem: env does not exist here"},
		{`$ENV.PATH`, "problem: $ENV does not exist here"},
		{`halt`, "problem: halt does not exist here"},
		{`debug`, "problem: debug does not exist here"},
		{`_multiply("x"; 9)`, "problem: unknown function _multiply/2"},
		{`lowr`, "problem: unknown function lowr/0; did you mean lower?"},
		{`$scr`, "problem: unknown variable $scr; did you mean $src?"},
		{`datetime(.name; "Europe/Amstrdam")`, "problem: no zone has that name"},
		{`formatdate("DD dd"; .name)`, `problem: the layout has a part that is no date format: "dd"`},
		{`.name | $var.mn + 1`, "problem: unknown name $var.mn; did you mean $var.min?"},
		{`$local["domain"][0]`, "problem: unknown name $local.domain; did you mean $local.domains?"},
		{`{mn: 1} as $var | $var.mn`, `1`},
		{`$local.o.absent`, `null`},
		{`$item`, "problem: $item cannot be read in v: the pipeline has no each"},
		{`.a |`, "problem: invalid jq: unexpected EOF"},
		{`import "a" as a; .`, "problem: programs do not import modules"},
		{`[range(1e12)]`, "error: the record takes more work"},
		{`def f: f; f`, "error: the record takes more work"},
		{`def f: 1 + f; f`, "error: the record takes more work"},
		{`"x" * 1e9`, "error: the record makes more than 16 MiB"},
		{`try ("x" * 1e9) catch 1`, "error: the record makes more than 16 MiB"},
		{`reduce range(100) as $i ("x"; . + .)`, "error: the record makes more than 16 MiB"},
		{`reduce range(100) as $i ("x"; "\(.)\(.)")`, "error: the record makes more than 16 MiB"},
		{`reduce range(60) as $i ([1]; [., .]) | tojson | length`, "error: the record makes more than 16 MiB"},
		{`reduce range(60) as $i ([1]; [., .])`, "error: the record makes more than 16 MiB"},
		{`reduce range(1000) as $i (1; [.])`, "error: the value is nested more than 256 levels"},
		{`reduce range(60) as $i ([1]; [., .]) | . == reduce range(60) as $i ([1]; [., .])`, "error: the record makes more than 16 MiB"},
		{`.[1e8] = 1`, "error: a place in a list beyond"},
		{`null | setpath([100000000]; 1)`, "error: a place in a list beyond"},
		{`[range(1000) | []] | .[0] = [range(100000)] | transpose`, "error: the record makes more than 16 MiB"},
		{`"x" * 300000 | [match(""; "g")] | length`, "error: a regular expression is searched for in more text"},
		{`"x" * 8000 | gsub("x"; "0123456789" * 10000) | length`, "error: the record takes more work"},
		{`reduce range(60) as $i ([1]; [., .]) as $d | [$d, $d] | min_by(.)`, "error: the record makes more than 16 MiB"},
		{`reduce range(60) as $i ([1]; [., .]) as $d | INDEX($d; .)`, "error: the record makes more than 16 MiB"},
		{`"x" * 200000 + "y" | gsub("y"; "z") | length`, "200001"},
		{`nan`, "error: the result is no number"},
		{`reduce range(60) as $i ([1]; [., .]) | words(.; 1)`, "error: the record makes more than 16 MiB"},
		{`.nums[1e3]`, `null`},
	}
	for _, tt := range tests {
		t.Run(tt.program, func(t *testing.T) {
			if strings.HasPrefix(tt.want, "\"eyJ") {
				got, err := evaluate(t, JQ(tt.program, 0), sample)
				if err != nil || !strings.HasPrefix(got, tt.want) {
					t.Errorf("got %s, %v", got, err)
				}
				return
			}
			check(t, JQ(tt.program, 0), tt.want)
		})
	}
}

// What units of work do not measure ends after a while.
func TestTimeOfARecord(t *testing.T) {
	checkTimed(t, JQ(`"x" * 4000000 | . as $s | [range(100000) | $s | ascii_downcase] | length`, 0), "error: the record takes more")
}
