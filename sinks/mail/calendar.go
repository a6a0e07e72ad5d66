package mail

import (
	"bytes"
	"fmt"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-ical"
)

// An invitation is what the calendar part of a message says (RFC 5545, 5546).
type invitation struct {
	*appointment
	method    string // REQUEST, CANCEL
	sequence  int64
	stamp     time.Time
	sender    *mail.Address
	attendees []*mail.Address
}

// encode writes the invitation as iCalendar: lines of at most 75 bytes that end
// with CRLF.
func (v *invitation) encode() (string, error) {
	cal := ical.NewCalendar()
	cal.Props.SetText(ical.PropProductID, "-//Koppel//Koppel//EN")
	cal.Props.SetText(ical.PropVersion, "2.0")
	cal.Props.SetText(ical.PropMethod, v.method)
	if v.zone != nil && !v.allDay {
		until := v.start
		if v.end.After(until) {
			until = v.end
		}
		cal.Children = append(cal.Children, timezone(v.zone, v.start, until))
	}
	cal.Children = append(cal.Children, v.event().Component)
	var b bytes.Buffer
	if err := ical.NewEncoder(&b).Encode(cal); err != nil {
		return "", fmt.Errorf("write the invitation: %w", err)
	}
	return fold(b.String()), nil
}

func (v *invitation) event() *ical.Event {
	e := ical.NewEvent()
	text := func(name, value string) {
		if value != "" {
			e.Props.SetText(name, plain(value))
		}
	}
	text(ical.PropUID, v.uid)
	text(ical.PropSummary, v.summary)
	text(ical.PropLocation, v.location)
	text(ical.PropDescription, v.description)
	text(ical.PropStatus, map[string]string{"REQUEST": "CONFIRMED", "CANCEL": "CANCELLED"}[v.method])
	raw := func(name, value string) { e.Props.Set(&ical.Prop{Name: name, Value: value}) }
	raw(ical.PropSequence, strconv.FormatInt(v.sequence, 10))
	raw(ical.PropDateTimeStamp, v.stamp.UTC().Format("20060102T150405Z"))
	e.Props.Set(v.when(ical.PropDateTimeStart, v.start))
	if !v.end.IsZero() {
		e.Props.Set(v.when(ical.PropDateTimeEnd, v.end))
	}
	organizer := v.sender
	if v.organizer != nil {
		organizer = v.organizer
	}
	o := person(ical.PropOrganizer, organizer)
	if !strings.EqualFold(organizer.Address, v.sender.Address) {
		o.Params["SENT-BY"] = []string{"mailto:" + v.sender.Address}
	}
	e.Props.Set(o)
	for _, a := range v.attendees {
		p := person(ical.PropAttendee, a)
		p.Params["CUTYPE"], p.Params["ROLE"], p.Params["PARTSTAT"] = []string{"INDIVIDUAL"}, []string{"REQ-PARTICIPANT"}, []string{"NEEDS-ACTION"}
		if v.method == "REQUEST" {
			p.Params["RSVP"] = []string{"TRUE"}
		}
		e.Props.Add(p)
	}
	return e
}

// when writes a time: a date, local time in the zone, or UTC.
func (v *invitation) when(name string, t time.Time) *ical.Prop {
	p := ical.NewProp(name)
	switch {
	case v.allDay:
		p.Params["VALUE"], p.Value = []string{"DATE"}, t.Format("20060102")
	case v.zone != nil:
		p.Params["TZID"], p.Value = []string{v.zone.String()}, t.In(v.zone).Format("20060102T150405")
	default:
		p.Value = t.UTC().Format("20060102T150405Z")
	}
	return p
}

// person writes an address with the name as a quoted parameter, which can't hold
// a double quote in any way that all programs read.
func person(name string, a *mail.Address) *ical.Prop {
	p := ical.NewProp(name)
	p.Value = "mailto:" + a.Address
	if a.Name != "" {
		p.Params["CN"] = []string{strings.ReplaceAll(oneLine(a.Name), `"`, "'")}
	}
	return p
}

// plain leaves out what a text of a calendar can't hold.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7F {
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}

// fold breaks lines of more than 75 bytes, between characters.
func fold(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		for room := 75; len(line) > room; room = 74 {
			at := room
			for !utf8.RuneStart(line[at]) {
				at--
			}
			b.WriteString(line[:at] + "\r\n ")
			line = line[at:]
		}
		b.WriteString(line + "\r\n")
	}
	return b.String()
}
