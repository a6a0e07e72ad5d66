package file

import (
	"fmt"
	"math"
	"time"
)

const (
	lastSerial = 2958466 // the day after 9999-12-31
	days1904   = 1462    // between the two ways of counting days
)

// moment is what a number of days is under a style of dates or times: an ISO
// date, a date-time without a zone, a time, or hours beyond a day.
func (s numberStyle) moment(serial float64, date04 bool) (string, error) {
	unit, per := time.Second, 86400.0
	layout, fraction := time.TimeOnly, ""
	if s.fraction {
		unit, per = time.Millisecond, 86400e3
		fraction = ".000"
	}
	if math.IsNaN(serial) || serial < 0 || serial >= lastSerial {
		return "", fmt.Errorf("%v is shown as a date or time and is none", serial)
	}
	whole := math.Round(serial * per)
	days := math.Floor(whole / per)
	rest := time.Duration(whole-days*per) * unit
	clock := time.Time{}.Add(rest).Format(layout + fraction)
	switch {
	case s.elapsed && !s.date:
		hours := int(days)*24 + int(rest/time.Hour)
		return fmt.Sprintf("%02d%s", hours, clock[2:]), nil
	case !s.date:
		return clock, nil
	}
	if !s.time {
		days = math.Floor(serial)
	}
	if date04 {
		days += days1904
	} else if days < 1 || days == 60 {
		// Day 60 is 29 February 1900, which was not.
		return "", fmt.Errorf("%v is shown as a date and is none", serial)
	}
	if days < 60 {
		days++
	}
	day := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(days)).Format(time.DateOnly)
	if s.time {
		return day + "T" + clock, nil
	}
	return day, nil
}
