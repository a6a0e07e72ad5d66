package schedule

import "time"

// anchor is the Monday from which intervals are counted.
var anchor = time.Date(1970, time.January, 5, 0, 0, 0, 0, time.UTC)

// nextEvery gives the first multiple of the interval after a moment.
func (t *Times) nextEvery(after time.Time) time.Time {
	passed := after.Sub(anchor)
	n := passed / t.every
	if passed < 0 && passed%t.every != 0 {
		n--
	}
	return anchor.Add((n + 1) * t.every)
}

// neverAfter is after how many searches without a match none is expected: each
// of them looks five years ahead, and the rarest date, 29 February, may be away
// for eight.
const neverAfter = 3

// nextCron gives the first moment after another at which a time of the cron
// expression comes.
func (t *Times) nextCron(after time.Time) time.Time {
	wall := wallOf(after.In(t.zone))
	for empty := 0; empty < neverAfter; {
		next := t.cron.Next(wall)
		if next.IsZero() {
			empty++
			wall = wall.AddDate(5, 0, 0)
			continue
		}
		// A time that the clock shows for the second time has run already.
		if at := momentOf(next, t.zone); at.After(after) {
			return at
		}
		wall = next
	}
	return time.Time{}
}

// wallOf gives what a clock shows, as a time without a zone (in UTC).
func wallOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// zoneReach is more than any zone has ever been away from UTC.
const zoneReach = 26 * time.Hour

// momentOf gives the first moment at which the clock of a zone shows wall; when
// it never does, the moment at which it skips it.
func momentOf(wall time.Time, zone *time.Location) time.Time {
	at := wall.Add(-zoneReach).In(zone)
	for {
		start, end := at.ZoneBounds()
		_, offset := at.Zone()
		moment := wall.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || moment.Before(end) {
			if moment.Before(start) {
				return start
			}
			return moment.In(zone)
		}
		at = end
	}
}
