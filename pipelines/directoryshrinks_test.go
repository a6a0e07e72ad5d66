package pipelines_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sql/postgrestest"
)

// wantRun runs the coupling and compares statuses.
func (d *directory) wantRun(want string) {
	d.t.Helper()
	d.now = d.now.Add(time.Hour)
	if statuses, res := d.run(); statuses != want {
		d.t.Fatalf("%s, not %s\n%s", statuses, want, runText(res))
	}
}

// wantHeld counts the reads and the changes that are held.
func (d *directory) wantHeld(reads, changes int) {
	d.t.Helper()
	e := d.engine()
	r, err := e.HeldReads(context.Background(), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := e.Held(context.Background(), nil, false)
	if err != nil {
		d.t.Fatal(err)
	}
	if len(r) != reads || len(c) != changes {
		d.t.Fatalf("%d reads and %d changes are held, not %d and %d", len(r), len(c), reads, changes)
	}
}

// fewerDepartments leaves out most of the employees: nobody goes before
// someone looked at it, and then their meetings need a look of their own.
func fewerDepartments(t *testing.T, server *postgrestest.Server) {
	d := loaded(t, server)
	d.more["departments"] = `["KAZ-03", "KAZ-04", "KAZ-11"]`
	d.wantRun("held partial partial")
	d.same("held")
	before := d.truth.lines()
	d.truth.departments = []string{"KAZ-03", "KAZ-04", "KAZ-11"}
	d.truth.follow()
	after := d.truth.lines()
	fewer := func(table string) int { return len(before[table]) - len(after[table]) }

	d.approve("employees", fewer("employees"))
	d.wantRun("succeeded held held")
	d.approve("appointments", fewer("appointments"))
	d.approve("visitors", fewer("visitors"))
	d.wantRun("succeeded succeeded succeeded")
	d.same("approved")
	d.wantNothing()

	// All categories are gone: an empty set of meetings is not believed.
	categories := map[string]any{}
	for _, row := range d.box.Graph.Data.Rows("events") {
		categories[dataset.Text(row["id"])] = row["categories"]
		d.set("events", dataset.Text(row["id"]), dataset.Row{"categories": nil})
	}
	d.wantRun("succeeded held held")
	d.wantHeld(1, 0)
	d.same("no categories")
	for id, list := range categories {
		d.set("events", id, dataset.Row{"categories": list})
	}
	d.wantRun("succeeded succeeded succeeded")
	d.wantHeld(0, 0)
	d.same("categories are back")
}

// TestEmptiedGroup reads the calendars of a group, whose members are taken out:
// Graph tells that there are none, and nothing goes before both the read and the
// deletes are approved.
func TestEmptiedGroup(t *testing.T) {
	d := newDirectory(t, nil, 0)
	group := ""
	for _, row := range d.box.Graph.Data.Rows("groups") {
		if row["displayName"] == "DigiReceptie gastheren" {
			group = dataset.Text(row["id"])
		}
	}
	d.rewrite("mailboxes  = pipeline.employees", "mailboxes  = \""+group+"\"")
	d.wantRun("succeeded succeeded succeeded")
	full := d.holds()
	if len(full["appointments"]) < 10 {
		t.Fatalf("only %d appointments", len(full["appointments"]))
	}
	for _, row := range d.box.Graph.Data.Rows("members") {
		if err := d.box.Graph.Data.Delete("members", dataset.Text(row["group"])+","+dataset.Text(row["member"])); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		d.wantRun("held succeeded held")
		d.wantHeld(1, 0)
	}
	if _, err := d.engine().ApproveRead(context.Background(), "source.graph_events.meetings", engine.Decision{Reason: "the group was dissolved", Who: "test"}); err != nil {
		t.Fatal(err)
	}
	d.wantRun("held succeeded held")
	d.wantHeld(0, len(full["appointments"])+len(full["visitors"]))
	if diff := cmp.Diff(full, d.holds()); diff != "" {
		t.Errorf("the directory (-want +got)\n%s", diff)
	}
}

// TestHostLeavesAfterTheMeeting: who leaves in the days in which a meeting took
// place takes along those to come, and not that one, nor whom it was with.
func TestHostLeavesAfterTheMeeting(t *testing.T) {
	d := loaded(t, nil)
	before := len(d.holds()["visitors"])
	d.now = d.now.Add(3 * 24 * time.Hour)
	user := d.box.Graph.Data.Rows("users")
	if err := d.box.Graph.Data.Delete("users", noor); err != nil {
		t.Fatal(err)
	}
	d.run()
	d.truth.follow()
	over := 0
	for _, m := range d.truth.meetings {
		if m.host == noor {
			over++
		}
	}
	if over == 0 || before == 0 {
		t.Fatal("no meeting of hers is over")
	}
	d.approve("appointments", len(d.holds()["appointments"])-len(d.truth.meetings))
	d.settled("she has left")
	if n := len(d.rows("SELECT 1 FROM visitors WHERE badge = 'V-8'")); n != 1 {
		t.Errorf("%d of one visitor still has a badge", n)
	}
	for _, row := range user {
		if row["id"] == noor {
			if _, err := d.box.Graph.Data.Insert("users", row); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.now = d.now.Add(time.Hour)
	delete(d.truth.badges, noor)
	d.settled("she is back")
	d.wantNothing()
}
