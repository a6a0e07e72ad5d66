package sql

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// staff is a shape with two unique fields and two plain ones.
func staff() record.Shape {
	return record.Shape{
		Pipeline: "pipeline.staff",
		Fields: []record.Field{
			{Name: "id", Send: true},
			{Name: "email", Send: true},
			{Name: "room", Send: true},
			{Name: "seat", Send: true},
			{Name: "manager", Send: true},
		},
		Key: []record.KeyField{{Name: "id", Source: "id"}},
	}
}

// row makes a body of staff; an empty value is null.
func row(id, email, room, seat, manager string) string {
	text := func(s string) string {
		if s == "" {
			return "null"
		}
		return string(record.AppendString(nil, s))
	}
	return fmt.Sprintf(`{"email":%s,"id":%s,"manager":%s,"room":%s,"seat":%s}`, text(email), text(id), text(manager), text(room), text(seat))
}

func mail(id, from, to string) record.Change {
	return update(id, row(id, from, "", "", ""), row(id, to, "", "", ""), "email")
}

func seat(id, from, to string) record.Change {
	return update(id, row(id, "", "r", from, ""), row(id, "", "r", to, ""), "room", "seat")
}

// TestOrder: what one change of a batch needs another one of it gives, in
// whatever order.
func TestOrder(t *testing.T) {
	const fresh = `CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT UNIQUE, room TEXT, seat TEXT, manager TEXT, own TEXT, UNIQUE (room, seat))`
	const strict = `CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, room TEXT, seat TEXT, manager TEXT, own TEXT)`
	const three = `INSERT INTO people (id, email, own) VALUES ('1', 'a@x', 'o1'), ('2', 'b@x', 'o2'), ('3', 'c@x', 'o3'), ('9', 'z@x', 'o9')`
	tests := map[string]struct {
		setup   []string
		changes []record.Change
		want    string // of id:email:own, or what select says
		query   string
		refused map[int]string
	}{
		"swap": {
			setup: []string{fresh, three}, changes: []record.Change{mail("1", "a@x", "b@x"), mail("2", "b@x", "a@x")},
			want: "1:b@x:o1 2:a@x:o2 3:c@x:o3 9:z@x:o9",
		},
		"one that wants a value of a rotation": {
			setup:   []string{fresh, three},
			changes: []record.Change{mail("9", "z@x", "b@x"), mail("1", "a@x", "b@x"), mail("2", "b@x", "c@x"), mail("3", "c@x", "a@x")},
			want:    "1:b@x:o1 2:c@x:o2 3:a@x:o3 9:z@x:o9",
			refused: map[int]string{0: "UNIQUE constraint failed: people.email"},
		},
		"swap of values that may not be null": {
			setup: []string{strict, three}, changes: []record.Change{mail("1", "a@x", "b@x"), mail("2", "b@x", "a@x")},
			want: "1:b@x:o1 2:a@x:o2 3:c@x:o3 9:z@x:o9",
		},
		"swap where null is checked for": {
			setup: []string{
				`CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT UNIQUE CHECK (email IS NOT NULL AND email LIKE '%@%'), own TEXT, room, seat, manager)`, three,
			},
			changes: []record.Change{mail("1", "a@x", "b@x"), mail("2", "b@x", "a@x")},
			want:    "1:b@x:o1 2:a@x:o2 3:c@x:o3 9:z@x:o9",
		},
		"swap that nothing in between is allowed for": {
			setup: []string{
				`CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE CHECK (length(email) = 3), own TEXT, room, seat, manager)`, three,
			},
			changes: []record.Change{mail("1", "a@x", "b@x"), mail("2", "b@x", "a@x"), mail("3", "c@x", "d@x")},
			want:    "1:a@x:o1 2:b@x:o2 3:d@x:o3 9:z@x:o9",
			refused: map[int]string{0: "UNIQUE constraint failed: people.email", 1: "UNIQUE constraint failed: people.email"},
		},
		"swap that a trigger ends": {
			setup: []string{
				strict, three,
				`CREATE TRIGGER stop BEFORE UPDATE OF email ON people WHEN length(new.email) <> 3 BEGIN SELECT RAISE(ROLLBACK, 'stopped here'); END`,
			},
			changes: []record.Change{mail("1", "a@x", "b@x"), mail("2", "b@x", "a@x"), mail("3", "c@x", "d@x")},
			want:    "1:a@x:o1 2:b@x:o2 3:d@x:o3 9:z@x:o9",
			refused: map[int]string{0: "UNIQUE constraint failed: people.email", 1: "UNIQUE constraint failed: people.email"},
		},
		"swap in another case": {
			setup: []string{
				`CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT NOT NULL COLLATE NOCASE UNIQUE, own TEXT, room, seat, manager)`, three,
			},
			changes: []record.Change{mail("1", "a@x", "B@x"), mail("2", "b@x", "A@x")},
			want:    "1:B@x:o1 2:A@x:o2 3:c@x:o3 9:z@x:o9",
		},
		"swap under an index over an expression": {
			setup: []string{
				`CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT NOT NULL, own TEXT, room, seat, manager)`,
				`CREATE UNIQUE INDEX lowered ON people (lower(email))`, three,
			},
			changes: []record.Change{mail("1", "a@x", "B@x"), mail("2", "b@x", "A@x")},
			want:    "1:B@x:o1 2:A@x:o2 3:c@x:o3 9:z@x:o9",
		},
		"swap under an index over some rows": {
			setup: []string{
				`CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT NOT NULL, own TEXT, room, seat, manager)`,
				`CREATE UNIQUE INDEX some ON people (email) WHERE own IS NOT NULL`, three,
			},
			changes: []record.Change{mail("1", "a@x", "b@x"), mail("2", "b@x", "a@x")},
			want:    "1:b@x:o1 2:a@x:o2 3:c@x:o3 9:z@x:o9",
		},
		"swap of numbers": {
			setup: []string{
				`CREATE TABLE people (id TEXT PRIMARY KEY, email INTEGER NOT NULL UNIQUE CHECK (email > 0), own TEXT, room, seat, manager)`,
				`INSERT INTO people (id, email, own) VALUES ('1', 1, 'o1'), ('2', 2, 'o2')`,
			},
			changes: []record.Change{mail("1", "1", "2"), mail("2", "2", "1")},
			want:    "1:2:o1 2:1:o2",
		},
		"swap of parts of a composite index": {
			setup: []string{
				fresh, `INSERT INTO people (id, room, seat) VALUES ('1', 'r', 's1'), ('2', 'r', 's2')`,
			},
			changes: []record.Change{seat("1", "s1", "s2"), seat("2", "s2", "s1")},
			query:   "SELECT id, room, seat FROM people ORDER BY id",
			want:    "\"1\" \"r\" \"s2\"\n\"2\" \"r\" \"s1\"\n",
		},
		"swap whose values others refer to": {
			setup: []string{
				fresh, three,
				`CREATE TABLE phones (n INTEGER, owner TEXT REFERENCES people (email) ON UPDATE CASCADE)`,
				`INSERT INTO phones VALUES (1, 'a@x'), (2, 'b@x'), (3, 'c@x')`,
			},
			changes: []record.Change{mail("1", "a@x", "b@x"), mail("2", "b@x", "a@x")},
			query:   "SELECT n, owner, id FROM phones JOIN people ON owner = email ORDER BY n",
			want:    "1 \"b@x\" \"1\"\n2 \"a@x\" \"2\"\n3 \"c@x\" \"3\"\n",
		},
		"shift upwards": {
			setup: []string{fresh, three}, changes: []record.Change{mail("1", "a@x", "b@x"), mail("2", "b@x", "c@x"), mail("3", "c@x", "d@x")},
			want: "1:b@x:o1 2:c@x:o2 3:d@x:o3 9:z@x:o9",
		},
		"shift downwards": {
			setup: []string{fresh, three}, changes: []record.Change{mail("1", "a@x", "d@x"), mail("2", "b@x", "a@x"), mail("3", "c@x", "b@x")},
			want: "1:d@x:o1 2:a@x:o2 3:b@x:o3 9:z@x:o9",
		},
		"chain that ends at a row of others, beside a swap": {
			setup: []string{fresh, three, `INSERT INTO people (id, email, own) VALUES ('4', 'd@x', 'o4'), ('5', 'e@x', 'o5')`},
			changes: []record.Change{
				mail("1", "a@x", "b@x"), mail("2", "b@x", "z@x"), mail("3", "c@x", "a@x"), mail("4", "d@x", "e@x"), mail("5", "e@x", "d@x"),
			},
			want: "1:a@x:o1 2:b@x:o2 3:c@x:o3 4:e@x:o4 5:d@x:o5 9:z@x:o9",
			refused: map[int]string{
				0: "UNIQUE constraint failed: people.email", 1: "UNIQUE constraint failed: people.email", 2: "UNIQUE constraint failed: people.email",
			},
		},
		"create of what a later update frees": {
			setup: []string{strict, three}, changes: []record.Change{create("0", row("0", "c@x", "", "", "")), mail("3", "c@x", "d@x")},
			want: "0:c@x: 1:a@x:o1 2:b@x:o2 3:d@x:o3 9:z@x:o9",
		},
		"create of what a swap frees": {
			setup: []string{strict, three},
			changes: []record.Change{
				create("0", row("0", "c@x", "", "", "")), mail("1", "a@x", "b@x"), mail("2", "b@x", "a@x"), mail("3", "c@x", "d@x"),
			},
			want: "0:c@x: 1:b@x:o1 2:a@x:o2 3:d@x:o3 9:z@x:o9",
		},
		"create of what a later delete frees": {
			setup: []string{strict, three}, changes: []record.Change{create("0", row("0", "c@x", "", "", "")), remove("3", row("3", "c@x", "", "", ""))},
			want: "0:c@x: 1:a@x:o1 2:b@x:o2 9:z@x:o9",
		},
		"create again of rows that stand": {
			setup: []string{strict, three}, changes: []record.Change{create("1", row("1", "b@x", "", "", "")), create("2", row("2", "a@x", "", "", ""))},
			want: "1:b@x:o1 2:a@x:o2 3:c@x:o3 9:z@x:o9",
		},
		"refused, then deleted": {
			setup:   []string{strict, three},
			changes: []record.Change{mail("1", "a@x", "b@x"), remove("1", row("1", "a@x", "", "", "")), mail("2", "b@x", "d@x")},
			want:    "2:d@x:o2 3:c@x:o3 9:z@x:o9",
			refused: map[int]string{0: "UNIQUE constraint failed: people.email"},
		},
		"parents behind children": {
			setup: []string{`CREATE TABLE people (id TEXT PRIMARY KEY, email, own TEXT, room, seat, manager TEXT REFERENCES people (id))`},
			changes: []record.Change{
				create("1", row("1", "a", "", "", "3")), create("2", row("2", "b", "", "", "4")), create("3", row("3", "c", "", "", "")),
				create("4", row("4", "d", "", "", "1")), create("5", row("5", "e", "", "", "7")),
			},
			want:    "1:a: 2:b: 3:c: 4:d:",
			refused: map[int]string{4: "FOREIGN KEY constraint failed"},
		},
		"deletes of parents before children": {
			setup: []string{
				`CREATE TABLE people (id TEXT PRIMARY KEY, email, own TEXT, room, seat, manager TEXT REFERENCES people (id))`,
				`INSERT INTO people (id, manager) VALUES ('1', NULL), ('2', '1'), ('3', '2')`,
			},
			changes: []record.Change{remove("1", row("1", "", "", "", "")), remove("2", row("2", "", "", "", "1")), remove("3", row("3", "", "", "", "2"))},
			want:    "",
		},
		"key and value wait for each other": {
			setup: []string{`CREATE TABLE people (id TEXT PRIMARY KEY, email UNIQUE, own TEXT, room, seat, manager TEXT REFERENCES people (id))`, three},
			changes: []record.Change{
				update("1", row("1", "a@x", "", "", ""), row("1", "d@x", "", "", "7"), "email", "manager"), create("7", row("7", "a@x", "", "", "")),
			},
			want: "1:d@x:o1 2:b@x:o2 3:c@x:o3 7:a@x: 9:z@x:o9",
		},
		"parents at the commit": {
			setup: []string{
				`CREATE TABLE people (id TEXT PRIMARY KEY, email UNIQUE, own TEXT, room, seat, manager TEXT REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED)`, three,
			},
			changes: []record.Change{
				mail("1", "a@x", "b@x"), create("4", row("4", "d@x", "", "", "6")), create("5", row("5", "e@x", "", "", "nobody")),
				create("6", row("6", "f@x", "", "", "")), mail("2", "b@x", "a@x"),
			},
			want:    "1:b@x:o1 2:a@x:o2 3:c@x:o3 4:d@x: 6:f@x: 9:z@x:o9",
			refused: map[int]string{2: "FOREIGN KEY constraint failed"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t, Config{}, staff())
			g.exec(test.setup...)
			got := g.refusals(t.Context(), test.changes)
			if diff := cmp.Diff(test.refused, got); diff != "" {
				t.Errorf("refusals (-want +got)\n%s", diff)
			}
			table := g.owners()
			if test.query != "" {
				table = g.query(test.query)
			}
			if diff := cmp.Diff(test.want, table); diff != "" {
				t.Errorf("table (-want +got)\n%s", diff)
			}
		})
	}
}

// refusals writes changes and gives the words of those that are refused.
func (g *target) refusals(ctx context.Context, changes []record.Change) map[int]string {
	g.t.Helper()
	out, err := g.Write(ctx, changes)
	if err != nil || len(out) != len(changes) {
		g.t.Fatalf("%d outcomes, %v", len(out), err)
	}
	var got map[int]string
	for i, o := range out {
		if o.Status != connector.Refused {
			continue
		}
		if got == nil {
			got = map[int]string{}
		}
		got[i] = o.Message
	}
	return got
}

// owners gives id:email:own of every row.
func (g *target) owners() string {
	g.t.Helper()
	lines := g.query(`SELECT id || ':' || coalesce(email, '') || ':' || coalesce(own, '') FROM people ORDER BY id`)
	var out []string
	for line := range strings.Lines(lines) {
		out = append(out, unquote(g.t, strings.TrimSpace(line)))
	}
	return strings.Join(out, " ")
}

// TestOrderOfMany: long chains and one long cycle, against and along the order
// of the batch, with an end that can't be, beside a swap that can.
func TestOrderOfMany(t *testing.T) {
	const n = 2000
	id := func(i int) string { return fmt.Sprintf("%04d", i) }
	for name, step := range map[string]int{"upwards": 1, "downwards": n - 1, "scattered": 777} {
		for _, end := range []string{"cycle", "free", "taken"} {
			t.Run(name+" "+end, func(t *testing.T) {
				g := newTarget(t, Config{}, staff())
				g.exec(`CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, own, room, seat, manager)`,
					`INSERT INTO people (id, email) VALUES ('x', 'taken')`)
				creates := []record.Change{create("y1", row("y1", "y1", "", "", "")), create("y2", row("y2", "y2", "", "", ""))}
				moves := []record.Change{mail("y1", "y1", "y2"), mail("y2", "y2", "y1")}
				for i := range n {
					creates = append(creates, create(id(i), row(id(i), id(i), "", "", "")))
					to := id((i + step) % n)
					if i == n-1 && end != "cycle" {
						to = end
					}
					moves = append(moves, mail(id(i), id(i), to))
				}
				g.send(creates...)
				refused := g.refusals(t.Context(), moves)
				want := 0
				if end == "taken" {
					want = n
				}
				if len(refused) != want {
					t.Errorf("%d refused", len(refused))
				}
				moved := strings.Count(g.query("SELECT id FROM people WHERE id <> email AND id <> 'x'"), "\n")
				if moved != n-want+2 {
					t.Errorf("%d moved", moved)
				}
			})
		}
	}
}
