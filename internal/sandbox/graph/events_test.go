package graph_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/graph"
)

// window is from today to some weeks on.
func (c *tenant) window(weeks int) string {
	day := c.now.Truncate(24 * time.Hour)
	return "startDateTime=" + day.Format(time.RFC3339) + "&endDateTime=" + day.AddDate(0, 0, 7*weeks).Format(time.RFC3339)
}

func (c *tenant) view(n int, query string) string {
	return "/v1.0/users/" + c.owner(n) + "/calendarView?" + query
}

const immutable = `outlook.timezone="UTC", outlook.body-content-type="text", IdType="ImmutableId"`

// bySubject finds the rows of a subject.
func bySubject(rows []map[string]any, subject string) (list []map[string]any) {
	for _, row := range rows {
		if row["subject"] == subject {
			list = append(list, row)
		}
	}
	return list
}

func TestCalendarView(t *testing.T) {
	c := start(t, graph.Options{})
	rows, pages, _ := c.rows(c.view(0, c.window(4)), "Prefer", immutable)
	if len(pages) != 2 || pages[0] != 10 {
		t.Errorf("pages %v", pages)
	}
	whole, _, _ := c.rows(c.view(0, c.window(4)+"&$top=1000"), "Prefer", immutable)
	if diff := cmp.Diff(rows, whole); diff != "" {
		t.Errorf("in pages and at once\n%s", diff)
	}
	weekly := bySubject(rows, "Weekstart met schoonmaakbedrijf")
	var starts []string
	for _, row := range weekly {
		starts = append(starts, fmt.Sprintf("%v %v %v", row["start"].(map[string]any)["dateTime"], row["type"], row["categories"]))
	}
	want := []string{ // the second was moved, the third is deleted
		"2026-11-23T08:00:00.0000000 occurrence [DigiReceptie]", "2026-12-14T08:00:00.0000000 occurrence [DigiReceptie]",
	}
	if diff := cmp.Diff(want, starts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if weekly[0]["iCalUId"] == weekly[1]["iCalUId"] || weekly[0]["seriesMasterId"] == nil {
		t.Errorf("%v", weekly)
	}
	moved := bySubject(rows, "Weekstart met schoonmaakbedrijf (verplaatst)")
	if len(moved) != 1 || moved[0]["type"] != "exception" || moved[0]["originalStart"] != "2026-11-30T08:00:00Z" {
		t.Errorf("%v", moved)
	}
	if len(bySubject(rows, "Afgelopen bezoek"))+len(bySubject(rows, "Jaargesprek leverancier")) != 0 {
		t.Error("events outside the window are in it")
	}
	doctor := bySubject(rows, "Bedrijfsarts")[0]
	if doctor["sensitivity"] != "private" || fmt.Sprint(doctor["categories"]) != "[DIGIRECEPTIE ]" || !strings.Contains(fmt.Sprint(doctor["body"]), "niemand") {
		t.Errorf("%v", doctor)
	}
	tour := append(bySubject(rows, "Rondleiding ochtend"), bySubject(rows, "Rondleiding middag")...)
	if a, b := tour[0]["id"].(string), tour[1]["id"].(string); a == b || !strings.EqualFold(a, b) {
		t.Errorf("%s and %s", a, b)
	}
	local, _, _ := c.rows(c.view(0, c.window(4)+"&$select=subject,start&$top=1000"), "Prefer", `outlook.timezone="W. Europe Standard Time"`)
	visit := bySubject(local, "Bezoek leverancier Noordlicht")[0]
	when := map[string]any{"dateTime": "2026-11-24T10:00:00.0000000", "timeZone": "W. Europe Standard Time"}
	if diff := cmp.Diff(when, visit["start"]); diff != "" || len(visit) != 4 {
		t.Errorf("%v (-want +got)\n%s", visit, diff)
	}
	cancelled, _, _ := c.rows(c.view(1, c.window(4)+"&$top=1000"))
	if one := bySubject(cancelled, "Geannuleerd: Rondleiding raad van toezicht"); len(one) != 1 || one[0]["isCancelled"] != true || one[0]["isOrganizer"] != false {
		t.Errorf("%v", one)
	}
}

// TestIDs: an item that is moved has another id, unless immutable ones are asked
// for; either finds it.
func TestIDs(t *testing.T) {
	c := start(t, graph.Options{})
	c.change("events", dataset.Text(c.Data.Rows("events")[0]["id"]), dataset.Row{"moves": 1})
	plain, _, _ := c.rows(c.view(0, c.window(4)+"&$top=1000"))
	stable, _, _ := c.rows(c.view(0, c.window(4)+"&$top=1000"), "Prefer", immutable)
	for i := range plain {
		if plain[i]["id"] == stable[i]["id"] {
			t.Errorf("%v", plain[i])
		}
		for _, row := range []map[string]any{plain[i], stable[i]} {
			if got := c.get("/v1.0/users/" + c.owner(0) + "/events/" + row["id"].(string)); got["subject"] != row["subject"] {
				t.Errorf("%v is %v", row["id"], got)
			}
		}
	}
	if resp, out := c.ask("GET", "/v1.0/users/"+c.owner(0)+"/events/AAMkx=", ""); code(out) != "ErrorItemNotFound" {
		t.Errorf("%d %v", resp.StatusCode, out)
	}
	list, _, _ := c.rows("/v1.0/users/" + c.owner(0) + "/events?$top=1000")
	if masters := bySubject(list, "Weekstart met schoonmaakbedrijf"); len(masters) != 1 || masters[0]["type"] != "seriesMaster" {
		t.Errorf("%v", masters)
	}
}

func TestUnreadableMailboxes(t *testing.T) {
	c := start(t, graph.Options{})
	for who, want := range map[string]string{
		c.owner(40): "404 MailboxNotEnabledForRESTAPI", "scanner.bg@example.org": "404 MailboxNotEnabledForRESTAPI",
		"vertrouwenspersoon@example.org": "403 ErrorAccessDenied", "nobody@example.org": "404 ErrorInvalidUser",
		"11111111-1111-4111-8111-111111111111": "404 Request_ResourceNotFound",
	} {
		resp, out := c.ask("GET", "/v1.0/users/"+who+"/calendarView?"+c.window(1), "")
		if got := fmt.Sprint(resp.StatusCode, " ", code(out)); got != want {
			t.Errorf("%s: %s, want %s", who, got, want)
		}
	}
	for state, want := range map[string]int{"invalid_user": 404, "not_discovered": 404, "not_supported": 404, "locked": 423} {
		c.change("mailboxes", c.owner(0), dataset.Row{"state": state})
		if resp, out := c.ask("GET", c.view(0, c.window(1)), ""); resp.StatusCode != want {
			t.Errorf("%s: %d %v", state, resp.StatusCode, out)
		}
	}
	c.change("mailboxes", c.owner(0), dataset.Row{"state": "ok"})
	if resp, out := c.ask("GET", c.view(0, c.window(1)), ""); resp.StatusCode != 200 {
		t.Errorf("healed: %d %v", resp.StatusCode, out)
	}
	for _, query := range []string{"", "startDateTime=x&endDateTime=y", c.window(1) + "&$top=0", c.window(1) + "&$filter=a", c.window(-1)} {
		if resp, out := c.ask("GET", c.view(0, query), ""); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %v", query, resp.StatusCode, out)
		}
	}
	if err := c.Set("roles", "Directory.Read.All"); err != nil {
		t.Fatal(err)
	}
	c.login()
	if resp, out := c.ask("GET", c.view(0, c.window(1)), ""); resp.StatusCode != 403 || !strings.Contains(fmt.Sprint(out), "Check credentials") {
		t.Errorf("without the role: %d %v", resp.StatusCode, out)
	}
}

// TestThrottling: a mailbox that refuses for a while says how long in either
// form, and others answer.
func TestThrottling(t *testing.T) {
	c := start(t, graph.Options{})
	for form, want := range map[string]string{"": "30", "date": "Sun, 22 Nov 2026 09:00:30 GMT", "none": ""} {
		c.now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		c.change("mailboxes", c.owner(0), dataset.Row{"refuse_seconds": 30, "retry_after": form})
		resp, out := c.ask("GET", c.view(0, c.window(1)), "")
		if got := resp.Header.Get("Retry-After"); resp.StatusCode != 429 || got != want {
			t.Errorf("%s: %d %q %v", form, resp.StatusCode, got, out)
		}
		if resp, _ := c.ask("GET", c.view(1, c.window(1)), ""); resp.StatusCode != 200 {
			t.Errorf("another mailbox: %d", resp.StatusCode)
		}
		c.now = c.now.Add(29 * time.Second)
		if resp, _ := c.ask("GET", c.view(0, c.window(1)), ""); resp.StatusCode != 429 {
			t.Errorf("during the penalty: %d", resp.StatusCode)
		}
		c.now = c.now.Add(time.Second)
		if resp, _ := c.ask("GET", c.view(0, c.window(1)), ""); resp.StatusCode != 200 {
			t.Errorf("after the penalty: %d", resp.StatusCode)
		}
	}
}

func TestEndlessPaging(t *testing.T) {
	c := start(t, graph.Options{})
	for _, kind := range []string{"endless", "repeat"} {
		c.change("mailboxes", c.owner(0), dataset.Row{"paging": kind})
		out := c.get(c.view(0, c.window(4)))
		first := out["@odata.nextLink"].(string)
		second := c.get(first)["@odata.nextLink"].(string)
		if (first == second) != (kind == "repeat") {
			t.Errorf("%s: %s, then %s", kind, first, second)
		}
		if _, pages, _ := c.rows(c.view(0, c.window(4))); len(pages) != 60 {
			t.Errorf("%s ended after %d pages", kind, len(pages))
		}
	}
	// A series of more occurrences than a page takes is never got past.
	delta := "/v1.0/users/" + c.owner(3) + "/calendarView/delta?" + c.window(4)
	if _, pages, link := c.rows(delta); len(pages) != 60 || link != "" {
		t.Errorf("delta ended after %v with %s", pages, link)
	}
	if rows, pages, link := c.rows(delta, "Prefer", "odata.maxpagesize=200"); len(pages) != 1 || link == "" || len(rows) < 28 {
		t.Errorf("with larger pages: %v, %d rows, %s", pages, len(rows), link)
	}
}

func TestCalendarDelta(t *testing.T) {
	c := start(t, graph.Options{})
	prefer := []string{"Prefer", `odata.maxpagesize=200, IdType="ImmutableId"`}
	rows, _, delta := c.rows("/v1.0/users/"+c.owner(0)+"/calendarView/delta?"+c.window(4), prefer...)
	kinds := map[any]int{}
	var master map[string]any
	for _, row := range rows {
		kinds[row["type"]]++
		if row["type"] == "seriesMaster" {
			master = row
		}
		if row["type"] == "occurrence" && (row["subject"] != nil || row["categories"] != nil || row["iCalUId"] != nil || row["seriesMasterId"] == nil) {
			t.Errorf("an occurrence is no stub: %v", row)
		}
	}
	if kinds["seriesMaster"] != 1 || kinds["occurrence"] != 2 || kinds["exception"] != 1 || kinds["singleInstance"] < 6 {
		t.Errorf("%v", kinds)
	}
	if at := master["start"].(map[string]any)["dateTime"]; at != "2026-08-24T07:00:00.0000000" {
		t.Errorf("the master begins at %v", at)
	}
	id := master["id"].(string)
	c.change("events", id, dataset.Row{"deletedOccurrences": []any{"2026-12-07", "2026-12-14"}})
	far := c.eventOf("Jaargesprek leverancier")
	c.change("events", far, dataset.Row{"subject": "Ander onderwerp"})
	visit := c.eventOf("Bezoek leverancier Noordlicht")
	c.change("events", visit, dataset.Row{"categories": []any{}})
	rows, _, delta = c.rows(delta, prefer...)
	var got []string
	for _, row := range rows {
		got = append(got, fmt.Sprint(row["type"], " ", row["@removed"] != nil, " ", row["id"] == far))
	}
	want := []string{"seriesMaster false false", "occurrence false false", "exception false false", "singleInstance false false", "<nil> true true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a round (-want +got)\n%s", diff)
	}
	for _, gone := range []string{id, c.eventOf("Weekstart met schoonmaakbedrijf (verplaatst)"), visit} {
		if err := c.Data.Delete("events", gone); err != nil {
			t.Fatal(err)
		}
	}
	rows, _, _ = c.rows(delta, prefer...)
	if len(rows) != 2 || rows[0]["@removed"] == nil || rows[0]["id"] != visit && rows[1]["id"] != visit {
		t.Errorf("tombstones: %v", rows)
	}
	c.change("mailboxes", c.owner(0), dataset.Row{"tombstones": "lost"})
	if rows, _, _ := c.rows(delta, prefer...); len(rows) != 0 {
		t.Errorf("lost tombstones: %v", rows)
	}
	if err := c.Set("generation", "2"); err != nil {
		t.Fatal(err)
	}
	if resp, out := c.ask("GET", delta, ""); resp.StatusCode != http.StatusGone {
		t.Errorf("%d %v", resp.StatusCode, out)
	}
	if resp, out := c.ask("GET", "/v1.0/users/"+c.owner(0)+"/calendarView/delta?$select=id&"+c.window(1), ""); code(out) != "ErrorInvalidUrlQuery" {
		t.Errorf("%d %v", resp.StatusCode, out)
	}
}

// eventOf is the immutable id of an item.
func (c *tenant) eventOf(subject string) string {
	for _, row := range c.Data.Rows("events") {
		if row["subject"] == subject && row["type"] != "occurrence" {
			return dataset.Text(row["id"])
		}
	}
	c.t.Fatalf("there is no %s", subject)
	return ""
}

func TestBatch(t *testing.T) {
	c := start(t, graph.Options{})
	body := fmt.Sprintf(`{"requests":[{"id":"1","method":"GET","url":"/users/%s?$select=id"},{"id":"2","method":"GET","url":"/users/vertrouwenspersoon@example.org/calendarView?%s"}]}`,
		c.owner(0), c.window(1))
	resp, out := c.ask("POST", "/v1.0/$batch", body, "Content-Type", "application/json")
	var got []string
	for _, r := range out["responses"].([]any) {
		m := r.(map[string]any)
		got = append(got, fmt.Sprint(m["id"], " ", m["status"], " ", code(m["body"].(map[string]any))))
	}
	if diff := cmp.Diff([]string{"2 403 ErrorAccessDenied", "1 200 "}, got); diff != "" || resp.StatusCode != 200 {
		t.Errorf("%d (-want +got)\n%s", resp.StatusCode, diff)
	}
	if resp, _ := c.ask("POST", "/v1.0/$batch", `{"requests":[]}`); resp.StatusCode != 400 {
		t.Errorf("an empty batch: %d", resp.StatusCode)
	}
}

// TestRepetitions: dates of each kind of series.
func TestRepetitions(t *testing.T) {
	c := start(t, graph.Options{})
	series := func(pattern, from string) map[string]any {
		p := map[string]any{"interval": 1}
		for part := range strings.FieldsSeq(pattern) {
			name, value, _ := strings.Cut(part, "=")
			if name == "daysOfWeek" {
				p[name] = []any{}
				for d := range strings.SplitSeq(value, ",") {
					p[name] = append(p[name].([]any), d)
				}
			} else {
				p[name] = value
			}
		}
		end := map[string]any{"type": "numbered", "numberOfOccurrences": 3, "startDate": from, "recurrenceTimeZone": "W. Europe Standard Time"}
		return map[string]any{"pattern": p, "range": end}
	}
	for pattern, want := range map[string]string{
		"type=daily interval=10":                                       "2026-11-24 2026-12-04 2026-12-14",
		"type=weekly interval=2 daysOfWeek=tuesday,friday":             "2026-11-24 2026-11-27 2026-12-08",
		"type=absoluteMonthly dayOfMonth=31":                           "2026-11-30 2026-12-31 2027-01-31",
		"type=relativeMonthly index=last daysOfWeek=friday":            "2026-11-27 2026-12-25 2027-01-29",
		"type=absoluteYearly month=12 dayOfMonth=24":                   "2026-12-24 2027-12-24 2028-12-24",
		"type=relativeYearly month=1 index=first daysOfWeek=wednesday": "2027-01-06 2028-01-05 2029-01-03",
	} {
		key, err := c.Data.Insert("events", dataset.Row{
			"id": "AAkALgserie=", "mailbox": c.owner(9), "type": "seriesMaster", "subject": "reeks", "timeZone": "W. Europe Standard Time",
			"start": "2026-11-24T23:30:00", "end": "2026-11-25T00:30:00", "recurrence": series(pattern, "2026-11-24"), "isAllDay": false,
		})
		if err != nil {
			t.Fatal(err)
		}
		rows, _, _ := c.rows(c.view(9, "startDateTime=2026-11-24&endDateTime=2030-01-01&$top=1000"))
		var got []string
		for _, row := range bySubject(rows, "reeks") {
			at, err := time.Parse("2006-01-02T15:04:05.0000000", row["start"].(map[string]any)["dateTime"].(string))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, at.Add(time.Hour).Add(-30*time.Minute).Format(time.DateOnly))
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %s, want %s", pattern, text, want)
		}
		if err := c.Data.Delete("events", key); err != nil {
			t.Fatal(err)
		}
	}
}
