package crashtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"koppel/internal/sandbox"
	"koppel/internal/sandbox/dataset"
)

const tenantProject = `
connection "graph" "tenant" {
  tenant        = env("TENANT")
  client_id     = env("TENANT_CLIENT")
  client_secret = secret("env:TENANT_SECRET")
  url           = env("TENANT_URL")
  login_url     = env("TENANT_URL")
}
connection "sqlite" "out" { path = "out.db" }
source "graph_users" "users" {
  connection = connection.graph.tenant
  select     = ["displayName", "department", "userType", "accountEnabled"]
}
source "graph_events" "meetings" {
  connection = connection.graph.tenant
  mailboxes  = pipeline.people
  private    = "keep"
  past       = "1d"
  future     = "30d"
}
sink "sql" "people" {
  connection = connection.sqlite.out
  table      = "people"
}
sink "sql" "meetings" {
  connection = connection.sqlite.out
  table      = "meetings"
}
pipeline "people" {
  from  = source.graph_users.users
  into  = sink.sql.people
  where = expr("src.userType == 'Member' and src.accountEnabled == true and src.department != nil")
  map {
    id   = src.id
    name = src.displayName
    city = src.department
  }
  guard { deletes = 1000000000 }
}
pipeline "meetings" {
  from = source.graph_events.meetings
  into = sink.sql.meetings
  key  = src.id
  map {
    id   = src.id
    name = src.mailbox
    city = src.location.displayName
  }
  guard { deletes = 1000000000 }
}
`

// A tenancy is a simulated Microsoft 365 that outlives every kill.
type tenancy struct {
	*sandbox.Sandbox
	p      *project
	random *rand.Rand
	ids    []string // of those who were seeded
	next   int
}

func openTenancy(t *testing.T) *tenancy {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, system := range s.Systems() {
			_ = system.Server.Down()
		}
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	o := &tenancy{Sandbox: s, p: newProject(t, tenantProject), random: rand.New(rand.NewPCG(3, 6))}
	c := s.Graph.Credentials
	o.p.env = []string{"TENANT=" + c.Tenant, "TENANT_CLIENT=" + c.ClientID, "TENANT_SECRET=" + c.ClientSecret, "TENANT_URL=" + s.URL("graph")}
	for _, u := range s.Graph.Data.Rows("users") {
		if u["employeeId"] != nil {
			o.ids = append(o.ids, u["id"].(string))
		}
	}
	return o
}

// work lets people come, change and go, with their meetings, and now and then
// ends what the cursors are good for.
func (o *tenancy) work(t *testing.T) {
	t.Helper()
	do := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	data := o.Graph.Data
	for range 6 {
		o.next++
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", o.next)
		_, err := data.Insert("users", dataset.Row{"id": id, "displayName": fmt.Sprint("New ", o.next), "userType": "Member", "department": "D", "accountEnabled": true, "userPrincipalName": id + "@example.org"})
		do(err)
		_, err = data.Insert("mailboxes", dataset.Row{"id": id})
		do(err)
		start := time.Now().UTC().AddDate(0, 0, 3).Truncate(time.Hour)
		_, err = data.Insert("events", dataset.Row{"id": fmt.Sprintf("AAkALgNew%d=", o.next), "mailbox": id, "type": "singleInstance", "start": start, "end": start.Add(time.Hour), "location": "A", "iCalUId": id})
		do(err)
		o.ids = append(o.ids, id)
	}
	for range 8 {
		i := o.random.IntN(len(o.ids))
		id := o.ids[i]
		switch o.random.IntN(4) {
		case 0:
			do(data.Update("users", id, dataset.Row{"deletedDateTime": time.Now().UTC()}))
			o.ids = append(o.ids[:i:i], o.ids[i+1:]...)
		case 1:
			do(data.Update("users", id, dataset.Row{"accountEnabled": o.random.IntN(2) == 0}))
		default:
			do(data.Update("users", id, dataset.Row{"displayName": fmt.Sprint("Name ", o.random.IntN(1000))}))
		}
	}
	events := data.Rows("events")
	for range 10 {
		e := events[o.random.IntN(len(events))]
		if e["type"] == "singleInstance" {
			do(data.Update("events", e["id"].(string), dataset.Row{"location": fmt.Sprint("Room ", o.random.IntN(1000))}))
		}
	}
	if o.random.IntN(4) == 0 {
		do(o.Graph.Set("generation", fmt.Sprint(o.next)))
	}
}

// truth is who and which meetings the directory must hold.
func (o *tenancy) truth() (people, meetings map[string]string) {
	people, meetings = map[string]string{}, map[string]string{}
	for _, u := range o.Graph.Data.Rows("users") {
		if u["deletedDateTime"] == nil && u["userType"] == "Member" && u["accountEnabled"] == true && u["department"] != nil {
			people[u["id"].(string)] = fmt.Sprint(u["displayName"], "|", u["department"])
		}
	}
	for _, e := range o.Graph.Data.Rows("events") {
		if _, ok := people[dataset.Text(e["mailbox"])]; ok && isPlain(e) && e["isCancelled"] != true {
			meetings[e["id"].(string)] = fmt.Sprint(e["mailbox"], "|", dataset.Text(e["location"]))
		}
	}
	return people, meetings
}

// TestKillGraph kills runs out of a tenant wherever they are: after the next
// whole run the directory holds who and what is there, and nobody else.
func TestKillGraph(t *testing.T) {
	o := openTenancy(t)
	length := 3 * firstLength
	kills := 0
	for round := range number(t, "KOPPEL_KILLS", 20) {
		o.work(t)
		if _, ended := o.p.kill(moment(o.random, length), "run"); !ended {
			kills++
		}
		o.work(t)
		said, took := o.p.whole("run")
		length = (length + took) / 2
		if !strings.Contains(said, "people succeeded") || !strings.Contains(said, "meetings succeeded") {
			t.Fatalf("round %d: %s", round, said)
		}
		people, meetings := o.truth()
		wantSame(t, round, people, table(t, o.p.path("out.db"), "people"))
		got := table(t, o.p.path("out.db"), "meetings")
		maps.DeleteFunc(got, func(id, _ string) bool { return !o.isPlain(id) })
		wantSame(t, round, meetings, got)
		o.p.wantClean()
	}
	t.Logf("%d runs killed amid", kills)
}

// isPlain tells whether a meeting is no part of a series and is sure to lie in
// the window.
func isPlain(e dataset.Row) bool {
	return e["type"] == "singleInstance" && e["start"].(time.Time).After(time.Now()) && e["start"].(time.Time).Before(time.Now().AddDate(0, 0, 29))
}

func (o *tenancy) isPlain(id string) bool {
	var row dataset.Row
	o.Graph.Data.View(func(tx *dataset.Tx) { row = tx.Get("events", id) })
	return row != nil && isPlain(row)
}
