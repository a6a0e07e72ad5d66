package mapping

import (
	"strings"
	"testing"
)

// employee is a record of the data that the figures are measured on.
const employee = `{"id":"0a7d2f0e-6c1b-4b6e-9a53-5b1d7f3f9a10","employeeNumber":104233,"active":true,"blocked":false,"givenName":"Saar","prefix":"van der","surname":"Berg","mail":"S.vanderBerg@Example.COM","mobilePhone":null,"workPhone":"+31 20 555 0123","startDate":"2019-03-01","endDate":null,"birthYear":1984,"fte":0.8,"salaryScale":"9B","jobTitle":"Consultant","department":"Advies & Beheer","costCenter":"4410","manager":{"id":"1f0c","name":"Joris Groen","mail":"J.Groen@Example.com"},"address":{"street":"Stationsweg 12","postalCode":"1234 AB","city":"Utrecht","country":"NL"},"categories":["a","b","c"],"licenses":["E3","Visio"],"notes":"Werkt op dinsdag thuis.","modified":"2024-04-11T09:12:44Z","version":17}`

// coupling is the mapping that the figures are measured with.
func coupling() Spec {
	src := func(path string) *Node { return Path("src", strings.Split(path, "."), 0) }
	call := func(name string, args ...*Node) *Node { return Call(name, args, 0) }
	return Spec{
		Where: Expr("src.active && !src.blocked", 0),
		Key:   []*Node{src("id")},
		Fields: []Field{
			{Name: "id", Value: src("id")},
			{Name: "employeeId", Value: call("string", src("employeeNumber"))},
			{Name: "email", Value: call("lower", src("mail"))},
			{Name: "fullName", Value: call("words", src("givenName"), src("prefix"), src("surname"))},
			{Name: "startDate", Value: call("formatdate", Const("DD-MM-YYYY", false, 0), src("startDate"))},
			{Name: "managerEmail", Value: call("lower", src("manager.mail"))},
			{Name: "city", Value: src("address.city")},
			{Name: "categories", Value: call("join", Const(",", false, 0), src("categories"))},
			{Name: "phone", Value: call("default", src("mobilePhone"), Const("", false, 0))},
			{Name: "contract", Value: Expr("src.fte >= 1 ? 'full-time' : 'part-time'", 0)},
			{Name: "department", Value: src("department")},
			{Name: "jobTitle", Value: src("jobTitle")},
		},
	}
}

// programs gives the coupling with all fields as programs of one kind.
func programs(kind func(string, Pos) *Node, texts []string) Spec {
	s := coupling()
	for i := range s.Fields {
		s.Fields[i].Value = kind(texts[i], 0)
	}
	return s
}

func exprTexts() []string {
	return []string{`src.id`, `string(src.employeeNumber)`, `lower(src.mail)`, `words(src.givenName, src.prefix, src.surname)`, `formatdate("DD-MM-YYYY", src.startDate)`,
		`lower(src.manager.mail)`, `src.address.city`, `join(",", src.categories)`, `default(src.mobilePhone, "")`, `src.fte >= 1 ? 'full-time' : 'part-time'`, `src.department`, `src.jobTitle`}
}

func jqTexts() []string {
	return []string{`.id`, `.employeeNumber | string`, `.mail | lower`, `words(.givenName; .prefix; .surname)`, `formatdate("DD-MM-YYYY"; .startDate)`,
		`.manager.mail | lower`, `.address.city`, `.categories | join(",")`, `.mobilePhone // ""`, `if .fte >= 1 then "full-time" else "part-time" end`, `.department`, `.jobTitle`}
}

func TestCouplingForms(t *testing.T) {
	want := `{"categories":"a,b,c","city":"Utrecht","contract":"part-time","department":"Advies & Beheer","email":"s.vanderberg@example.com","employeeId":"104233","fullName":"Saar van der Berg","id":"0a7d2f0e-6c1b-4b6e-9a53-5b1d7f3f9a10","jobTitle":"Consultant","managerEmail":"j.groen@example.com","phone":"","startDate":"01-03-2019"}`
	for name, spec := range map[string]Spec{"nodes": coupling(), "expr": programs(Expr, exprTexts()), "jq": programs(JQ, jqTexts())} {
		t.Run(name, func(t *testing.T) {
			p, problems := Compile(spec, Consts{})
			if problems != nil {
				t.Fatal(problems)
			}
			e := p.Evaluator(testRun())
			if err := e.Load([]byte(employee)); err != nil {
				t.Fatal(err)
			}
			got, err := e.Map(nil)
			if err != nil || string(got) != want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

func BenchmarkMap(b *testing.B) {
	for name, spec := range map[string]Spec{"nodes": coupling(), "expr": programs(Expr, exprTexts()), "jq": programs(JQ, jqTexts())} {
		b.Run(name, func(b *testing.B) {
			p, problems := Compile(spec, Consts{})
			if problems != nil {
				b.Fatal(problems)
			}
			e := p.Evaluator(testRun())
			rec := []byte(employee)
			var dst []byte
			b.SetBytes(int64(len(rec)))
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Load(rec); err != nil {
					b.Fatal(err)
				}
				if ok, err := e.Where(); !ok || err != nil {
					b.Fatal(err)
				}
				if _, err := e.Key(); err != nil {
					b.Fatal(err)
				}
				var err error
				if dst, err = e.Map(dst[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for name, spec := range map[string]Spec{"nodes": coupling(), "expr": programs(Expr, exprTexts()), "jq": programs(JQ, jqTexts())} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, problems := Compile(spec, Consts{}); problems != nil {
					b.Fatal(problems)
				}
			}
		})
	}
}
