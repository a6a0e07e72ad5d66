package sql

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
)

const (
	noor  = `{"active":true,"id":7,"name":"Noor","note":"x","phones":["a","b"],"score":12.5}`
	milan = `{"active":false,"id":9007199254740993,"name":"Mi\"lan é","note":null,"phones":null,"score":null}`
)

func TestCreateUpdateDelete(t *testing.T) {
	g := newTarget(t, Config{Create: true}, people())
	all := "SELECT id, name, active, phones, score FROM people ORDER BY id"
	for range 2 { // each step twice leaves what it leaves once
		g.send(create("7", noor), create("9007199254740993", milan))
		want := "7 \"Noor\" 1 \"[\\\"a\\\",\\\"b\\\"]\" 12.5r\n9007199254740993 \"Mi\\\"lan é\" 0 NULL NULL\n"
		if diff := cmp.Diff(want, g.query(all)); diff != "" {
			t.Fatalf("after create (-want +got)\n%s", diff)
		}
	}
	after := `{"active":false,"id":7,"name":"Noor B","note":"x","phones":[],"score":1}`
	for range 2 {
		g.send(update("7", noor, after, "name", "score", "note"))
		want := "7 \"Noor B\" 1 \"[\\\"a\\\",\\\"b\\\"]\" 1\n"
		if diff := cmp.Diff(want, g.query(all+" LIMIT 1")); diff != "" {
			t.Fatalf("after update (-want +got)\n%s", diff)
		}
	}
	for range 2 {
		g.send(remove("7", after))
		if diff := cmp.Diff("1\n", g.query("SELECT count(*) FROM people")); diff != "" {
			t.Fatalf("after delete (-want +got)\n%s", diff)
		}
	}
}

func TestUpdateOfMissingRowMakesItAgain(t *testing.T) {
	g := newTarget(t, Config{Create: true}, people())
	g.send(create("9007199254740993", milan))
	g.send(update("7", noor, noor, "name"))
	disable := update("8", noor, noor, "name")
	disable.Op = record.Disable
	g.send(disable)
	if diff := cmp.Diff("7 12.5r\n9007199254740993 NULL\n", g.query("SELECT id, score FROM people ORDER BY id")); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

func TestRefusalsNameTheirChange(t *testing.T) {
	g := newTarget(t, Config{}, people())
	g.exec(`CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, active BOOLEAN, phones JSON CHECK (phones <> '[]'), score INTEGER)`,
		`CREATE TRIGGER stop BEFORE INSERT ON people WHEN new.name = 'stop' BEGIN SELECT RAISE(ROLLBACK, 'stopped here'); END`,
		`CREATE TRIGGER drop_it BEFORE INSERT ON people WHEN new.name = 'drop' BEGIN SELECT RAISE(IGNORE); END`)
	out, err := g.Write(t.Context(), []record.Change{
		create("1", `{"active":null,"id":1,"name":"a","phones":null,"score":1}`),
		create("2", `{"active":null,"id":2,"name":null,"phones":null,"score":1}`),
		create("3", `{"active":null,"id":3,"name":"a","phones":null,"score":1}`),
		create("4", `{"active":null,"id":4,"name":"d","phones":[],"score":1}`),
		create("5", `{"active":null,"id":5,"name":"stop","phones":null,"score":1}`),
		create("6", `{"active":null,"id":6,"name":"drop","phones":null,"score":1}`),
		create("7", `{"active":null,"id":7,"name":"g","phones":null,"score":1.23456789012345678901}`),
		create("8", `{"active":null,"id":8,"name":"h","phones":null,"score":"007"}`),
		create("x", `{"active":null,"id":"x","name":"i","phones":null,"score":1}`),
		create("10", `{"active":null,"id":10,"name":"j","phones":null,"score":"7"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range out {
		got = append(got, map[connector.Status]string{connector.Applied: "applied", connector.Refused: "refused"}[o.Status]+": "+o.Message)
	}
	want := []string{
		"applied: ",
		"refused: NOT NULL constraint failed: people.name",
		"refused: UNIQUE constraint failed: people.name",
		"refused: CHECK constraint failed: phones <> '[]'",
		"refused: stopped here",
		"refused: the database took the row and did not keep it (a trigger does so)",
		`refused: column "score": the number has more digits than the database keeps as a number; send it as text with string(…)`,
		`refused: column "score" is INTEGER and would turn this text into another number`,
		"refused: datatype mismatch",
		"applied: ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff("1 \"a\" 1\n10 \"j\" 7\n", g.query("SELECT id, name, score FROM people ORDER BY id")); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}
