package mapping

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
)

func src(path string) *Node { return Path("src", strings.Split(path, "."), 0) }

// compiled compiles a spec that has no problems.
func compiled(t *testing.T, s Spec) *Program {
	t.Helper()
	p, problems := Compile(s, testConsts())
	if problems != nil {
		t.Fatal(problems)
	}
	return p
}

// loaded makes an evaluator with one record loaded.
func loaded(t *testing.T, s Spec, rec string) *Evaluator {
	t.Helper()
	e := compiled(t, s).Evaluator(testRun())
	if err := e.Load([]byte(rec)); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestLoad(t *testing.T) {
	e := compiled(t, Spec{Fields: []Field{{Name: "a", Value: src("a")}}}).Evaluator(testRun())
	for rec, ok := range map[string]bool{`{"a":1}`: true, ` {"a":1} `: true, `[1]`: false, `{"a":1,"a":2}`: false, `{`: false, `null`: false, "": false} {
		var se *record.SyntaxError
		if err := e.Load([]byte(rec)); (err == nil) != ok || err != nil && !errors.As(err, &se) {
			t.Errorf("Load(%s): %v", rec, err)
		}
	}
}

func TestPaths(t *testing.T) {
	rec := `{"a":{"b":[{"c":1},[2,3]],"0":"zero","n":null},"s":"x"}`
	for path, want := range map[string]string{
		"a.b.0.c": "1", "a.b.1.1": "3", "a.b.9": "null", "a.b.c": "null", "a.0": `"zero"`, "a.n.x": "null", "s.x": "null", "s.0": "null", "x.y.z": "null",
	} {
		got, err := evaluate(t, src(path), rec)
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", path, got, err, want)
		}
	}
}

func TestConditions(t *testing.T) {
	for program, want := range map[string]string{
		`src.a == 1`: "true", `src.a > 1`: "false", `src.nope`: "false", `src.a`: "error: where: a condition gives true or false, not a number (value 1)",
	} {
		e := loaded(t, Spec{Where: Expr(program, 0), Deleted: src("gone")}, `{"a":1,"gone":true}`)
		ok, err := e.Where()
		got := map[bool]string{true: "true", false: "false"}[ok]
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", program, got, want)
		}
		if gone, err := e.Deleted(); !gone || err != nil {
			t.Errorf("Deleted: %v, %v", gone, err)
		}
	}
}

func TestKey(t *testing.T) {
	tests := []struct {
		key  []*Node
		want string
	}{
		{[]*Node{src("n")}, "7"},
		{[]*Node{src("s"), src("n")}, "x/7"},
		{[]*Node{src("s"), src("nope")}, "error: key: the key is null or empty"},
		{[]*Node{src("empty")}, "error: key: the key is null or empty"},
		{[]*Node{src("l")}, "error: key: a key is text, a number, true or false, not a list (value [1])"},
		{nil, ""},
	}
	for _, tt := range tests {
		k, err := loaded(t, Spec{Key: tt.key}, `{"n":7.0,"s":"x","empty":"","l":[1]}`).Key()
		got := k.String()
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestFieldRules(t *testing.T) {
	tests := []struct {
		f    Field
		want string
	}{
		{Field{Type: "string", Value: src("s")}, `{"f":"x"}`},
		{Field{Type: "string", Value: src("n")}, "error: f: a number where the field's type is string; string(…) converts it (value 7)"},
		{Field{Type: "integer", Value: src("n")}, `{"f":7}`},
		{Field{Type: "integer", Value: src("d")}, "error: f: a number where the field's type is integer (value 7.5)"},
		{Field{Type: "number", Value: src("s")}, "error: f: text where the field's type is number; number(…) converts it (value \"x\")"},
		{Field{Type: "date", Value: src("day")}, `{"f":"2024-05-01"}`},
		{Field{Type: "date", Value: src("s")}, "error: f: text where the field's type is date; date(…) converts it (value \"x\")"},
		{Field{Type: "datetime", Value: src("day")}, "error: f: text where the field's type is datetime; datetime(…) converts it (value \"2024-05-01\")"},
		{Field{Type: "list", Value: src("l")}, `{"f":[1]}`},
		{Field{Type: "bool", Value: src("nope")}, `{"f":null}`},
		{Field{Required: true, Value: src("nope")}, "error: f: a value is required"},
		{Field{Required: true, Value: src("nope"), Default: src("s")}, `{"f":"x"}`},
		{Field{Value: src("nope"), Default: Const("d", false, 0)}, `{"f":"d"}`},
		{Field{Sensitive: true, Type: "number", Value: src("s")}, "error: f: text where the field's type is number; number(…) converts it"},
	}
	for _, tt := range tests {
		tt.f.Name = "f"
		b, err := loaded(t, Spec{Fields: []Field{tt.f}}, `{"n":7,"d":7.5,"s":"x","l":[1],"day":"2024-05-01"}`).Map(nil)
		got := string(b)
		if err != nil {
			got = "error: " + err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestWhole(t *testing.T) {
	rules := []Field{{Name: "b", Type: "number"}, {Name: "c", Default: Const(1, false, 0)}, {Name: "d"}}
	for program, want := range map[string]string{
		`{z: .a, b: 2}`:  `{"b":2,"c":1,"z":"x"}`,
		`{b: .a}`:        `error: b: text where the field's type is number; number(…) converts it (value "x")`,
		`[1]`:            `error: map: the mapping gives an object, not a list (value [1])`,
		`{b: 1}, {b: 2}`: `error: map: the program gives more than one output`,
	} {
		b, err := loaded(t, Spec{Whole: JQ(program, 0), Rules: rules}, `{"a":"x"}`).Map([]byte("before"))
		got := strings.TrimPrefix(string(b), "before")
		if err != nil {
			got = "error: " + err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", program, got, want)
		}
	}
	b, err := loaded(t, Spec{}, ` {"b" : 1e1, "a":"A"} `).Map(nil)
	if err != nil || string(b) != `{"a":"A","b":10}` {
		t.Errorf("identity: %s, %v", b, err)
	}
}

func TestOrdered(t *testing.T) {
	e := loaded(t, Spec{Fields: []Field{{Name: "z", Value: src("a")}, {Name: "a", Value: src("z")}}}, `{"a":1,"z":"Z"}`)
	b, err := e.Map([]byte("x"))
	if err != nil || string(b) != `x{"a":"Z","z":1}` {
		t.Fatalf("Map: %s, %v", b, err)
	}
	if got := string(e.Ordered([]byte("y"))); got != `y{"z":1,"a":"Z"}` {
		t.Errorf("Ordered: %s", got)
	}
}

func TestEach(t *testing.T) {
	s := Spec{
		Each:   JQ(`.lines[]? | select(.n != 0)`, 0),
		Joins:  []Join{{Name: "art", Left: []*Node{Path("item", []string{"a"}, 0)}, Right: []*Node{Path("art", []string{"id"}, 0)}}, {Name: "cust", Left: []*Node{src("c")}, Right: []*Node{Path("cust", []string{"id"}, 0)}}},
		Where:  Expr("item.n > 1", 0),
		Key:    []*Node{src("id"), Path("item", []string{"n"}, 0)},
		Fields: []Field{{Name: "x", Value: JQ(`"\($src.id)-\(.n)-\($art.name)-\($cust.name)"`, 0)}},
	}
	e := loaded(t, s, `{"id":"7","c":"C","lines":[{"n":1,"a":"A1"},{"n":0},{"n":2.50,"a":"A2"}]}`)
	binds := []Bind{{I: 0, AfterEach: true}, {I: 1, index: 1}}
	if diff := cmp.Diff(binds, e.p.Binds(), cmp.AllowUnexported(Bind{})); diff != "" {
		t.Errorf("art reads the item, cust does not (-want +got):\n%s", diff)
	}
	items, err := e.Items()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	e.Bind("cust", []byte(`{"name":"Co"}`))
	for i, item := range items {
		e.SetItem(item)
		keys, err := e.Left(0)
		if err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		e.Bind("art", []byte(`{"name":"art of `+string(keys[0])+`"}`))
		ok, err := e.Where()
		if err != nil || ok != (i == 1) {
			t.Errorf("where of %s: %v, %v", item, ok, err)
		}
		k, err := e.Key()
		if err != nil {
			t.Fatal(err)
		}
		b, err := e.Map(nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, k.String()+" "+string(b))
	}
	want := []string{`7/1 {"x":"7-1-art of A1-Co"}`, `7/2.5 {"x":"7-2.50-art of A2-Co"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJoinSides(t *testing.T) {
	s := Spec{
		Joins:  []Join{{Name: "m", Left: []*Node{src("ids"), src("t")}, Right: []*Node{Path("m", []string{"id"}, 0), Path("m", []string{"t"}, 0)}, Target: true}},
		Fields: []Field{{Name: "a", Value: Path("m", []string{"target", "id"}, 0)}, {Name: "b", Value: Expr("m.target.id ?? m.name", 0)}, {Name: "c", Value: JQ("$m.target.id", 0)}},
	}
	shown := func(keys []record.Key, err error) []string {
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, k := range keys {
			out = append(out, k.String())
		}
		return out
	}
	e := loaded(t, s, `{"ids":["a",1.0,null,""],"t":"T"}`)
	if diff := cmp.Diff([]string{"a/T", "1/T"}, shown(e.Left(0))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1/T"}, shown(e.Right(0, []byte(`{"id":1,"t":"T"}`)))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := shown(e.Right(0, []byte(`{"id":null,"t":"T"}`))); got != nil {
		t.Errorf("null matches %v", got)
	}
	if err := e.Load([]byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	e.Bind("m", []byte(`{"name":"N"}`))
	b, err := e.Map(nil)
	if err != nil || string(b) != `{"a":null,"b":"N","c":null}` {
		t.Errorf("without an answer: %s, %v", b, err)
	}
	e.BindTarget("m", []byte(`{"id":9}`))
	b, err = e.Map(nil)
	if err != nil || string(b) != `{"a":9,"b":9,"c":9}` {
		t.Errorf("with an answer: %s, %v", b, err)
	}
}

func TestScopes(t *testing.T) {
	j := Join{Name: "m", Left: []*Node{src("a")}, Right: []*Node{Path("m", []string{"id"}, 0)}, Target: true}
	target := Path("m", []string{"target", "id"}, 0)
	tests := []struct {
		s    Spec
		want string
	}{
		{Spec{Joins: []Join{j}, Where: target}, "m.target cannot be read in where: it is known after delivery"},
		{Spec{Joins: []Join{j}, Where: JQ("$m.target.id", 0)}, "$m.target cannot be read in where: it is known after delivery"},
		{Spec{Joins: []Join{j}, Key: []*Node{target}}, "m.target cannot be read in key: it is known after delivery"},
		{Spec{Joins: []Join{j}, Each: Expr("m.target.x", 0)}, "m.target cannot be read in each: it is known after delivery"},
		{Spec{Where: Expr("target.x", 0)}, "target cannot be read in where: only protect sees the target's row"},
		{Spec{Deleted: Expr("m.x", 0), Joins: []Join{j}}, "m cannot be read in deleted"},
		{Spec{Where: Expr("each.key == 1", 0)}, "each cannot be read in where: there is no for_each"},
		{Spec{Joins: []Join{{Name: "m", Left: []*Node{src("a")}, Right: []*Node{src("id")}}}}, "src cannot be read in on"},
		{Spec{Fields: []Field{{Name: "x", Type: "text", Value: src("a")}}}, "unknown type text"},
		{Spec{Where: Path("srd", nil, 0)}, "unknown name srd; did you mean src?"},
	}
	for _, tt := range tests {
		_, problems := Compile(tt.s, Consts{})
		if len(problems) != 1 || problems[0].Error() != tt.want {
			t.Errorf("got %v, want %s", problems, tt.want)
		}
	}
}

func TestProblemPlaces(t *testing.T) {
	tests := []struct {
		n    *Node
		want string
	}{
		{Expr(`"ë" + srcc.a`, 0), "srcc"},
		{Expr("src.a ==\n  lowr(src.b)", 0), "lowr"},
		{JQ(`"lowr \(.a | lowr)" # lowr`, 0), "lowr"},
		{JQ(`.a | lowr # lowr`, 0), "lowr"},
		{JQ(`.a.lowr, lowr`, 0), "lowr"},
		{JQ(`"ë" | foo(.a; $nope)`, 0), "$nope"},
		{JQ(`.a ]`, 0), "]"},
	}
	for _, tt := range tests {
		_, problems := Compile(Spec{Where: tt.n}, Consts{})
		if len(problems) == 0 || problems[0].Offset < 0 {
			t.Errorf("%s: %+v", tt.n.Text, problems)
			continue
		}
		if got := tt.n.Text[problems[0].Offset:problems[0].End]; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.n.Text, got, tt.want)
		}
	}
	_, problems := Compile(Spec{Where: JQ(`"lowr \(.a | lowr)"`, 0)}, Consts{})
	if problems[0].Offset != 13 {
		t.Errorf("offset %d, want 13", problems[0].Offset)
	}
}

func TestProtect(t *testing.T) {
	tests := []struct {
		program, row, want string
	}{
		{`bool(target.protected)`, `{"protected":"ja"}`, "true "},
		{`bool(target.protected)`, `{"protected":0}`, "false "},
		{`bool(target.protected)`, `{"protected":null}`, "true protect gives null, not true or false"},
		{`bool(target.protected)`, `{"protected":"misschien"}`, "true protect: text does not convert to true or false (value \"misschien\") at `bool`"},
		{`bool(target.prot)`, `{"protected":1}`, "true protect: the target's row has no column prot at `target`"},
		{`target.n`, `{"n":1}`, "true protect gives a number, not true or false"},
		{`src.vip == true`, `{}`, "true protect: src is not known when a row is judged"},
	}
	for _, tt := range tests {
		e := compiled(t, Spec{Protect: Expr(tt.program, 0)}).Evaluator(testRun())
		protected, warning := e.Protect([]byte(tt.row))
		got := map[bool]string{true: "true ", false: "false "}[protected] + warning
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s of %s: got %s, want %s", tt.program, tt.row, got, tt.want)
		}
	}
	e := compiled(t, Spec{Protect: JQ(".protected", 0)}).Evaluator(testRun())
	if protected, warning := e.Protect([]byte(`{"protected":false}`)); protected || warning != "" {
		t.Errorf("got %v, %s", protected, warning)
	}
}

func TestSingle(t *testing.T) {
	tests := []struct {
		n     *Node
		input any
		want  []any
	}{
		{JQ(".data[]", 0), map[string]any{"data": []any{1, "a", nil}}, []any{1, "a", nil}},
		{JQ(".[]", 0), []any{1, 2}, []any{1, 2}},
		{JQ("empty", 0), 1, nil},
		{Expr("src.a > 1", 0), map[string]any{"a": 2}, []any{true}},
		{src("a.b"), map[string]any{"a": map[string]any{"b": 12.5}}, []any{12.5}},
	}
	for _, tt := range tests {
		s, problems := CompileSingle(tt.n, Consts{}, testRun())
		if problems != nil {
			t.Fatal(problems)
		}
		got, err := s.Run(context.Background(), tt.input)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", s.Source(), diff)
		}
	}
	s, _ := CompileSingle(JQ("def f: f; f", 0), Consts{}, testRun())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Run(ctx, 1); err == nil {
		t.Error("a cancelled run goes on")
	}
}

// TestBoundsPerRecord checks that a record that breaks a bound leaves the next
// one alone.
func TestBoundsPerRecord(t *testing.T) {
	e := compiled(t, Spec{Fields: []Field{{Name: "x", Value: JQ(`if .loop then def f: f; f else 1 end`, 0)}}}).Evaluator(testRun())
	for i, rec := range []string{`{"loop":true}`, `{}`, `{"loop":true}`, `{}`} {
		if err := e.Load([]byte(rec)); err != nil {
			t.Fatal(err)
		}
		b, err := e.Map(nil)
		var ve *ValueError
		if i%2 == 0 && (!errors.As(err, &ve) || ve.Code != CodeLimit) || i%2 == 1 && string(b) != `{"x":1}` {
			t.Errorf("%s: %s, %v", rec, b, err)
		}
	}
}
