package graphevents

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
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
	graphusers "koppel/sources/graph-users"
)

const reception = `
connection "sqlite" "reception" { path = "reception.db" }
source "graph_users" "staff" {
  connection = connection.graph.tenant
  select     = ["displayName", "mail", "userType"]
}
source "graph_events" "meetings" {
  connection = connection.graph.tenant
  mailboxes  = MAILBOXES
  category   = " DigiReceptie "
  past       = "1d"
  future     = "10d"
}
sink "sql" "meetings" {
  connection = connection.sqlite.reception
  table      = "meetings"
}
pipeline "meetings" {
  from = source.graph_events.meetings
  into = sink.sql.meetings
  map {
    mailbox = src.mailbox
    id      = src.id
    subject = src.subject
    begins  = src.start.dateTime
    guests  = jq("[.attendees[]?.emailAddress.address] | join(\",\")")
  }
  guard { deletes = "100%" }
}
`

func project(t testing.TB, tenant *graphtest.Tenant, mailboxes, more string) *graphtest.Project {
	return tenant.NewProject(t, strings.Replace(reception, "MAILBOXES", mailboxes, 1)+more, dsl.Options{
		Sources: []connector.Kind[connector.Source]{Kind(), graphusers.Kind()}, Sinks: []connector.Kind[connector.Sink]{sinksql.Kind()},
	})
}

// query reads the directory, apart from all that Koppel does with it.
func query(t testing.TB, p *graphtest.Project, text string) []string {
	t.Helper()
	c, err := sqlite.OpenConn(filepath.Join(p.Dir, "reception.db"), sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines := []string{}
	if found, err := sqlitex.ResultBool(c.Prep("SELECT count(*) > 0 FROM sqlite_master WHERE name = 'meetings'")); err != nil || !found {
		return lines
	}
	err = sqlitex.ExecuteTransient(c, text, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		var cells []string
		for i := range s.ColumnCount() {
			cells = append(cells, s.ColumnText(i))
		}
		lines = append(lines, strings.Join(cells, "|"))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// wantRun runs the project, after a time, and compares what is told and which
// meetings stand in the directory.
func wantRun(t testing.TB, p *graphtest.Project, after time.Duration, told string, meetings ...string) {
	t.Helper()
	p.Now = p.Now.Add(after)
	if got := graphtest.Told(p.Run(engine.Options{})); !strings.Contains(got, told) {
		t.Errorf("the run says %q, not %q", got, told)
	}
	if diff := cmp.Diff(append([]string{}, meetings...), query(t, p, "SELECT mailbox || '/' || id || ' ' || coalesce(subject, '-') FROM meetings ORDER BY mailbox, id")); diff != "" {
		t.Errorf("the directory (-want +got):\n%s", diff)
	}
}

// meeting is one that begins some hours after the clock of projects starts.
func meeting(id string, hours int, category, more string) string {
	start := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).Add(time.Duration(hours) * time.Hour)
	at := func(t time.Time) string {
		return fmt.Sprintf(`{"dateTime":%q,"timeZone":"UTC"}`, t.Format("2006-01-02T15:04:05.0000000"))
	}
	return fmt.Sprintf(`{"@odata.etag":"W/1","id":%q,"type":"singleInstance","sensitivity":"normal","isCancelled":false,"categories":[%q],"start":%s,"end":%s,"subject":"About %s"%s}`,
		id, category, at(start), at(start.Add(time.Hour)), id, more)
}

// TestMeetings goes through the life of a calendar.
func TestMeetings(t *testing.T) {
	tenant := graphtest.New(t)
	tenant.PutEvent("b1", meeting("m1", 2, "digireceptie", ""))
	tenant.PutEvent("b1", meeting("m2", 3, "Blue", ""))
	tenant.PutEvent("b1", meeting("m3", 30, "DIGIRECEPTIE ", `,"attendees":[{"emailAddress":{"address":"guest@voorbeeld.example"}}]`))
	tenant.PutEvent("b2", meeting("m1", 4, "DigiReceptie", ""))
	tenant.PutEvent("b2", meeting("m9", 24*20, "DigiReceptie", "")) // ahead
	p := project(t, tenant, `["b1", "B2", "b1 ", "b2"]`, "")
	tenant.PutEvent("B2", meeting("m1", 4, "DigiReceptie", ""))
	wantRun(t, p, 0, "meetings succeeded, 3 created", "B2/m1 About m1", "b1/m1 About m1", "b1/m3 About m3")
	if got := query(t, p, "SELECT begins, guests FROM meetings WHERE id = 'm3'"); cmp.Diff([]string{"2026-11-23T14:00:00Z|guest@voorbeeld.example"}, got) != "" {
		t.Errorf("%q", got)
	}
	// A category that is lost, one that is set, one that is cancelled.
	tenant.PutEvent("b1", meeting("m1", 2, "", ""))
	tenant.PutEvent("b1", meeting("m2", 3, "Digireceptie", ""))
	tenant.PutEvent("B2", strings.Replace(meeting("m1", 4, "DigiReceptie", ""), `"isCancelled":false`, `"isCancelled":true`, 1))
	wantRun(t, p, time.Hour, "meetings succeeded, 1 created, 2 deleted", "b1/m2 About m2", "b1/m3 About m3")
	// Deleted.
	tenant.DropEvent("b1", "m2")
	wantRun(t, p, time.Hour, "meetings succeeded, 1 deleted", "b1/m3 About m3")
	wantRun(t, p, time.Hour, "meetings succeeded", "b1/m3 About m3")
}

// TestWindowMoves: what comes into the window is there, and what slides out of
// it on the past side stays in the directory: it took place.
func TestWindowMoves(t *testing.T) {
	tenant := graphtest.New(t)
	tenant.PutEvent("b1", meeting("soon", 2, "digireceptie", ""))
	tenant.PutEvent("b1", meeting("later", 24*11, "digireceptie", ""))
	tenant.PutEvent("b1", strings.Replace(meeting("day", 16, "digireceptie", ""), `"isAllDay":false`, `"isAllDay":true`, 1))
	p := project(t, tenant, `["b1"]`, "")
	wantRun(t, p, 0, "meetings succeeded, 2 created", "b1/day About day", "b1/soon About soon")
	wantRun(t, p, 26*time.Hour, "meetings succeeded, 1 created", "b1/day About day", "b1/later About later", "b1/soon About soon")
	// The meeting of the first day is over, and is then taken off the calendar.
	tenant.DropEvent("b1", "soon")
	wantRun(t, p, 5*time.Hour, "meetings succeeded", "b1/day About day", "b1/later About later", "b1/soon About soon")
	tenant.DropEvent("b1", "later")
	wantRun(t, p, time.Hour, "meetings succeeded, 1 deleted", "b1/day About day", "b1/soon About soon")
	wantRun(t, p, 24*30*time.Hour, "meetings succeeded", "b1/day About day", "b1/soon About soon")
}

// TestClosedMailboxes: one that can't be read keeps its meetings and is
// reported; when all refuse, the run fails; one that is not listed is gone.
func TestClosedMailboxes(t *testing.T) {
	tenant := graphtest.New(t)
	for _, box := range []string{"b1", "b2", "b3"} {
		tenant.PutEvent(box, meeting("m", 2, "digireceptie", ""))
	}
	p := project(t, tenant, `["b1", "b2", "b3"]`, "")
	all := []string{"b1/m About m", "b2/m About m", "b3/m About m"}
	wantRun(t, p, 0, "meetings succeeded, 3 created", all...)
	for _, closed := range []struct {
		status int
		code   string
	}{
		{404, "MailboxNotEnabledForRESTAPI"}, {404, "MailboxNotSupportedForRESTAPI"}, {404, "ResourceNotFound"}, {404, "ErrorInvalidUser"},
		{404, "Request_ResourceNotFound"}, {403, "ErrorAccessDenied"}, {423, "resourceLocked"}, {429, "ApplicationThrottled"}, {503, ""}, {500, "generalException"},
	} {
		tenant.CloseBox("b2", closed.status, closed.code)
		p.Now = p.Now.Add(time.Minute)
		res := p.Run(engine.Options{})
		if told := graphtest.Told(res); !strings.Contains(told, "meetings partial; graph_events meetings b2") || !strings.Contains(told, closed.code) || res.Pipelines[0].Unreachable {
			t.Errorf("%v: the run says %q", closed, told)
		}
		wantRun(t, p, time.Minute, "meetings partial", all...)
	}
	tenant.CloseBox("b1", 403, "ErrorAccessDenied")
	tenant.CloseBox("b3", 403, "ErrorAccessDenied")
	wantRun(t, p, time.Minute, "meetings failed: read source.graph_events.meetings: read calendars: every mailbox is refused (3)", all...)
	tenant.PutBox("b1")
	tenant.DropEvent("b1", "m")
	wantRun(t, p, time.Minute, "meetings partial, 1 deleted", all[1:]...)
	tenant.PutBox("b2")
	p.Write(strings.Replace(p.Text(), `"b1", "b2", "b3"`, `"b1", "b2"`, 1))
	wantRun(t, p, time.Minute, "meetings succeeded, 1 deleted", all[1])
}

// TestMailboxesOfUsers: the mailboxes are those of the users that a source reads,
// or of those that a pipeline delivers; who has none is no failure.
func TestMailboxesOfUsers(t *testing.T) {
	for name, test := range map[string]struct{ mailboxes, more string }{
		"source": {"source.graph_users.staff", ""},
		"pipeline": {"pipeline.staff", `
pipeline "staff" {
  from  = source.graph_users.staff
  where = expr("src.userType != 'Guest'")
  map { id = src.id }
}
`},
		"group": {`"desk"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tenant := graphtest.New(t)
			for _, id := range []string{"u1", "u2", "u3"} {
				tenant.PutUser(fmt.Sprintf(`{"id":%q,"userType":"Member"}`, id))
			}
			tenant.PutGroup("desk", "", "u1", "inner")
			tenant.PutGroup("inner", "", "u2", "u3")
			tenant.PutEvent("u1", meeting("m", 2, "digireceptie", ""))
			tenant.PutEvent("u2", meeting("m", 3, "digireceptie", ""))
			tenant.CloseBox("u3", 404, "MailboxNotEnabledForRESTAPI")
			p := project(t, tenant, test.mailboxes, test.more)
			wantRun(t, p, 0, "meetings succeeded, 2 created", "u1/m About m", "u2/m About m")
			// While the list can't be read, nothing is known to be gone.
			tenant.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/users/delta") || strings.Contains(r.URL.Path, "transitiveMembers") {
					graphtest.Refuse(w, 500, "generalException", "")
					return true
				}
				return false
			})
			p.Now = p.Now.Add(time.Minute)
			p.Run(engine.Options{})
			tenant.Intercept(nil)
			wantRun(t, p, time.Minute, "meetings succeeded", "u1/m About m", "u2/m About m")
			// Someone leaves: the meetings go too.
			tenant.DropUser("u2", "deleted")
			wantRun(t, p, time.Hour, "meetings succeeded, 1 deleted", "u1/m About m")
		})
	}
}

// TestHostLeavesWhenTheMeetingIsOver: the meeting took place, and stays when its
// host goes in the run in which it slides out of the window.
func TestHostLeavesWhenTheMeetingIsOver(t *testing.T) {
	for name, mailboxes := range map[string]string{"list": `["u1", "u2"]`, "source": "source.graph_users.staff"} {
		t.Run(name, func(t *testing.T) {
			tenant := graphtest.New(t)
			for _, id := range []string{"u1", "u2"} {
				tenant.PutUser(fmt.Sprintf(`{"id":%q,"userType":"Member"}`, id))
				tenant.PutEvent(id, meeting("over", 2, "digireceptie", ""))
				tenant.PutEvent(id, meeting("soon", 40, "digireceptie", ""))
			}
			p := project(t, tenant, mailboxes, "")
			wantRun(t, p, 0, "meetings succeeded, 4 created", "u1/over About over", "u1/soon About soon", "u2/over About over", "u2/soon About soon")
			left := []string{"u1/over About over", "u1/soon About soon", "u2/over About over"}
			tenant.DropUser("u2", "deleted")
			p.Write(strings.Replace(p.Text(), `"u1", "u2"`, `"u1"`, 1))
			wantRun(t, p, 28*time.Hour, "meetings succeeded, 1 deleted", left...)
			wantRun(t, p, time.Hour, "meetings succeeded", left...)
			// Back from the recycle bin.
			tenant.PutUser(`{"id":"u2","userType":"Member"}`)
			p.Write(strings.Replace(p.Text(), `["u1"]`, `["u1", "u2"]`, 1))
			wantRun(t, p, time.Hour, "meetings succeeded, 1 created", append(left, "u2/soon About soon")...)
		})
	}
}

// TestPrivate: by default nobody sees what a private meeting is about.
func TestPrivate(t *testing.T) {
	tenant := graphtest.New(t)
	for _, s := range []string{"private", "confidential", "personal"} {
		tenant.PutEvent("b1", strings.Replace(meeting(s, 2, "digireceptie", `,"attendees":[{"emailAddress":{"address":"x"}}]`), `"sensitivity":"normal"`, fmt.Sprintf(`"sensitivity":%q`, s), 1))
	}
	p := project(t, tenant, `["b1"]`, "")
	wantRun(t, p, 0, "meetings succeeded, 3 created", "b1/confidential -", "b1/personal About personal", "b1/private -")
	if got := query(t, p, "SELECT count(*) FROM meetings WHERE guests <> ''"); got[0] != "1" {
		t.Errorf("%v meetings show their guests", got)
	}
	p.Write(strings.Replace(p.Text(), "category ", "private = \"skip\"\n  category ", 1))
	wantRun(t, p, 0, "meetings succeeded, 2 deleted", "b1/personal About personal")
	p.Write(strings.Replace(p.Text(), `"skip"`, `"keep"`, 1))
	wantRun(t, p, 0, "meetings succeeded, 2 created", "b1/confidential About confidential", "b1/personal About personal", "b1/private About private")
}

// TestOneRequestPerMailbox: a mailbox is never asked twice at once, however many
// pages it has, and eight of them are at most.
func TestOneRequestPerMailbox(t *testing.T) {
	tenant := graphtest.New(t)
	tenant.Page = 2
	list := []string{}
	for i := range 20 {
		box := fmt.Sprintf("box%02d", i)
		list = append(list, fmt.Sprintf("%q", box))
		for k := range 5 {
			tenant.PutEvent(box, meeting(fmt.Sprint(k), k, "digireceptie", ""))
		}
	}
	var mu sync.Mutex
	now, total, most := map[string]int{}, 0, 0
	tenant.Around = func(r *http.Request, serve func()) {
		mu.Lock()
		now[r.URL.Path]++
		total++
		if now[r.URL.Path] > 1 {
			t.Errorf("%s is asked twice at once", r.URL.Path)
		}
		most = max(most, total)
		mu.Unlock()
		serve()
		mu.Lock()
		now[r.URL.Path]--
		total--
		mu.Unlock()
	}
	p := project(t, tenant, "["+strings.Join(list, ",")+"]", "")
	if told := graphtest.Told(p.Run(engine.Options{})); told != "meetings succeeded, 100 created" {
		t.Error(told)
	}
	if most > 8 {
		t.Errorf("%d requests at once", most)
	}
}

// TestDelta: a calendar in which nothing changed is asked once and not read; one
// that changed is read whole, and so is all when a link is good no more, when
// rounds do not end, and when a day is over.
func TestDelta(t *testing.T) {
	tenant := graphtest.New(t)
	for _, box := range []string{"b1", "b2", "b3"} {
		tenant.PutEvent(box, meeting("m", 30, "digireceptie", ""))
	}
	p := project(t, tenant, `["b1", "b2", "b3"]`, "")
	p.Write(strings.Replace(p.Text(), "category ", "delta = true\n  category ", 1))
	all := []string{"b1/m About m", "b2/m About m", "b3/m About m"}
	run := func(after time.Duration, requests int, told string, rows ...string) {
		t.Helper()
		before := len(tenant.Requests)
		wantRun(t, p, after, told, rows...)
		if n := len(tenant.Requests) - before; n != requests {
			t.Errorf("%d requests, not %d: %q", n, requests, tenant.Requests[before:])
		}
	}
	run(0, 6, "meetings succeeded, 3 created", all...)
	run(time.Hour, 3, "meetings succeeded", all...)
	tenant.DropEvent("b2", "m")
	run(time.Hour, 4, "meetings succeeded, 1 deleted", all[0], all[2])
	run(time.Hour, 3, "meetings succeeded", all[0], all[2])
	tenant.Expired = "410"
	tenant.DropEvent("b3", "m")
	run(time.Hour, 9, "meetings succeeded, 1 deleted", all[0])
	tenant.Expired, tenant.Endless = "", true
	tenant.PutEvent("b1", meeting("m2", 40, "digireceptie", ""))
	p.Now = p.Now.Add(time.Hour)
	if told := graphtest.Told(p.Run(engine.Options{})); told != "meetings succeeded, 1 created" {
		t.Errorf("with rounds that do not end the run says %q", told)
	}
	run(time.Hour, 3, "meetings succeeded", all[0], "b1/m2 About m2")
}
