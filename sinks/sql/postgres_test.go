package sql

import (
	"context"
	"fmt"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/sql"
	"koppel/internal/sql/postgrestest"
)

// database makes an empty database of a server and describes it.
func database(t testing.TB, p *postgrestest.Server, n *int, before ...string) (*sql.DB, string) {
	t.Helper()
	*n++
	url := p.Create(t, fmt.Sprintf("target%d", *n))
	if len(before) > 0 {
		p.Exec(t, url, before...)
	}
	db, err := sql.NewPostgres(url, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return db, url
}

func TestPostgresConformance(t *testing.T) {
	p := postgrestest.Start(t)
	n := 0
	tables := map[string][]string{
		"made":      nil,
		"no key":    {`CREATE TABLE people (id text, name text, amount bigint, active boolean)`, `CREATE UNIQUE INDEX ON people (id)`},
		"citext":    {`CREATE EXTENSION citext`, `CREATE TABLE people (amount numeric, active boolean, name varchar(100), id citext PRIMARY KEY, extra int DEFAULT 7)`},
		"surrogate": {`CREATE TABLE people (pk serial PRIMARY KEY, id text UNIQUE, name text, amount bigint, active boolean)`},
	}
	for name, before := range tables {
		t.Run(name, func(t *testing.T) {
			connectortest.Sink(t, connectortest.SinkSuite{Kind: Kind(), Setup: func(t testing.TB) connectortest.Target {
				db, url := database(t, p, &n, before...)
				config := Kind().Config().(*Config)
				config.Table = "people"
				config.Match = []string{"name"}
				config.Answer = []string{"id"}
				config.Connection = connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}
				return connectortest.Target{
					Config: config, Canaries: []string{p.Password},
					Rows: func(t testing.TB) []string {
						if p.Query(t, url, "SELECT count(*) FROM pg_class WHERE relname = 'people' AND relkind = 'r'")[0] == "0" {
							return nil
						}
						rows := p.Query(t, url, "SELECT json_build_object('active', active, 'amount', amount, 'id', id, 'name', name) FROM people")
						if len(rows) == 1 && rows[0] == "" {
							return nil
						}
						return rows
					},
					Refuse: func(t testing.TB, id string) {
						p.Exec(t, url, `CREATE TABLE IF NOT EXISTS people (id text PRIMARY KEY, name text, amount bigint, active boolean)`,
							`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$`,
							`CREATE TRIGGER refuse BEFORE INSERT ON people FOR EACH ROW WHEN (new.id = '`+id+`') EXECUTE FUNCTION refuse()`)
					},
				}
			}})
		})
	}
}
