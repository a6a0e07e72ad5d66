package mail

import (
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"
	"github.com/google/go-cmp/cmp"
)

// invite is an invitation with all that needs care: quoted names, long lines,
// characters of other scripts, a zone that changes its offset.
func invite(zone string) *invitation {
	a := &appointment{
		uid: "u-1", summary: "Bezoek, leverancier; " + strings.Repeat("日本語 ", 30), location: `Zaal "Biesbosch"; 1e \ links`,
		description: "Regel 1\r\nRegel 2, met komma", start: time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC), end: time.Date(2026, 10, 25, 9, 0, 0, 0, time.UTC),
	}
	if zone != "" {
		a.zone, _ = time.LoadLocation(zone)
	}
	return &invitation{
		appointment: a, method: "REQUEST", sequence: 7, stamp: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
		sender:    &mail.Address{Name: "Receptie", Address: "receptie@example.org"},
		attendees: []*mail.Address{{Name: `Jansen, dr. "Jip": x`, Address: "jip@example.org"}, {Address: "b@example.org"}},
	}
}

// TestParsedElsewhere: another library reads what was written.
func TestParsedElsewhere(t *testing.T) {
	text, err := invite("Europe/Amsterdam").encode()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
			t.Errorf("a line of %d bytes: %q", len(line), line)
		}
	}
	cal, err := ics.ParseCalendar(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	e := cal.Events()[0]
	got := map[string]string{}
	for _, p := range e.Properties {
		if p.IANAToken != "ATTENDEE" {
			got[p.IANAToken] = p.Value
		}
	}
	want := map[string]string{
		"UID": "u-1", "SUMMARY": "Bezoek, leverancier; " + strings.Repeat("日本語 ", 30), "LOCATION": `Zaal "Biesbosch"; 1e \ links`,
		"DESCRIPTION": "Regel 1\nRegel 2, met komma", "STATUS": "CONFIRMED", "SEQUENCE": "7", "DTSTAMP": "20261001T000000Z",
		"DTSTART": "20261025T000000", "DTEND": "20261025T100000", "ORGANIZER": "mailto:receptie@example.org",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	people := e.Attendees()
	if cn := people[0].ICalParameters["CN"]; len(people) != 2 || len(cn) != 1 || cn[0] != `Jansen, dr. 'Jip': x` || people[0].Email() != "jip@example.org" {
		t.Errorf("%+v", people)
	}
	if zones := cal.Timezones(); len(zones) != 1 || len(zones[0].Components) != 2 {
		t.Errorf("%+v", zones)
	}
	const changes = "BEGIN:DAYLIGHT\r\nDTSTART:20260329T020000\r\nTZNAME:CEST\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:DAYLIGHT\r\n" +
		"BEGIN:STANDARD\r\nDTSTART:20261025T030000\r\nTZNAME:CET\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\n"
	if !strings.Contains(text, changes) {
		t.Errorf("the zone is\n%s", text)
	}
}

func TestTimes(t *testing.T) {
	for zone, want := range map[string]string{
		"":                 "DTSTART:20261024T220000Z",
		"Asia/Kolkata":     "DTSTART;TZID=Asia/Kolkata:20261025T033000",
		"America/New_York": "DTSTART;TZID=America/New_York:20261024T180000",
	} {
		v := invite(zone)
		text, err := v.encode()
		if err != nil || !strings.Contains(text, want+"\r\n") || strings.Contains(text, "VTIMEZONE") != (zone != "") {
			t.Errorf("%s: %v\n%s", zone, err, text)
		}
		v.allDay, v.method = true, "CANCEL"
		if text, err := v.encode(); err != nil || !strings.Contains(text, "DTSTART;VALUE=DATE:20261024\r\n") || !strings.Contains(text, "STATUS:CANCELLED\r\n") {
			t.Errorf("%s, whole days: %v\n%s", zone, err, text)
		}
	}
}

// FuzzLetter: whatever a record says is refused, or makes lines that are whole,
// not too long, and none that the record brought in.
func FuzzLetter(f *testing.F) {
	for _, seed := range []string{
		`{"to":"a@example.org","subject":"x","calendar":{"start":"2026-11-24T09:00:00Z","uid":1,"summary":"a\r\nATTENDEE:b"}}`,
		`{"to":[{"name":"\"é","address":"a@example.org"}],"subject":"x","calendar":{"start":"2026-11-24","end":"2026-11-25","zone":"Europe/Amsterdam"}}`,
		`{"to":"<","subject":null}`, `{"calendar":{"start":"2026-11-24T09:00","zone":"Asia/Kolkata","organizer":"O <o@example.org>"},"to":"a@example.org","subject":"x"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		l, err := read([]byte(body), nil)
		if err != nil || l.calendar == nil {
			return
		}
		if l.calendar.uid == "" {
			l.calendar.uid = "u"
		}
		v := &invitation{appointment: l.calendar, method: "REQUEST", sender: &mail.Address{Address: "r@example.org"}, attendees: l.to}
		text, err := v.encode()
		if err != nil {
			return
		}
		unfolded := strings.ReplaceAll(text, "\r\n ", "")
		if n := strings.Count(unfolded, "\r\nATTENDEE"); n != len(l.to) || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
			t.Errorf("%d attendees of %d:\n%q", n, len(l.to), text)
		}
		for line := range strings.SplitSeq(text, "\r\n") {
			if len(line) > 75 {
				t.Errorf("a line of %d bytes: %q", len(line), line)
			}
		}
	})
}
