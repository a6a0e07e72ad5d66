package dsl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// evaluate gives the value of expr, where secret is a sensitive string and
// secrets holds one.
func evaluate(t testing.TB, expr string) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	parsed, diags := hclsyntax.ParseExpression([]byte(expr), "a.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("parse %q: %v", expr, diags)
	}
	return parsed.Value(&hcl.EvalContext{
		Functions: knownFunctions(),
		Variables: map[string]cty.Value{
			"hush":   cty.StringVal("canary").Mark(sensitive{}),
			"number": cty.NumberIntVal(123123).Mark(sensitive{}),
			"mixed":  cty.ObjectVal(map[string]cty.Value{"a": cty.StringVal("canary").Mark(sensitive{}), "b": cty.StringVal("plain")}),
		},
	})
}

// asJSON gives a value as JSON with its type in front where JSON does not tell
// it.
func asJSON(t testing.TB, v cty.Value) string {
	t.Helper()
	v, _ = v.UnmarkDeep()
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		t.Fatalf("marshal %#v: %v", v, err)
	}
	return string(b)
}

func TestFunctions(t *testing.T) {
	for _, group := range [][][2]string{numberExamples, stringExamples, collectionExamples, encodingExamples, hashExamples, timeExamples, typeExamples} {
		for _, example := range group {
			v, diags := evaluate(t, example[0])
			if diags.HasErrors() {
				t.Errorf("%s: %v", example[0], diags)
				continue
			}
			if diff := cmp.Diff(example[1], asJSON(t, v)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", example[0], diff)
			}
		}
	}
}

// Every function has an example above.
func TestFunctionsHaveExamples(t *testing.T) {
	all := ""
	for _, group := range [][][2]string{numberExamples, stringExamples, collectionExamples, encodingExamples, hashExamples, timeExamples, typeExamples} {
		for _, example := range group {
			all += " " + example[0]
		}
	}
	for name := range knownFunctions() {
		if name != "timestamp" && name != "plantimestamp" && !strings.Contains(all, " "+name+"(") {
			t.Errorf("%s has no example", name)
		}
	}
}

var numberExamples = [][2]string{
	{`abs(-12.4)`, `12.4`},
	{`abs(-12345678901234567890123)`, `12345678901234567890123`},
	{`ceil(5.1)`, `6`},
	{`ceil(12345678901234567890.5)`, `12345678901234567891`},
	{`floor(4.9)`, `4`},
	{`floor(-4.1)`, `-5`},
	{`log(16, 2)`, `4`},
	{`log(50, 10)`, `1.6989700043360185`},
	{`max(12, 54, 3)`, `54`},
	{`max(9007199254740993, 9007199254740992)`, `9007199254740993`},
	{`min([12, 54, 3]...)`, `3`},
	{`parseint("FF", 16)`, `255`},
	{`parseint("-10", 10)`, `-10`},
	{`parseint("1011111011101111", 2)`, `48879`},
	{`parseint("12345678901234567890123", 10)`, `12345678901234567890123`},
	{`pow(3, 2)`, `9`},
	{`pow(4, 0)`, `1`},
	{`pow(3, 50)`, `717897987691852588770249`},
	{`pow(-2, 3)`, `-8`},
	{`pow(4, 0.5)`, `2`},
	{`pow(2, -1)`, `0.5`},
	{`signum(-13)`, `-1`},
	{`signum(344)`, `1`},
	{`sum([10, 13, 6, 4.5])`, `33.5`},
	{`sum([0.1, 0.2])`, `0.3`},
	{`sum(["1", 2])`, `3`},
	{`sum([12345678901234567890, 0.01])`, `12345678901234567890.01`},
}

var stringExamples = [][2]string{
	{`chomp("hello\r\n\n")`, `"hello"`},
	{`endswith("hello world", "world")`, `true`},
	{`endswith("hello world", "hello")`, `false`},
	{`format("Hello, %s!", "Ander")`, `"Hello, Ander!"`},
	{`format("There are %d lights", 4)`, `"There are 4 lights"`},
	{`format("%v %s %d", 1.5, 12345678901234567890.25, 12345678901234567890)`, `"1.5 12345678901234567890.25 12345678901234567890"`},
	{`format("%#v", {a = [1, "x", null]})`, `"{\"a\":[1,\"x\",null]}"`},
	{`format("%.2f %05d %-3s| %q %%", 1.005, 42, "a", "b")`, `"1.00 00042 a  | \"b\" %"`},
	{`formatlist("Hello, %s!", ["Valentina", "Ander"])`, `["Hello, Valentina!","Hello, Ander!"]`},
	{`formatlist("%s, %s!", "Salutations", ["Valentina", "Ander"])`, `["Salutations, Valentina!","Salutations, Ander!"]`},
	{`indent(2, "a\nb")`, `"a\n  b"`},
	{`join("-", ["foo", "bar", "baz"])`, `"foo-bar-baz"`},
	{`join(", ", [])`, `""`},
	{`lower("АЛЛО!")`, `"алло!"`},
	{`regex("[a-z]+", "53453453.345345aaabbbccc23454")`, `"aaabbbccc"`},
	{`regex("(\\d\\d\\d\\d)-(\\d\\d)-(\\d\\d)", "2019-02-01")`, `["2019","02","01"]`},
	{`regex("^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?", "https://example.com/docs/")`, `{"authority":"example.com","scheme":"https"}`},
	{`regexall("[a-z]+", "1234abcd5678efgh9")`, `["abcd","efgh"]`},
	{`regexall("[a-z]+", "123456789")`, `[]`},
	{`replace("1 + 2 + 3", "+", "-")`, `"1 - 2 - 3"`},
	{`replace("hello world", "/w.*d/", "everybody")`, `"hello everybody"`},
	{`replace("hello world", "/(l+)/", "[$1]")`, `"he[ll]o wor[l]d"`},
	{`replace("a/b", "/", "-")`, `"a-b"`},
	{`split(",", "foo,bar,baz")`, `["foo","bar","baz"]`},
	{`split(",", "")`, `[""]`},
	{`startswith("hello world", "hello")`, `true`},
	{`strcontains("hello world", "wor")`, `true`},
	{`strcontains("hello world", "wod")`, `false`},
	{`strrev("a ☃")`, `"☃ a"`},
	{`substr("hello world", 1, 4)`, `"ello"`},
	{`substr("🤔🤷", 0, 1)`, `"🤔"`},
	{`substr("hello world", -5, -1)`, `"world"`},
	{`title("hello world")`, `"Hello World"`},
	{`trim("?!hello?!", "!?")`, `"hello"`},
	{`trimprefix("helloworld", "hello")`, `"world"`},
	{`trimspace("  hello\n\n")`, `"hello"`},
	{`trimsuffix("helloworld", "world")`, `"hello"`},
	{`upper("алло!")`, `"АЛЛО!"`},
}

var collectionExamples = [][2]string{
	{`alltrue(["true", true])`, `true`},
	{`alltrue([true, false])`, `false`},
	{`alltrue([true, null])`, `false`},
	{`alltrue([])`, `true`},
	{`anytrue(["true"])`, `true`},
	{`anytrue([null, false])`, `false`},
	{`anytrue([])`, `false`},
	{`chunklist(["a", "b", "c", "d", "e"], 2)`, `[["a","b"],["c","d"],["e"]]`},
	{`coalesce("", "b")`, `"b"`},
	{`coalesce(null, 1, 2)`, `1`},
	{`coalesce(["", "b"]...)`, `"b"`},
	{`coalesce(1, "hello")`, `"1"`},
	{`coalescelist([], ["c", "d"])`, `["c","d"]`},
	{`compact(["a", "", "b", null, "c"])`, `["a","b","c"]`},
	{`concat(["a", ""], ["b", "c"])`, `["a","","b","c"]`},
	{`contains(["a", "b", "c"], "a")`, `true`},
	{`contains(["a", "b", "c"], "d")`, `false`},
	{`distinct(["a", "b", "a", "c", "d", "b"])`, `["a","b","c","d"]`},
	{`element(["a", "b", "c"], 1)`, `"b"`},
	{`element(["a", "b", "c"], 3)`, `"a"`},
	{`element(["a", "b", "c"], -1)`, `"c"`},
	{`flatten([["a", "b"], [], [["c"]]])`, `["a","b","c"]`},
	{`index(["a", "b", "c"], "b")`, `1`},
	{`keys({a = 1, c = 2, d = 3})`, `["a","c","d"]`},
	{`length([])`, `0`},
	{`length(["a", "b"])`, `2`},
	{`length({"a" = "b"})`, `1`},
	{`length("hello")`, `5`},
	{`length("👾🕹️")`, `2`},
	{`lookup({a = "ay", b = "bee"}, "a", "what?")`, `"ay"`},
	{`lookup({a = "ay", b = "bee"}, "c", "what?")`, `"what?"`},
	{`lookup(tomap({a = 1}), "a")`, `1`},
	{`lookup(tomap({a = 1}), "b", "7")`, `7`},
	{`matchkeys(["i-123", "i-abc", "i-def"], ["us-west", "us-east", "us-east"], ["us-east"])`, `["i-abc","i-def"]`},
	{`matchkeys(["a"], ["b"], [])`, `[]`},
	{`merge({a = "b", c = "d"}, {e = "f", c = "z"})`, `{"a":"b","c":"z","e":"f"}`},
	{`merge({a = 1}, null)`, `{"a":1}`},
	{`one(["x"])`, `"x"`},
	{`one([])`, `null`},
	{`one(toset([1]))`, `1`},
	{`range(3)`, `[0,1,2]`},
	{`range(1, 8, 2)`, `[1,3,5,7]`},
	{`range(4, 1)`, `[4,3,2]`},
	{`reverse([1, 2, 3])`, `[3,2,1]`},
	{`setintersection(["a", "b"], ["b", "c"], ["b", "d"])`, `["b"]`},
	{`setproduct(["development", "production"], ["app1"])`, `[["development","app1"],["production","app1"]]`},
	{`setsubtract(["a", "b", "c"], ["a", "c"])`, `["b"]`},
	{`setunion(["a", "b"], ["b", "c"], ["d"])`, `["a","b","c","d"]`},
	{`slice(["a", "b", "c", "d"], 1, 3)`, `["b","c"]`},
	{`sort(["e", "d", "a", "x"])`, `["a","d","e","x"]`},
	{`transpose({"a" = ["1", "2"], "b" = ["2", "3"]})`, `{"1":["a"],"2":["a","b"],"3":["b"]}`},
	{`transpose({})`, `{}`},
	{`values({a = 3, c = 2, d = 1})`, `[3,2,1]`},
	{`zipmap(["a", "b"], [1, 2])`, `{"a":1,"b":2}`},
}

var encodingExamples = [][2]string{
	{`base64decode("SGVsbG8gV29ybGQ=")`, `"Hello World"`},
	{`base64encode("Hello World")`, `"SGVsbG8gV29ybGQ="`},
	{`base64gunzip(base64gzip("test"))`, `"test"`},
	{`base64gzip("test")`, `"H4sIAAAAAAAA/ypJLS4BAAAA//8BAAD//wx+f9gEAAAA"`},
	{`csvdecode("a,b,c\n1,2,3\n4,5,6")`, `[{"a":"1","b":"2","c":"3"},{"a":"4","b":"5","c":"6"}]`},
	{`jsondecode("{\"hello\": \"world\"}")`, `{"hello":"world"}`},
	{`jsondecode("[9007199254740993, 0.1, 12345678901234567890.123456789, 1e2]")`, `[9007199254740993,0.1,12345678901234567890.123456789,100]`},
	{`jsonencode({hello = "world", n = 9007199254740993, d = 0.1, e = null})`, `"{\"d\":0.1,\"e\":null,\"hello\":\"world\",\"n\":9007199254740993}"`},
	{`jsonencode("<&>")`, `"\"\\u003c\\u0026\\u003e\""`},
	{`textdecodebase64("SABlAGwAbABvACAAVwBvAHIAbABkAA==", "UTF-16LE")`, `"Hello World"`},
	{`textencodebase64("Hello World", "UTF-16LE")`, `"SABlAGwAbABvACAAVwBvAHIAbABkAA=="`},
	{`textencodebase64("é", "ISO-8859-1")`, `"6Q=="`},
	{`urldecode("foo%3Abar%40localhost%3Ffoo%3Dbar")`, `"foo:bar@localhost?foo=bar"`},
	{`urlencode("Hello World!")`, `"Hello+World%21"`},
	{`urlencode("☃")`, `"%E2%98%83"`},
	{`yamldecode("hello: world")`, `{"hello":"world"}`},
	{`yamldecode("[true, 1.5, 0.1, null, 9007199254740993]")`, `[true,1.5,0.1,null,9007199254740993]`},
	{`yamldecode("[12345678901234567890123, 12345678901234567890.25]")`, `[12345678901234567890123,12345678901234567890.25]`},
	{`yamlencode([12345678901234567890123, 12345678901234567890.25])`, `"- 12345678901234567890123\n- 12345678901234567890.25\n"`},
	{`yamldecode("{a: &foo [1, 2, 3], b: *foo}")`, `{"a":[1,2,3],"b":[1,2,3]}`},
	{`yamlencode({"a":"b", "c":[1, 0.1, 9007199254740993]})`, `"\"a\": \"b\"\n\"c\":\n- 1\n- 0.1\n- 9007199254740993\n"`},
}

var hashExamples = [][2]string{
	{`base64sha256("hello world")`, `"uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="`},
	{`base64sha512("hello world")`, `"MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw=="`},
	{`md5("hello world")`, `"5eb63bbbe01eeed093cb22bb8f5acdc3"`},
	{`sha1("hello world")`, `"2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"`},
	{`sha256("hello world")`, `"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"`},
	{`sha512("hello world")`, `"309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f989dd35bc5ff499670da34255b45b0cfd830e81f605dcf7dc5542e93ae9cd76f"`},
	{`uuidv5("dns", "www.terraform.io")`, `"a5008fae-b28c-5ba5-96cd-82b4c53552d6"`},
	{`uuidv5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.terraform.io")`, `"a5008fae-b28c-5ba5-96cd-82b4c53552d6"`},
	{`uuidv5("url", "https://www.terraform.io/")`, `"9db6f67c-dd95-5ea0-aa5b-e70e5c5f7cf5"`},
	{`uuidv5("x500", "CN=Example,C=GB")`, `"84e09961-4aa4-57f8-95b7-03edb1073253"`},
}

var timeExamples = [][2]string{
	{`formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")`, `"02 Jan 2018 23:12 UTC"`},
	{`formatdate("EEEE, DD-MMM-YY hh:mm:ss ZZZ", "2018-01-02T23:12:01Z")`, `"Tuesday, 02-Jan-18 23:12:01 UTC"`},
	{`formatdate("h'h'mm", "2018-01-02T23:12:01-08:00")`, `"23h12"`},
	{`timeadd("2017-11-22T00:00:00Z", "10m")`, `"2017-11-22T00:10:00Z"`},
	{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T00:00:00Z")`, `0`},
	{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00Z")`, `-1`},
	{`timecmp("2017-11-22T01:00:00Z", "2017-11-22T00:59:00Z")`, `1`},
	{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00+01:00")`, `0`},
}

var typeExamples = [][2]string{
	{`can(tonumber("x"))`, `false`},
	{`can(1)`, `true`},
	{`try({a = 1}.b, "none")`, `"none"`},
	{`try(try(tonumber("x"), tonumber("y")), 3)`, `3`},
	{`issensitive(sensitive("a"))`, `true`},
	{`issensitive("a")`, `false`},
	{`nonsensitive(sensitive("a"))`, `"a"`},
	{`sensitive({a = 1})`, `{"a":1}`},
	{`tobool("true")`, `true`},
	{`tobool(null)`, `null`},
	{`tolist(["a", "b", 3])`, `["a","b","3"]`},
	{`tomap({"a" = "foo", "b" = true})`, `{"a":"foo","b":"true"}`},
	{`tonumber("9007199254740993.5")`, `9007199254740993.5`},
	{`toset(["c", "b", "b"])`, `["b","c"]`},
	{`tostring(9007199254740993)`, `"9007199254740993"`},
	{`tostring(true)`, `"true"`},
	{`type({a = 1, b = ["x"]})`, `"object({a=number,b=tuple([string])})"`},
}
