package pipelines_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sql/postgrestest"
)

// earlier are 500 rows of a directory that was kept by hand: 300 employees of
// the tenant, 180 people who are not there any more, and 20 exempted ones, five
// of whom are in the tenant too. It gives the rows that must remain.
func (d *directory) earlier() (remain []string) {
	d.t.Helper()
	var people []dataset.Row
	for _, u := range d.box.Graph.Data.Rows("users") {
		if u["accountEnabled"] == true && u["userType"] != "Guest" && u["deletedDateTime"] == nil {
			people = append(people, u)
		}
	}
	var values []string
	put := func(n int, email string, exempt bool) {
		values = append(values, fmt.Sprintf("('Rij %d', '%s', %t, 'B-%03d')", n, email, exempt, n))
	}
	badge := map[string]string{}
	for n := range 500 {
		switch {
		case n < 305:
			put(n, strings.ToUpper(dataset.Text(people[n]["mail"])), n >= 300)
			badge[dataset.Text(people[n]["id"])] = fmt.Sprintf("B-%03d", n)
		case n < 320:
			put(n, fmt.Sprintf("app%d@example.org", n), true)
			remain = append(remain, fmt.Sprintf("|Rij %d|app%d@example.org|B-%03d", n, n, n))
		default:
			put(n, fmt.Sprintf("weg%d@example.org", n), false)
		}
	}
	d.change("DELETE FROM employees; INSERT INTO employees (name, email, protected, badge) VALUES " + strings.Join(values, ",\n") + ";")
	for _, u := range people {
		id := dataset.Text(u["id"])
		remain = append(remain, strings.Join([]string{id, dataset.Text(u["displayName"]), strings.ToLower(dataset.Text(u["mail"])), badge[id]}, "|"))
	}
	slices.Sort(remain)
	return remain
}

// names gives who stands in the directory.
func (d *directory) names() []string {
	return d.rows("SELECT coalesce(id, ''), name, coalesce(lower(email), ''), coalesce(badge, '') FROM employees")
}

// earlierRows switches the coupling on for a directory of 500 rows, 20 of
// them exempted: who is not in the tenant is held by the guard, and once that is
// approved exactly the right rows remain.
func earlierRows(t *testing.T, server *postgrestest.Server) {
	d := newDirectory(t, server, 400)
	want := d.earlier()
	statuses, res := d.run("employees")
	c := res.Pipelines[0].Counts
	created := int64(len(want) - 15 - 305)
	told := engine.RunCounts{Created: created, Updated: 305, Held: 180, Protected: 15, Skipped: c.Skipped}
	if diff := cmp.Diff(told, c); statuses != "held" || diff != "" {
		t.Fatalf("the first run is %s (-want +got)\n%s", statuses, diff)
	}
	if n := len(d.rows("SELECT 1 FROM employees WHERE name LIKE 'Rij%' AND id IS NULL")); n != 195 {
		t.Errorf("%d rows of no user are there while they are held, not 195", n)
	}
	d.approve("employees", 180)
	if statuses, res = d.run("employees"); statuses != "succeeded" || res.Pipelines[0].Counts.Deleted != 180 {
		t.Errorf("the approved run is %s: %+v", statuses, res.Pipelines[0].Counts)
	}
	if diff := cmp.Diff(want, d.names()); diff != "" {
		t.Errorf("the directory (-want +got)\n%s", diff)
	}
	d.now = d.now.Add(1)
	if statuses, res = d.run("employees"); statuses != "succeeded" || res.Pipelines[0].Counts.Unchanged != created+305 {
		t.Errorf("the run after it is %s: %+v", statuses, res.Pipelines[0].Counts)
	}
}
