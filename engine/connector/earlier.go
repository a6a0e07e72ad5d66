package connector

import (
	"strings"
	"time"
)

// Earlier gives the ISO date or date-time that lies d before text, written as
// text is: with or without a zone, with as many digits behind the seconds. A
// date without a time goes back to the day in which the moment lies. It is how
// kinds take an overlap off a cursor; false: text is no such date.
func Earlier(text string, d time.Duration) (string, bool) {
	for _, layout := range layouts() {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Add(-d).Format(withFraction(layout, text)), true
		}
	}
	return "", false
}

// layouts are the forms of ISO dates and times that are counted back in.
func layouts() []string {
	var all []string
	for _, t := range []string{"T", " "} {
		for _, s := range []string{"15:04:05", "15:04"} {
			for _, zone := range []string{"", "-07:00", "-0700", "Z07:00"} {
				all = append(all, "2006-01-02"+t+s+zone)
			}
		}
	}
	return append(all, "2006-01-02", "20060102")
}

// withFraction gives layout as many digits behind the seconds as text has:
// parsing takes them where the layout has none.
func withFraction(layout, text string) string {
	dot := strings.IndexAny(text, ".,")
	if dot < 0 {
		return layout
	}
	end := dot + 1
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	i := len("2006-01-02T15:04:05")
	return layout[:i] + text[dot:dot+1] + strings.Repeat("0", end-dot-1) + layout[i:]
}
