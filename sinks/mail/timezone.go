package mail

import (
	"fmt"
	"time"

	"github.com/emersion/go-ical"
)

// timezone describes a zone for the time of an appointment: each change of its
// offset from the one before the begin to the end.
func timezone(zone *time.Location, from, until time.Time) *ical.Component {
	c := ical.NewComponent(ical.CompTimezone)
	c.Props.SetText(ical.PropTimezoneID, zone.String())
	for t := from.In(zone); ; {
		begin, end := t.ZoneBounds()
		c.Children = append(c.Children, offset(zone, begin, t))
		if end.IsZero() || end.After(until) {
			return c
		}
		t = end
	}
}

// offset is a stretch of time with one offset, which holds t; begin is zero
// where it has none.
func offset(zone *time.Location, begin, t time.Time) *ical.Component {
	kind := ical.CompTimezoneStandard
	if t.IsDST() {
		kind = ical.CompTimezoneDaylight
	}
	name, after := t.Zone()
	before := after
	onset := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	if !begin.IsZero() {
		_, before = begin.Add(-time.Second).In(zone).Zone()
		onset = begin.UTC().Add(time.Duration(before) * time.Second) // the clock on the wall as it was before
	}
	c := ical.NewComponent(kind)
	raw := func(name, value string) { c.Props.Set(&ical.Prop{Name: name, Value: value}) }
	raw(ical.PropDateTimeStart, onset.Format("20060102T150405"))
	raw(ical.PropTimezoneOffsetFrom, hours(before))
	raw(ical.PropTimezoneOffsetTo, hours(after))
	c.Props.SetText(ical.PropTimezoneName, name)
	return c
}

// hours writes an offset as iCalendar does, with seconds where it has some.
func hours(seconds int) string {
	sign := "+"
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	text := fmt.Sprintf("%s%02d%02d", sign, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		text += fmt.Sprintf("%02d", seconds%60)
	}
	return text
}
