package mapping

import (
	"math/big"
	"testing"

	"koppel/engine/record"
)

func rational(lit string) *big.Rat {
	r, ok := new(big.Rat).SetString(lit)
	if !ok {
		panic("no number: " + lit)
	}
	return r
}

// fuzz runs a program on a record: whatever both are, it ends without a panic,
// and what it gives is a value.
func fuzz(t *testing.T, n *Node, rec string) {
	t.Helper()
	p, problems := Compile(Spec{Fields: []Field{{Name: "v", Value: n}}, Key: []*Node{n}, Where: n}, testConsts())
	for _, problem := range problems {
		if problem.Offset > len(n.Text) || problem.End > len(n.Text) || problem.Offset > problem.End {
			t.Fatalf("problem outside of the program: %+v", problem)
		}
	}
	if p == nil {
		return
	}
	e := p.Evaluator(testRun())
	if err := e.Load([]byte(rec)); err != nil {
		return
	}
	if _, err := e.Where(); err != nil {
		_ = err.Error()
	}
	if _, err := e.Key(); err != nil {
		_ = err.Error()
	}
	b, err := e.Map(nil)
	if err != nil {
		_ = err.Error()
		return
	}
	if err := e.Load(b); err != nil {
		t.Fatalf("%q of %s gives %s: %v", n.Text, rec, b, err)
	}
	p.Fingerprint(func(b []byte) []byte { return b })
}

func FuzzExpr(f *testing.F) {
	for _, s := range []string{`src.a`, `map(src.l, # + 1)`, `let x = src; x.a ?? 1`, `reduce(src.l, #acc + #)`, `src.a[1:2]`, `"é" + src.a == "x" ? 1..3 : {a: [1]}`, `src.l | filter(# matches "a") | len()`} {
		f.Add(s, sample)
	}
	f.Fuzz(func(t *testing.T, program, rec string) { fuzz(t, Expr(program, 0), rec) })
}

// FuzzPieces compares pieces with the code of the same program.
func FuzzPieces(f *testing.F) {
	for _, s := range []string{`words(src.a, lower(src.b), " x")`, `join(src.l, ",")`, `default(src.gone, "")`, `src.a ?? formatdate("D/M YY", src.b)`,
		`src.n >= 1.50 ? upper(trim(src.a)) : string(src.n)`, `src.a == nil or date(src.a) >= today`, `!src.b && coalesce(src.a, 0) != 1`} {
		f.Add(s, `{"a":"Ab é","b":"2024-02-29","l":["x",null],"n":1.5}`)
		f.Add(s, sample)
	}
	f.Fuzz(func(t *testing.T, program, rec string) {
		n := Expr(program, 0)
		spec := Spec{Fields: []Field{{Name: "v", Value: n}, {Name: "u", Value: n, Type: "string"}}, Key: []*Node{n}, Where: n}
		p, _ := Compile(spec, testConsts())
		q, _ := Compile(spec, testConsts())
		if p == nil || p.Evaluator(testRun()).Load([]byte(rec)) != nil {
			return
		}
		comparePrograms(t, p.Evaluator(testRun()), q.indirect().Evaluator(testRun()), rec, record.NewHasher(nil))
	})
}

func FuzzJQ(f *testing.F) {
	for _, s := range []string{`.a`, `[.l[]? | lower]`, `"\(.a)é\(.b)"`, `reduce .l[] as [$a] (0; . + $a)`, `def f: .[1:2]; f?`, `.a += 1 | del(.b)`, `{(.a): 1, "x\(1)": 2, $today}`, `@csv "\(.l)"`, `.. |= . * 2`} {
		f.Add(s, sample)
	}
	f.Fuzz(func(t *testing.T, program, rec string) { fuzz(t, JQ(program, 0), rec) })
}

func FuzzLayout(f *testing.F) {
	f.Add("DD-MM-YYYY hh:mm:ss Z 'x'", "2024-05-01T10:00:00Z")
	f.Fuzz(func(t *testing.T, layout, at string) {
		m, ok := readMoment([]byte(at))
		if !ok {
			parseLayout([]byte(at), []byte(layout))
			return
		}
		b, err := appendLayout(nil, []byte(layout), m.shown(nil), true)
		if err == nil {
			parseLayout(b, []byte(layout))
		}
	})
}
