package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
)

// forms are mappings written as nodes, as expr and as jq.
func forms() []struct {
	name     string
	node     *Node
	expr, jq string
} {
	src := func(steps ...string) *Node { return Path("src", steps, 0) }
	call := func(name string, args ...*Node) *Node { return Call(name, args, 0) }
	text := func(s string) *Node { return Const(s, false, 0) }
	return []struct {
		name     string
		node     *Node
		expr, jq string
	}{
		{"path", src("a"), `src.a`, `.a`},
		{"deep path", src("o", "b"), `src.o.b`, `.o.b?`},
		{"odd name", src("E-mail werk"), `src["E-mail werk"]`, `."E-mail werk"`},
		{"coalesce", call("coalesce", src("a"), src("b"), src("n")), `coalesce(src.a, src.b, src.n)`, `coalesce(.a; .b; .n)`},
		{"default", call("default", src("a"), src("n")), `default(src.a, src.n)`, `default(.a; .n)`},
		{"string", call("string", src("n")), `string(src.n)`, `.n | string`},
		{"lower", call("lower", src("s")), `lower(src.s)`, `lower(.s)`},
		{"upper", call("upper", src("s")), `src.s | upper()`, `.s | upper`},
		{"words", call("words", src("s"), src("n"), src("t")), `words(src.s, src.n, src.t)`, `words(.s; .n; .t)`},
		{"join", call("join", text(","), src("l")), `join(src.l, ",")`, `join(","; .l; null)`},
		{"substr", call("substr", src("s"), Const(1, false, 0), Const(2, false, 0)), `substr(src.s, 1, 2)`, `substr(.s; 1; 2)`},
		{"replace", call("replace", src("s"), text("a"), text("bb")), `replace(src.s, "a", "bb")`, `replace(.s; "a"; "bb")`},
		{"contains_fold", call("contains_fold", src("l"), src("s")), `contains_fold(src.l, src.s)`, `contains_fold(.l; .s)`},
		{"sha256", call("sha256", src("s")), `sha256(src.s)`, `.s | sha256`},
		{"slug", call("slug", src("s")), `slug(src.s)`, `.s | slug`},
		{"object", Object([]string{"y", "x"}, []*Node{src("a"), src("l")}, 0), `{"y": src.a, "x": src.l}`, `{y: .a, x: .l}`},
		{"list", List([]*Node{src("a"), src("n")}, 0), `[src.a, src.n]`, `[.a, .n]`},
		{"whole", src(), `src`, `.`},
	}
}

// TestFormsAgree checks that the same mapping gives the same bytes, or fails,
// whichever form it is written in.
func TestFormsAgree(t *testing.T) {
	var fields []Field
	var names []string
	for i, f := range forms() {
		names = append(names, f.name)
		fields = append(fields,
			Field{Name: fmt.Sprint("node", i), Value: f.node},
			Field{Name: fmt.Sprint("expr", i), Value: Expr(f.expr, 0)},
			Field{Name: fmt.Sprint("jq", i), Value: JQ(f.jq, 0)})
	}
	p, problems := Compile(Spec{Fields: fields}, Consts{})
	if problems != nil {
		t.Fatal(problems)
	}
	e := p.Evaluator(testRun())
	rapid.Check(t, func(t *rapid.T) {
		rec := drawRecord(t)
		if err := e.Load([]byte(rec)); err != nil {
			t.Fatalf("load %s: %v", rec, err)
		}
		steps := e.Trace()
		for i, name := range names {
			node, expr, jq := steps[3*i], steps[3*i+1], steps[3*i+2]
			if diff := cmp.Diff(shownStep(node), shownStep(expr)); diff != "" {
				t.Fatalf("%s of %s: -node +expr:\n%s", name, rec, diff)
			}
			if diff := cmp.Diff(shownStep(node), shownStep(jq)); diff != "" {
				t.Fatalf("%s of %s: -node +jq:\n%s", name, rec, diff)
			}
		}
	})
}

// shownStep is a step's value or the code of its error.
func shownStep(s Step) string {
	if s.Err != nil {
		return "error: " + s.Err.(*ValueError).Code
	}
	return string(s.Value)
}

// drawRecord draws a record with usual and odd values under known names.
func drawRecord(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("{")
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "n", "s", "t", "l", "o", "E-mail werk"}), 0, 8, rapid.ID[string]).Draw(t, "names")
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.Write(record.AppendString(nil, name))
		b.WriteString(": ")
		b.WriteString(drawMember(t, name))
	}
	b.WriteString("}")
	return b.String()
}

func drawMember(t *rapid.T, name string) string {
	switch name {
	case "l":
		return "[" + strings.Join(rapid.SliceOfN(rapid.Custom(drawScalar), 0, 4).Draw(t, "list"), " ,") + "]"
	case "o":
		return `{"b" :` + drawScalar(t) + `}`
	case "n":
		return drawNumber(t)
	case "s", "t":
		return string(record.AppendString(nil, rapid.String().Draw(t, "text")))
	}
	return drawScalar(t)
}

func drawScalar(t *rapid.T) string {
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false", `""`, `"a\u0041\n"`, `"\ud83d\ude00 x"`}).Draw(t, "word")
	case 1:
		return string(record.AppendString(nil, rapid.String().Draw(t, "text")))
	}
	return drawNumber(t)
}

func drawNumber(t *rapid.T) string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"0", "-0", "-0.0", "1e3", "12.50", "1E-2", "9007199254740993", "123456789012345678901234567890", "0.1", "1.0", "1e400", "-1e-7"}),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`),
	).Draw(t, "number")
}

// TestCompareNumbers checks the order of numbers against exact arithmetic.
func TestCompareNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawNumber(t), drawNumber(t)
		va, vb := (&Evaluator{}).raw([]byte(a)), (&Evaluator{}).raw([]byte(b))
		if want, got := rational(a).Cmp(rational(b)), compareNumbers(va, vb); want != got {
			t.Fatalf("%s and %s: want %d, got %d", a, b, want, got)
		}
	})
}
