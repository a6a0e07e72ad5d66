package crashtest

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"koppel/internal/sql/mysqltest"
	"koppel/internal/sql/postgrestest"
)

const serverSink = `
connection %q "db" { url = %q }
sink "sql" "people" {
  connection = connection.%s.db
  table      = "people"
}
`

// rowsOf reads lines of id, name and city that a server's own client wrote.
func rowsOf(t *testing.T, lines []string, separator string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for _, line := range lines {
		id, rest, ok := strings.Cut(line, separator)
		if _, twice := rows[id]; twice || !ok {
			t.Fatalf("%q stands there twice, or is no row", line)
		}
		rows[id] = strings.ReplaceAll(rest, separator, "|")
	}
	return rows
}

// killServer kills runs into a table of a server, whose own client then says
// what the table holds. The source goes on in the meantime, or back to what it
// was. What the dead process was about may still be under way at the server.
func killServer(t *testing.T, kind, url string, table func() map[string]string) {
	t.Helper()
	p := newProject(t, fileSource+fmt.Sprintf(serverSink, kind, url, kind)+pipeline("source.file.people", "sink.sql.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000))
	length := firstLength
	ended := 0
	for round := range number(t, "KOPPEL_KILLS", 20) {
		before := maps.Clone(c.people)
		if round > 0 {
			c.mutate(true)
		}
		c.file(t, p.path("people.jsonl"))
		if _, done := p.kill(moment(c.random, length), "run"); done {
			ended++
		}
		if round%2 == 1 {
			c.reverse(before, round, true)
			c.file(t, p.path("people.jsonl"))
		}
		said, took := p.whole("run")
		if !strings.Contains(said, "people succeeded") {
			t.Fatalf("round %d: %s", round, said)
		}
		length = (length + took) / 2
		wantSame(t, round, truth(t, p.path("people.jsonl")), table())
		p.wantClean()
	}
	t.Logf("%d records, runs of %v, %d of them ended before they were killed", len(c.people), length, ended)
}

func TestKillPostgresRun(t *testing.T) {
	server := postgrestest.Start(t)
	url := server.Create(t, "target")
	killServer(t, "postgres", url, func() map[string]string {
		return rowsOf(t, server.Query(t, url, "SELECT id, name, city FROM people"), "|")
	})
}

func TestKillMariaDBRun(t *testing.T) {
	server := mysqltest.Start(t)
	url := server.Create(t, "target")
	killServer(t, "mysql", url, func() map[string]string {
		out := server.Query(t, "target", "SELECT id, name, city FROM people")
		return rowsOf(t, strings.Split(strings.TrimSuffix(out, "\n"), "\n"), "\t")
	})
}
