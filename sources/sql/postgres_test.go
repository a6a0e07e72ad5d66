package sql

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/sql"
	"koppel/internal/sql/postgrestest"
)

// postgresOrigin describes the table people of a database.
func postgresOrigin(t testing.TB, p *postgrestest.Server, url string) connectortest.Origin {
	t.Helper()
	db, err := sql.NewPostgres(url, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	config := Kind().Config().(*Config)
	config.Table = "people"
	config.Connection = connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}
	return connectortest.Origin{Config: config, Canaries: []string{p.Password}}
}

func TestPostgresConformance(t *testing.T) {
	p := postgrestest.Start(t)
	n := 0
	fill := func(t testing.TB, records []string) string {
		n++
		url := p.Create(t, fmt.Sprintf("source%d", n))
		file := filepath.Join(t.TempDir(), "lines")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(strings.Join(append(records, ""), "\n"), `\`, `\\`)), 0o600); err != nil {
			t.Fatal(err)
		}
		p.Exec(t, url, `CREATE TABLE people (id text PRIMARY KEY, big bigint, small smallint, fraction numeric, none date, empty text, flag boolean, text text, name varchar(50), tags jsonb, address json)`,
			`CREATE TABLE lines (line json)`, `\copy lines from '`+file+`'
`,
			`INSERT INTO people SELECT r.* FROM lines, json_populate_record(NULL::people, line) AS r`)
		return url
	}
	connectortest.Source(t, connectortest.SourceSuite{
		Kind: Kind(), Page: 2000,
		Setup: func(t testing.TB, records []string) connectortest.Origin {
			return postgresOrigin(t, p, fill(t, records))
		},
		Faults: append(cuts(p.Address(), func(t testing.TB, records []string, through func(string) string) connectortest.Origin {
			return postgresOrigin(t, p, through(fill(t, records)))
		}), connectortest.Fault{Name: "gone", Setup: func(t testing.TB, _ []string, place int) (connectortest.Origin, bool) {
			switch place {
			case 0:
				n++
				return postgresOrigin(t, p, p.Create(t, fmt.Sprintf("source%d", n))), true
			case 1:
				return postgresOrigin(t, p, p.Database("none")), true
			case 2:
				return postgresOrigin(t, p, strings.Replace(p.URL, p.Password, "wrong", 1)), true
			}
			return connectortest.Origin{}, false
		}}),
	})
}
