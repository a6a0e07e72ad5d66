package sql

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	config.Connection = connector.Connection{Kind: "postgres", Get: func(context.Context) (any, error) { return db, nil }}
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

// TestPostgresQuotes finds placeholders outside of strings and comments, whatever
// the database's own setting is.
func TestPostgresQuotes(t *testing.T) {
	p := postgrestest.Start(t)
	url := p.Create(t, "quotes")
	p.Exec(t, url, "ALTER DATABASE quotes SET standard_conforming_strings = off")
	o := postgresOrigin(t, p, url)
	c := o.Config.(*Config)
	c.Table = ""
	c.Query = `SELECT E'it\'s :a' AS x, 'c:\' AS y, $q$ :b $q$ AS z, ARRAY[1, :c] AS l, :c::text AS n /* /* :d */ :e */ -- :f`
	c.Params = map[string]any{"c": 7}
	s, err := Kind().Open(t.Context(), c, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	out := &gathered{}
	err = s.Read(t.Context(), out)
	if diff := cmp.Diff(`{"x":"it's :a","y":"c:\\","z":" :b ","l":[1,7],"n":"7"}`+"\n", out.records.String()); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}
