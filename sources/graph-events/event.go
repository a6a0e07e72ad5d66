package graphevents

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/graph"
)

// A verdict says what becomes of a row.
type verdict int

// taken is a record; left is one that the arguments leave out, or a cancelled
// one: it is gone.
const (
	taken verdict = iota
	left
)

// judge tells whether a meeting counts.
func (c *Config) judge(row []byte) verdict {
	text := func(name string) string {
		s, _ := record.Text(record.Member(row, name))
		return s
	}
	switch {
	case text("type") == "seriesMaster":
		return left // it has the dates of the first occurrence, and stands for no meeting
	case text("isCancelled") == "true":
		return left
	case c.Private == "skip" && isPrivate(text("sensitivity")):
		return left
	case c.Category != "" && !hasCategory(row, c.Category):
		return left
	}
	return taken
}

// isPrivate tells whether a meeting is not for everybody's eyes.
func isPrivate(sensitivity string) bool {
	return strings.EqualFold(sensitivity, "private") || strings.EqualFold(sensitivity, "confidential")
}

// hasCategory looks for a category, which people write in any case and with
// blanks.
func hasCategory(row []byte, category string) bool {
	found := false
	record.Elements(record.Member(row, "categories"), func(raw []byte) bool {
		s, _ := record.Text(raw)
		found = strings.EqualFold(strings.TrimSpace(s), strings.TrimSpace(category))
		return !found
	})
	return found
}

// shownAlways are the properties that stay of a masked meeting.
func shownAlways() []string {
	return append(needed(), "organizer", "showAs", "isOrganizer", "originalStart", "originalStartTimeZone", "originalEndTimeZone", "responseStatus", "changeKey", "lastModifiedDateTime", "createdDateTime")
}

// appendEvent appends a meeting as a record: with its mailbox, with start and
// end in UTC, and masked where it must be.
func (c *Config) appendEvent(dst []byte, box string, row []byte) ([]byte, error) {
	sensitivity, _ := record.Text(record.Member(row, "sensitivity"))
	masked := c.Private == "mask" && isPrivate(sensitivity)
	var wrong error
	line := graph.AppendRow(nil, row, func(dst []byte, name string, raw []byte) ([]byte, bool) {
		switch {
		case name == "mailbox":
			return dst, true
		case name == "start" || name == "end":
			moment, err := utc(raw)
			if err != nil {
				wrong = fmt.Errorf("%s of meeting %s: %w", name, graph.ID(row), err)
			}
			return append(append(record.AppendString(dst, name), ':'), moment...), true
		case masked && !strings.Contains(name, "@") && !slices.Contains(shownAlways(), name):
			empty := "null"
			if record.KindOf(raw) == record.List {
				empty = "[]"
			}
			return append(append(record.AppendString(dst, name), ':'), empty...), true
		}
		return dst, false
	})
	if wrong != nil {
		return dst, wrong
	}
	dst = append(record.AppendString(append(dst, `{"mailbox":`...), box), ',')
	return append(dst, line[1:]...), nil
}

// times gives begin and end of a meeting; false: it has none that can be read.
func times(row []byte) (start, end time.Time, ok bool) {
	read := func(name string) time.Time {
		raw, err := utc(record.Member(row, name))
		if err != nil {
			return time.Time{}
		}
		text, _ := record.Text(record.Member(raw, "dateTime"))
		t, _ := time.Parse(time.RFC3339Nano, text) // a moment that is none is zero
		return t
	}
	if start, end = read("start"), read("end"); end.IsZero() {
		end = start
	}
	return start, end, !start.IsZero()
}

// utc brings a moment of Graph, {dateTime, timeZone}, to ISO text with a Z.
func utc(raw []byte) ([]byte, error) {
	at, ok := record.Text(record.Member(raw, "dateTime"))
	if !ok {
		return raw, nil
	}
	zone, _ := record.Text(record.Member(raw, "timeZone"))
	where := time.UTC
	if zone != "" && !strings.EqualFold(zone, "UTC") {
		var err error
		if where, err = time.LoadLocation(zone); err != nil {
			return raw, fmt.Errorf("%w: it is given in the time zone %q, and UTC was asked for", connector.ErrIncomplete, zone)
		}
	}
	moment, err := time.ParseInLocation("2006-01-02T15:04:05.9999999", strings.TrimSuffix(at, "Z"), where)
	if err != nil {
		return raw, fmt.Errorf("%w: %q is no time", connector.ErrIncomplete, at)
	}
	text := record.AppendString([]byte(`{"dateTime":`), moment.UTC().Format("2006-01-02T15:04:05.999999999Z"))
	return append(text, `,"timeZone":"UTC"}`...), nil
}
