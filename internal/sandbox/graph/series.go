package graph

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// zones are the time zones that Outlook names in its own way.
var zones = map[string]string{
	"W. Europe Standard Time": "Europe/Amsterdam", "Romance Standard Time": "Europe/Paris", "Central Europe Standard Time": "Europe/Budapest",
	"GMT Standard Time": "Europe/London", "UTC": "UTC", "Eastern Standard Time": "America/New_York", "Pacific Standard Time": "America/Los_Angeles",
	"Tokyo Standard Time": "Asia/Tokyo", "India Standard Time": "Asia/Kolkata", "SA Pacific Standard Time": "America/Bogota",
	"tzone://Microsoft/Custom": "Europe/Amsterdam",
}

// zone is a time zone by Outlook's name or by that of the IANA.
func zone(name string) (*time.Location, error) {
	if iana, ok := zones[name]; ok {
		name = iana
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("a time zone named %q is unknown", name)
	}
	return loc, nil
}

// A repetition is the recurrence of a series.
type repetition struct {
	kind       string
	interval   int
	days       []string
	index      string
	day, month int
	first      time.Weekday // of the week
	start, end time.Time    // dates; end is zero where there is none
	times      int          // 0: not counted
	loc        *time.Location
}

// part reads a member of nested JSON objects.
func part(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func number(v any) int {
	var n int
	if _, err := fmt.Sscan(fmt.Sprint(v), &n); err != nil {
		return 0
	}
	return n
}

// repetitionOf reads the recurrence of a series master.
func repetitionOf(master dataset.Row) (repetition, error) {
	v := master["recurrence"]
	text := func(names ...string) string { return dataset.Text(part(v, names...)) }
	r := repetition{
		kind: text("pattern", "type"), interval: max(number(part(v, "pattern", "interval")), 1), index: text("pattern", "index"),
		day: number(part(v, "pattern", "dayOfMonth")), month: number(part(v, "pattern", "month")), first: time.Sunday,
	}
	switch days := part(v, "pattern", "daysOfWeek").(type) {
	case []any:
		for _, d := range days {
			r.days = append(r.days, strings.ToLower(dataset.Text(d)))
		}
	case []string:
		r.days = days
	}
	if strings.EqualFold(text("pattern", "firstDayOfWeek"), "monday") {
		r.first = time.Monday
	}
	name := text("range", "recurrenceTimeZone")
	if name == "" {
		name = dataset.Text(master["timeZone"])
	}
	var err error
	if r.loc, err = zone(name); err != nil {
		return r, err
	}
	if r.start, err = time.Parse(time.DateOnly, text("range", "startDate")); err != nil {
		return r, fmt.Errorf("a series needs a range with a startDate: %w", err)
	}
	switch text("range", "type") {
	case "endDate":
		r.end, err = time.Parse(time.DateOnly, text("range", "endDate"))
	case "numbered":
		r.times = number(part(v, "range", "numberOfOccurrences"))
	}
	return r, err
}

// on tells whether the pattern, which began at start, has an occurrence on a date.
func (r *repetition) on(date time.Time) bool {
	days := int(date.Sub(r.start).Hours()) / 24
	months := (date.Year()-r.start.Year())*12 + int(date.Month()) - int(r.start.Month())
	weekday := slices.Contains(r.days, strings.ToLower(date.Weekday().String()))
	switch r.kind {
	case "daily":
		return days%r.interval == 0
	case "weekly":
		into := (int(r.start.Weekday()) - int(r.first) + 7) % 7
		return weekday && (days+into)/7%r.interval == 0
	case "absoluteMonthly":
		return months%r.interval == 0 && date.Day() == min(r.day, daysIn(date))
	case "relativeMonthly":
		return months%r.interval == 0 && weekday && r.indexed(date)
	case "absoluteYearly":
		return int(date.Month()) == r.month && date.Day() == min(r.day, daysIn(date)) && (date.Year()-r.start.Year())%r.interval == 0
	case "relativeYearly":
		return int(date.Month()) == r.month && weekday && r.indexed(date) && (date.Year()-r.start.Year())%r.interval == 0
	}
	return false
}

func daysIn(date time.Time) int {
	return time.Date(date.Year(), date.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// indexed tells whether a date is the first, second, third, fourth or last of
// its month among the days of the pattern.
func (r *repetition) indexed(date time.Time) bool {
	var fitting []int
	for d := 1; d <= daysIn(date); d++ {
		day := time.Date(date.Year(), date.Month(), d, 0, 0, 0, 0, time.UTC)
		if slices.Contains(r.days, strings.ToLower(day.Weekday().String())) {
			fitting = append(fitting, d)
		}
	}
	at := slices.Index(fitting, date.Day())
	if r.index == "last" {
		return at == len(fitting)-1
	}
	return at == max(slices.Index([]string{"first", "second", "third", "fourth"}, r.index), 0)
}

// An occurrence is one date of a series, with its times in UTC.
type occurrence struct {
	date       string
	start, end time.Time
}

// occurrences are those of a series that meet a window, in order, without the
// dates that were deleted.
func occurrences(master dataset.Row, from, to time.Time) []occurrence {
	r, err := repetitionOf(master)
	if err != nil {
		return nil
	}
	begin, end := moment(master, "start"), moment(master, "end")
	clock := begin.In(r.loc)
	gone, _ := master["deletedOccurrences"].([]any)
	var list []occurrence
	for date, count := r.start, 0; (r.end.IsZero() || !date.After(r.end)) && date.Before(to.AddDate(0, 0, 2)); date = date.AddDate(0, 0, 1) {
		if !r.on(date) {
			continue
		}
		if count++; r.times > 0 && count > r.times {
			break
		}
		o := occurrence{date: date.Format(time.DateOnly)}
		o.start = time.Date(date.Year(), date.Month(), date.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, r.loc).UTC()
		o.end = o.start.Add(end.Sub(begin))
		if o.end.After(from) && o.start.Before(to) && !slices.Contains(gone, any(o.date)) {
			list = append(list, o)
		}
	}
	return list
}

func moment(row dataset.Row, name string) time.Time {
	t, _ := row[name].(time.Time)
	return t
}
