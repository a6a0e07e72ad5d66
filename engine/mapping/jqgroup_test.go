package mapping

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGroup checks that programs which the library runs in one go give what
// each gives by itself, and that an error is that of its field.
func TestGroup(t *testing.T) {
	fields := []Field{
		{Name: "list", Value: JQ("def f: .a; [f]", 0)},
		{Name: "none", Value: JQ("def f: empty; f", 0)},
		{Name: "place", Value: JQ("path(.a)", 0)},
		{Name: "compiled", Value: JQ(".a", 0)},
		{Name: "site", Value: JQ(`def f: .a | tostring | gsub("x"; "y" + ""); f`, 0)},
		{Name: "several", Value: JQ(`def f: .many[]?; f`, 0)},
		{Name: "failing", Value: JQ(`def f: if .bad then error("bad") else 1 end; f`, 0)},
		{Name: "endless", Value: JQ(`def f: if .endless then f else 2 end; f`, 0), Sensitive: true},
	}
	p := compiled(t, Spec{Fields: fields})
	if p.group == nil || p.group.n != 7 {
		t.Fatalf("group: %+v", p.group)
	}
	e := p.Evaluator(testRun())
	tests := []struct{ rec, want, field, code string }{
		{`{"a":"x"}`, `{"list":["x"],"none":null,"place":["a"],"compiled":"x","site":"y","several":null,"failing":1,"endless":2}`, "", ""},
		{`{"many":[1]}`, `{"list":[null],"none":null,"place":["a"],"compiled":null,"site":"null","several":1,"failing":1,"endless":2}`, "", ""},
		{`{"many":[1,2]}`, "", "several", CodeOutputs},
		{`{"bad":true}`, "", "failing", CodeProgram},
		{`{"endless":true}`, "", "endless", CodeLimit},
		{`{"a":1.50}`, `{"list":[1.50],"none":null,"place":["a"],"compiled":1.50,"site":"1.50","several":null,"failing":1,"endless":2}`, "", ""},
	}
	for _, tt := range tests {
		if err := e.Load([]byte(tt.rec)); err != nil {
			t.Fatal(err)
		}
		_, err := e.Map(nil)
		var ve *ValueError
		if errors.As(err, &ve) != (tt.field != "") || ve != nil && (ve.Field != tt.field || ve.Code != tt.code) {
			t.Errorf("%s: got %v, want an error of %q", tt.rec, err, tt.field)
			continue
		}
		if diff := cmp.Diff(tt.want, string(e.Ordered(nil))); err == nil && diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.rec, diff)
		}
	}
}

// TestMixed checks object constructions of which the library runs some members.
func TestMixed(t *testing.T) {
	const program = `{z: .a, name: (def f: .n; f), other: (def g: .l[]?; g), a: (.s | tonumber)}`
	p := compiled(t, Spec{Whole: JQ(program, 0)})
	if m := p.jqs[p.whole.node].mixed; m == nil || m.group.n != 2 {
		t.Fatalf("mixed: %+v", m)
	}
	e := p.Evaluator(testRun())
	for rec, want := range map[string]string{
		`{"a":1.0,"n":12.50,"l":[1],"s":"7"}`: `{"a":7,"name":12.50,"other":1,"z":1.0}`,
		`{"l":[1],"s":"x"}`:                   `error: map: tonumber cannot be applied to "x": invalid number`,
		`{"l":[1,2],"s":"7"}`:                 "error: map: the program gives more than one output; [ … ] makes a list of them, first(…) or limit(1; …) takes one",
		`{"s":"7"}`:                           "error: map: the mapping gives an object, not null (value null)",
	} {
		if err := e.Load([]byte(rec)); err != nil {
			t.Fatal(err)
		}
		b, err := e.Map(nil)
		got := string(b)
		if err != nil {
			got = "error: " + err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", rec, diff)
		}
	}
}
