package mapping

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"koppel/engine/record"
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

// jqObject is the coupling as one jq program that makes the whole object.
func jqObject() Spec {
	return Spec{
		Where: JQ(".active and (.blocked | not)", 0),
		Key:   []*Node{Path("src", []string{"id"}, 0)},
		Whole: JQ(`{
			id,
			employeeId: (.employeeNumber | tostring),
			email: (.mail | lower),
			fullName: words(.givenName; .prefix; .surname),
			startDate: formatdate("DD-MM-YYYY"; .startDate),
			managerEmail: (.manager.mail | lower),
			city: .address.city,
			categories: (.categories | join(",")),
			phone: (.mobilePhone // ""),
			contract: (if .fte >= 1 then "full-time" else "part-time" end),
			department,
			jobTitle
		}`, 0),
	}
}

func TestCouplingForms(t *testing.T) {
	want := `{"categories":"a,b,c","city":"Utrecht","contract":"part-time","department":"Advies & Beheer","email":"s.vanderberg@example.com","employeeId":"104233","fullName":"Saar van der Berg","id":"0a7d2f0e-6c1b-4b6e-9a53-5b1d7f3f9a10","jobTitle":"Consultant","managerEmail":"j.groen@example.com","phone":"","startDate":"01-03-2019"}`
	for name, spec := range map[string]Spec{"nodes": coupling(), "expr": programs(Expr, exprTexts()), "jq": programs(JQ, jqTexts()), "jq object": jqObject()} {
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
	for name, spec := range map[string]Spec{"nodes": coupling(), "expr": programs(Expr, exprTexts()), "jq": programs(JQ, jqTexts()), "jq object": jqObject()} {
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
	for name, spec := range map[string]Spec{"nodes": coupling(), "expr": programs(Expr, exprTexts()), "jq": programs(JQ, jqTexts()), "jq object": jqObject()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, problems := Compile(spec, Consts{}); problems != nil {
					b.Fatal(problems)
				}
			}
		})
	}
}

// people makes records in the shape of the data that the figures are measured
// on: of about 820 bytes, the same ones every time.
func people(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	date := func() string { return fmt.Sprintf("%d-%02d-%02d", 1990+r.IntN(30), 1+r.IntN(12), 1+r.IntN(28)) }
	id := func() string { return fmt.Sprintf("%08x-d1b6-4dac-a9ba-58c4%08x", r.Uint32(), r.Uint32()) }
	recs := make([][]byte, n)
	for i := range recs {
		given, surname := one("Mieke", "Bram", "Renée", "Jan-Willem", "Saar"), one("Dijk", "Berg", "Ruijsdæl", "Vermeulen", "Groot")
		recs[i] = fmt.Appendf(nil, `{"id":"%s","employeeNumber":%d,"initials":"M.H.","givenName":"%s","prefix":%s,"surname":"%s","mail":"%s.%s%d@Organisation.example",`+
			`"privateMail":%s,"gender":"%s","birthDate":"%s","startDate":"%s","endDate":%s,"jobTitle":"%s","department":"%s","costCenter":"KP0%d","fte":%s,"hourlyRate":%d.%d,`+
			`"active":%t,"blocked":%t,"manager":{"id":"%s","displayName":"Gaël Ruijsdæl","mail":"Gael.Ruijsdael%d@Organisation.example"},`+
			`"address":{"street":"Stationsweg","houseNumber":%d,"addition":null,"postalCode":"4150 SY","city":"%s","country":"NL"},"categories":%s,`+
			`"businessPhones":["+31 11 0874170","+31 19 5561601"],"mobilePhone":%s,"modifiedAt":"2023-09-07T05:21:34.%dZ"}`,
			id(), 100000+i, given, one("null", "null", `"van der"`, `"de"`), surname, one("Mieke", "Bram", "Jan"), one("Dijk", "Berg"), i,
			one("null", `"someone@mail.example"`), one("V", "M", "X"), date(), date(), one("null", "null", `"2029-12-09"`), one("HR Adviseur", "Consultant", "Senior Developer"),
			one("Sales", "Facilitair", "Research & Development"), 100+r.IntN(900), one("1", "1", "0.8", "0.2"), 20+r.IntN(60), r.IntN(99),
			r.IntN(20) > 0, r.IntN(20) == 0, id(), r.IntN(5000), r.IntN(200), one("Rotterdam", "Utrecht", "'s-Hertogenbosch"), one("[]", `["Mentor"]`, `["BHV","Mentor","OR"]`),
			one("null", `"+31 6 43335846"`), 100+r.IntN(900))
	}
	return recs
}

// BenchmarkRecord takes records through the steps that a run takes them
// through; each step includes those before it.
func BenchmarkRecord(b *testing.B) {
	recs := people(3000)
	for _, form := range []struct {
		name string
		spec Spec
	}{{"nodes", coupling()}, {"expr", programs(Expr, exprTexts())}} {
		p, problems := Compile(form.spec, Consts{})
		if problems != nil {
			b.Fatal(problems)
		}
		e, hash := p.Evaluator(testRun()), record.NewHasher(nil)
		var dst []byte
		for steps, name := range []string{"Load", "Where", "Key", "Map", "Hash"} {
			b.Run(form.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					var err error
					if dst, err = throughSteps(e, hash, recs[i%len(recs)], dst[:0], steps); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func throughSteps(e *Evaluator, hash *record.Hasher, rec, dst []byte, steps int) ([]byte, error) {
	if err := e.Load(rec); err != nil || steps < 1 {
		return dst, err
	}
	if ok, err := e.Where(); err != nil || !ok || steps < 2 {
		return dst, err
	}
	if _, err := e.Key(); err != nil || steps < 3 {
		return dst, err
	}
	dst, err := e.Map(dst)
	if err != nil || steps < 4 {
		return dst, err
	}
	if e.Canonical() {
		hash.Canonical(dst, nil)
		return dst, nil
	}
	_, err = hash.Record(dst, nil)
	return dst, err
}
