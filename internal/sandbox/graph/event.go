package graph

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

const noTime = "0001-01-01T00:00:00Z"

// A look is how a caller wants events to be shown.
type look struct {
	zone      *time.Location
	name      string // of the zone
	immutable bool   // ids that stay when an item is moved
	html      bool
	owner     dataset.Row // whose mailbox it is
}

// lookOf reads the preferences of a call.
func (s *System) lookOf(prefer map[string]string, mailbox string) (look, error) {
	l := look{name: prefer["outlook.timezone"], immutable: strings.EqualFold(prefer["idtype"], "ImmutableId"),
		html: prefer["outlook.body-content-type"] != "text", owner: s.user(mailbox)}
	if l.name == "" {
		l.name = "UTC"
	}
	var err error
	if l.zone, err = zone(l.name); err != nil {
		return l, refuse(400, "TimeZoneNotSupportedException", "A time zone with the specified ID could not be found: %s", l.name)
	}
	return l, nil
}

// id is that of an item, as this caller sees it.
func (l look) id(row dataset.Row) string { return l.spell(key(row), row) }

// spell turns the immutable id of an item into the one that changes with moves.
func (l look) spell(id string, row dataset.Row) string {
	if l.immutable || id == "" {
		return id
	}
	moves, _ := row["moves"].(int64)
	return "AAMkAG" + strings.TrimPrefix(id, immutablePrefix)[:len(strings.TrimPrefix(id, immutablePrefix))-1] + strings.Repeat("x", int(moves)) + "="
}

const immutablePrefix = "AAkALg"

// occurrenceID is that of one date of a series.
func occurrenceID(master, date string) string {
	return strings.TrimSuffix(master, "=") + "O" + strings.ReplaceAll(date, "-", "") + "="
}

func (l look) time(t time.Time, allDay bool) map[string]any {
	if !allDay {
		t = t.In(l.zone)
	}
	return map[string]any{"dateTime": t.Format("2006-01-02T15:04:05.0000000"), "timeZone": l.name}
}

func etag(parts ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, parts...))
	return `W/"` + base64.StdEncoding.EncodeToString(sum[:9]) + `"`
}

// event shows an item in full.
func (l look) event(row dataset.Row) map[string]any {
	organizer := map[string]any{"emailAddress": map[string]any{"name": row["organizerName"], "address": row["organizerAddress"]}}
	own := l.owner != nil && strings.EqualFold(dataset.Text(row["organizerAddress"]), dataset.Text(l.owner["mail"]))
	response := map[string]any{"response": "notResponded", "time": noTime}
	if own {
		response["response"] = "organizer"
	}
	tag := etag(key(row), row["lastModifiedDateTime"], row["subject"])
	id, allDay := l.id(row), row["isAllDay"] == true
	out := map[string]any{
		"@odata.etag": tag, "id": id, "changeKey": strings.Trim(tag, `W/"`), "createdDateTime": stamp(row["createdDateTime"]),
		"lastModifiedDateTime": stamp(row["lastModifiedDateTime"]), "categories": listed(row["categories"]), "transactionId": nil,
		"originalStartTimeZone": row["timeZone"], "originalEndTimeZone": row["timeZone"], "iCalUId": row["iCalUId"], "reminderMinutesBeforeStart": 15,
		"isReminderOn": true, "hasAttachments": false, "subject": row["subject"], "bodyPreview": row["body"], "importance": "normal",
		"sensitivity": or(row["sensitivity"], "normal"), "isAllDay": allDay, "isCancelled": row["isCancelled"] == true, "isOrganizer": own,
		"responseRequested": true, "seriesMasterId": nil, "showAs": or(row["showAs"], "busy"), "type": or(row["type"], "singleInstance"),
		"webLink":          "https://outlook.office365.com/owa/?itemid=" + id + "&exvsurl=1&path=/calendar/item",
		"onlineMeetingUrl": nil, "isOnlineMeeting": row["joinUrl"] != nil, "onlineMeetingProvider": "unknown", "allowNewTimeProposals": true,
		"isDraft": false, "hideAttendees": false, "recurrence": row["recurrence"], "onlineMeeting": nil, "responseStatus": response,
		"body": l.body(row["body"]), "start": l.time(moment(row, "start"), allDay), "end": l.time(moment(row, "end"), allDay),
		"location": location(row["location"]), "locations": []any{}, "attendees": attendees(row["attendees"]), "organizer": organizer,
	}
	if row["joinUrl"] != nil {
		out["onlineMeetingProvider"], out["onlineMeeting"] = "teamsForBusiness", map[string]any{"joinUrl": row["joinUrl"]}
	}
	if row["seriesMasterId"] != nil {
		out["seriesMasterId"] = l.spell(dataset.Text(row["seriesMasterId"]), row)
	}
	if t, ok := row["originalStart"].(time.Time); ok {
		out["originalStart"] = t.Format(time.RFC3339)
	}
	return out
}

// occurrence shows one date of a series in full, as lists that are no delta do.
func (l look) occurrence(master dataset.Row, o occurrence) map[string]any {
	out := l.event(master)
	out["id"], out["seriesMasterId"], out["type"], out["recurrence"] = l.spell(occurrenceID(key(master), o.date), master), l.id(master), "occurrence", nil
	out["iCalUId"] = dataset.Text(master["iCalUId"]) + strings.ReplaceAll(o.date, "-", "")
	out["start"], out["end"] = l.time(o.start, false), l.time(o.end, false)
	out["originalStart"] = o.start.Format(time.RFC3339)
	return out
}

// stub is all that delta tells of one date of a series.
func (l look) stub(master dataset.Row, o occurrence) map[string]any {
	return map[string]any{
		"@odata.type": "#microsoft.graph.event", "@odata.etag": etag(key(master), o.date), "seriesMasterId": l.id(master), "type": "occurrence",
		"id": l.spell(occurrenceID(key(master), o.date), master), "start": l.time(o.start, false), "end": l.time(o.end, false),
	}
}

func (l look) body(v any) map[string]any {
	text := dataset.Text(v)
	if !l.html {
		return map[string]any{"contentType": "text", "content": text}
	}
	return map[string]any{"contentType": "html", "content": "<html><body>" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text) + "</body></html>"}
}

func stamp(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.Format("2006-01-02T15:04:05.0000000Z")
	}
	return v
}

func or(v any, otherwise string) any {
	if dataset.Text(v) == "" {
		return otherwise
	}
	return v
}

func listed(v any) any {
	if v == nil {
		return []any{}
	}
	return v
}

func location(v any) map[string]any {
	out := map[string]any{"displayName": dataset.Text(v), "locationType": "default", "uniqueIdType": "unknown", "address": map[string]any{}, "coordinates": map[string]any{}}
	if v != nil {
		out["uniqueId"], out["uniqueIdType"] = v, "private"
	}
	return out
}

// attendees completes what an attendee was given without.
func attendees(v any) []any {
	list, _ := v.([]any)
	out := make([]any, len(list))
	for i, a := range list {
		one, ok := a.(map[string]any)
		if !ok {
			out[i] = a
			continue
		}
		whole := map[string]any{"type": "required", "status": map[string]any{"response": "none", "time": noTime}}
		for name, value := range one {
			whole[name] = value
		}
		out[i] = whole
	}
	return out
}

// meets tells whether an item lies in a window, at least in part.
func meets(row dataset.Row, from, to time.Time) bool {
	return moment(row, "end").After(from) && moment(row, "start").Before(to)
}

// An index has the items of each mailbox, as long as nothing was changed.
type index struct {
	generation uint64
	made       bool
	items      map[string][]dataset.Row
}

// items are those of a mailbox in order of begin.
func (s *System) items(mailbox string) []dataset.Row {
	var rows []dataset.Row
	var generation uint64
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Data.View(func(tx *dataset.Tx) {
		generation = tx.Generation()
		if !s.events.made || s.events.generation != generation {
			rows = tx.Rows("events")
		}
	})
	if rows != nil || !s.events.made {
		s.events = index{generation: generation, made: true, items: map[string][]dataset.Row{}}
		for _, row := range rows {
			owner := dataset.Text(row["mailbox"])
			s.events.items[owner] = append(s.events.items[owner], row)
		}
		for _, list := range s.events.items {
			slices.SortStableFunc(list, func(a, b dataset.Row) int { return moment(a, "start").Compare(moment(b, "start")) })
		}
	}
	return s.events.items[mailbox]
}
