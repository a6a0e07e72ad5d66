package mapping

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
)

// indirect takes all pieces and tests out of a program, so that the code of
// every node is run.
func (p *Program) indirect() *Program {
	for _, f := range p.fields {
		f.piece, f.copied = nil, -1
	}
	for _, k := range p.key {
		k.piece = nil
	}
	p.where.test = nil
	return p
}

// A drawn is one program in both languages; hcl is nil where it has no such
// form.
type drawn struct {
	hcl  *Node
	expr string
}

func (d drawn) nodes() []*Node {
	if d.hcl == nil {
		return []*Node{Expr(d.expr, 0)}
	}
	return []*Node{d.hcl, Expr(d.expr, 0)}
}

// drawProgram draws a computation of the kind that has pieces, or nearly so.
func drawProgram(t *rapid.T, depth int) drawn {
	if depth == 0 || rapid.IntRange(0, 4).Draw(t, "leaf") == 0 {
		return drawOperand(t)
	}
	switch rapid.IntRange(0, 4).Draw(t, "operation") {
	case 0:
		a, b := drawProgram(t, depth-1), drawProgram(t, depth-1)
		op := rapid.SampledFrom([]string{"??", "==", "!=", "<", "<=", ">", ">=", "and", "||", "+"}).Draw(t, "operator")
		if op == "??" {
			return drawn{expr: fmt.Sprintf("((%s) ?? (%s))", a.expr, b.expr)}
		}
		return drawn{expr: fmt.Sprintf("(%s %s %s)", a.expr, op, b.expr)}
	case 1:
		return drawn{expr: fmt.Sprintf("(%s ? %s : %s)", drawProgram(t, depth-1).expr, drawProgram(t, depth-1).expr, drawProgram(t, depth-1).expr)}
	case 2:
		return drawn{expr: "(!" + drawProgram(t, depth-1).expr + ")"}
	}
	name := rapid.SampledFrom([]string{"lower", "upper", "trim", "string", "date", "words", "join", "default", "coalesce", "formatdate"}).Draw(t, "function")
	return drawCall(t, name, depth)
}

func drawCall(t *rapid.T, name string, depth int) drawn {
	var args []drawn
	n := 1
	switch name {
	case "words", "coalesce":
		n = rapid.IntRange(1, 3).Draw(t, "arguments")
	case "join":
		args = append(args, drawText(t, rapid.SampledFrom([]string{"", ",", " ", "\t", "é"}).Draw(t, "separator")))
		n = rapid.IntRange(1, 2).Draw(t, "arguments")
	case "formatdate":
		args = append(args, drawText(t, rapid.SampledFrom([]string{"DD-MM-YYYY", "D/M YY", "'d.d.' DD", "hh:mm", "MMM", "YYYY\t"}).Draw(t, "layout")))
	case "default":
		n = 2
	}
	for range n {
		args = append(args, drawProgram(t, depth-1))
	}
	call, nodes := drawn{}, []*Node{}
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = a.expr
		if a.hcl != nil {
			nodes = append(nodes, a.hcl)
		}
	}
	if len(nodes) == len(args) {
		call.hcl = Call(name, nodes, 0)
	}
	if name == "join" && len(args) == 2 && rapid.Bool().Draw(t, "list first") {
		texts[0], texts[1] = texts[1], texts[0]
		call.hcl = nil
	}
	call.expr = name + "(" + strings.Join(texts, ", ") + ")"
	return call
}

func drawText(_ *rapid.T, s string) drawn { return drawn{Const(s, false, 0), strconv.Quote(s)} }

func drawOperand(t *rapid.T) drawn {
	switch rapid.IntRange(0, 9).Draw(t, "operand") {
	case 0:
		return drawText(t, rapid.SampledFrom([]string{"", "Abc", " x  y", "2024-02-29", "q\"", "É"}).Draw(t, "constant"))
	case 1:
		n := rapid.SampledFrom([]int{0, 1, 17}).Draw(t, "number")
		return drawn{Const(n, false, 0), strconv.Itoa(n)}
	case 2:
		if rapid.IntRange(0, 2).Draw(t, "clock") == 0 {
			return drawn{Today(0), "today"}
		}
		name := rapid.SampledFrom([]string{"price", "token"}).Draw(t, "variable")
		return drawn{Path("var", []string{name}, 0), "var." + name}
	}
	name := rapid.SampledFrom([]string{"a", "b", "n", "s", "t", "d", "l", "o.b", "l.0", "gone"}).Draw(t, "member")
	if name == "l.0" {
		return drawn{Path("src", []string{"l", "0"}, 0), "src.l"}
	}
	return drawn{Path("src", strings.Split(name, "."), 0), "src." + name}
}

// drawUsual draws a record of what pieces are for and of what they decline.
func drawUsual(t *rapid.T) string {
	var members []string
	for _, name := range []string{"a", "b", "n", "s", "t", "d", "l", "o"} {
		var value string
		switch {
		case rapid.IntRange(0, 5).Draw(t, "odd") == 0:
			value = drawScalar(t)
		case name == "d":
			value = strconv.Quote(rapid.StringMatching(`(19|20)[0-9]{2}-(0[1-9]|1[0-3])-(0[1-9]|[12][0-9]|3[012])([T ]1[0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,3})?)?(Z|\+02:00)?)?`).Draw(t, "date"))
		case name == "s" || name == "t":
			value = string(record.AppendString(nil, rapid.StringMatching(`[A-Za-z]{0,6}[ \x{a0}]{0,2}[A-Za-zéßİK]{0,12}\t?[ a-z]{0,3}`).Draw(t, "text")))
		case name == "l" && rapid.Bool().Draw(t, "long"):
			value = `["` + strings.Repeat(`Sales", "`, rapid.IntRange(1, 40).Draw(t, "length")) + `IT"]`
		case name == "b":
			value = rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "flag")
		default:
			value = drawMember(t, name)
		}
		members = append(members, `"`+name+`":`+value)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// TestPiecesAgree checks that pieces and tests change nothing: what comes out,
// errors, and what is taken from the record's bounds.
func TestPiecesAgree(t *testing.T) {
	hash := record.NewHasher(nil)
	rapid.Check(t, func(t *rapid.T) {
		for _, n := range drawProgram(t, 3).nodes() {
			f := Field{Name: "v", Value: n, Required: rapid.Bool().Draw(t, "required")}
			f.Type = rapid.SampledFrom([]string{"", "", "", "string", "number", "bool", "date", "list"}).Draw(t, "type")
			if rapid.IntRange(0, 3).Draw(t, "defaulted") == 0 {
				f.Default = Const("d", false, 0)
			}
			spec := Spec{Fields: []Field{f, {Name: "u", Value: n}}, Where: n, Key: []*Node{n, Path("src", []string{"s"}, 0)}}
			p, problems := Compile(spec, testConsts())
			if problems != nil {
				t.Skip("not a program that compiles")
			}
			q, _ := Compile(spec, testConsts())
			comparePrograms(t, p.Evaluator(testRun()), q.indirect().Evaluator(testRun()), drawUsual(t), hash)
		}
	})
}

// outcome is all that a caller can see of a record.
type outcome struct {
	Where, Key, Map, Ordered string
	Steps, Made              []int
}

func outcomeOf(e *Evaluator) outcome {
	var o outcome
	took := func() { o.Steps, o.Made = append(o.Steps, e.steps), append(o.Made, e.made) }
	where, err := e.Where()
	o.Where = fmt.Sprint(where, err)
	took()
	key, err := e.Key()
	o.Key = fmt.Sprint(key, err)
	took()
	body, err := e.Map([]byte("before"))
	o.Map = fmt.Sprint(string(body), err)
	took()
	if err == nil {
		o.Ordered = string(e.Ordered(nil))
	}
	return o
}

// A failer is a test of either kind.
type failer interface {
	Fatalf(format string, args ...any)
}

func comparePrograms(t failer, direct, general *Evaluator, rec string, hash *record.Hasher) {
	if err := direct.Load([]byte(rec)); err != nil {
		t.Fatalf("load %s: %v", rec, err)
	}
	if err := general.Load([]byte(rec)); err != nil {
		t.Fatalf("load %s: %v", rec, err)
	}
	want := outcomeOf(general)
	got := outcomeOf(direct)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: -general +direct:\n%s", rec, diff)
	}
	body := []byte(strings.TrimPrefix(want.Map, "before"))
	body = body[:max(0, len(body)-len("<nil>"))]
	for _, e := range []*Evaluator{general, direct} {
		if e.Canonical() && want.Ordered != "" {
			checkCanonical(t, body, hash)
		}
	}
}

func checkCanonical(t failer, body []byte, hash *record.Hasher) {
	canonical, err := record.AppendCanonical(nil, body)
	if err != nil || string(canonical) != string(body) {
		t.Fatalf("%s is said to be canonical, and is %s, %v", body, canonical, err)
	}
	rules := record.Rules{"v": record.Fold, "u": record.Unordered}
	if sum, err := hash.Record(body, rules); err != nil || sum != hash.Canonical(body, rules) {
		t.Fatalf("hashes of %s differ: %v", body, err)
	}
}

// TestWholeIsCanonical checks what is said of objects that one program makes.
func TestWholeIsCanonical(t *testing.T) {
	hash := record.NewHasher(nil)
	programs := []string{`{s, v: .t, "\(.s)": .b, a}`, `{n: .n, u: (.l | tostring)}`, `{u: .l, o}`, `.`, `{n: (.n * 1.5)}?`, `.o // {}`, `{s} + {b} | .["\u0000\""] = 1`}
	said := make([]int, len(programs))
	for i, program := range programs {
		p, problems := Compile(Spec{Whole: JQ(program, 0), Rules: []Field{{Name: "w", Default: Const(json.Number("1.5"), false, 0)}}}, Consts{})
		if problems != nil {
			t.Fatal(program, problems)
		}
		e := p.Evaluator(testRun())
		rapid.Check(t, func(t *rapid.T) {
			if err := e.Load([]byte(drawUsual(t))); err != nil {
				t.Fatal(err)
			}
			if body, err := e.Map(nil); err == nil && e.Canonical() {
				said[i]++
				checkCanonical(t, body, hash)
			}
		})
	}
	for i, n := range said[:2] {
		if n == 0 {
			t.Errorf("%s never gives what is known to be canonical", programs[i])
		}
	}
}

// TestCouplingIsDirect checks that all of the coupling that the figures are
// measured with goes by pieces, whichever form it is written in.
func TestCouplingIsDirect(t *testing.T) {
	for name, spec := range map[string]Spec{"nodes": coupling(), "expr": programs(Expr, exprTexts())} {
		t.Run(name, func(t *testing.T) {
			p, problems := Compile(spec, Consts{})
			if problems != nil {
				t.Fatal(problems)
			}
			e := p.Evaluator(testRun())
			if err := e.Load([]byte(employee)); err != nil {
				t.Fatal(err)
			}
			if v := p.where.test(e); v != holds {
				t.Errorf("where comes to %v", v)
			}
			for _, f := range p.fields {
				if out, ok := e.appendDirect(nil, f); !ok || len(out) == 0 {
					t.Errorf("%s is declined", f.name)
				}
			}
			if _, err := e.Map(nil); err != nil || !e.Canonical() {
				t.Errorf("the record is not canonical, or fails: %v", err)
			}
		})
	}
}
