package sql

import (
	"context"
	"errors"
	"io/fs"
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

// collector is a Reader that keeps what it is given.
type collector struct {
	cursor connector.Cursor
	log    strings.Builder
	next   connector.Cursor
	covers connector.Interval
	ended  bool
	stop   error
}

func (c *collector) Parts([]string) error { return nil }

func (c *collector) Begin(_ string, mode connector.Mode) (connector.Cursor, error) {
	c.log.WriteString([]string{"full\n", "delta\n", "delta\n"}[mode])
	return c.cursor, nil
}

func (c *collector) Records(_ string, _ int64, jsonl []byte) error {
	c.log.Write(jsonl)
	return c.stop
}

func (c *collector) Remove(string, record.Key, string) error { return nil }

func (c *collector) End(_ string, next connector.Cursor, covers connector.Interval) error {
	c.next, c.covers, c.ended = next, covers, true
	return nil
}

func (c *collector) Fail(_ string, err error) error { return err }

// database makes a database out of statements.
func database(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source.db")
	execute(t, path, statements...)
	return path
}

func execute(t testing.TB, path string, statements ...string) {
	t.Helper()
	conn, err := sql.NewSQLite(path, "second", time.Second).Open(t.Context(), sql.Create)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, s := range statements {
		if err := conn.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func openSource(t testing.TB, path string, c Config, env connector.Env) connector.Source {
	t.Helper()
	db := sql.NewSQLite(path, "source.db", 200*time.Millisecond)
	c.Connection = connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}
	s, err := Kind().Open(t.Context(), &c, env)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestValues(t *testing.T) {
	path := database(t, `CREATE TABLE "od""d.t" (id INTEGER, n NUMERIC, r REAL, s TEXT, b BOOLEAN, d DATETIME, j JSON, x)`,
		`INSERT INTO "od""d.t" VALUES
		(9007199254740993, 12.50, 1e300, 'a"b\c'||char(10)||'é', 1, '2026-01-02 03:04:05', '{"a": 1}', NULL),
		(-1, 7.0, -0.0, '', 0, NULL, NULL, '007'),
		(0, 0.1, 5e-324, 'x'||char(0)||'y', 2, 20260101, '[]', 3.0)`)
	want := "full\n" +
		`{"id":9007199254740993,"n":12.5,"r":1` + strings.Repeat("0", 300) + `,"s":"a\"b\\c\né","b":true,"d":"2026-01-02 03:04:05","j":"{\"a\": 1}","x":null}` + "\n" +
		`{"id":-1,"n":7,"r":0,"s":"","b":false,"d":null,"j":null,"x":"007"}` + "\n" +
		`{"id":0,"n":0.1,"r":0.` + strings.Repeat("0", 323) + `5,"s":"x\u0000y","b":2,"d":20260101,"j":"[]","x":3}` + "\n"
	for name, c := range map[string]Config{
		"table":        {Table: `"od""d.t"`},
		"schema.table": {Table: `main."od""d.t"`},
		"query":        {Query: `SELECT * FROM "od""d.t"; `},
		"alias":        {Query: "SELECT id, n, r, s, b AS b, d, j, x FROM (SELECT * FROM \"od\"\"d.t\") -- :no placeholder"},
	} {
		t.Run(name, func(t *testing.T) {
			var got collector
			if err := openSource(t, path, c, connector.Env{}).Read(t.Context(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.log.String()); diff != "" {
				t.Errorf("records (-want +got)\n%s", diff)
			}
			for line := range strings.Lines(got.log.String()[len("full\n"):]) {
				if err := record.Valid([]byte(strings.TrimSpace(line)), record.Limits{}); err != nil {
					t.Error(err)
				}
			}
			if !got.ended {
				t.Error("the read is not complete")
			}
		})
	}
}

func TestErrors(t *testing.T) {
	path := database(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, v)`, `INSERT INTO t VALUES (1, 'a')`,
		`CREATE TABLE bytes (id, photo)`, `INSERT INTO bytes VALUES (1, 'fine'), (2, x'ff00')`,
		`CREATE TABLE broken (id, name)`, `INSERT INTO broken VALUES (1, CAST(x'41ff' AS TEXT))`,
		`CREATE TABLE inf (id)`, `INSERT INTO inf VALUES (9e999)`)
	tests := map[string]struct {
		config Config
		key    []string
		want   string
	}{
		"missing table":     {config: Config{Table: "people"}, want: `read table "people": there is no such table`},
		"missing in query":  {config: Config{Query: "SELECT * FROM people"}, want: "prepare query: database \"source.db\": no such table: people"},
		"missing column":    {config: Config{Query: "SELECT nope FROM t"}, want: "prepare query: database \"source.db\": no such column: nope"},
		"quoted column":     {config: Config{Query: `SELECT "nope" FROM t`}, want: "prepare query: database \"source.db\": no such column: \"nope\" - should this be a string literal in single-quotes?"},
		"duplicate columns": {config: Config{Query: "SELECT a.id, b.id FROM t a, t b"}, want: `read query: two columns are named "id"; give one another name with AS`},
		"bytes":             {config: Config{Table: "bytes"}, want: `read table "bytes": row 2: column "photo" holds bytes (BLOB), which no record can carry; leave it out, or convert it in the query`},
		"no text":           {config: Config{Table: "broken"}, want: `read table "broken": row 1: column "name" holds text that is not UTF-8`},
		"infinite":          {config: Config{Table: "inf"}, want: `read table "inf": row 1: column "id" holds NaN or an infinite number, which no record can carry; convert it in the query`},
		"key":               {config: Config{Table: "t"}, key: []string{"ID"}, want: `read table "t": it has no column "ID", which key names`},
		"cursor":            {config: Config{Table: "t", Incremental: &connector.Incremental{Cursor: []string{"at"}}}, want: `read table "t": it has no column "at", which cursor names`},
		"writing":           {config: Config{Query: "DELETE FROM t RETURNING id"}, want: `prepare query: database "source.db": near "DELETE": syntax error`},
		"two statements":    {config: Config{Query: "SELECT 1 AS a; DELETE FROM t"}, want: "prepare query: more than one statement"},
		"no columns":        {config: Config{Query: "DELETE FROM t"}, want: "prepare query: the query gives no columns"},
		"schema":            {config: Config{Table: "other.t"}, want: `table has a schema before its dot that SQLite does not have; put a name with a dot in double quotes: "\"a.b\""`},
		"no window":         {config: Config{Query: "SELECT 1 AS a WHERE 1 > :from"}, want: "query uses :from, and there is no window block"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got collector
			err := openSource(t, path, test.config, connector.Env{Key: test.key}).Read(t.Context(), &got)
			if err == nil || got.ended {
				t.Fatalf("the read ended: %v", err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got)\n%s", diff)
			}
		})
	}
	var rows collector
	if err := openSource(t, path, Config{Query: "SELECT count(*) AS n FROM t"}, connector.Env{}).Read(t.Context(), &rows); err != nil || rows.log.String() != "full\n{\"n\":1}\n" {
		t.Errorf("the table was changed: %v %s", err, rows.log.String())
	}
}

func TestMissingFileIsNotMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	err := openSource(t, path, Config{Table: "t"}, connector.Env{}).Read(t.Context(), &collector{})
	if err == nil || !errors.Is(err, connector.ErrUnreachable) || !strings.Contains(err.Error(), `open database "source.db": there is no such file`) {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database at all\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	err = openSource(t, text, Config{Table: "t"}, connector.Env{}).Read(t.Context(), &collector{})
	if err == nil || !errors.Is(err, connector.ErrUnreachable) || !strings.Contains(err.Error(), "file is not a database") {
		t.Errorf("error: %v", err)
	}
	err = openSource(t, t.TempDir(), Config{Table: "t"}, connector.Env{}).Read(t.Context(), &collector{})
	if err == nil || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Errorf("error: %v", err)
	}
}

func TestLockedDatabase(t *testing.T) {
	path := database(t, `CREATE TABLE t (id)`, `PRAGMA journal_mode = DELETE`)
	holder, err := sql.NewSQLite(path, "holder", time.Second).Open(t.Context(), sql.Write)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if err := holder.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	err = openSource(t, path, Config{Table: "t"}, connector.Env{}).Read(t.Context(), &collector{})
	if err == nil || err.Error() != `lock database "source.db": another program holds it (waited 200ms)` {
		t.Errorf("error: %v", err)
	}
	holder.Rollback()
	if err := openSource(t, path, Config{Table: "t"}, connector.Env{}).Read(t.Context(), &collector{}); err != nil {
		t.Errorf("error after the lock is gone: %v", err)
	}
}

func TestStops(t *testing.T) {
	path := database(t, `CREATE TABLE t (id)`, `INSERT INTO t VALUES (1)`)
	stop := errors.New("stopped")
	got := collector{stop: stop}
	if err := openSource(t, path, Config{Table: "t"}, connector.Env{}).Read(t.Context(), &got); !errors.Is(err, stop) || got.ended {
		t.Errorf("error: %v, ended %v", err, got.ended)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got = collector{}
	if err := openSource(t, path, Config{Table: "t"}, connector.Env{}).Read(ctx, &got); !errors.Is(err, context.Canceled) || got.ended {
		t.Errorf("error: %v, ended %v", err, got.ended)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	endless := "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT max(n) AS n FROM c"
	if err := openSource(t, path, Config{Query: endless}, connector.Env{}).Read(ctx, &got); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error: %v", err)
	}
}

func TestReadsUTF16(t *testing.T) {
	path := database(t, `PRAGMA encoding = 'UTF-16le'`, `CREATE TABLE t (id, s)`, `INSERT INTO t VALUES (1, 'é€😀')`)
	var got collector
	if err := openSource(t, path, Config{Table: "t"}, connector.Env{}).Read(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("full\n{\"id\":1,\"s\":\"é€😀\"}\n", got.log.String()); diff != "" {
		t.Errorf("records (-want +got)\n%s", diff)
	}
}
