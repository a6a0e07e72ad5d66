package pipelines_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/internal/sandbox/dataset"
)

// A mailing is the coupling that mails visitors, with a simulated tenant and mail
// server.
type mailing struct {
	*coupling
	seen int // messages that were looked at
}

// run carries the coupling out, and gives how the pipeline of the visitors ended
// and what it sent, without the sequences.
func (m *mailing) run() (status string, sent []string, rows []dataset.Row) {
	m.t.Helper()
	m.boxClock.Store(m.now.Unix())
	res, err := m.engine().Run(context.Background(), engine.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	all := m.box.SMTP.Data.Rows("messages")
	rows, m.seen = all[m.seen:], len(all)
	for _, row := range rows {
		sent = append(sent, fmt.Sprintf("%v %v: %v", row["method"], row["to"].([]any)[0], row["subject"]))
	}
	return res.Pipelines[len(res.Pipelines)-1].Status, sent, rows
}

// want runs the coupling and compares what it sends.
func (m *mailing) want(step, status string, want ...string) []dataset.Row {
	m.t.Helper()
	m.now = m.now.Add(15 * time.Minute)
	got, sent, rows := m.run()
	if diff := cmp.Diff(want, sent); got != status || diff != "" {
		m.t.Errorf("%s: %s, want %s (-want +got)\n%s", step, got, status, diff)
	}
	return rows
}

// steer changes a meeting of the tenant.
func (m *mailing) steer(id string, row dataset.Row) {
	m.t.Helper()
	if err := m.box.Graph.Data.Update("events", id, row); err != nil {
		m.t.Fatal(err)
	}
}

// newMailing has delivered nothing yet; it remembers whom it found.
func newMailing(t *testing.T) *mailing {
	const name = "microsoft365-meetings-to-visitors"
	m := &mailing{coupling: &coupling{t: t, dir: t.TempDir(), now: time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC)}}
	m.copyFrom(os.DirFS(name))
	m.serve()
	m.want("the first run", "succeeded")
	return m
}

// TestVisitors is the life of one meeting: an invitation, a change and a
// cancellation of one UID with rising sequences; one that passes sends nothing.
func TestVisitors(t *testing.T) {
	m := newMailing(t)
	start := m.now.AddDate(0, 0, 3).Truncate(time.Hour)
	host := m.box.Graph.Data.Rows("users")[1]
	meeting := dataset.Row{
		"id": "AAkALgNew1=", "mailbox": host["id"], "type": "singleInstance", "iCalUId": "NEW1", "subject": "Kennismaking", "start": start, "end": start.Add(time.Hour),
		"organizerName": host["displayName"], "organizerAddress": strings.ToUpper(host["mail"].(string)), "categories": []any{" digireceptie"}, "location": "Zaal Veluwe",
		"attendees": []any{map[string]any{"emailAddress": map[string]any{"name": "Éloïse", "address": "E.Ozgur@partner.example"}}},
	}
	passes := dataset.Row{}
	for name, v := range meeting {
		passes[name] = v
	}
	passes["id"], passes["iCalUId"], passes["subject"], passes["end"] = "AAkALgNew2=", "NEW2", "Kort", start.Add(30*time.Minute)
	for _, row := range []dataset.Row{meeting, passes} {
		if _, err := m.box.Graph.Data.Insert("events", row); err != nil {
			t.Fatal(err)
		}
	}
	const to = " e.ozgur@partner.example: "
	rows := m.want("it is new", "succeeded", "REQUEST"+to+"Your visit: Kennismaking", "REQUEST"+to+"Your visit: Kort")
	if text := dataset.Text(rows[0]["text"]); !strings.Contains(text, "Date: 05-02-2026\r\nTime: 10:00 – 11:00\r\nPlace: Zaal Veluwe") {
		t.Errorf("%s", text)
	}
	if page := dataset.Text(rows[0]["html"]); !strings.Contains(page, "<p>Dear Éloïse,</p>") {
		t.Errorf("%s", page)
	}
	m.steer("AAkALgNew1=", dataset.Row{"start": start.Add(5 * time.Hour), "end": start.Add(6 * time.Hour)})
	rows = append(rows[:1:1], m.want("it moves", "succeeded", "REQUEST"+to+"Changed: Your visit: Kennismaking")...)
	m.want("nothing changes", "succeeded")
	m.steer("AAkALgNew1=", dataset.Row{"isCancelled": true})
	rows = append(rows, m.want("it is cancelled", "succeeded", "CANCEL"+to+"Cancelled: Your visit: Kennismaking")...)
	sequence := 0
	for i, row := range rows {
		n, err := strconv.Atoi(dataset.Text(row["sequence"]))
		if err != nil || n <= sequence || row["uid"] != rows[0]["uid"] || row["uid"] == nil {
			t.Errorf("message %d has UID %v and sequence %v after %d", i, row["uid"], row["sequence"], sequence)
		}
		sequence = n
	}
	// Other meetings come into the window meanwhile; nobody is told of what is over.
	m.now = start.Add(2 * time.Hour)
	_, sent, _ := m.run()
	for _, line := range sent {
		if strings.HasPrefix(line, "CANCEL") || strings.Contains(line, "Changed") || strings.Contains(line, "Kort") {
			t.Errorf("sent when time had passed: %s", line)
		}
	}
	if err := m.box.Graph.Data.Delete("events", "AAkALgNew2="); err != nil {
		t.Fatal(err)
	}
	m.want("one that is over is deleted", "succeeded")
	if twice := m.box.SMTP.Doubled(); len(twice) > 0 {
		t.Errorf("sent twice: %v", twice)
	}
}

// TestVisitorsTemplate: a changed template mails nobody until somebody says so.
func TestVisitorsTemplate(t *testing.T) {
	m := newMailing(t)
	file := filepath.Join(m.dir, "data", "invitation.txt")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(before, "Bring your passport.\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	m.want("another template", "held")
	m.want("and again", "held")
	if err := os.WriteFile(file, before, 0o644); err != nil {
		t.Fatal(err)
	}
	m.want("the template as it was", "succeeded")
}
