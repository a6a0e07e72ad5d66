package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

const tenant = "microsoft365-to-directory/directory.db"

// A meeting is one of the category DigiReceptie in the calendar of an employee.
type meeting struct {
	host, subject, place string
	start, end           time.Time
	guests               []string // addresses from outside the organisation
}

// tenantIsRight: the employees of the tenant, field by field (an earlier row keeps
// the case of its address), the account of the
// tablet, and each meeting that is to come with its visitors.
func tenantIsRight(ctx context.Context, d *Demo) (string, error) {
	want := [][]string{{"", "Tablet balie", "balie@example.org", "", ""}}
	for _, u := range d.colleagues() {
		want = append(want, []string{dataset.Text(u["id"]), dataset.Text(u["displayName"]), lower(u["mail"]), dataset.Text(u["department"]), dataset.Text(u["jobTitle"])})
	}
	got, err := d.rows(ctx, tenant, "select id, name, lower(email), department, function from employees")
	if err == nil {
		err = equal("the directory", want, got)
	}
	if err != nil {
		return "", err
	}
	appointments, err := d.rows(ctx, tenant, "select host, subject, location, starts, ends from appointments")
	if err != nil {
		return "", err
	}
	visitors, err := d.rows(ctx, tenant, "select host, expected, email from visitors")
	if err != nil {
		return "", err
	}
	var all, due, guests, guestsDue [][]string
	for _, m := range d.meetings() {
		start := m.start.UTC().Format(time.RFC3339)
		row := []string{m.host, m.subject, m.place, start, m.end.UTC().Format(time.RFC3339)}
		mine := make([][]string, len(m.guests))
		for i, address := range m.guests {
			mine[i] = []string{m.host, start, address}
		}
		now := d.Now()
		if m.start.After(now) && m.start.Before(now.AddDate(0, 0, 29)) {
			due, guestsDue = append(due, row), append(guestsDue, mine...)
		}
		if m.end.After(now.AddDate(0, 0, -2)) && m.start.Before(now.AddDate(0, 0, 31)) {
			all, guests = append(all, row), append(guests, mine...)
		}
	}
	for _, side := range []struct{ most, least, got [][]string }{{all, due, appointments}, {guests, guestsDue, visitors}} {
		if missing := minus(side.least, side.got); len(missing) > 0 {
			return "", fmt.Errorf("the reception should expect %v", missing[0])
		}
		if excess := minus(side.got, side.most); len(excess) > 0 {
			return "", fmt.Errorf("the reception should not expect %v", excess[0])
		}
	}
	return fmt.Sprintf("The directory has the %d employees of Microsoft 365 and the tablet, their %d meetings and %d visitors.", len(want)-1, len(appointments), len(visitors)), nil
}

// colleagues are the employees whose accounts can be used.
func (d *Demo) colleagues() (rows []dataset.Row) {
	for _, u := range d.Box.Graph.Data.Rows("users") {
		if u["deletedDateTime"] == nil && u["userType"] == "Member" && u["accountEnabled"] == true {
			rows = append(rows, u)
		}
	}
	return rows
}

// meetings are those of all colleagues, each date of a series apart.
func (d *Demo) meetings() (list []meeting) {
	hosts := byKey(d.colleagues(), "id")
	events := d.Box.Graph.Data.Rows("events")
	for _, e := range events {
		marked := false
		categories, _ := e["categories"].([]any)
		for _, c := range categories {
			marked = marked || strings.EqualFold(strings.TrimSpace(dataset.Text(c)), "DigiReceptie")
		}
		if hosts[dataset.Text(e["mailbox"])] == nil || !marked || e["isCancelled"] == true {
			continue
		}
		m := meeting{host: dataset.Text(e["mailbox"]), start: e["start"].(time.Time), end: e["end"].(time.Time)}
		if e["sensitivity"] != "private" {
			m.subject, m.place, m.guests = dataset.Text(e["subject"]), dataset.Text(e["location"]), guests(e["attendees"])
		}
		if e["type"] == "seriesMaster" {
			list = append(list, weeks(m, e, events)...)
			continue
		}
		list = append(list, m)
	}
	return list
}

// weeks are the dates of a weekly series that were neither deleted nor moved.
func weeks(first meeting, series dataset.Row, events []dataset.Row) (list []meeting) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		return nil
	}
	without := map[string]bool{}
	deleted, _ := series["deletedOccurrences"].([]any)
	for _, day := range deleted {
		without[dataset.Text(day)] = true
	}
	for _, e := range events {
		if moved, ok := e["originalStart"].(time.Time); ok && e["seriesMasterId"] == series["id"] {
			without[moved.In(zone).Format(time.DateOnly)] = true
		}
	}
	for week := range 30 {
		m := first
		m.start, m.end = first.start.In(zone).AddDate(0, 0, 7*week), first.end.In(zone).AddDate(0, 0, 7*week)
		if !without[m.start.Format(time.DateOnly)] {
			list = append(list, m)
		}
	}
	return list
}

// guests are the addresses of attendees who are not of the organisation, each
// once.
func guests(attendees any) (list []string) {
	seen := map[string]bool{}
	all, _ := attendees.([]any)
	for _, a := range all {
		one, _ := a.(map[string]any)
		person, _ := one["emailAddress"].(map[string]any)
		address := lower(person["address"])
		if one["type"] != "resource" && !strings.HasSuffix(address, "@example.org") && !seen[address] {
			seen[address] = true
			list = append(list, address)
		}
	}
	return list
}

// mailed proves that the mail server has these messages and no others, in this
// order, all about one visit: of one UID, with rising sequences.
func mailed(want ...string) func(context.Context, *Demo) (string, error) {
	const subject = "Rondleiding <pers>"
	return func(_ context.Context, d *Demo) (string, error) {
		rows := d.Box.SMTP.Data.Rows("messages")
		if len(rows) != len(want) {
			return "", fmt.Errorf("the mail server should have %d messages, and not %d", len(want), len(rows))
		}
		if len(want) == 0 {
			return "Nobody has got a mail.", nil
		}
		last := -1
		for i, row := range rows {
			sequence, err := strconv.Atoi(dataset.Text(row["sequence"]))
			got := fmt.Sprintf("%v %v", row["method"], row["subject"])
			to, _ := row["to"].([]any)
			switch {
			case err != nil || sequence <= last:
				return "", fmt.Errorf("message %d has sequence %v after %d", i+1, row["sequence"], last)
			case got != want[i]+subject:
				return "", fmt.Errorf("message %d should be %s, and not %s", i+1, want[i]+subject, got)
			case row["uid"] == nil || row["uid"] != rows[0]["uid"]:
				return "", fmt.Errorf("message %d has UID %v, and the first %v", i+1, row["uid"], rows[0]["uid"])
			case len(to) != 1 || to[0] != "e.ozgur@partner.example":
				return "", errors.New("a mail went to somebody else")
			}
			last = sequence
		}
		return fmt.Sprintf("The mail server has %d messages, of one UID and with rising sequences, and none of them twice.", len(rows)), d.nothingTwice()
	}
}
