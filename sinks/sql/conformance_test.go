package sql

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/sql"
)

// asMapped gives the rows as the suite maps them.
const asMapped = `SELECT json_object('active', json(CASE active WHEN 1 THEN 'true' WHEN 0 THEN 'false' END), 'amount', amount, 'id', id, 'name', name) FROM people`

func conformanceTarget(t testing.TB, before ...string) connectortest.Target {
	t.Helper()
	path := filepath.Join(t.TempDir(), "target.db")
	db := sql.NewSQLite(path, "target.db", 200*time.Millisecond)
	config := Kind().Config().(*Config)
	config.Table = "people"
	config.Match = []string{"name"}
	config.Answer = []string{"id"}
	config.Connection = connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}
	g := &target{t: t, path: path}
	if len(before) > 0 {
		g.exec(before...)
	}
	return connectortest.Target{
		Config:   config,
		Canaries: []string{"canary"},
		Rows: func(t testing.TB) []string {
			if !exists(path) {
				return nil
			}
			var rows []string
			for line := range strings.Lines(g.query(asMapped)) {
				rows = append(rows, unquote(t, strings.TrimSpace(line)))
			}
			return rows
		},
		Refuse: func(t testing.TB, id string) {
			g.exec(`CREATE TABLE IF NOT EXISTS people (id TEXT PRIMARY KEY, name, amount INTEGER, active BOOLEAN)`,
				`CREATE TRIGGER refuse BEFORE INSERT ON people WHEN new.id = '`+id+`' BEGIN SELECT RAISE(ABORT, 'not this one'); END`)
		},
	}
}

func TestConformance(t *testing.T) {
	tables := map[string][]string{
		"made":     nil,
		"rowid":    {`CREATE TABLE people (id TEXT, name TEXT, amount INTEGER, active BOOLEAN)`, `CREATE UNIQUE INDEX people_id ON people (id)`},
		"untyped":  {`CREATE TABLE people (id PRIMARY KEY, name, amount, active)`},
		"journal":  {`PRAGMA journal_mode = DELETE`, `CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT, amount INTEGER, active INTEGER) STRICT`},
		"no rowid": {`CREATE TABLE people (amount INTEGER, active BOOLEAN, name TEXT COLLATE NOCASE, id TEXT PRIMARY KEY) WITHOUT ROWID`},
	}
	for name, before := range tables {
		t.Run(name, func(t *testing.T) {
			connectortest.Sink(t, connectortest.SinkSuite{
				Kind:  Kind(),
				Setup: func(t testing.TB) connectortest.Target { return conformanceTarget(t, before...) },
				Wrong: []connectortest.Wrong{
					{Name: "rows", Change: func(c any) { c.(*Config).Rows = "acme" }, Want: "rows"},
					{Name: "null in rows", Change: func(c any) { c.(*Config).Rows = map[string]any{"tenant": nil} }, Want: "rows"},
					{Name: "rows of a mapped field", Change: func(c any) { c.(*Config).Rows = map[string]any{"name": "x"} }, Want: "name"},
					{Name: "match", Change: func(c any) { c.(*Config).Match = []string{"nope"} }, Want: "match"},
					{Name: "hidden match", Change: func(c any) { c.(*Config).Match = []string{"hidden"} }, Want: "match"},
					{Name: "key", Change: func(c any) { c.(*Config).Key = []string{"a", "b"} }, Want: "key"},
					{Name: "schema", Change: func(c any) { c.(*Config).Table = "a.b.c" }, Want: "schema"},
					{Name: "no connection", Change: func(c any) { c.(*Config).Connection = connector.Connection{} }, Want: "connection"},
				},
			})
		})
	}
}
