package sql

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
	"koppel/internal/sql"
	"koppel/internal/sql/postgrestest"
)

// TestPostgresLostConnection cuts the connection at every parcel of a write in
// turn, before it reaches the server and before its answer comes: the batch is
// written wholly and once.
func TestPostgresLostConnection(t *testing.T) {
	p := postgrestest.Start(t)
	proxy := postgrestest.NewProxy(t, p)
	url := p.Create(t, "cut")
	p.Exec(t, url, `CREATE TABLE staff (id text PRIMARY KEY, mail text UNIQUE, score int CHECK (score <> 13), n serial)`)
	db, err := sql.NewPostgres(proxy.Through(url), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var batch []record.Change
	for i := range 37 {
		id, mail := fmt.Sprintf("k%02d", i), fmt.Sprintf("m%d@x.example", i)
		switch {
		case i < 17:
			batch = append(batch, contact(record.Create, id, mail, i))
		case i < 34:
			batch = append(batch, contact(record.Update, id, mail, i, "score"))
		default:
			batch = append(batch, contact(record.Delete, id, "", 0))
		}
	}
	for _, late := range []bool{false, true} {
		for place := 0; ; place++ {
			p.Exec(t, url, `TRUNCATE staff`, `INSERT INTO staff SELECT 'k' || i, 'm' || i || '@x.example', 0 FROM generate_series(17, 36) i`)
			proxy.CutAt(place, late)
			s := openContacts(t, db, Config{})
			out, err := s.Write(t.Context(), batch)
			s.(*sink).Close()
			if place == 0 && !late {
				// The first connection of all says that the server can't be reached.
				if err == nil {
					t.Error("no connection, and no error")
				}
				continue
			}
			if proxy.Cuts() == 0 {
				if place < 20 {
					t.Fatalf("only %d parcels", place)
				}
				break
			}
			if err != nil && connecting(err) {
				continue
			}
			if want := `13 1 new row for relation "staff" violates check constraint "staff_score_check"; `; err != nil || statuses(out) != want {
				t.Fatalf("cut at %d, late %t: %v: %s", place, late, err, statuses(out))
			}
			got := p.Query(t, url, `SELECT count(*), sum(score), min(id), max(id) FROM staff`)
			if diff := cmp.Diff([]string{"33|548|k00|k33"}, got); diff != "" {
				t.Fatalf("cut at %d, late %t (-want +got)\n%s", place, late, diff)
			}
		}
	}
}

// connecting tells whether the error is that of making a connection.
func connecting(err error) bool {
	var e *sql.Error
	return errors.As(err, &e) && strings.HasPrefix(e.Doing, "connect to")
}
