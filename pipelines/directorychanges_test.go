package pipelines_test

import (
	"testing"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
	"koppel/internal/sql/postgrestest"
)

// Persons and meetings of the sandbox.
const (
	noor   = "fb477483-235a-46b6-8c2c-12baf85cc1d0" // stood in the directory before, with a badge
	bram   = "5671e6cd-51e6-4d50-9529-9f7b02644f7a"
	guus   = "8c3efe65-5b91-44c3-89b0-038e004af9e1"
	asa    = "33ca195f-5f89-4198-b0d2-1ba66d1dfbbb"
	pien   = "187b883a-d920-4850-af26-c0a68414b6a7"
	sian   = "7ec07448-9a2a-45bb-a2f1-1c2f93da4f96"
	closed = "cd1f064c-944d-47ef-b862-cc18d4c2239f" // a mailbox that is out of bounds

	visit    = "AAkALgASV42lLwlxG_jSjziK7iP6I=" // Noor's, in two days
	secret   = "AAkALgAVjyN-ycglIX7oOcRPiS3cs=" // Noor's, private
	shared   = "AAkALgAbzgGxM-d8dnlR1tojKVRwI=" // Guus's
	ofAsa    = "AAkALgASYW7ciX7ioeE5afy5ZIIzs="
	ofPien   = "AAkALgAS86WwoU862-mvLM85vO8Xg="
	ofSian   = "AAkALgAS1sleK-HCCu49tJZoM2DIg="
	tomorrow = "AAkALgATIHGXi1EdFTtDbIA9YSJJo=" // Noor's
	openDay  = "AAkALgASs8TbROVQotzchHrPVrx3U=" // Noor's, a whole day
	weekly   = "AAkALgATG8K-qR2CqSy_q0fjNwTgo="
)

// loaded is a directory after the first run, with two visitors who have
// arrived.
func loaded(t *testing.T, server *postgrestest.Server) *directory {
	d := newDirectory(t, server, 0)
	d.truth.strangers = []string{"|Tablet balie|balie@example.org||||||"}
	d.truth.badges = map[string]string{noor: "B-17"}
	d.truth.closed = map[string]bool{closed: true}
	d.settled("first load")
	d.wantNothing()
	d.change("UPDATE visitors SET arrived = '2026-02-02T09:01:00Z', badge = 'V-7' WHERE appointment = '" + visit + "' AND email = 'p.smeets@noordlicht.example'")
	d.change("UPDATE visitors SET arrived = '2026-02-02T09:02:00Z', badge = 'V-8' WHERE appointment = '" + tomorrow + "' AND email = 'p.smeets@noordlicht.example'")
	d.truth.arrived = map[string]string{
		noor + "|" + visit + "|p.smeets@noordlicht.example":    "2026-02-02T09:01:00Z|V-7",
		noor + "|" + tomorrow + "|p.smeets@noordlicht.example": "2026-02-02T09:02:00Z|V-8",
	}
	return d
}

// set changes a row of the tenant.
func (d *directory) set(table, key string, row dataset.Row) {
	d.t.Helper()
	if err := d.box.Graph.Data.Update(table, key, row); err != nil {
		d.t.Fatal(err)
	}
}

func guest(name, address string) any {
	return map[string]any{"type": "required", "emailAddress": map[string]any{"name": name, "address": address}}
}

// tenantChanges goes through what happens in a tenant: after each step the
// directory holds what is true.
func tenantChanges(t *testing.T, server *postgrestest.Server) {
	d := loaded(t, server)
	at := func(day, hour int) time.Time { return time.Date(2026, 2, day, hour, 0, 0, 0, time.UTC) }
	for _, step := range []struct {
		name  string
		after time.Duration
		do    func()
	}{
		{"nothing", time.Hour, func() {}},
		{"renamed, moved to a department, without an address", time.Hour, func() {
			d.set("users", bram, dataset.Row{"displayName": "Bram Nieuwenaam", "department": "KAZ-99"})
			d.set("users", asa, dataset.Row{"mail": nil, "jobTitle": nil})
		}},
		{"into the recycle bin, blocked", time.Hour, func() {
			d.set("users", pien, dataset.Row{"deletedDateTime": d.now})
			d.set("users", sian, dataset.Row{"accountEnabled": false})
		}},
		{"out of the recycle bin, let in", time.Hour, func() {
			d.set("users", pien, dataset.Row{"deletedDateTime": nil})
			d.set("users", sian, dataset.Row{"accountEnabled": true})
		}},
		{"category lost, cancelled", time.Hour, func() {
			d.set("events", ofAsa, dataset.Row{"categories": []any{"Digi Receptie"}})
			d.set("events", shared, dataset.Row{"isCancelled": true})
		}},
		{"category in another case, no more cancelled", time.Hour, func() {
			d.set("events", ofAsa, dataset.Row{"categories": []any{"Blauw", "  DIGIRECEPTIE "}})
			d.set("events", shared, dataset.Row{"isCancelled": false})
		}},
		{"moved, another subject", time.Hour, func() {
			d.set("events", visit, dataset.Row{"start": at(5, 13), "end": at(5, 14), "subject": "Verplaatst  bezoek"})
		}},
		{"one attendee more, one less, one of us", time.Hour, func() {
			d.set("events", ofSian, dataset.Row{"attendees": []any{
				guest("Tariq Benali", "T.Benali@noordlicht.example"), guest("Roos Erbij", "roos@partner.example"), guest("Noor", "N.vanBedacht@Example.ORG"),
				map[string]any{"type": "resource", "emailAddress": map[string]any{"name": "Zaal", "address": "zaal@rooms.example"}},
			}})
		}},
		{"a whole day", time.Hour, func() {
			d.set("events", openDay, dataset.Row{"categories": []any{"digireceptie"}, "attendees": []any{guest("Roos Erbij", "roos@partner.example")}})
		}},
		{"private, and not private any more", time.Hour, func() {
			d.set("events", ofPien, dataset.Row{"sensitivity": "confidential"})
			d.set("events", secret, dataset.Row{"sensitivity": "normal"})
		}},
		{"a date of a series deleted, the series moved", time.Hour, func() {
			d.set("events", weekly, dataset.Row{"deletedOccurrences": []any{"2026-02-17", "2026-03-03"}, "subject": "Weekstart"})
		}},
		{"a mailbox that can't be read, with a meeting less", time.Hour, func() {
			d.truth.closed[guus] = true
			d.set("mailboxes", guus, dataset.Row{"state": "locked"})
			d.set("events", shared, dataset.Row{"isCancelled": true})
		}},
		{"it can be read again", time.Hour, func() {
			delete(d.truth.closed, guus)
			d.set("mailboxes", guus, dataset.Row{"state": nil})
		}},
		{"throttled once", time.Hour, func() {
			d.fail(traffic.Fault{Kind: "429", Path: "calendarView", RetryAfter: "1", Times: 2})
			d.set("events", ofAsa, dataset.Row{"subject": "Na het wachten"})
		}},
		{"what was tomorrow is over", 3 * 24 * time.Hour, func() {}},
		{"and is deleted afterwards", time.Hour, func() {
			if err := d.box.Graph.Data.Delete("events", tomorrow); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		d.now = d.now.Add(step.after)
		step.do()
		d.settled(step.name)
	}
	if n := len(d.rows("SELECT 1 FROM visitors WHERE badge IN ('V-7', 'V-8')")); n != 2 {
		t.Errorf("%d of two visitors still have a badge", n)
	}
	// Who has most of the meetings leaves for good.
	if err := d.box.Graph.Data.Delete("users", noor); err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(time.Hour)
	if statuses, res := d.run(); statuses != "succeeded held partial" {
		t.Errorf("%s\n%s", statuses, runText(res))
	}
	d.approve("appointments", 8)
	d.settled("a host leaves")
	d.wantNothing()
}

func (d *directory) fail(f traffic.Fault) {
	d.t.Helper()
	if err := d.box.Graph.Traffic.Fail(f); err != nil {
		d.t.Fatal(err)
	}
}
