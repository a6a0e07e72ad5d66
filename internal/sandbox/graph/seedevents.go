package graph

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// meetings are single ones in each mailbox, and in the first few mailboxes one
// of each kind that is easily read wrongly.
func (f *filling) meetings(owners []owner, each int) {
	subjects := []string{"Voortgang", "Intake", "Oplevering & nazorg", "Overleg <spoed>", "Kennismaking"}
	for i, o := range owners {
		for n := range each {
			row := f.meeting(o, subjects[(i+n)%len(subjects)]+fmt.Sprintf(" %d", n+1), (i+n)%20+1, 8+(i+3*n)%9, 45)
			if (i+n)%3 == 0 {
				row["categories"] = []any{"DigiReceptie"}
				row["attendees"] = []any{visitor(i + n), visitor(i + n + 3)}
			}
			f.put("events", row)
		}
	}
	f.visits(owners[0])
	f.weekly(owners[0])
	f.inMore(owners)
}

// meeting is a single one, some days from today, in Amsterdam's time.
func (f *filling) meeting(o owner, subject string, days, hour, minutes int) dataset.Row {
	start := time.Date(f.today.Year(), f.today.Month(), f.today.Day()+days, hour, 0, 0, 0, f.today.Location())
	made := f.today.UTC().AddDate(0, 0, -20)
	return dataset.Row{
		"id": f.item(), "mailbox": o.id, "type": "singleInstance", "iCalUId": f.uid(), "subject": subject, "start": start.UTC(),
		"end": start.Add(time.Duration(minutes) * time.Minute).UTC(), "timeZone": "W. Europe Standard Time", "organizerName": o.name,
		"organizerAddress": o.mail, "createdDateTime": made, "lastModifiedDateTime": made.Add(time.Hour), "location": "Zaal Biesbosch",
	}
}

// item makes the immutable id of an item.
func (f *filling) item() string {
	raw := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{1}, f.r.Uint64()), f.r.Uint64())
	return immutablePrefix + base64.URLEncoding.EncodeToString(raw)
}

func (f *filling) uid() string {
	return fmt.Sprintf("040000008200E00074C5B7101A82E00800000000%016X%016X", f.r.Uint64(), f.r.Uint64())
}

func attendee(name, address, kind, response string) map[string]any {
	return map[string]any{
		"type": kind, "status": map[string]any{"response": response, "time": noTime}, "emailAddress": map[string]any{"name": name, "address": address},
	}
}

// visitor is one of some people outside the organisation; their names hold what
// mail headers and files must quote.
func visitor(n int) any {
	list := []struct{ name, address string }{
		{"Pieternel Smeets", "p.smeets@noordlicht.example"}, {"Tariq Benali", "t.benali@noordlicht.example"},
		{"Ruben Aydın", "r.aydin@blinkend.example"}, {`Jansen, dr. "Jip" (Blinkend)`, "jip.jansen@blinkend.example"},
		{"Éloïse Özgür-Łuczak", "e.ozgur@partner.example"}, {"", "zonder.naam@partner.example"}, {"山田 試験", "yamada@kaisha.example"},
	}
	v := list[n%len(list)]
	name := v.name
	if name == "" {
		name = v.address // as Outlook shows one of whom it knows no name
	}
	return attendee(name, v.address, "required", []string{"none", "accepted", "tentativelyAccepted", "declined"}[n%4])
}

// visits are in the first mailbox: categories in odd case and with blanks, a
// private one, one that is over, one far away, a whole day.
func (f *filling) visits(o owner) {
	visit := f.meeting(o, "Bezoek leverancier Noordlicht", 2, 10, 90)
	visit["categories"], visit["joinUrl"] = []any{"digireceptie", "Blauwe categorie"}, "https://teams.microsoft.com/l/meetup-join/19%3ameeting_FICTIEF%40thread.v2/0?context=%7b%7d"
	visit["attendees"] = []any{
		visitor(0), attendee("Tariq Benali", "T.Benali@Noordlicht.example", "optional", "none"),
		attendee("Zaal Biesbosch", "zaal.biesbosch@example.org", "resource", "accepted"), attendee(o.name, strings.ToUpper(o.mail), "required", "organizer"),
	}
	private := f.meeting(o, "Bedrijfsarts", 3, 14, 30)
	private["categories"], private["sensitivity"], private["body"] = []any{"DIGIRECEPTIE "}, "private", "Dit hoort niemand te lezen."
	private["attendees"] = []any{visitor(2)}
	over := f.meeting(o, "Afgelopen bezoek", -1, 9, 60)
	over["categories"], over["attendees"] = []any{" DigiReceptie"}, []any{visitor(1)}
	far := f.meeting(o, "Jaargesprek leverancier", 45, 9, 60)
	far["categories"], far["attendees"] = []any{"DigiReceptie"}, []any{visitor(3)}
	plain := f.meeting(o, "Zonder categorie", 2, 13, 60)
	plain["attendees"], plain["categories"] = []any{visitor(4)}, []any{"DigiReceptie2", "Digi Receptie"}
	custom := f.meeting(o, "Eigen tijdzone", 4, 11, 60)
	custom["timeZone"], custom["categories"], custom["attendees"] = "tzone://Microsoft/Custom", []any{"DigiReceptie"}, []any{visitor(6)}
	day := f.meeting(o, "Open dag", 5, 0, 0)
	date := time.Date(f.today.Year(), f.today.Month(), f.today.Day()+5, 0, 0, 0, 0, time.UTC)
	day["isAllDay"], day["start"], day["end"], day["showAs"] = true, date, date.AddDate(0, 0, 1), "free"
	for _, row := range []dataset.Row{visit, private, over, far, plain, custom, day} {
		f.put("events", row)
	}
	// Two ids that differ in the case of a letter only.
	one, two := f.meeting(o, "Rondleiding ochtend", 6, 9, 60), f.meeting(o, "Rondleiding middag", 6, 13, 60)
	one["id"], two["id"] = immutablePrefix+"BQAAAAAAAAAAAAAAAAAAAaBcD=", immutablePrefix+"BQAAAAAAAAAAAAAAAAAAAabcD="
	for _, row := range []dataset.Row{one, two} {
		row["categories"], row["attendees"] = []any{"DigiReceptie"}, []any{visitor(5)}
		f.put("events", row)
	}
}

// weekly is a series that began in summer time long ago, on the weekday of
// tomorrow: one date of it was moved, and one deleted.
func (f *filling) weekly(o owner) {
	first := -13 * 7
	master := f.meeting(o, "Weekstart met schoonmaakbedrijf", 1+first, 9, 30)
	master["type"], master["categories"], master["attendees"] = "seriesMaster", []any{"DigiReceptie"}, []any{visitor(2)}
	day := func(n int) time.Time {
		return time.Date(f.today.Year(), f.today.Month(), f.today.Day()+n, 0, 0, 0, 0, time.UTC)
	}
	master["recurrence"] = map[string]any{
		"pattern": map[string]any{
			"type": "weekly", "interval": 1, "month": 0, "dayOfMonth": 0, "daysOfWeek": []any{strings.ToLower(day(1).Weekday().String())},
			"firstDayOfWeek": "monday", "index": "first",
		},
		"range": map[string]any{
			"type": "noEnd", "startDate": day(1 + first).Format(time.DateOnly), "endDate": "0001-01-01", "recurrenceTimeZone": "W. Europe Standard Time",
			"numberOfOccurrences": 0,
		},
	}
	master["deletedOccurrences"] = []any{day(15).Format(time.DateOnly)}
	f.put("events", master)
	moved := f.meeting(o, "Weekstart met schoonmaakbedrijf (verplaatst)", 9, 11, 30)
	moved["type"], moved["seriesMasterId"], moved["categories"], moved["attendees"] = "exception", master["id"], master["categories"], master["attendees"]
	moved["originalStart"] = time.Date(f.today.Year(), f.today.Month(), f.today.Day()+8, 9, 0, 0, 0, f.today.Location()).UTC()
	f.put("events", moved)
}

// inMore is what the next mailboxes have: the copy of a meeting that its
// organiser cancelled, a series each day, and a meeting that two of them share.
func (f *filling) inMore(owners []owner) {
	if len(owners) < 4 {
		return
	}
	cancelled := f.meeting(owners[1], "Geannuleerd: Rondleiding raad van toezicht", 4, 13, 120)
	cancelled["isCancelled"], cancelled["showAs"], cancelled["categories"] = true, "free", []any{"DigiReceptie"}
	cancelled["organizerName"], cancelled["organizerAddress"] = owners[2].name, owners[2].mail
	cancelled["attendees"] = []any{attendee(owners[1].name, owners[1].mail, "required", "notResponded"), visitor(0)}
	f.put("events", cancelled)

	daily := f.meeting(owners[3], "Dagstart", -400, 8, 15)
	daily["type"] = "seriesMaster"
	daily["recurrence"] = map[string]any{
		"pattern": map[string]any{"type": "daily", "interval": 1},
		"range": map[string]any{
			"type": "noEnd", "startDate": daily["start"].(time.Time).In(f.today.Location()).Format(time.DateOnly), "recurrenceTimeZone": "W. Europe Standard Time",
		},
	}
	f.put("events", daily)

	shared := f.meeting(owners[2], "Directieoverleg met bezoek", 3, 10, 60)
	shared["categories"] = []any{"DigiReceptie"}
	shared["attendees"] = []any{attendee(owners[3].name, owners[3].mail, "required", "accepted"), visitor(1)}
	f.put("events", shared)
	copied := dataset.Row{}
	for name, v := range shared {
		copied[name] = v
	}
	copied["id"], copied["mailbox"], copied["categories"] = f.item(), owners[3].id, nil
	f.put("events", copied)
}
