package pipelines_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sql/postgrestest"
)

// beside is another coupling on the same directory and the same systems.
func (d *directory) beside(name, connection string) *directory {
	c := &coupling{t: d.t, dir: d.t.TempDir(), now: d.now, box: d.box, server: d.server, url: d.url}
	c.copyFrom(os.DirFS(name))
	if d.server != nil {
		c.rewrite(connection, `connection "postgres" "reception" { url = secret("env:DATABASE_URL") }`)
		c.rewrite("connection.sqlite.reception", "connection.postgres.reception")
	} else {
		c.rewrite(connection, `connection "sqlite" "reception" { path = "`+filepath.ToSlash(filepath.Join(d.dir, "directory.db"))+`" }`)
	}
	return &directory{coupling: c}
}

// present lists who was there according to AFAS.
func (d *directory) present() []string {
	list := []string{}
	for _, row := range d.box.AFAS.Data.Rows("presences") {
		if row["Pres"] == true {
			list = append(list, dataset.Text(row["CrId"])+","+dataset.Text(row["SeId"])+","+dataset.Text(row["MeId"])+","+dataset.Text(row["CdId"]))
		}
	}
	return list
}

// attendance has one directory filled from Microsoft 365 and from the
// courses of AFAS: who is let in at the desk was there according to AFAS, and
// none of the couplings touches what belongs to another.
func attendance(t *testing.T, server *postgrestest.Server) {
	d := newDirectory(t, server, 0)
	d.change(`DROP TABLE appointments; DROP TABLE visitors;
			CREATE TABLE appointments (host TEXT, id TEXT, subject TEXT, starts TEXT, ends TEXT, location TEXT, course INTEGER, session INTEGER,
				UNIQUE (host, id), UNIQUE (course, session));
			CREATE TABLE visitors (host TEXT, appointment TEXT, email TEXT, name TEXT, expected TEXT, response TEXT, arrived TEXT, badge TEXT,
				course INTEGER, session INTEGER, participant INTEGER, person TEXT, UNIQUE (host, appointment, email), UNIQUE (course, session, participant));`)
	courses := d.beside("afas-courses-to-reception", `connection "sqlite" "reception" { path = "reception.db" }`)
	attendance := d.beside("afas-attendance", `connection "sqlite" "reception" { path = var.reception }`)
	all := func(employees, sessions, presence string) {
		t.Helper()
		for _, step := range []struct {
			d    *directory
			want string
		}{{d, employees}, {courses, sessions}, {attendance, presence}} {
			if statuses, res := step.d.run(); statuses != step.want {
				t.Fatalf("%s, not %s\n%s", statuses, step.want, runText(res))
			}
		}
	}
	all("succeeded partial partial", "succeeded succeeded", "succeeded")
	if got := d.present(); len(got) > 0 {
		t.Fatalf("before the first visitor AFAS has %v", got)
	}
	before := d.rows("SELECT host, appointment, email, course, session, participant, name FROM visitors")

	d.change(`UPDATE visitors SET arrived = '2026-02-04T08:55:00Z', badge = 'V-1' WHERE appointment = '` + visit + `';
			UPDATE visitors SET arrived = '2026-02-05T09:12:00Z', badge = 'V-2' WHERE course = 340 AND session = 1 AND participant IN (1322, 1323);`)
	all("succeeded partial partial", "succeeded succeeded", "succeeded")
	if diff := cmp.Diff([]string{"340,1,2000101,1322", "340,1,2000102,1323"}, d.present()); diff != "" {
		t.Errorf("who was there according to AFAS (-want +got)\n%s", diff)
	}
	d.change(`UPDATE visitors SET arrived = NULL WHERE participant = 1323;`) // the wrong one
	all("succeeded partial partial", "succeeded succeeded", "succeeded")
	if diff := cmp.Diff([]string{"340,1,2000101,1322"}, d.present()); diff != "" {
		t.Errorf("who was there according to AFAS (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(before, d.rows("SELECT host, appointment, email, course, session, participant, name FROM visitors")); diff != "" {
		t.Errorf("the couplings changed each other's visitors (-want +got)\n%s", diff)
	}
	if n := len(d.rows("SELECT 1 FROM visitors WHERE arrived IS NOT NULL AND badge IS NOT NULL")); n != 3 {
		t.Errorf("%d visitors are still in, not 3", n)
	}
	for _, c := range []*directory{d, courses, attendance} {
		c.wantNothing()
	}
}
