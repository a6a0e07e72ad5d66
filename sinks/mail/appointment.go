package mail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	_ "time/tzdata" // zones that are named exist wherever this runs
)

// An appointment is the field calendar.
type appointment struct {
	uid                            string // empty: one is made of pipeline and key
	summary, location, description string
	organizer                      *mail.Address // nil: the sender
	start, end                     time.Time     // end is zero where there is none
	allDay                         bool          // start and end are dates, end the day after the last
	zone                           *time.Location
}

func readAppointment(raw json.RawMessage) (*appointment, error) {
	var in struct {
		UID         any             `json:"uid"`
		Start       string          `json:"start"`
		End         *string         `json:"end"`
		Summary     *string         `json:"summary"`
		Location    *string         `json:"location"`
		Description *string         `json:"description"`
		Zone        *string         `json:"zone"`
		Organizer   json.RawMessage `json:"organizer"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return nil, fieldError(err)
	}
	a := &appointment{summary: oneLine(deref(in.Summary)), location: oneLine(deref(in.Location)), description: deref(in.Description)}
	switch uid := in.UID.(type) {
	case nil:
	case string:
		a.uid = oneLine(uid)
	case json.Number:
		a.uid = uid.String()
	default:
		return nil, errors.New("uid is no text")
	}
	var err error
	if zone := deref(in.Zone); zone != "" {
		if a.zone, err = time.LoadLocation(zone); err != nil || zone == "Local" {
			return nil, fmt.Errorf("zone %q is unknown; it is an IANA name such as Europe/Amsterdam", zone)
		}
	}
	if len(in.Organizer) > 0 && string(in.Organizer) != "null" {
		if a.organizer, err = address(in.Organizer); err != nil {
			return nil, fmt.Errorf("organizer: %w", err)
		}
	}
	return a, a.times(in.Start, deref(in.End))
}

// times reads when the appointment is: both dates, or both moments.
func (a *appointment) times(start, end string) error {
	var err error
	if a.start, a.allDay, err = moment(start, a.zone); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if end == "" {
		return nil
	}
	var dates bool
	a.end, dates, err = moment(end, a.zone)
	switch {
	case err != nil:
		return fmt.Errorf("end: %w", err)
	case dates != a.allDay:
		return errors.New("start and end are not both dates or both moments")
	case a.end.Before(a.start) || a.allDay && a.end.Equal(a.start):
		return errors.New("end is not after start; of whole days it is the day after the last one")
	}
	return nil
}

// moment reads a date, or a date and time with an offset, or one without where
// a zone is known.
func moment(text string, zone *time.Location) (t time.Time, date bool, err error) {
	text = strings.TrimSpace(text)
	if t, err = time.Parse(time.DateOnly, text); err == nil {
		return t, true, nil
	}
	if t, err = time.Parse(time.RFC3339, text); err == nil {
		return t, false, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		local, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if zone == nil {
			return t, false, fmt.Errorf("%q has neither an offset nor a zone beside it", text)
		}
		return time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, zone), false, nil
	}
	return t, false, fmt.Errorf("%q is no date and time, such as 2026-11-24T09:00:00Z", text)
}
