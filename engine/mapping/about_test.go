package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
)

func TestReads(t *testing.T) {
	tests := []struct {
		n    *Node
		want string
	}{
		{src("a.b"), "src:a.b"},
		{Expr("src.a.b + src.a.b.c + src.d[0].e", 0), "src:a.b,d"},
		{Expr("src", 0), "src:"},
		{JQ(".a.b | .c", 0), "src:a.b"},
		{JQ("{x: .a, b, y: $src.d.e}", 0), "src:a,b,d.e"},
		{JQ("keys", 0), "src:"},
		{JQ("select(.a) | .b", 0), "src:a,b"},
		{JQ("[.a[]? | select(.b) | .c]", 0), "src:a"},
		{JQ("if .a then .b else .c end", 0), "src:a,b,c"},
		{JQ(".a as $x | .b + $x", 0), "src:a,b"},
		{JQ("words(.a; .b)", 0), "src:a,b"},
		{JQ(`"\(.a)\(.b)"`, 0), "src:a,b"},
		{JQ("first(.a[]), (.b | lower), (try .c catch 1)", 0), "src:a,b,c"},
		{JQ("reduce .a[] as $x (.b; . + .z)", 0), "src:a,b"},
		{JQ("def f: .a; f", 0), "src:"},
		{JQ(".a = 1", 0), "src:"},
		{JQ("lower", 0), "src:"},
	}
	for _, tt := range tests {
		r := compiled(t, Spec{Fields: []Field{{Name: "x", Value: tt.n}}}).Reads()
		var paths []string
		for _, p := range r.Roots["src"] {
			paths = append(paths, strings.Join(p, "."))
		}
		if got := "src:" + strings.Join(paths, ","); got != tt.want {
			t.Errorf("%s: got %s, want %s", describe(tt.n), got, tt.want)
		}
	}
	r := compiled(t, Spec{Fields: []Field{{Name: "x", Value: Expr("today", 0)}, {Name: "y", Value: JQ("now", 0)}}}).Reads()
	if !r.Today || !r.Now {
		t.Errorf("today %v, now %v", r.Today, r.Now)
	}
}

func TestSensitive(t *testing.T) {
	tests := []struct {
		n    *Node
		want bool
	}{
		{src("bsn"), true}, {src("name"), false}, {src("a.secret.x"), true}, {src("a"), true}, {src("a.b"), false},
		{Expr("src.bsn == nil", 0), true}, {Expr("src.name + var.token", 0), true}, {Expr("var.min", 0), false}, {Expr("var", 0), true},
		{JQ(".name", 0), false}, {JQ(".", 0), true}, {JQ("$var.token", 0), true}, {JQ("$var.min", 0), false},
		{Const("x", true, 0), true}, {Call("lower", []*Node{src("bsn")}, 0), true},
		{Object([]string{"x"}, []*Node{src("bsn")}, 0), true},
	}
	for _, tt := range tests {
		p := compiled(t, Spec{SensitiveSrc: []string{"bsn", "a.secret"}, Fields: []Field{{Name: "x", Value: tt.n}}})
		if got := p.Sensitive("x"); got != tt.want {
			t.Errorf("%s: got %v", describe(tt.n), got)
		}
	}
}

// TestSensitiveErrors looks for a sensitive value in every error that a
// program can end in.
func TestSensitiveErrors(t *testing.T) {
	for _, n := range []*Node{
		Call("number", []*Node{src("bsn")}, 0), Expr("number(src.bsn)", 0), Expr("src.bsn + 1", 0), Expr("src.bsn == 1", 0),
		JQ(".bsn + 1", 0), JQ(".bsn | error", 0), JQ(".bsn | number", 0), JQ("error(.bsn)", 0), JQ("{(.bsn): 1} | .[0]", 0), JQ(".bsn | tonumber", 0),
		Call("formatdate", []*Node{src("bsn"), Const("2024-01-01", false, 0)}, 0), Expr("parsedate('x', src.bsn)", 0), Call("date", []*Node{src("bsn")}, 0),
	} {
		s := Spec{SensitiveSrc: []string{"bsn"}, Fields: []Field{{Name: "x", Value: n}}, Key: []*Node{List([]*Node{n}, 0)}, Where: n}
		e := loaded(t, s, `{"bsn":"zzz canary-123"}`)
		_, err1 := e.Map(nil)
		_, err2 := e.Where()
		_, err3 := e.Key()
		for _, err := range []error{err1, err2, err3} {
			if err == nil || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "zzz") {
				t.Errorf("%s: %v", describe(n), err)
			}
		}
	}
}

func TestKeyFields(t *testing.T) {
	s := Spec{Key: []*Node{src("a.b"), Call("lower", []*Node{src("c")}, 0), src("d")}, Fields: []Field{{Name: "x", Value: src("a.b")}, {Name: "y", Value: Call("lower", []*Node{src("c")}, 9)}}}
	p := compiled(t, s)
	want := []record.KeyField{{Name: "x", Source: "a.b"}, {Name: "y"}, {Source: "d"}}
	if diff := cmp.Diff(want, p.KeyFields(nil)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p.KeyIsSource([]string{"a.b", "c", "d"}) {
		t.Error("the second part is computed")
	}
	p = compiled(t, Spec{Key: []*Node{src("a.b")}})
	if !p.KeyIsSource([]string{"a.b"}) || p.KeyIsSource([]string{"a"}) {
		t.Error("the key is a.b")
	}
	p = compiled(t, Spec{Fields: []Field{{Name: "x", Value: src("id")}}})
	if diff := cmp.Diff([]record.KeyField{{Name: "x", Source: "id"}}, p.KeyFields([]string{"id"})); diff != "" || !p.KeyIsSource([]string{"id"}) {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFingerprint(t *testing.T) {
	seal := func(b []byte) []byte { return append([]byte("sealed"), byte(len(b))) }
	base := Spec{Fields: []Field{{Name: "x", Value: Expr("var.min + 1", 1)}}}
	print := func(s Spec, c Consts) string {
		p, problems := Compile(s, c)
		if problems != nil {
			t.Fatal(problems)
		}
		return string(p.Fingerprint(seal))
	}
	one := print(base, testConsts())
	moved := base
	moved.Fields = []Field{{Name: "x", Value: Expr("var.min + 1", 77)}}
	if one != print(moved, testConsts()) {
		t.Error("a place counts")
	}
	c := testConsts()
	c.Var["token"] = "other"
	if one != print(base, c) {
		t.Error("a variable that is not read counts")
	}
	c.Var["min"] = 4
	if one == print(base, c) {
		t.Error("a variable that is read does not count")
	}
}
