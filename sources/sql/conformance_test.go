package sql

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/sql"
)

// fill makes a table of the suite's flat records.
func fill(t testing.TB, records []string) string {
	t.Helper()
	statements := []string{
		"CREATE TABLE people (id TEXT PRIMARY KEY, big INTEGER, small INTEGER, fraction REAL, none, empty TEXT, flag BOOLEAN, text TEXT, name TEXT)",
		"CREATE TABLE lines (line)", "BEGIN",
	}
	for _, r := range records {
		statements = append(statements, "INSERT INTO lines VALUES ('"+strings.ReplaceAll(r, "'", "''")+"')")
	}
	names := "id big small fraction none empty flag text name"
	values := make([]string, 0, 9)
	for name := range strings.FieldsSeq(names) {
		values = append(values, "json_extract(line, '$."+name+"')")
	}
	return database(t, append(statements,
		"INSERT INTO people SELECT "+strings.Join(values, ", ")+" FROM lines ORDER BY rowid", "DROP TABLE lines", "COMMIT",
		"PRAGMA journal_mode = DELETE", "VACUUM")...)
}

func origin(path string) connectortest.Origin {
	db := sql.NewSQLite(path, filepath.Base(path), 200*time.Millisecond)
	config := Kind().Config().(*Config)
	config.Table = "people"
	config.Connection = connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}
	return connectortest.Origin{Config: config, Canaries: []string{filepath.Dir(path)}}
}

func TestConformance(t *testing.T) {
	connectortest.Source(t, connectortest.SourceSuite{
		Kind: Kind(),
		Page: 2000, // the largest read takes several chunks
		Flat: true,
		Setup: func(t testing.TB, records []string) connectortest.Origin {
			return origin(fill(t, records))
		},
		Faults: []connectortest.Fault{{Name: "cut", Records: 300, Setup: cut}, {Name: "gone", Setup: gone}},
		Wrong: []connectortest.Wrong{
			{Name: "query beside table", Change: func(c any) { c.(*Config).Query = "SELECT 1" }, Want: "table"},
			{Name: "params of a table", Change: func(c any) { c.(*Config).Params = map[string]any{"a": 1} }, Want: "params"},
			{Name: "no connection", Change: func(c any) { c.(*Config).Connection = connector.Connection{} }, Want: "connection"},
		},
	})
}

// cut keeps the first bytes of the file.
func cut(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
	path := fill(t, records)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(place) * 1000
	if size >= info.Size() {
		return connectortest.Origin{}, false
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return origin(path), true
}

// gone lacks the table, then the file, then its folder.
func gone(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
	path := fill(t, records)
	switch place {
	case 0:
		execute(t, path, "DROP TABLE people")
	case 1:
		path = filepath.Join(t.TempDir(), "none.db")
	case 2:
		path = filepath.Join(t.TempDir(), "none", "none.db")
	default:
		return connectortest.Origin{}, false
	}
	return origin(path), true
}

func BenchmarkRead(b *testing.B) {
	const rows = 200000
	path := database(b, "CREATE TABLE t (id TEXT, a TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f TEXT, g TEXT, h INTEGER, i INTEGER, j REAL, k TEXT)",
		fmt.Sprintf("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < %d) INSERT INTO t SELECT printf('%%036d', n), 'person.number.'||n||'@example.org', 'Person van der Number '||n, 'Utrecht', 'one,two,three', '01-02-2015', 'full-time', 'Medewerker binnendienst', n, n*7, n/3.0, NULL FROM c", rows))
	for b.Loop() {
		if err := openSource(b, path, Config{Table: "t"}, connector.Env{}).Read(b.Context(), discard{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}

// discard is a Reader that keeps nothing.
type discard struct{ connector.Reader }

func (discard) Begin(string, connector.Mode) (connector.Cursor, error) { return nil, nil }
func (discard) Records(string, int64, []byte) error                    { return nil }
func (discard) End(string, connector.Cursor, connector.Interval) error { return nil }
