package sql

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

func TestTableThatIsMade(t *testing.T) {
	names := []string{"id", "order", "na\"me", "naïve.kolom", "a b"}
	shape := record.Shape{Key: []record.KeyField{{Name: "", Source: "A"}, {Name: "", Source: "B"}}}
	for i, typ := range []string{"integer", "string", "bool", "date", ""} {
		shape.Fields = append(shape.Fields, record.Field{Name: names[i], Type: typ, Send: true})
	}
	key, err := record.MakeKey("a/1", "é")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"people", "order", `"a.b"`, `main."it's ""x"""`, "naïve tafel"} {
		t.Run(table, func(t *testing.T) {
			g := newTarget(t, Config{Table: table, Create: true, Rows: map[string]any{"te nant": "x"}}, shape)
			body := `{"a b":[1],"id":7,"na\"me":true,"naïve.kolom":"2026-01-01","order":"007"}`
			for range 2 {
				g.send(create(string(key), body))
			}
			g.send(update(string(key), body, `{"a b":[2],"id":7,"na\"me":true,"naïve.kolom":"2026-01-01","order":"008"}`, "a b", "order"))
			want := []string{`a/1/é {"a b":[2],"id":7,"key":"[\"a/1\",\"é\"]","naïve.kolom":"2026-01-01","na\"me":true,"order":"008","te nant":"x"}`}
			if diff := cmp.Diff(len(want), len(g.bodies())); diff != "" {
				t.Fatal(diff)
			}
			if got := g.list()[0].Key; got != key {
				t.Errorf("key %q", got)
			}
			if diff := cmp.Diff("1 \"wal\"\n", g.query("SELECT count(*), journal_mode FROM pragma_table_list t, pragma_journal_mode WHERE t.schema = 'main' AND wr")); diff != "" {
				t.Errorf("tables (-want +got)\n%s", diff)
			}
			g.send(remove(string(key), body))
			if len(g.list()) != 0 {
				t.Error("the row is still there")
			}
		})
	}
}

// TestKeys: keys that are no mapped field, of every type, with and without
// what was delivered.
func TestKeys(t *testing.T) {
	fields := []record.Field{{Name: "name", Send: true}, {Name: "code", Send: true}}
	tests := map[string]struct {
		config Config
		key    []record.KeyField
		table  string
		rows   string
	}{
		"column key":        {config: Config{Create: true}, key: []record.KeyField{{}}, rows: "SELECT key FROM people"},
		"own column":        {config: Config{Create: true, Key: []string{"ext"}}, key: []record.KeyField{{}}, rows: "SELECT ext FROM people"},
		"column of numbers": {config: Config{Key: []string{"ext"}}, key: []record.KeyField{{}}, table: "CREATE TABLE people (ext INTEGER PRIMARY KEY, name, code)", rows: "SELECT ext FROM people"},
		"any column":        {config: Config{Key: []string{"ext"}}, key: []record.KeyField{{}}, table: "CREATE TABLE people (ext PRIMARY KEY, name, code)", rows: "SELECT ext FROM people"},
		"mapped elsewhere":  {config: Config{Key: []string{"code"}}, key: []record.KeyField{{}}, table: "CREATE TABLE people (name, code PRIMARY KEY)", rows: "SELECT code FROM people"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t, test.config, record.Shape{Fields: fields, Key: test.key})
			if test.table != "" {
				g.exec(test.table)
			}
			body := `{"code":7,"name":"x"}`
			g.send(create("7", body))
			rows := g.list()
			if len(rows) != 1 || rows[0].Key != "7" {
				t.Fatalf("rows: %v", rows)
			}
			found, err := g.Find(t.Context(), []record.Change{remove("7", body), create("7", body), create("abc", `{"code":"abc","name":"x"}`)})
			if err != nil || found[0].N != 1 || found[1].N != 1 || found[2].N != 0 {
				t.Errorf("found %v, %v", found, err)
			}
			g.send(remove("7", body))
			if got := g.query(test.rows); got != "" {
				t.Errorf("left: %s", got)
			}
		})
	}
}

func TestKeyIsNotTheMappedColumn(t *testing.T) {
	g := newTarget(t, Config{Key: []string{"code"}, Create: true}, record.Shape{
		Fields: []record.Field{{Name: "code", Send: true}}, Key: []record.KeyField{{Source: "id"}},
	})
	_, err := g.Write(t.Context(), []record.Change{create("7", `{"code":"other"}`)})
	if err == nil || !strings.Contains(err.Error(), `column "code" is to hold the pipeline's key`) {
		t.Errorf("error: %v", err)
	}
}

func TestTableErrors(t *testing.T) {
	tests := map[string]struct {
		config Config
		tables []string
		want   string
	}{
		"no table":   {Config{}, []string{"CREATE TABLE other (id)"}, `write table "people": it does not exist, and create is false`},
		"no columns": {Config{}, []string{"CREATE TABLE people (id PRIMARY KEY, name, active)"}, `write table "people": it has no column "phones", "score"; add with: ALTER TABLE "people" ADD COLUMN "phones" JSON; ALTER TABLE "people" ADD COLUMN "score" NUMERIC`},
		"no index":   {Config{Rows: map[string]any{"t": 1}}, []string{"CREATE TABLE people (id PRIMARY KEY, name, active, phones, score, t)"}, `write table "people": no unique index over exactly its key ("t", "id"); add one with: CREATE UNIQUE INDEX "people_key" ON "people" ("t", "id")`},
		"partial":    {Config{}, []string{"CREATE TABLE people (id, name, active, phones, score)", "CREATE UNIQUE INDEX i ON people (id) WHERE name > ''"}, `write table "people": no unique index over exactly its key ("id"); add one with: CREATE UNIQUE INDEX "people_key" ON "people" ("id")`},
		"view":       {Config{}, []string{"CREATE VIEW people AS SELECT 1 AS id"}, `write "people": it is a view; only tables are written to`},
		"answer":     {Config{Answer: []string{"serial"}}, []string{"CREATE TABLE people (id PRIMARY KEY, name, active, phones, score)"}, `write table "people": it has no column "serial"; add with: ALTER TABLE "people" ADD COLUMN "serial"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t, test.config, people())
			g.exec(test.tables...)
			_, err := g.Write(t.Context(), []record.Change{create("7", noor)})
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got)\n%s", diff)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	one, two := create("7", noor), create("9007199254740993", milan)
	tests := map[string]struct {
		fault func(g *target) (mend func())
		want  string
	}{
		"locked": {func(g *target) func() {
			holder, err := sql.NewSQLite(g.path, "holder", time.Second).Open(t.Context(), sql.Write)
			if err != nil {
				t.Fatal(err)
			}
			if err := holder.Begin(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			return func() { holder.Close() }
		}, `lock database "target.db": another program holds it (waited 200ms)`},
		"table gone": {func(g *target) func() {
			g.exec("ALTER TABLE people RENAME TO elsewhere")
			return func() { g.exec("ALTER TABLE elsewhere RENAME TO people") }
		}, `write table "people": it does not exist, and create is false`},
		"column gone": {func(g *target) func() {
			g.exec("ALTER TABLE people RENAME COLUMN score TO points")
			return func() { g.exec("ALTER TABLE people RENAME COLUMN points TO score") }
		}, `it has no column "score"`},
		"file gone": {func(g *target) func() {
			g.exec("PRAGMA wal_checkpoint(TRUNCATE)")
			move(t, g.path, g.path+".away")
			return func() { move(t, g.path+".away", g.path) }
		}, `open database "target.db": there is no such file`},
		"cancelled": {nil, context.Canceled.Error()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t, Config{}, people())
			g.exec(`CREATE TABLE people (id PRIMARY KEY, name, active, phones, score)`)
			g.send(one)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			mend := cancel
			if test.fault != nil {
				mend = test.fault(g)
			} else {
				cancel()
			}
			out, err := g.Write(ctx, []record.Change{two})
			mend()
			if err == nil || !strings.Contains(err.Error(), test.want) || len(out) != 0 {
				t.Fatalf("outcomes %v, error %v", out, err)
			}
			g.send(two)
			if diff := cmp.Diff("2\n", g.query("SELECT count(*) FROM people")); diff != "" {
				t.Errorf("rows after mending (-want +got)\n%s", diff)
			}
		})
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(from+suffix, to+suffix); err != nil && (suffix == "" || !os.IsNotExist(err)) {
			t.Fatal(err)
		}
	}
}

// TestReplacedFile: rows go where the path leads now.
func TestReplacedFile(t *testing.T) {
	g := newTarget(t, Config{Create: true}, people())
	g.send(create("7", noor))
	other := newTarget(t, Config{Create: true}, people())
	other.send(create("1", `{"active":null,"id":1,"name":"other","phones":null,"score":null}`))
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	move(t, g.path, filepath.Join(t.TempDir(), "away.db"))
	move(t, other.path, g.path)
	g.send(create("9007199254740993", milan))
	if diff := cmp.Diff("1\n9007199254740993\n", g.query("SELECT id FROM people ORDER BY id")); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

func TestReadOnlySinkMakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	db := sql.NewSQLite(path, "none.db", time.Second)
	c := Config{Table: "people", Create: true, Connection: connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}}
	s, err := Kind().Open(t.Context(), &c, connector.Env{Shape: people(), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), []record.Change{create("7", noor)}); err == nil || exists(path) {
		t.Errorf("error %v, file there: %t", err, exists(path))
	}
}

// TestDeferredConstraints: those that are checked at the commit refuse exactly
// the changes at fault.
func TestDeferredConstraints(t *testing.T) {
	g := newTarget(t, Config{}, people())
	g.exec(`CREATE TABLE teams (name TEXT PRIMARY KEY)`, `INSERT INTO teams VALUES ('red')`,
		`CREATE TABLE people (id PRIMARY KEY, name REFERENCES teams DEFERRABLE INITIALLY DEFERRED, active, phones, score)`)
	var batch []record.Change
	for _, p := range []string{"1 red", "2 red", "3 blue", "4 red", "5 green"} {
		batch = append(batch, create(p[:1], `{"active":null,"id":`+p[:1]+`,"name":"`+p[2:]+`","phones":null,"score":null}`))
	}
	out, err := g.Write(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		if want := i == 2 || i == 4; (o.Status == connector.Refused) != want || want && !strings.Contains(o.Message, "FOREIGN KEY constraint failed") {
			t.Errorf("change %d: %v", i, o)
		}
	}
	if diff := cmp.Diff("1\n2\n4\n", g.query("SELECT id FROM people ORDER BY id")); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

func TestOpenMapping(t *testing.T) {
	shape := record.Shape{Open: true, Key: []record.KeyField{{Source: "id"}}}
	g := newTarget(t, Config{Create: true, Match: []string{"a"}}, shape)
	g.send(create("1", `{"a":1,"b":true}`), create("2", `{"a":2,"c":[]}`))
	out, err := g.Write(t.Context(), []record.Change{create("3", `{"a":3}`), create("4", `{"a":4,"d":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Status != connector.Applied || out[1].Message != `table "people" has no column "d"; add it with: ALTER TABLE "people" ADD COLUMN "d"` {
		t.Errorf("outcomes %v", out)
	}
	want := []string{`1 {"a":1,"b":true,"c":null,"key":"1"}`, `2 {"a":2,"b":null,"c":[],"key":"2"}`, `3 {"a":3,"b":null,"c":null,"key":"3"}`}
	if diff := cmp.Diff(want, g.bodies()); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
	found, err := g.Match(t.Context(), []record.Change{create("9", `{"a":2}`)})
	if err != nil || found[0].N != 1 || found[0].Key != "2" {
		t.Errorf("match %v, %v", found, err)
	}
}

// TestGenerated names a column that nobody can write.
func TestGenerated(t *testing.T) {
	g := newTarget(t, Config{}, contacts())
	g.exec("CREATE TABLE people (id TEXT PRIMARY KEY, mail TEXT, score INT GENERATED ALWAYS AS (7))")
	out, err := g.Write(t.Context(), []record.Change{contact(record.Create, "k", "m", 1)})
	if err == nil || !strings.Contains(err.Error(), `"score" is generated`) {
		t.Errorf("%v: %s", err, statuses(out))
	}
}
