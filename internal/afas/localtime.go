package afas

import (
	"regexp"
	"sync"
	"time"
	_ "time/tzdata" // the zone of AFAS is known on every machine
)

// Zone is that of AFAS's clock.
const Zone = "Europe/Amsterdam"

// local is how AFAS writes and compares times: the clock on the wall in
// Amsterdam, without a zone. Rows carry a Z behind it that is not true, and
// filters refuse one.
const local = "2006-01-02T15:04:05"

var isTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$`)

// amsterdam is that zone, with its changes.
var amsterdam = sync.OnceValue(func() *time.Location {
	zone, err := time.LoadLocation(Zone)
	if err != nil {
		panic("afas: the zone database that is built in lacks " + Zone)
	}
	return zone
})

// Local writes a moment as AFAS does.
func Local(t time.Time) string { return t.In(amsterdam()).Format(local) }

// FilterTime brings a date or time into the form that a filter takes. A Z is
// taken off, as it is not true in AFAS; another offset is converted. Text that
// is no ISO date is left as it is.
func FilterTime(text string) string {
	if !isTime.MatchString(text) {
		return text
	}
	for _, layout := range []string{"2006-01-02T15:04:05Z", "2006-01-02 15:04:05Z", local, "2006-01-02 15:04:05", "2006-01-02T15:04Z", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Format(local)
		}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return Local(t)
		}
	}
	return text
}

// ParseShown reads a time as rows show it, as the clock on the wall; false: it
// is none.
func ParseShown(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05Z", local, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Before gives the time on the wall from which a filter finds all that happened
// from overlap before shown on, shown being a time on the wall. At the change
// from summer time the wall shows an hour twice, and at the other change one is
// left out: what it gives is never too late.
func Before(shown time.Time, overlap time.Duration) time.Time {
	zone := amsterdam()
	wall := func(t time.Time) time.Time {
		t = t.In(zone)
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	}
	moment := time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.Second(), 0, zone)
	least := shown.Add(-overlap)
	for _, m := range []time.Time{moment.Add(-time.Hour), moment, moment.Add(time.Hour)} {
		if !wall(m).Equal(wall(moment)) {
			continue
		}
		if !m.Equal(moment) { // the wall shows this time twice
			least = earlier(least, shown.Add(-overlap-time.Hour))
		}
		least = earlier(least, wall(m.Add(-overlap)))
	}
	return least
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
