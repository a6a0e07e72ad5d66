package graphusers

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/internal/graph/graphtest"
	sinksql "koppel/sinks/sql"
)

const directory = `
connection "sqlite" "reception" { path = "reception.db" }
source "graph_users" "staff" {
  connection = connection.graph.tenant
  select     = ["displayName", "department", "userType", "accountEnabled", "manager"]
}
sink "sql" "staff" {
  connection = connection.sqlite.reception
  table      = "staff"
}
pipeline "staff" {
  from  = source.graph_users.staff
  into  = sink.sql.staff
  where = expr("src.userType != 'Guest' && src.accountEnabled != false")
  map {
    id         = src.id
    name       = src.displayName
    department = src.department
    manager    = src.manager.id
  }
  guard { deletes = "100%" }
}
`

func project(t testing.TB, tenant *graphtest.Tenant) *graphtest.Project {
	return tenant.NewProject(t, directory, dsl.Options{
		Sources: []connector.Kind[connector.Source]{Kind()}, Sinks: []connector.Kind[connector.Sink]{sinksql.Kind()},
	})
}

// staff reads the directory, apart from all that Koppel does with it.
func staff(t testing.TB, p *graphtest.Project) []string {
	t.Helper()
	c, err := sqlite.OpenConn(filepath.Join(p.Dir, "reception.db"), sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines := []string{}
	if found, err := sqlitex.ResultBool(c.Prep("SELECT count(*) > 0 FROM sqlite_master WHERE name = 'staff'")); err != nil || !found {
		return lines
	}
	err = sqlitex.ExecuteTransient(c, "SELECT id, name, department, manager FROM staff ORDER BY id", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		lines = append(lines, strings.Join([]string{s.ColumnText(0), s.ColumnText(1), s.ColumnText(2), s.ColumnText(3)}, "|"))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// wantRun runs the project and compares what is told, and what stands in the
// directory.
func wantRun(t testing.TB, p *graphtest.Project, told string, rows ...string) {
	t.Helper()
	p.Now = p.Now.Add(time.Hour)
	if got := graphtest.Told(p.Run(engine.Options{})); !strings.HasPrefix(got, told) {
		t.Errorf("the run says %q, not %q", got, told)
	}
	if diff := cmp.Diff(append([]string{}, rows...), staff(t, p)); diff != "" {
		t.Errorf("the directory (-want +got):\n%s", diff)
	}
}

// TestStaff goes through the life of a directory: each kind of row of a delta
// query once.
func TestStaff(t *testing.T) {
	tenant := graphtest.New(t)
	tenant.Page, tenant.Partial = 2, true
	tenant.PutUser(`{"id":"1","displayName":"Fenna Hoekstra","department":"Facilitair","userType":"Member","accountEnabled":true}`)
	tenant.PutUser(`{"id":"2","displayName":"Joris van Dam","userType":"Member"}`)
	tenant.PutUser(`{"id":"3","displayName":"Mila (gast)","userType":"Guest"}`)
	tenant.SetManager("1", "2")
	p := project(t, tenant)
	wantRun(t, p, "staff succeeded, 2 created", "1|Fenna Hoekstra|Facilitair|2", "2|Joris van Dam||")

	// Absent is not null: the name stays, the department is cleared.
	tenant.PutUser(`{"id":"1","department":null}`)
	tenant.PutUser(`{"id":"2","department":"Ontvangst"}`)
	wantRun(t, p, "staff succeeded, 2 updated", "1|Fenna Hoekstra||2", "2|Joris van Dam|Ontvangst|")
	wantRun(t, p, "staff succeeded", "1|Fenna Hoekstra||2", "2|Joris van Dam|Ontvangst|")

	// One property a row, and what changed before comes again.
	tenant.Split, tenant.Replay = true, true
	tenant.PutUser(`{"id":"1","displayName":"Fenna de Vries"}`)
	tenant.PutUser(`{"id":"1","department":"Beveiliging"}`)
	tenant.SetManager("1", "")
	tenant.SetManager("2", "1")
	wantRun(t, p, "staff succeeded, 2 updated", "1|Fenna de Vries|Beveiliging|", "2|Joris van Dam|Ontvangst|1")

	// Both reasons, and one that comes back.
	tenant.DropUser("1", "changed")
	tenant.PutUser(`{"id":"4","displayName":"Sven","userType":"Member"}`)
	wantRun(t, p, "staff succeeded, 1 created, 1 deleted", "2|Joris van Dam|Ontvangst|1", "4|Sven||")
	tenant.PutUser(`{"id":"1","displayName":"Fenna de Vries","userType":"Member"}`)
	tenant.DropUser("4", "deleted")
	wantRun(t, p, "staff succeeded, 1 created, 1 deleted", "1|Fenna de Vries||", "2|Joris van Dam|Ontvangst|1")

	// Leaving the filter is a delete.
	tenant.PutUser(`{"id":"2","accountEnabled":false}`)
	wantRun(t, p, "staff succeeded, 1 deleted", "1|Fenna de Vries||")
}

// TestResync: whatever form the signal has, all is read anew, and who was
// deleted meanwhile, without a tombstone, is deleted by absence.
func TestResync(t *testing.T) {
	for _, form := range graphtest.ExpiryForms() {
		t.Run(form, func(t *testing.T) {
			tenant := graphtest.New(t)
			for i := range 5 {
				tenant.PutUser(fmt.Sprintf(`{"id":"%d","displayName":"Person %d"}`, i, i))
			}
			p := project(t, tenant)
			wantRun(t, p, "staff succeeded, 5 created", "0|Person 0||", "1|Person 1||", "2|Person 2||", "3|Person 3||", "4|Person 4||")
			tenant.DropUser("1", "deleted")
			tenant.PutUser(`{"id":"2","displayName":"Someone"}`)
			tenant.ExpireLinks(form)
			wantRun(t, p, "staff succeeded, 1 updated, 1 deleted", "0|Person 0||", "2|Someone||", "3|Person 3||", "4|Person 4||")
			before := len(tenant.Requests)
			wantRun(t, p, "staff succeeded", "0|Person 0||", "2|Someone||", "3|Person 3||", "4|Person 4||")
			if n := len(tenant.Requests) - before; n != 1 {
				t.Errorf("%d requests without a change", n)
			}
		})
	}
}

// TestRoundIsStoredWhole: a round that breaks off leaves the link where it was,
// and deletes nobody.
func TestRoundIsStoredWhole(t *testing.T) {
	tenant := graphtest.New(t)
	tenant.Page = 1
	for i := range 4 {
		tenant.PutUser(fmt.Sprintf(`{"id":"%d","displayName":"Person %d"}`, i, i))
	}
	p := project(t, tenant)
	wantRun(t, p, "staff succeeded, 4 created", "0|Person 0||", "1|Person 1||", "2|Person 2||", "3|Person 3||")
	for i := range 4 {
		tenant.PutUser(fmt.Sprintf(`{"id":"%d","displayName":"Other %d"}`, i, i))
	}
	tenant.DropUser("3", "deleted")
	n := 0
	tenant.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if n++; n < 3 {
			return false
		}
		graphtest.Refuse(w, http.StatusInternalServerError, "generalException", "")
		return true
	})
	p.Now = p.Now.Add(time.Hour)
	if told := graphtest.Told(p.Run(engine.Options{})); strings.Contains(told, "deleted") || !strings.Contains(told, "generalException") {
		t.Errorf("the run says %q", told)
	}
	tenant.Intercept(nil)
	p.Now = p.Now.Add(time.Hour)
	p.Run(engine.Options{})
	if diff := cmp.Diff([]string{"0|Other 0||", "1|Other 1||", "2|Other 2||"}, staff(t, p)); diff != "" {
		t.Errorf("the directory (-want +got):\n%s", diff)
	}
}

// TestFullEvery: what a delta query lost shows when the next full read is due,
// and a changed selection is read whole at once.
func TestFullEvery(t *testing.T) {
	tenant := graphtest.New(t)
	tenant.PutUser(`{"id":"1","displayName":"Fenna"}`)
	tenant.PutUser(`{"id":"2","displayName":"Joris"}`)
	p := project(t, tenant)
	wantRun(t, p, "staff succeeded, 2 created", "1|Fenna||", "2|Joris||")
	tenant.ForgetChanges(func() { tenant.DropUser("2", "deleted") })
	wantRun(t, p, "staff succeeded", "1|Fenna||", "2|Joris||")
	p.Now = p.Now.Add(7 * 24 * time.Hour)
	wantRun(t, p, "staff succeeded, 1 deleted", "1|Fenna||")
	tenant.ForgetChanges(func() { tenant.PutUser(`{"id":"1","department":"Balie"}`) })
	wantRun(t, p, "staff succeeded", "1|Fenna||")
	p.Write(strings.Replace(p.Text(), `"userType"`, `"userType", "mail"`, 1))
	wantRun(t, p, "staff succeeded, 1 updated", "1|Fenna|Balie|")
	if first := tenant.Requests[len(tenant.Requests)-1]; !strings.Contains(first, "mail") {
		t.Errorf("the last request is %q", first)
	}
}
