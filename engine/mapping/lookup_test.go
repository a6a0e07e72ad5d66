package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lookupOf(l Lookup) Spec {
	l.Name = "l"
	return Spec{Lookups: []Lookup{l}, Fields: []Field{{Name: "x", Value: Path("l", []string{"x"}, 0)}}, SensitiveSrc: []string{"bsn"}}
}

func in(place, text string) *Node { return Template(text, false, place, 0) }

func TestQuestion(t *testing.T) {
	record := `{"id":"a/b?c&d=e ..","n":7,"empty":"","null":null,"xml":"<a & \"b\">","bsn":"1","list":[1]}`
	for name, c := range map[string]struct {
		lookup Lookup
		want   Question
		none   bool
		err    string
	}{
		"path":           {Lookup{Path: in(InPath, "/x/{src.id}/{{y}}")}, Question{Path: "/x/a%2Fb%3Fc%26d%3De%20../{y}"}, false, ""},
		"null in path":   {Lookup{Path: in(InPath, "/x/{src.null}")}, Question{}, true, ""},
		"empty in query": {Lookup{QueryNames: []string{"q"}, Query: []*Node{in(InQuery, "{src.empty}")}}, Question{}, true, ""},
		"no such field":  {Lookup{QueryNames: []string{"q"}, Query: []*Node{Path("src", []string{"none"}, 0)}}, Question{}, true, ""},
		"query is not escaped twice": {Lookup{QueryNames: []string{"q", "r"}, Query: []*Node{in(InQuery, "id eq {src.id}"), Path("src", []string{"n"}, 0)}},
			Question{Query: []Param{{"q", "id eq a/b?c&d=e .."}, {"r", "7"}}}, false, ""},
		"header without a value is left out": {Lookup{HeaderNames: []string{"a", "b", "c"}, Headers: []*Node{in(InLine, "x {src.empty}"), in(InLine, "n{src.n}"), Const(nil, false, 0)}},
			Question{Headers: []Param{{"b", "n7"}}}, false, ""},
		"xml":            {Lookup{Body: in(InXML, "<q>{src.xml}{src.null}</q>")}, Question{Body: []byte("<q>&lt;a &amp; &#34;b&#34;&gt;</q>")}, false, ""},
		"json text":      {Lookup{Body: in(InJSON, `{"q":"{src.xml}"}`)}, Question{Body: []byte(`{"q":"<a & \"b\">"}`)}, false, ""},
		"json":           {Lookup{Body: Object([]string{"q"}, []*Node{Path("src", []string{"n"}, 0)}, 0)}, Question{Body: []byte(`{"q":7}`), JSON: true}, false, ""},
		"step elsewhere": {Lookup{Path: in(InPath, "/x/{item.none}/..")}, Question{}, false, "lead elsewhere"},
		"list in path":   {Lookup{QueryNames: []string{"q"}, Query: []*Node{Path("src", []string{"list"}, 0)}}, Question{}, false, "not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			e := loaded(t, lookupOf(c.lookup), record)
			got, ok, err := e.Question(0)
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || ok == (c.none || c.err != "") {
				t.Errorf("ok %t (-want +got)\n%s", ok, diff)
			}
		})
	}
}

// The dots of a value lead nowhere, wherever they stand in a path.
func TestPathsOfDots(t *testing.T) {
	for _, dots := range []string{".", "..", "%2e%2E", "%2e."} {
		e := loaded(t, lookupOf(Lookup{Path: in(InPath, "/x/{src.a}/y")}), `{"a":"`+dots+`"}`)
		q, ok, err := e.Question(0)
		if strings.Contains(dots, "%") {
			if err != nil || !ok || q.Path != "/x/"+strings.ReplaceAll(dots, "%", "%25")+"/y" {
				t.Errorf("%s: %q, %v", dots, q.Path, err)
			}
		} else if err == nil {
			t.Errorf("%s: %q", dots, q.Path)
		}
	}
}

func TestSensitiveLookups(t *testing.T) {
	for name, c := range map[string]struct {
		path           *Node
		hidden, answer bool
	}{
		"plain":       {in(InPath, "/{src.id}"), false, false},
		"personal":    {in(InPath, "/{src.bsn}"), true, true},
		"credentials": {Template("/{src.id}?key=k", true, InPath, 0), true, false},
	} {
		p, problems := Compile(lookupOf(Lookup{Path: c.path}), Consts{})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if p.LookupHidden(0) != c.hidden || p.LookupSensitive(0) != c.answer || p.Sensitive("x") != c.answer {
			t.Errorf("%s: hidden %t, answer %t, field %t", name, p.LookupHidden(0), p.LookupSensitive(0), p.Sensitive("x"))
		}
	}
}

// Joins and lookups are bound after those that they read.
func TestBindsInOrder(t *testing.T) {
	s := Spec{
		Each: JQ(".lines[]", 0),
		Joins: []Join{{Name: "dep", Left: []*Node{Path("account", []string{"dep"}, 0)}, Right: []*Node{Path("dep", []string{"id"}, 0)}},
			{Name: "plain", Left: []*Node{src("p")}, Right: []*Node{Path("plain", []string{"id"}, 0)}}},
		Lookups: []Lookup{{Name: "office", Path: in(InPath, "/{line.office}")}, {Name: "account", Path: in(InPath, "/{src.id}")}, {Name: "line", Path: in(InPath, "/{item.n}")}},
	}
	p, problems := Compile(s, Consts{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got []string
	for _, b := range p.Binds() {
		name := p.names[b.index]
		if b.AfterEach {
			name += " after each"
		}
		got = append(got, name)
	}
	if diff := cmp.Diff([]string{"account", "dep", "plain", "line after each", "office after each"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	s.Lookups[1].Path = in(InPath, "/{dep.id}")
	if _, problems = Compile(s, Consts{}); len(problems) != 1 || !strings.Contains(problems[0].Summary, "read each other") {
		t.Errorf("problems of a circle: %v", problems)
	}
}
