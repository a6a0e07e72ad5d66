package sql

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestConstraints: what the sink learns of a constraint over several rows.
func TestConstraints(t *testing.T) {
	db := NewSQLite(filepath.Join(t.TempDir(), "x.db"), "x.db", time.Second)
	c, err := db.Open(t.Context(), Create)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exec := func(query string) {
		t.Helper()
		if err := c.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT UNIQUE, room TEXT, seat TEXT CHECK (seat <> 'x'), boss REFERENCES people (id), nick, UNIQUE (room, seat))`)
	exec(`CREATE TABLE phones (owner REFERENCES People (email), room, seat, boss REFERENCES people, FOREIGN KEY (room, seat) REFERENCES people (room, seat))`)
	exec(`CREATE UNIQUE INDEX folded ON people (lower(nick))`)
	exec(`INSERT INTO people VALUES (1, 'a', 'r', 's', NULL, 'n')`)
	for _, test := range []struct {
		query string
		want  Constraint
		names []string
	}{
		{`INSERT INTO people (id) VALUES (1)`, Unique, []string{"people.id"}},
		{`INSERT INTO people (email) VALUES ('a')`, Unique, []string{"people.email"}},
		{`INSERT INTO people (nick) VALUES ('N')`, Unique, nil},
		{`INSERT INTO people (room, seat) VALUES ('r', 's')`, Unique, []string{"people.room", "people.seat"}},
		{`INSERT INTO people (boss) VALUES (7)`, ForeignKey, nil},
		{`INSERT INTO people (seat) VALUES ('x')`, NoConstraint, nil},
	} {
		err := c.Exec(test.query)
		var e *Error
		if !errors.As(err, &e) || !e.Refused || e.Constraint != test.want {
			t.Errorf("%s: %v", test.query, err)
			continue
		}
		if diff := cmp.Diff(test.names, e.Columns); diff != "" {
			t.Errorf("%s: columns (-want +got)\n%s", test.query, diff)
		}
	}
	table, err := db.Dialect.Describe(c, Name{Table: "people"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := db.Dialect.Referenced(c, table)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"email", "id", "room", "seat"}, got); diff != "" {
		t.Errorf("referenced (-want +got)\n%s", diff)
	}
}

func TestSavepoint(t *testing.T) {
	c, err := NewSQLite(filepath.Join(t.TempDir(), "x.db"), "x.db", time.Second).Open(t.Context(), Create)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	add := func(n string) func() error {
		return func() error { return c.Exec("INSERT INTO n VALUES (" + n + ")") }
	}
	for i, step := range []func() error{
		func() error { return c.Exec("CREATE TABLE n (n)") },
		func() error { return c.Begin(t.Context(), true) },
		add("1"), c.Savepoint, add("2"), c.RollbackTo, add("3"), c.Savepoint, add("4"), c.Release, c.Commit,
	} {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	var got []int64
	if err := rows(c, "SELECT n FROM n ORDER BY n", nil, func(s Stmt) { got = append(got, s.Column(0).Int) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 3, 4}, got); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

func TestSpare(t *testing.T) {
	for _, test := range []struct {
		column Column
		old    Value
		want   Value
		ok     bool
	}{
		{Column{}, Value{}, Value{}, false},
		{Column{}, text("a@x "), text("a@x~7"), true},
		{Column{}, Value{Kind: Blob, Text: []byte{0}}, Value{Kind: Blob, Text: []byte("\x00~7")}, true},
		{Column{}, Value{Kind: Integer, Int: 5}, Value{Kind: Integer, Int: 1<<40 + 12}, true},
		{Column{}, Value{Kind: Integer, Int: 1<<63 - 1}, Value{}, false},
		{Column{Boolean: true}, Value{Kind: Integer, Int: 1}, Value{}, false},
		{Column{}, Value{Kind: Real, Float: 0.5}, Value{Kind: Real, Float: 1<<40 + 7}, true},
		{Column{}, Value{Kind: Real, Float: 1e300}, Value{}, false},
	} {
		got, ok := sqliteDialect{}.Spare(&test.column, test.old, 7)
		if ok != test.ok {
			t.Errorf("%v: %v", test.old, ok)
		}
		if diff := cmp.Diff(test.want, got); ok && diff != "" {
			t.Errorf("%v (-want +got)\n%s", test.old, diff)
		}
	}
}
