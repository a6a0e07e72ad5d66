package sql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
)

func (g *target) list() []connector.Row {
	g.t.Helper()
	var rows []connector.Row
	err := g.List(g.t.Context(), func(r connector.Row) error {
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	slices.SortFunc(rows, func(a, b connector.Row) int { return strings.Compare(string(a.Body), string(b.Body)) })
	return rows
}

func (g *target) bodies() []string {
	g.t.Helper()
	var out []string
	for _, r := range g.list() {
		out = append(out, fmt.Sprintf("%s %s", r.Key, r.Body))
	}
	return out
}

func TestNothingThereHasNoRows(t *testing.T) {
	g := newTarget(t, Config{Create: true, Match: []string{"name"}}, people())
	found, err := g.Find(t.Context(), []record.Change{create("7", noor)})
	if err != nil || found[0].N != 0 || len(g.list()) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
	if found, err = g.Match(t.Context(), []record.Change{create("7", noor)}); err != nil || found[0].N != 0 {
		t.Errorf("matched %v, %v", found, err)
	}
	if exists(g.path) {
		t.Error("looking made the file")
	}
}

func TestListGivesValuesAsMapped(t *testing.T) {
	shape := people()
	shape.Fields = append(shape.Fields, record.Field{Name: "on", Send: true}, record.Field{Name: "any", Send: true})
	g := newTarget(t, Config{Create: true}, shape)
	body := `{"active":true,"any":{"a":[1,"x"],"b":null},"id":"7","name":"1","on":false,"phones":[],"score":0.1}`
	g.send(create("7", body))
	if diff := cmp.Diff([]string{"7 " + body}, g.bodies()); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

func TestRowsBoundEverything(t *testing.T) {
	path := newTarget(t, Config{}, people()).path
	tenant := func(name any) *target {
		return reopen(t, path, Config{Create: true, Rows: map[string]any{"tenant": name, "active": 1}, Match: []string{"name"}}, record.Shape{
			Fields: []record.Field{{Name: "id", Send: true}, {Name: "name", Type: "string", Send: true}},
			Key:    []record.KeyField{{Name: "id"}},
		})
	}
	a, b := tenant("a"), tenant("b")
	one := `{"id":1,"name":"x"}`
	a.send(create("1", one))
	b.send(create("1", `{"id":1,"name":"y"}`), create("2", `{"id":2,"name":"x"}`))
	b.send(update("1", one, `{"id":1,"name":"z"}`, "name"))
	all := "SELECT tenant, active, id, name FROM people ORDER BY tenant, id"
	if diff := cmp.Diff("\"a\" 1 1 \"x\"\n\"b\" 1 1 \"z\"\n\"b\" 1 2 \"x\"\n", a.query(all)); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{`1 {"active":1,"id":1,"name":"x","tenant":"a"}`}, a.bodies()); diff != "" {
		t.Errorf("list (-want +got)\n%s", diff)
	}
	found, err := a.Match(t.Context(), []record.Change{create("9", `{"id":9,"name":"x"}`), create("8", `{"id":8,"name":"z"}`)})
	if err != nil || found[0].N != 1 || found[1].N != 0 {
		t.Errorf("match: %v, %v", found, err)
	}
	byRef := remove("", one)
	byRef.Ref = b.list()[0].Ref
	a.send(byRef, remove("2", one))
	a.send(remove("1", one))
	if diff := cmp.Diff("\"b\" 1 1 \"z\"\n\"b\" 1 2 \"x\"\n", a.query(all)); diff != "" {
		t.Errorf("rows after deletes (-want +got)\n%s", diff)
	}
	if a.Traits().Identity == b.Traits().Identity || tenant("a").Traits().Identity != a.Traits().Identity {
		t.Errorf("identities %q and %q", a.Traits().Identity, b.Traits().Identity)
	}
}

// adoptions are tables of different kinds in which a row stands that has no
// key of ours.
func adoptions() map[string][]string {
	return map[string][]string{
		"hidden row number": {`CREATE TABLE people (id UNIQUE, name TEXT COLLATE NOCASE, active, phones, score, extra)`},
		"integer key":       {`CREATE TABLE people (row INTEGER PRIMARY KEY, id UNIQUE, name TEXT COLLATE NOCASE, active, phones, score, extra)`},
		"other key":         {`CREATE TABLE people (code TEXT PRIMARY KEY DEFAULT (hex(randomblob(4))), id UNIQUE, name TEXT COLLATE NOCASE, active, phones, score, extra) WITHOUT ROWID`},
		"column rowid":      {`CREATE TABLE people (rowid TEXT, oid, id UNIQUE, name TEXT COLLATE NOCASE, active, phones, score, extra)`},
		"indexed":           {`CREATE TABLE people (id UNIQUE, name TEXT COLLATE NOCASE, active, phones, score, extra)`, `CREATE INDEX by_name ON people (name)`},
	}
}

func TestMatchAndAdopt(t *testing.T) {
	for name, tables := range adoptions() {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t, Config{Match: []string{"name"}, Answer: []string{"extra"}}, people())
			g.exec(append(tables, `INSERT INTO people (id, name, extra) VALUES (NULL, 'noor', 'kept'), (NULL, 'Twice', 1), (NULL, 'twice', 2), ('x', NULL, 3)`)...)
			found, err := g.Match(t.Context(), []record.Change{
				create("7", noor), create("8", `{"id":8,"name":"TWICE"}`), create("9", `{"id":9,"name":null}`), create("10", `{"id":10}`), create("11", `{"id":11,"name":"nobody"}`),
			})
			if err != nil {
				t.Fatal(err)
			}
			var n []int
			for _, f := range found {
				n = append(n, f.N)
			}
			if diff := cmp.Diff([]int{1, 2, 0, 0, 0}, n); diff != "" {
				t.Fatalf("matches (-want +got)\n%s", diff)
			}
			if found[0].Key != "" || string(found[0].Answer) != `{"extra":"kept"}` {
				t.Errorf("key %q, answer %s", found[0].Key, found[0].Answer)
			}
			adopt := update("7", string(found[0].Row), noor, "id", "active", "score")
			adopt.Cause, adopt.Ref = record.CauseAdopted, found[0].Ref
			for range 2 { // a crash lets it come twice
				out := g.send(adopt)
				if string(out[0].Answer) != `{"extra":"kept"}` && string(out[0].Answer) != `{"extra":null}` {
					t.Errorf("answer %s", out[0].Answer)
				}
			}
			if diff := cmp.Diff("1 \"kept\" 1 12.5r\n", g.query("SELECT count(*), extra, active, score FROM people WHERE id = 7")); diff != "" {
				t.Errorf("adopted row (-want +got)\n%s", diff)
			}
		})
	}
}

// TestMatchFolds: rows are matched as the field is compared.
func TestMatchFolds(t *testing.T) {
	for name, table := range map[string]string{
		"text": `CREATE TABLE people (id UNIQUE, name TEXT UNIQUE, active, phones, score)`,
		"any":  `CREATE TABLE people (id UNIQUE, name, active, phones, score)`,
	} {
		for fold, want := range map[bool][]int{true: {1, 2, 0}, false: {0, 0, 0}} {
			t.Run(fmt.Sprintf("%s, fold %t", name, fold), func(t *testing.T) {
				shape := people()
				shape.Fields[1].Fold = fold
				g := newTarget(t, Config{Match: []string{"name"}}, shape)
				g.exec(table, `INSERT INTO people (name) VALUES (' NOOR@example.org'), ('Twice'), ('twICE ')`)
				found, err := g.Match(t.Context(), []record.Change{
					create("7", `{"id":7,"name":"Noor@Example.org"}`), create("8", `{"id":8,"name":"tWICe"}`), create("9", `{"id":9,"name":"other"}`),
				})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, []int{found[0].N, found[1].N, found[2].N}); diff != "" {
					t.Errorf("matches (-want +got)\n%s", diff)
				}
			})
		}
	}
}

// TestRefOfAnotherRow: a hidden row number that came to mean another row must
// not touch that one.
func TestRefOfAnotherRow(t *testing.T) {
	g := newTarget(t, Config{}, people())
	g.exec(`CREATE TABLE people (id UNIQUE, name, active, phones, score)`, `INSERT INTO people (name) VALUES ('old'), ('other')`)
	rows := g.list()
	g.exec(`DELETE FROM people WHERE name = 'old'`, `UPDATE people SET rowid = 1`)
	del := remove("", `{}`)
	adopt := update("7", `{}`, noor, "score")
	for _, r := range rows {
		if string(record.Member(r.Body, "name")) == `"old"` {
			del.Ref, adopt.Ref = r.Ref, r.Ref
		}
	}
	out, err := g.Write(t.Context(), []record.Change{adopt, del})
	if err != nil || out[0].Status != connector.Refused || out[1].Status != connector.Refused || out[1].Message != "the row changed since it was looked at" {
		t.Errorf("outcomes %v, %v", out, err)
	}
	if diff := cmp.Diff("\"other\" NULL\n", g.query("SELECT name, id FROM people")); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

func TestProtect(t *testing.T) {
	g := newTarget(t, Config{}, people())
	g.exec(`CREATE TABLE people (id INTEGER PRIMARY KEY, name, active, phones, score, protected BOOLEAN)`)
	g.send(create("7", noor), create("9007199254740993", milan))
	g.exec(`UPDATE people SET protected = id = 7`)
	protect := func(row []byte) bool { return string(record.Member(row, "protected")) == "true" }
	byRef := remove("", "{}")
	byRef.Ref = g.list()[1].Ref
	changes := []record.Change{remove("7", noor), remove("9007199254740993", milan), byRef, remove("8", `{"id":8}`)}
	for i := range changes {
		changes[i].Protect = protect
	}
	out, err := g.Write(t.Context(), changes)
	if err != nil {
		t.Fatal(err)
	}
	got := []connector.Status{out[0].Status, out[1].Status, out[2].Status, out[3].Status}
	if diff := cmp.Diff([]connector.Status{connector.Protected, connector.Applied, connector.Protected, connector.Applied}, got); diff != "" {
		t.Errorf("outcomes (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff("7\n", g.query("SELECT id FROM people")); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

func TestFold(t *testing.T) {
	shape := record.Shape{
		Fields: []record.Field{{Name: "a", Send: true}, {Name: "b", Send: true}},
		Key:    []record.KeyField{{Name: "a"}, {Name: "b"}},
	}
	key := func(parts ...string) record.Key {
		k, err := record.MakeKey(parts...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	tests := map[string]struct {
		table string
		want  record.Key
	}{
		"none":      {"", key("ÀB ", "cD ")},
		"bytes":     {`CREATE TABLE people (a, b, PRIMARY KEY (a, b))`, key("ÀB ", "cD ")},
		"no case":   {`CREATE TABLE people (a COLLATE NOCASE, b COLLATE RTRIM, PRIMARY KEY (a, b))`, key("Àb ", "cD")},
		"of index":  {`CREATE TABLE people (a, b); CREATE UNIQUE INDEX i ON people (b COLLATE NOCASE, a)`, key("ÀB ", "cd ")},
		"of column": {`CREATE TABLE people (a COLLATE NOCASE, b); CREATE UNIQUE INDEX i ON people (b, a)`, key("Àb ", "cD ")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t, Config{}, shape)
			if test.table != "" {
				g.exec(strings.Split(test.table, ";")...)
			}
			in := key("ÀB ", "cD ")
			got := g.Fold(in)
			if got != test.want {
				t.Errorf("Fold gives %q, want %q", got, test.want)
			}
			if folding, err := g.Folding(); folding != (got != in) || err != nil {
				t.Errorf("Folding is %v, %v, and Fold makes %q of %q", folding, err, got, in)
			}
		})
	}
}
