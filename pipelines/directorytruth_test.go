package pipelines_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"koppel/internal/sandbox/dataset"
)

// A truth tells what should stand in the directory, from the tables of the
// tenant and what stood there before. It shares nothing with Koppel.
type truth struct {
	t           *testing.T
	c           *coupling
	departments []string
	closed      map[string]bool // mailboxes that can't be read
	strangers   []string        // employees that are no users, and stay
	badges      map[string]string
	arrived     map[string]string // of visitors, with the badge

	employees map[string]string
	meetings  map[string]meeting // by host and id
}

// A meeting is an appointment with its visitors.
type meeting struct {
	host, id, line string
	ends           time.Time
	past           bool // it has slid out of the window: it stays, whatever becomes of the host
	visitors       map[string]string
}

// follow takes the truth to what the tenant holds now.
func (tr *truth) follow() {
	tr.employees = map[string]string{}
	rooms := map[string]bool{}
	for _, row := range tr.c.box.Graph.Data.Rows("mailboxes") {
		rooms[dataset.Text(row["id"])] = true
	}
	hosts, now := map[string]bool{}, map[string]meeting{}
	for _, u := range tr.c.box.Graph.Data.Rows("users") {
		text := func(name string) string { return dataset.Text(u[name]) }
		if u["deletedDateTime"] != nil || u["accountEnabled"] != true || text("userType") == "Guest" ||
			len(tr.departments) > 0 && !slices.Contains(tr.departments, text("department")) {
			continue
		}
		id := text("id")
		hosts[id] = true
		tr.employees[id] = strings.Join([]string{id, text("displayName"), strings.ToLower(text("mail")), text("department"), text("jobTitle"),
			text("mobilePhone"), text("officeLocation"), text("employeeId"), tr.badges[id]}, "|")
	}
	for _, row := range tr.c.box.Graph.Data.Rows("events") {
		if host := dataset.Text(row["mailbox"]); hosts[host] && rooms[host] && !tr.closed[host] {
			for _, m := range tr.shown(row) {
				now[m.host+"|"+m.id] = m
			}
		}
	}
	over := tr.c.now.Add(-24 * time.Hour)
	for key, m := range tr.meetings {
		read := hosts[m.host] && !tr.closed[m.host]
		m.past = m.past || !m.ends.After(over)
		if _, ok := now[key]; !ok && (m.past || hosts[m.host] && !read) {
			now[key] = m
		}
	}
	tr.meetings = now
	maps.DeleteFunc(tr.badges, func(id, _ string) bool { return tr.employees[id] == "" })
	maps.DeleteFunc(tr.arrived, func(key, _ string) bool {
		at := strings.LastIndex(key, "|")
		return now[key[:at]].visitors[key[at+1:]] == ""
	})
}

// shown gives the meetings of an item of a calendar that count today.
func (tr *truth) shown(row dataset.Row) (list []meeting) {
	counts := slices.ContainsFunc(items(row["categories"]), func(c any) bool {
		return strings.ToLower(strings.Trim(dataset.Text(c), " ")) == "digireceptie"
	})
	if !counts || row["isCancelled"] == true {
		return nil
	}
	begin, end := row["start"].(time.Time), row["end"].(time.Time)
	if row["type"] != "seriesMaster" {
		list = []meeting{tr.meeting(row, dataset.Text(row["id"]), begin, end)}
	} else {
		list = tr.weekly(row, begin, end)
	}
	from, to := tr.c.now.Add(-24*time.Hour), tr.c.now.Add(30*24*time.Hour)
	return slices.DeleteFunc(list, func(m meeting) bool {
		starts, err := time.Parse(time.RFC3339, strings.Split(m.line, "|")[3])
		if err != nil {
			tr.t.Fatal(err)
		}
		return !m.ends.After(from) || !starts.Before(to)
	})
}

// weekly gives the occurrences of a series of each week, at the same hour on the
// wall, without those that were deleted or stand apart.
func (tr *truth) weekly(master dataset.Row, begin, end time.Time) (list []meeting) {
	without := map[string]bool{}
	for _, date := range items(master["deletedOccurrences"]) {
		without[dataset.Text(date)] = true
	}
	for _, row := range tr.c.box.Graph.Data.Rows("events") {
		if row["seriesMasterId"] == master["id"] {
			without[row["originalStart"].(time.Time).In(tr.wall()).Format(time.DateOnly)] = true
		}
	}
	first := begin.In(tr.wall())
	for at := first; at.Before(tr.c.now.AddDate(0, 0, 40)); at = at.AddDate(0, 0, 7) {
		if date := at.Format(time.DateOnly); !without[date] {
			id := strings.TrimSuffix(dataset.Text(master["id"]), "=") + "O" + strings.ReplaceAll(date, "-", "") + "="
			list = append(list, tr.meeting(master, id, at.UTC(), at.Add(end.Sub(begin)).UTC()))
		}
	}
	return list
}

func (tr *truth) wall() *time.Location {
	loc, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		tr.t.Fatal(err)
	}
	return loc
}

// meeting gives a meeting with its visitors, nobody and nothing of it where it
// is private.
func (tr *truth) meeting(row dataset.Row, id string, begin, end time.Time) meeting {
	if row["isAllDay"] == true {
		day := func(t time.Time) time.Time {
			return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, tr.wall()).UTC()
		}
		begin, end = day(begin), day(end)
	}
	host, starts := dataset.Text(row["mailbox"]), begin.Format(time.RFC3339)
	subject, place, guests := strings.Join(strings.Fields(dataset.Text(row["subject"])), " "), dataset.Text(row["location"]), items(row["attendees"])
	if s := row["sensitivity"]; s == "private" || s == "confidential" {
		subject, place, guests = "", "", nil
	}
	m := meeting{host: host, id: id, ends: end, visitors: map[string]string{}}
	m.line = strings.Join([]string{host, id, subject, starts, end.Format(time.RFC3339), place}, "|")
	for _, guest := range guests {
		who := guest.(map[string]any)
		address := who["emailAddress"].(map[string]any)
		email, name := strings.ToLower(dataset.Text(address["address"])), dataset.Text(address["name"])
		_, twice := m.visitors[email]
		if who["type"] == "resource" || strings.HasSuffix(email, "@example.org") || twice {
			continue
		}
		response := "none"
		if status, ok := who["status"].(map[string]any); ok {
			response = dataset.Text(status["response"])
		}
		m.visitors[email] = strings.Join([]string{host, id, email, name, starts, response}, "|")
	}
	return m
}

func items(v any) []any {
	list, _ := v.([]any)
	return list
}

// lines gives what the tables should hold.
func (tr *truth) lines() map[string][]string {
	all := map[string][]string{"employees": slices.Clone(tr.strangers), "appointments": {}, "visitors": {}}
	for _, line := range tr.employees {
		all["employees"] = append(all["employees"], line)
	}
	for key, m := range tr.meetings {
		all["appointments"] = append(all["appointments"], m.line)
		for email, line := range m.visitors {
			own := tr.arrived[key+"|"+email]
			if own == "" {
				own = "|"
			}
			all["visitors"] = append(all["visitors"], line+"|"+own)
		}
	}
	for _, list := range all {
		slices.Sort(list)
	}
	return all
}
