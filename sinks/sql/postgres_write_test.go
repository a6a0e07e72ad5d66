package sql

import (
	"context"
	"fmt"
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
		Fields: []record.Field{{Name: "id", Type: "string", Send: true}, {Name: "mail", Type: "string", Send: true}, {Name: "score", Type: "integer", Send: true}},
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
