package sql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
	"koppel/internal/sql/mysqltest"
	"koppel/internal/sql/postgrestest"
	"koppel/internal/sql/proxytest"
)

// A cutServer is a server behind a proxy that cuts connections.
type cutServer struct {
	db    *sql.DB
	proxy *proxytest.Proxy
	make  string // the table staff
	exec  func(t testing.TB, statements ...string)
	rows  func(t testing.TB, query string) []string // columns parted by |
}

func postgresCut(t testing.TB, p *postgrestest.Server, name string) cutServer {
	t.Helper()
	url := p.Create(t, name)
	proxy := proxytest.Start(t, p.Address())
	db, err := sql.NewPostgres(proxy.Through(url), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	p.Exec(t, url, "CREATE EXTENSION citext")
	return cutServer{db, proxy, `CREATE TABLE staff (id citext PRIMARY KEY, mail text UNIQUE, score int CHECK (score <> 13), safe boolean DEFAULT false, n serial)`,
		func(t testing.TB, statements ...string) { t.Helper(); p.Exec(t, url, statements...) },
		func(t testing.TB, query string) []string { t.Helper(); return p.Query(t, url, query) }}
}

func mysqlCut(t testing.TB, server *mysqltest.Server, name string) cutServer {
	t.Helper()
	url := server.Create(t, name)
	proxy := proxytest.Start(t, server.Address())
	db, err := sql.NewMySQL(proxy.Through(url), "", time.Minute, 0)
	if err != nil {
		t.Fatal(err)
	}
	return cutServer{db, proxy, `CREATE TABLE staff (id VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, mail VARCHAR(50) UNIQUE, score INT, safe BOOLEAN DEFAULT false, n INT AUTO_INCREMENT, KEY (n), CONSTRAINT staff_score_check CHECK (score <> 13))`,
		func(t testing.TB, statements ...string) {
			t.Helper()
			server.Exec(t, name, strings.Join(statements, ";\n"))
		},
		func(t testing.TB, query string) []string {
			t.Helper()
			out := strings.TrimSuffix(server.Query(t, name, query), "\n")
			return strings.Split(strings.ReplaceAll(out, "\t", "|"), "\n")
		}}
}

func TestPostgresCuts(t *testing.T) {
	t.Parallel()
	p := postgrestest.Start(t)
	testCuts(t, func(t *testing.T, name string) cutServer { return postgresCut(t, p, name) })
}

func TestMySQLCuts(t *testing.T) {
	t.Parallel()
	server := mysqltest.Start(t)
	testCuts(t, func(t *testing.T, name string) cutServer { return mysqlCut(t, server, name) })
}

// testCuts cuts the connection at every statement in turn, of all that a sink
// does: before it reaches the server and before its answer comes. It waits most
// of the time, as a sink does before it tries again.
func testCuts(t *testing.T, open func(t *testing.T, name string) cutServer) {
	for name, cut := range map[string]func(t *testing.T, c cutServer){
		"bulk":   func(t *testing.T, c cutServer) { c.writes(t, Config{}, c.many()) },
		"single": func(t *testing.T, c cutServer) { c.writes(t, Config{Answer: []string{"score"}}, c.few()) },
		"look":   func(t *testing.T, c cutServer) { c.looks(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cut(t, open(t, name))
		})
	}
}

// each runs try once for each place, with the connection cut there, until there
// is no such place.
func (c cutServer) each(t *testing.T, least int, try func(t *testing.T)) {
	t.Helper()
	for _, late := range []bool{false, true} {
		for place := 0; ; place++ {
			c.proxy.CutAt(place, late)
			t.Run(fmt.Sprintf("%d %t", place, late), try)
			if c.proxy.Cuts() == 0 {
				if place < least {
					t.Fatalf("only %d places were cut", place)
				}
				break
			}
		}
	}
	c.proxy.Heal()
}

// fill makes the table with rows k17 to k36, as direct connections see it.
func (c cutServer) fill(t testing.TB) {
	t.Helper()
	statements := []string{"DROP TABLE IF EXISTS staff", c.make}
	for i := 17; i < 37; i++ {
		statements = append(statements, fmt.Sprintf("INSERT INTO staff (id, mail, score, safe) VALUES ('k%d', 'm%d', 0, %t)", i, i, i == 36))
	}
	c.exec(t, append(statements, "")...)
}

// many are changes that go to the server in bulk.
func (c cutServer) many() []record.Change {
	var batch []record.Change
	for i := range 37 {
		id, mail := fmt.Sprintf("k%02d", i), fmt.Sprintf("m%d", i)
		switch {
		case i < 17:
			batch = append(batch, contact(record.Create, id, mail, i))
		case i < 34:
			batch = append(batch, contact(record.Update, id, mail, i, "score"))
		default:
			batch = append(batch, contact(record.Delete, id, "", 0))
		}
	}
	return batch
}

// few are a create, an update, adoptions and deletes that ask about the row.
func (c cutServer) few() []record.Change {
	protect := func(row []byte) bool {
		return strings.Contains(string(row), `"safe":true`) || strings.Contains(string(row), `"safe":1`)
	}
	free, safe := contact(record.Delete, "k35", "", 0), contact(record.Delete, "k36", "", 0)
	free.Protect, safe.Protect = protect, protect
	// Rows that exchange their unique values, one that is refused, and one whose
	// key is spelt otherwise.
	return []record.Change{
		contact(record.Create, "k01", "m01", 1), contact(record.Create, "k13", "m13", 13),
		contact(record.Update, "k17", "m18", 17, "mail", "score"), contact(record.Update, "k18", "m17", 18, "mail", "score"),
		contact(record.Update, "K19", "m19", 19, "id", "score"), free, safe,
	}
}

func (c cutServer) writes(t *testing.T, config Config, batch []record.Change) {
	result := func(t testing.TB) string {
		return strings.Join(c.rows(t, "SELECT id, mail, score FROM staff ORDER BY mail"), "\n")
	}
	c.proxy.Heal()
	c.fill(t)
	s := openContacts(t, c.db, config)
	out, err := s.Write(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	want, wantRows := shown(out), result(t)
	if strings.Count(want, "applied") < len(batch)-2 {
		t.Fatalf("uncut: %s", want)
	}
	c.each(t, 8, func(t *testing.T) {
		c.fill(t)
		s := openContacts(t, c.db, config)
		out, err := s.Write(t.Context(), batch)
		if err != nil && connecting(err) && len(out) == 0 {
			out, err = s.Write(t.Context(), batch)
		}
		if diff := cmp.Diff(want, shown(out)); err != nil || diff != "" {
			t.Fatalf("%v, outcomes (-want +got)\n%s", err, diff)
		}
		if diff := cmp.Diff(wantRows, result(t)); diff != "" {
			t.Fatalf("rows (-want +got)\n%s", diff)
		}
	})
}

func shown(out []connector.Outcome) string {
	var b strings.Builder
	for _, o := range out {
		if o.Status == connector.Applied {
			fmt.Fprintf(&b, "applied %s\n", o.Answer)
		} else {
			fmt.Fprintf(&b, "%d %t %s\n", o.Status, o.Later, o.Message)
		}
	}
	return b.String()
}

// looks cuts all that reads the target. An error is right where the list was
// under way, or the very first connection failed; a part of the answer never is.
func (c cutServer) looks(t *testing.T) {
	c.proxy.Heal()
	c.fill(t)
	config := Config{Match: []string{"mail"}, Answer: []string{"n"}}
	changes := []record.Change{contact(record.Create, "k17", "m18", 1), contact(record.Create, "x", "none", 1), contact(record.Create, "K20", "m36", 1)}
	found := func(list []connector.Found) string {
		var b strings.Builder
		for _, f := range list {
			fmt.Fprintf(&b, "%d %q %s %s\n", f.N, f.Key, f.Row, f.Answer)
		}
		return b.String()
	}
	looks := map[string]func(s *sink) (string, error){
		"list": func(s *sink) (string, error) {
			var rows []string
			err := s.List(t.Context(), func(r connector.Row) error { rows = append(rows, string(r.Key)+string(r.Body)); return nil })
			slices.Sort(rows)
			return strings.Join(rows, "\n"), err
		},
		"match": func(s *sink) (string, error) { f, err := s.Match(t.Context(), changes); return found(f), err },
		"find":  func(s *sink) (string, error) { f, err := s.Find(t.Context(), changes); return found(f), err },
		"fold":  func(s *sink) (string, error) { folds, err := s.Folding(); return fmt.Sprint(folds), err },
		"discover": func(s *sink) (string, error) {
			list, err := s.db.Discover(context.Background())
			one, alsoErr := s.db.Describe(context.Background(), "staff")
			return fmt.Sprint(list, one), errors.Join(err, alsoErr)
		},
	}
	for name, look := range looks {
		t.Run(name, func(t *testing.T) {
			c.proxy.Heal()
			want, err := look(openContacts(t, c.db, config).(*sink))
			if err != nil || want == "" || name == "fold" && want != "true" {
				t.Fatalf("uncut: %s, %v", want, err)
			}
			c.each(t, 3, func(t *testing.T) {
				got, err := look(openContacts(t, c.db, config).(*sink))
				switch {
				case err != nil && (connecting(err) || name == "list" && errors.Is(err, sql.ErrTransient)):
				case err != nil || got != want:
					t.Errorf("%v (-want +got)\n%s", err, cmp.Diff(want, got))
				}
			})
		})
	}
}

// connecting tells whether the error is that of making a connection.
func connecting(err error) bool {
	var e *sql.Error
	return errors.As(err, &e) && strings.HasPrefix(e.Doing, "connect to")
}
