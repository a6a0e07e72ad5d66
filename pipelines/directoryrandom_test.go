package pipelines_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

var worlds = flag.Int("worlds", 1, "how many tenants live at random")

// A chance is a tenant that lives at random.
type chance struct {
	*directory
	r *rand.Rand
	n int // items that were made
}

// row picks a row of the tenant.
func (c *chance) row(table string) dataset.Row {
	rows := c.box.Graph.Data.Rows(table)
	return rows[c.r.IntN(len(rows))]
}

// live changes one thing in the tenant, or at the desk.
func (c *chance) live() {
	user, event := c.row("users"), c.row("events")
	who, what := dataset.Text(user["id"]), dataset.Text(event["id"])
	switch c.r.IntN(16) {
	case 0:
		c.set("users", who, dataset.Row{"displayName": fmt.Sprintf("Nieuwe Naam %d", c.r.IntN(100))})
	case 1:
		c.set("users", who, dataset.Row{"accountEnabled": user["accountEnabled"] != true})
	case 2:
		var at any
		if user["deletedDateTime"] == nil {
			at = c.now
		}
		c.set("users", who, dataset.Row{"deletedDateTime": at})
	case 3:
		c.set("users", who, dataset.Row{"mail": nil, "department": fmt.Sprintf("KAZ-%02d", c.r.IntN(12))})
	case 4:
		if err := c.box.Graph.Data.Delete("users", who); err != nil {
			c.t.Fatal(err)
		}
	case 5:
		c.employ()
	case 6:
		c.desk()
	case 7:
		c.truth.closed[who] = !c.truth.closed[who]
		c.doors()
	default:
		c.meet(event, what)
	}
}

// doors makes those mailboxes unreadable that are closed.
func (c *chance) doors() {
	for _, box := range c.box.Graph.Data.Rows("mailboxes") {
		id := dataset.Text(box["id"])
		var state any
		if c.truth.closed[id] {
			state = "access_policy"
		}
		c.set("mailboxes", id, dataset.Row{"state": state})
	}
}

// employ makes a user with a mailbox and a meeting.
func (c *chance) employ() {
	c.n++
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", c.n)
	for table, row := range map[string]dataset.Row{
		"users":     {"id": id, "displayName": "Pas Begonnen", "mail": fmt.Sprintf("P%d@example.org", c.n), "userPrincipalName": id, "userType": "Member", "accountEnabled": true},
		"mailboxes": {"id": id},
		"events": {"id": "AAkALgN" + id + "=", "mailbox": id, "type": "singleInstance", "subject": "Eerste", "categories": []any{"DigiReceptie"},
			"start": c.now.Add(48 * time.Hour), "end": c.now.Add(49 * time.Hour), "attendees": []any{guest("Bezoek", "bezoek@partner.example")}},
	} {
		if _, err := c.box.Graph.Data.Insert(table, row); err != nil {
			c.t.Fatal(err)
		}
	}
}

// desk lets a visitor in.
func (c *chance) desk() {
	for key, m := range c.truth.meetings {
		for email := range m.visitors {
			badge := fmt.Sprintf("V-%d", c.r.IntN(1000))
			c.change("UPDATE visitors SET arrived = '2026-02-02T09:01:00Z', badge = '" + badge + "' WHERE host = '" + m.host + "' AND appointment = '" + m.id + "' AND email = '" + email + "'")
			c.truth.arrived[key+"|"+email] = "2026-02-02T09:01:00Z|" + badge
			return
		}
	}
}

// meet changes a meeting.
func (c *chance) meet(event dataset.Row, id string) {
	if event["isAllDay"] == true {
		return
	}
	series := event["type"] == "seriesMaster"
	switch n := c.r.IntN(6); {
	case n == 0:
		lists := [][]any{nil, {"DIGIRECEPTIE"}, {"Blauw", " digireceptie"}, {"Digi"}, {"DigiReceptie"}}
		if event["recurrence"] != nil && event["subject"] == "Dagstart" {
			return // a series of each day
		}
		c.set("events", id, dataset.Row{"categories": lists[c.r.IntN(len(lists))]})
	case n == 1 && !series:
		c.set("events", id, dataset.Row{"isCancelled": event["isCancelled"] != true})
	case n == 2 && !series:
		start := c.now.Add(time.Duration(c.r.IntN(35*24)-3*24) * time.Hour)
		c.set("events", id, dataset.Row{"start": start, "end": start.Add(time.Hour)})
	case n == 3:
		var list []any
		for range c.r.IntN(4) {
			list = append(list, guest("Bezoek", fmt.Sprintf("Gast%d@%s.example", c.r.IntN(5), []string{"partner", "EXAMPLE"}[c.r.IntN(2)])))
		}
		c.set("events", id, dataset.Row{"attendees": list})
	case n == 4:
		c.set("events", id, dataset.Row{"sensitivity": []any{"private", "normal", "confidential", "personal"}[c.r.IntN(4)]})
	case n == 5 && event["type"] == "singleInstance":
		if err := c.box.Graph.Data.Delete("events", id); err != nil {
			c.t.Fatal(err)
		}
	}
}

// harm makes calls go wrong, or ends all links to changes.
func (c *chance) harm() {
	kinds := []string{"500", "503", "login_page", "cut_body", "empty_body", "repeat_page", "refuse", "400", "short_body"}
	if c.r.IntN(4) == 0 {
		if err := c.box.Graph.Set("generation", fmt.Sprint(c.r.Uint32())); err != nil {
			c.t.Fatal(err)
		}
	}
	for range c.r.IntN(3) {
		c.fail(traffic.Fault{Kind: kinds[c.r.IntN(len(kinds))], At: 1 + c.r.IntN(45), Times: 1 + c.r.IntN(2), Method: "GET", RetryAfter: "0"})
	}
}

// TestTenantAtRandom lets a tenant live: after a run in which calls went wrong,
// and a good one, the directory holds what is true.
func TestTenantAtRandom(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	for seed := range uint64(*worlds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			d := newDirectory(t, nil, 0)
			d.rewrite(`guard { deletes = "10%" }`, `guard { deletes = "100%" }`)
			d.rewrite(`guard { deletes = "25%" }`, `guard { deletes = "100%" }`)
			d.truth.strangers = []string{"|Tablet balie|balie@example.org||||||"}
			d.truth.badges, d.truth.arrived = map[string]string{noor: "B-17"}, map[string]string{}
			d.truth.closed = map[string]bool{closed: true}
			d.settled("first load")
			c := &chance{directory: d, r: rand.New(rand.NewPCG(seed, 7))}
			for round := range rounds {
				d.now = d.now.Add(time.Duration(1+c.r.IntN(30)) * time.Hour)
				for range 1 + c.r.IntN(6) {
					c.live()
				}
				c.harm()
				d.run()
				d.box.Graph.Traffic.Heal()
				d.run()
				d.truth.follow()
				d.same(fmt.Sprintf("round %d", round))
			}
			d.wantNothing()
		})
	}
}
