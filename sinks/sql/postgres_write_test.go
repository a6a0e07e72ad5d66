package sql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
	"koppel/internal/sql/postgrestest"
)

// contacts is the shape of the records of these tests.
func contacts() record.Shape {
	return record.Shape{
		Fields: []record.Field{{Name: "id", Type: "string", Send: true}, {Name: "mail", Type: "string", Send: true, Fold: true}, {Name: "score", Type: "integer", Send: true}},
		Key:    []record.KeyField{{Name: "id", Source: "id"}},
	}
}

func openContacts(t testing.TB, db *sql.DB, c Config) connector.Sink {
	t.Helper()
	c.Table, c.Create = "staff", true
	c.Connection = connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}
	s, err := Kind().Open(t.Context(), &c, connector.Env{Shape: contacts()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.(*sink).Close() })
	return s
}

func contact(op record.Op, id, mail string, score int, fields ...string) record.Change {
	key, _ := record.MakeKey(id)
	c := record.Change{Op: op, Key: key, Fields: fields}
	if op != record.Delete {
		c.After = fmt.Appendf(nil, `{"id":%q,"mail":%q,"score":%d}`, id, mail, score)
	}
	return c
}

func statuses(out []connector.Outcome) string {
	var b strings.Builder
	for i, o := range out {
		if o.Status != connector.Applied {
			fmt.Fprintf(&b, "%d %d %s; ", i, o.Status, o.Message)
		}
	}
	return b.String()
}

// TestPostgresBulk writes batches in bulk: what is refused is named, the rest
// stands, columns that are not mapped stay.
func TestPostgresBulk(t *testing.T) {
	p := postgrestest.Start(t)
	n := 0
	db, url := database(t, p, &n, `CREATE TABLE staff (id text PRIMARY KEY, mail text UNIQUE, score int CHECK (score <> 13), own text DEFAULT 'own')`)
	s := openContacts(t, db, Config{})
	const rows = 1000
	var creates []record.Change
	for i := range rows {
		creates = append(creates, contact(record.Create, fmt.Sprintf("k%04d", i), fmt.Sprintf("m%d@x.example", i), i))
	}
	out, err := s.Write(t.Context(), creates)
	if want := `13 1 new row for relation "staff" violates check constraint "staff_score_check"; `; err != nil || statuses(out) != want {
		t.Fatalf("creates: %v: %s", err, statuses(out))
	}
	// Creates again, over rows that are there and changed since.
	p.Exec(t, url, "UPDATE staff SET score = -1, own = 'seen'")
	if out, err = s.Write(t.Context(), creates); err != nil || len(statuses(out)) == 0 {
		t.Fatalf("creates again: %v: %s", err, statuses(out))
	}
	if got := p.Query(t, url, "SELECT count(*), sum(score) FROM staff WHERE own = 'seen'"); got[0] != "999|499487" {
		t.Errorf("creates again: %s", got)
	}
	p.Exec(t, url, "UPDATE staff SET own = 'kept'", "DELETE FROM staff WHERE id = 'k0020'")
	var mixed []record.Change
	for i := range rows {
		id, mail := fmt.Sprintf("k%04d", i), fmt.Sprintf("m%d@x.example", i)
		switch {
		case i < 10: // rows that exchange their addresses, in a ring
			mixed = append(mixed, contact(record.Update, id, fmt.Sprintf("m%d@x.example", (i+1)%10), i, "mail"))
		case i < 500:
			mixed = append(mixed, contact(record.Update, id, "unwritten "+id, i+1000, "score"))
		case i == 500: // held by another row
			mixed = append(mixed, contact(record.Update, id, "m700@x.example", i, "mail"))
		case i < 600:
			mixed = append(mixed, contact(record.Delete, id, "", 0))
		default:
			mixed = append(mixed, contact(record.Update, id, mail, i+2000, "mail", "score"))
		}
	}
	for range 2 {
		out, err = s.Write(t.Context(), mixed)
		if want := `500 1 duplicate key value violates unique constraint "staff_mail_key"; `; err != nil || statuses(out) != want {
			t.Fatalf("mixed: %v: %s", err, statuses(out))
		}
	}
	got := p.Query(t, url, `SELECT count(*), count(*) FILTER (WHERE own = 'kept'), sum(score), (SELECT string_agg(mail, ' ' ORDER BY id) FROM staff WHERE id < 'k0003'),
		(SELECT mail || own || score FROM staff WHERE id = 'k0020'), (SELECT mail FROM staff WHERE id = 'k0021') FROM staff`)
	// k0013 is made by its update; k0020 too, and both get all that is mapped.
	sum := 0
	for i := range rows {
		switch {
		case i < 10 || i == 500:
			sum += i
		case i < 500:
			sum += i + 1000
		case i >= 600:
			sum += i + 2000
		}
	}
	want := []string{"901|899|" + strconv.Itoa(sum) + "|m1@x.example m2@x.example m3@x.example|unwritten k0020own1020|m21@x.example"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

// TestPostgresSentWhole updates all fields, the key too: what may stand at the
// target after a crash is sent whole, and a key may be spelt otherwise.
func TestPostgresSentWhole(t *testing.T) {
	p := postgrestest.Start(t)
	n := 0
	db, url := database(t, p, &n, `CREATE EXTENSION citext`, `CREATE TABLE staff (id citext PRIMARY KEY, mail text, score int)`,
		`INSERT INTO staff SELECT 'K' || i, 'old', 0 FROM generate_series(10, 59) i`)
	s := openContacts(t, db, Config{})
	var batch []record.Change
	for i := 10; i < 60; i++ {
		batch = append(batch, contact(record.Update, fmt.Sprint("k", i), "new", i, "id", "mail", "score"))
	}
	if out, err := s.Write(t.Context(), batch); err != nil || statuses(out) != "" {
		t.Fatalf("%v: %s", err, statuses(out))
	}
	got := p.Query(t, url, "SELECT count(*), sum(score), min(id::text COLLATE \"C\"), max(mail) FROM staff")
	if diff := cmp.Diff([]string{"50|1725|k10|new"}, got); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

// TestPostgresRepeats: a transaction that the database gives up is made again,
// and a refused row does not stop it.
func TestPostgresRepeats(t *testing.T) {
	p := postgrestest.Start(t)
	n := 0
	db, url := database(t, p, &n, `CREATE TABLE staff (id text PRIMARY KEY, mail text, score int)`, `CREATE SEQUENCE tries`,
		`CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('tries') < 4 THEN RAISE EXCEPTION 'given up' USING ERRCODE = '40001'; END IF; RETURN new; END $$`,
		`CREATE TRIGGER give_up BEFORE INSERT ON staff FOR EACH ROW EXECUTE FUNCTION give_up()`)
	s := openContacts(t, db, Config{})
	var batch []record.Change
	for i := range 40 {
		batch = append(batch, contact(record.Create, fmt.Sprint("k", i), "m", i))
	}
	out, err := s.Write(t.Context(), batch)
	if err != nil || statuses(out) != "" {
		t.Fatalf("%v: %s", err, statuses(out))
	}
	p.Exec(t, url, `CREATE OR REPLACE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'given up' USING ERRCODE = '40P01'; END $$`)
	if _, err = s.Write(t.Context(), batch); !errors.Is(err, sql.ErrTransient) {
		t.Errorf("given up for ever: %v", err)
	}
	if got := p.Query(t, url, "SELECT count(*) FROM staff"); got[0] != "40" {
		t.Errorf("%s rows", got)
	}
}

// TestPostgresKeys: keys compare as the column's type or collation does.
func TestPostgresKeys(t *testing.T) {
	p := postgrestest.Start(t)
	n := 0
	db, url := database(t, p, &n, `CREATE EXTENSION citext`, `CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`)
	tests := []struct {
		typ, a, b string
		same      bool
	}{
		{"text", "Ab", "ab", false}, {"citext", "Ab", "aB", true}, {"citext", "É", "é", true}, {"citext", "a", "b", false},
		{"char(10)", "ab", "ab  ", true}, {"text COLLATE loose", "Ab", "aB", true}, {"text COLLATE loose", "é", "e", false},
		{"uuid", "6BA7B810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", true},
	}
	for _, test := range tests {
		p.Exec(t, url, `DROP TABLE IF EXISTS staff`, `CREATE TABLE staff (id `+test.typ+` PRIMARY KEY, mail text, score int)`)
		s := openContacts(t, db, Config{}).(*sink)
		a, b := contact(record.Create, test.a, "a", 1), contact(record.Create, test.b, "b", 2)
		folding, err := s.Folding()
		if same := s.Fold(a.Key) == s.Fold(b.Key); same != test.same || folding != (test.typ != "text") || err != nil {
			t.Errorf("%s: %s and %s: same %t, folding %t, %v", test.typ, test.a, test.b, same, folding, err)
		}
		if test.typ == "char(10)" {
			continue // blanks at the end are refused
		}
		batch := []record.Change{a, b}
		for i := range 30 {
			batch = append(batch, contact(record.Create, fmt.Sprintf("00000000-0000-0000-0000-0000000000%02d", i), "x", i))
		}
		if out, err := s.Write(t.Context(), batch); err != nil || statuses(out) != "" {
			t.Errorf("%s: %v: %s", test.typ, err, statuses(out))
		}
		want := "32 rows, b once"
		if test.same {
			want = "31 rows, b once"
		}
		got := p.Query(t, url, "SELECT count(*) || ' rows, b ' || CASE count(*) FILTER (WHERE mail = 'b' AND score = 2) WHEN 1 THEN 'once' END FROM staff")
		if got[0] != want {
			t.Errorf("%s: %s", test.typ, got)
		}
	}
}

// TestPostgresTarget looks at the whole target within its constant rows, and
// asks about protected rows as they stand.
func TestPostgresTarget(t *testing.T) {
	p := postgrestest.Start(t)
	n := 0
	db, url := database(t, p, &n, `CREATE SCHEMA hr`, `CREATE TABLE hr.staff (tenant text, id text, mail text, score int, safe boolean DEFAULT false, seen timestamptz DEFAULT '2026-01-01 10:00+01', tags int[] DEFAULT '{1,2}', UNIQUE (tenant, id))`,
		`INSERT INTO hr.staff (tenant, id, mail, score, safe) VALUES ('acme', NULL, ' Old@x.EXAMPLE', 1, false), ('acme', 'k2', 'two@x.example', 2, true), ('other', 'k3', 'three@x.example', 3, false)`,
		`ALTER DATABASE target1 SET search_path = hr`)
	s := openContacts(t, db, Config{Rows: map[string]any{"tenant": "acme"}, Match: []string{"mail"}}).(*sink)
	var rows []connector.Row
	list := func() (bodies []string) {
		rows = rows[:0]
		if err := s.List(t.Context(), func(r connector.Row) error {
			rows = append(rows, connector.Row{Key: r.Key, Ref: slices.Clone(r.Ref)})
			bodies = append(bodies, string(r.Key)+" "+string(r.Body))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(bodies)
		return bodies
	}
	two, _ := record.MakeKey("k2")
	want := []string{
		` {"id":null,"mail":" Old@x.EXAMPLE","safe":false,"score":1,"seen":"2026-01-01T09:00:00Z","tags":[1,2],"tenant":"acme"}`,
		string(two) + ` {"id":"k2","mail":"two@x.example","safe":true,"score":2,"seen":"2026-01-01T09:00:00Z","tags":[1,2],"tenant":"acme"}`,
	}
	if diff := cmp.Diff(want, list()); diff != "" {
		t.Errorf("list (-want +got)\n%s", diff)
	}
	adopt := contact(record.Create, "k1", "old@x.example", 5)
	found, err := s.Match(t.Context(), []record.Change{contact(record.Create, "k9", "none", 1), adopt, contact(record.Create, "k3", "three@x.example", 1)})
	if err != nil || found[0].N != 0 || found[1].N != 1 || found[2].N != 0 {
		t.Fatalf("match: %v: %+v", err, found)
	}
	adopt.Op, adopt.Ref, adopt.Fields = record.Update, found[1].Ref, []string{"score"}
	safe := contact(record.Delete, "k2", "", 0)
	safe.Protect = func(row []byte) bool { return strings.Contains(string(row), `"safe":true`) }
	for range 2 {
		out, err := s.Write(t.Context(), []record.Change{adopt, safe})
		if err != nil || out[0].Status != connector.Applied || out[1].Status != connector.Protected {
			t.Fatalf("write: %v: %+v", err, out)
		}
	}
	got := p.Query(t, url, "SELECT tenant, id, mail, score FROM hr.staff ORDER BY id")
	if diff := cmp.Diff([]string{"acme|k1|old@x.example|5", "acme|k2|two@x.example|2", "other|k3|three@x.example|3"}, got); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

// TestPostgresLongNames refuses names that the server would cut off: another
// table or column may have the name that is left.
func TestPostgresLongNames(t *testing.T) {
	p := postgrestest.Start(t)
	n := 0
	db, url := database(t, p, &n)
	long := strings.Repeat("é", 32)
	open := func(table, column string) (*sink, error) {
		c := Config{Table: table, Create: true, Connection: connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}}
		s, err := Kind().Open(t.Context(), &c, connector.Env{Shape: record.Shape{
			Fields: []record.Field{{Name: "id", Send: true}, {Name: column, Send: true}}, Key: []record.KeyField{{Name: "id", Source: "id"}}}})
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { s.(*sink).Close() })
		return s.(*sink), nil
	}
	for _, table := range []string{long, "public." + long, long + ".staff"} {
		if _, err := open(table, "name"); err == nil || !strings.Contains(err.Error(), "63 bytes") {
			t.Errorf("table %s: %v", table, err)
		}
	}
	s, err := open("staff", long)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Write(t.Context(), []record.Change{create("1", `{"id":"1","`+long+`":"x"}`)})
	if err == nil || !strings.Contains(err.Error(), "63 bytes") {
		t.Errorf("column: %v", err)
	}
	if s, err = open(long[:62], long[:62]); err != nil {
		t.Fatal(err)
	}
	out, err := s.Write(t.Context(), []record.Change{create("1", `{"id":"1","`+long[:62]+`":"x"}`)})
	if err != nil || statuses(out) != "" {
		t.Errorf("names of 62 bytes: %v: %s", err, statuses(out))
	}
	if got := p.Query(t, url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); got[0] != "1" {
		t.Errorf("%s tables", got)
	}
}

// TestPostgresWithoutTemporary writes as a role that may do no more than it must.
func TestPostgresWithoutTemporary(t *testing.T) {
	p := postgrestest.Start(t)
	n := 0
	_, url := database(t, p, &n, `CREATE TABLE staff (id text PRIMARY KEY, mail text, score int)`, `CREATE ROLE clerk LOGIN PASSWORD 'pw'`,
		`REVOKE TEMPORARY ON DATABASE target1 FROM public`, `GRANT SELECT, INSERT, UPDATE, DELETE ON staff TO clerk`)
	db, err := sql.NewPostgres(strings.Replace(url, "postgres:"+p.Password, "clerk:pw", 1), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	s := openContacts(t, db, Config{})
	for _, op := range []record.Op{record.Create, record.Update, record.Create, record.Delete} {
		var batch []record.Change
		for i := range 40 {
			batch = append(batch, contact(op, fmt.Sprint("k", i), string(rune('a'+op)), i, "mail"))
		}
		if out, err := s.Write(t.Context(), batch); err != nil || statuses(out) != "" {
			t.Fatalf("%v: %v: %s", op, err, statuses(out))
		}
		want := "40"
		if op == record.Delete {
			want = "0"
		}
		if got := p.Query(t, url, "SELECT count(*) FROM staff"); got[0] != want {
			t.Errorf("%v: %s rows", op, got)
		}
	}
}
