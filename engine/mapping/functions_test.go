package mapping

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"koppel/engine/record"
)

// calls hold every function with usual, null, empty and odd arguments; the
// arguments are JSON, which reads the same in HCL, expr and jq.
func calls() []struct{ name, args, want string } {
	return []struct{ name, args, want string }{
		{"lower", `"S@X.NL"`, `"s@x.nl"`}, {"lower", `"ÀÉ"`, `"àé"`}, {"lower", `null`, `null`}, {"lower", `""`, `""`},
		{"lower", `12`, `error: lower takes text, not a number; string(…) makes text of it`}, {"lower", `["A"]`, `error: lower takes text, not a list`},
		{"upper", `"straße"`, `"STRAßE"`}, {"upper", `"a1"`, `"A1"`}, {"upper", `null`, `null`},
		{"words", `"Saar","van  der","Berg"`, `"Saar van der Berg"`}, {"words", `"",null`, `null`}, {"words", `" a ",null,"b"`, `"a b"`},
		{"words", `["a",null,"b c"],1`, `"a b c 1"`}, {"words", `null,null`, `null`},
		{"words", `"a",{"x":1}`, `error: words takes no objects`},
		{"join", `",","a","b"`, `"a,b"`}, {"join", `"-","a",null,1.50`, `"a-1.50"`}, {"join", `"-",null,null`, `null`}, {"join", `null,"a","b"`, `null`}, {"join", `",",["a",null],"c"`, `"a,c"`}, {"join", `",",[],[]`, `""`},
		{"replace", `"1.2.3",".","-"`, `"1-2-3"`}, {"replace", `null,"a","b"`, `null`}, {"replace", `"aaa","a",""`, `""`}, {"replace", `"ab","","-"`, `"-a-b-"`},
		{"substr", `"Zoë Berg",0,3`, `"Zoë"`}, {"substr", `"Berg",-2,-1`, `"rg"`}, {"substr", `"Berg",9,2`, `""`}, {"substr", `null,0,1`, `null`}, {"substr", `"Berg",1.5,2`, `error: substr takes whole numbers there`},
		{"coalesce", `null,"","c"`, `"c"`}, {"coalesce", `null,null`, `null`}, {"coalesce", `null,0,1`, `0`}, {"coalesce", `false,1`, `false`}, {"coalesce", `null,12.50`, `12.50`},
		{"default", `null,"-"`, `"-"`}, {"default", `"","-"`, `""`}, {"default", `1,2`, `1`}, {"default", `null,null`, `null`},
		{"string", `12.50`, `"12.50"`}, {"string", `1e3`, `"1000"`}, {"string", `true`, `"true"`}, {"string", `"x"`, `"x"`}, {"string", `null`, `null`}, {"string", `9007199254740993`, `"9007199254740993"`}, {"string", `[1]`, `error: a list does not convert to text`}, {"string", `1e21`, `"1000000000000000000000"`},
		{"number", `" 12.50 "`, `12.50`}, {"number", `"1e3"`, `1000`}, {"number", `"-007"`, `-7`}, {"number", `"+5"`, `5`}, {"number", `""`, `error: text does not convert to a number`}, {"number", `"1,5"`, `error: text does not convert to a number`}, {"number", `null`, `null`}, {"number", `1.50`, `1.50`}, {"number", `true`, `error: true or false does not convert to a number`}, {"number", `"9007199254740993"`, `9007199254740993`}, {"number", `"0x10"`, `error: text does not convert to a number`}, {"number", `"NaN"`, `error: text does not convert to a number`}, {"number", `"-0"`, `0`},
		{"bool", `"Ja"`, `true`}, {"bool", `"nee"`, `false`}, {"bool", `1`, `true`}, {"bool", `0`, `false`}, {"bool", `1.0`, `true`}, {"bool", `"T"`, `true`}, {"bool", `" no "`, `false`}, {"bool", `"x"`, `error: text does not convert to true or false`}, {"bool", `""`, `error: text does not convert to true or false`}, {"bool", `null`, `null`}, {"bool", `2`, `error: a number does not convert to true or false`},
		{"date", `"2024-05-01T23:59:00Z"`, `"2024-05-01"`}, {"date", `"2024-02-30"`, `error: the text is no ISO date`}, {"date", `null`, `null`}, {"date", `""`, `error: the text is no ISO date`}, {"date", `"2024-05-01 10:00"`, `"2024-05-01"`}, {"date", `20240501`, `error: date takes text, not a number`},
		{"datetime", `"2024-05-01T10:00:00+02:00"`, `"2024-05-01T08:00:00Z"`}, {"datetime", `"2024-05-01T10:00:00Z","Europe/Amsterdam"`, `"2024-05-01T08:00:00Z"`}, {"datetime", `"2024-05-01T10:00:00"`, `error: the time has no offset`}, {"datetime", `"2024-01-01T10:00:00.500","Europe/Amsterdam"`, `"2024-01-01T09:00:00.5Z"`},
		{"datetime", `"2024-03-31T02:30:00","Europe/Amsterdam"`, `"2024-03-31T01:30:00Z"`}, {"datetime", `"2024-10-27T02:30:00","Europe/Amsterdam"`, `"2024-10-27T00:30:00Z"`}, {"datetime", `"2024-05-01","Europe/Amsterdam"`, `"2024-04-30T22:00:00Z"`}, {"datetime", `"2024-05-01T10:00:00","Mars/Phobos"`, `error: no zone has that name`}, {"datetime", `null,"Europe/Amsterdam"`, `null`},
		{"datetime", `"9999-12-31T23:59:59Z"`, `"9999-12-31T23:59:59Z"`}, {"datetime", `"9999-12-31T23:59:59-01:00"`, `error: the date-time lies outside of the years 0 to 9999 in UTC`}, {"datetime", `"0000-01-01T00:00:00","Europe/Amsterdam"`, `error: the date-time lies outside of the years 0 to 9999 in UTC`}, {"parsedate", `"9999-12-31 23:59","YYYY-MM-DD hh:mm","America/New_York"`, `error: the date-time lies outside of the years 0 to 9999 in UTC`},
		{"parsedate", `"31-12-2024","DD-MM-YYYY"`, `"2024-12-31"`}, {"parsedate", `"1 mei 2024","D MMMM YYYY"`, `error: the text does not have the layout`}, {"parsedate", `"1 May 2024","D MMMM YYYY"`, `"2024-05-01"`}, {"parsedate", `"31-02-2024","DD-MM-YYYY"`, `error: the text is no date that exists`}, {"parsedate", `"20240501 1030","YYYYMMDD hhmm","Europe/Amsterdam"`, `"2024-05-01T08:30:00Z"`}, {"parsedate", `"20240501 1030","YYYYMMDD hhmm"`, `error: the time has no offset`}, {"parsedate", `"x","qq"`, `error: the layout has a part that is no date format`}, {"parsedate", `null,"YYYY"`, `null`}, {"parsedate", `"05/01/24 01:30 pm +02:00","MM/DD/YY HH:mm aa ZZZZZ"`, `"2024-05-01T11:30:00Z"`},
		{"formatdate", `"DD-MM-YYYY","2024-05-01"`, `"01-05-2024"`}, {"formatdate", `"DD-MM-YYYY hh:mm","2024-05-01T10:00:00Z","Europe/Amsterdam"`, `"01-05-2024 12:00"`}, {"formatdate", `"h H HH:m:s aa AA","2024-05-01T13:05:09Z"`, `"13 1 01:5:9 pm PM"`}, {"formatdate", `"EEEE D MMMM 'om' ''hh","2024-05-01T10:00:00Z"`, `"Wednesday 1 May om 10"`}, {"formatdate", `"ZZZZZ ZZZZ ZZZ Z","2024-05-01T10:00:00Z"`, `"+00:00 +0000 UTC Z"`}, {"formatdate", `"YYYY","x"`, `error: the text is no ISO date`}, {"formatdate", `"YYYY",null`, `null`}, {"formatdate", `"Z","2024-05-01"`, `error: the layout has an offset but the date has none`}, {"formatdate", `"Q","2024-05-01"`, `error: the layout has a part that is no date format`},
		{"contains_fold", `["Sales","IT"]," it "`, `true`}, {"contains_fold", `"Sales","SALES "`, `true`}, {"contains_fold", `["1"],1`, `true`}, {"contains_fold", `"van  der\u00a0Berg "," Van der berg"`, `true`}, {"contains_fold", `["vander"],"van der"`, `false`}, {"contains_fold", `[" ","x"],""`, `true`}, {"contains_fold", `null,"x"`, `null`}, {"contains_fold", `[],"x"`, `false`}, {"contains_fold", `[null,"x"],"y"`, `false`},
		{"sha256", `"a"`, `"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"`}, {"sha256", `null`, `null`}, {"sha256", `""`, `"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`},
		{"slug", `"Zoë & Søn B.V."`, `"zoe-son-b-v"`}, {"slug", `"--"`, `""`}, {"slug", `null`, `null`}, {"slug", `"Groß İ"`, `"gross-i"`},
		{"uuid5", `"dns","example.com"`, `"cfbff0d1-9375-5685-968c-48ce8b15ae17"`}, {"uuid5", `"6ba7b810-9dad-11d1-80b4-00c04fd430c8","example.com"`, `"cfbff0d1-9375-5685-968c-48ce8b15ae17"`}, {"uuid5", `"x","y"`, `error: uuid5's ns is`}, {"uuid5", `"dns",null`, `null`},
		{"table", `"land","NL"`, `"Nederland"`}, {"table", `"land",1`, `"een"`}, {"table", `"land","XX"`, `null`}, {"table", `"land","XX","?"`, `"?"`}, {"table", `"land",null,"?"`, `null`}, {"table", `"lant","XX"`, `problem: unknown table lant; did you mean land?`},
	}
}

// perForm are the functions whose names jq has for itself with as many
// arguments.
func perForm() []struct{ name, args, want string } {
	return []struct{ name, args, want string }{
		{"trim", `"  van   der "`, `"van der"`}, {"trim", "\"\\u00a0a\\u2003b \"", `"a b"`}, {"trim", `null`, `null`}, {"trim", `""`, `""`},
		{"split", `"a;b",";"`, `["a","b"]`}, {"split", `"Zoë",""`, `["Z","o","ë"]`}, {"split", `null,";"`, `null`}, {"split", `"",";"`, `[""]`},
		{"first", `["a","b"]`, `"a"`}, {"first", `[]`, `null`}, {"first", `null`, `null`}, {"first", `"a"`, `error: first takes a list, not text`}, {"first", `[12.50]`, `12.50`},
		{"last", `["a","b"]`, `"b"`}, {"last", `[]`, `null`}, {"last", `null`, `null`},
		{"length", `["a"]`, `1`}, {"length", `"Zoë"`, `3`}, {"length", `{"a":1}`, `1`}, {"length", `null`, `null`}, {"length", `12`, `error: length takes a list, an object or text, not a number`},
	}
}

// hcl makes the call of a function on JSON arguments.
func hcl(t *testing.T, name, args string) *Node {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader("[" + args + "]"))
	dec.UseNumber()
	var values []any
	if err := dec.Decode(&values); err != nil {
		t.Fatal(err)
	}
	nodes := make([]*Node, len(values))
	for i, v := range values {
		nodes[i] = Const(v, false, 0)
	}
	return Call(name, nodes, 0)
}

func TestFunctions(t *testing.T) {
	for _, tt := range append(calls(), perForm()...) {
		t.Run("hcl "+tt.name+"("+tt.args+")", func(t *testing.T) { check(t, hcl(t, tt.name, tt.args), beforeRun(tt.want)) })
		// expr reads a literal in its own way; the value goes in through JSON.
		t.Run("expr "+tt.name+"("+tt.args+")", func(t *testing.T) { check(t, asProgram(t, tt.name, tt.args, Expr, ", "), tt.want) })
	}
	for _, tt := range calls() {
		t.Run("jq "+tt.name+"("+tt.args+")", func(t *testing.T) { check(t, asProgram(t, tt.name, tt.args, JQ, "; "), tt.want) })
	}
}

// beforeRun turns errors that constant arguments cause into problems of the
// mapping.
func beforeRun(want string) string {
	for _, settled := range []string{"no zone has that name", "the layout has a part", "uuid5's ns is"} {
		if rest, ok := strings.CutPrefix(want, "error: "+settled); ok {
			return "problem: " + settled + rest
		}
	}
	return want
}

// asProgram writes a call as a program whose values come from the constant
// local.args, so that their digits are those of the JSON.
func asProgram(t *testing.T, name, args string, kind func(string, Pos) *Node, sep string) *Node {
	t.Helper()
	var parts []string
	for i, n := range hcl(t, name, args).Nodes {
		s, isText := n.Value.(string)
		if name == "table" && i == 0 && isText {
			parts = append(parts, fmt.Sprintf("%q", s))
			continue
		}
		b, err := record.Append(nil, n.Value)
		if err != nil {
			t.Fatal(err)
		}
		if sep == "; " {
			parts = append(parts, fmt.Sprintf("(%s | fromjson)", jsonText(string(b))))
		} else {
			parts = append(parts, fmt.Sprintf("fromJSON(%s)", jsonText(string(b))))
		}
	}
	return kind(name+"("+strings.Join(parts, sep)+")", 0)
}

func jsonText(s string) string { return string(record.AppendString(nil, s)) }

func TestFilters(t *testing.T) {
	for program, want := range map[string]string{
		`.mail | lower`: `"s@x.nl"`, `.n | string`: `"12.50"`, `.name | sha256 | length`: `64`, `.dt | date`: `"2024-05-01"`,
		`[.tags[] | upper]`: `["B","A",null,"C"]`, `.name | slug`: `"saar"`, `"3" | number`: `3`, `1 | bool`: `true`, `.prefix | trim`: `"van  der"`,
	} {
		t.Run(program, func(t *testing.T) { check(t, JQ(program, 0), want) })
	}
}

func TestTemplateFile(t *testing.T) {
	path := []*Node{Const("w.html", false, 0)}
	check(t, Call("template_file", path, 0), `"<p>Saar {x} {y} </p>"`)
	check(t, Expr(`template_file("w.txt")`, 0), `"Saar, 2024-05-02"`)
	check(t, JQ(`template_file("w.txt")`, 0), `"Saar, 2024-05-02"`)
	check(t, JQ(`template_file("no.txt")`, 0), `problem: no file no.txt`)
}

// TestExamples runs the examples of the documentation that need no files.
func TestExamples(t *testing.T) {
	for _, f := range Functions() {
		if f.Doc == "" || len(f.Params) == 0 || len(f.Examples) == 0 {
			t.Errorf("%s is not documented", f.Name)
		}
		for _, ex := range f.Examples {
			if ex.Result == "" {
				continue
			}
			t.Run(ex.Call, func(t *testing.T) {
				args := strings.TrimSuffix(strings.TrimPrefix(ex.Call, f.Name+"("), ")")
				check(t, hcl(t, f.Name, args), ex.Result)
			})
		}
	}
}
