package schedule

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/robfig/cron/v3"
)

// ParseCron reads a cron expression of five fields: minute, hour, day of the
// month, month, day of the week, as crontab(5) has them; Sunday is 0 or 7, also
// as the end of a range. Its times are those of a clock without a zone.
func ParseCron(text string) (cron.Schedule, error) {
	fields := strings.Fields(text)
	if len(fields) == 5 {
		fields[4] = weekdays(fields[4])
		text = strings.Join(fields, " ")
	}
	return cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(text)
}

// sunday is the day's other number.
const sunday = 7

// weekdays writes the parts of a field of days of the week in which Sunday is 7,
// or ends a range, in the numbers 0 to 6. It leaves the others as they are.
func weekdays(field string) string {
	parts := strings.Split(field, ",")
	for i, part := range parts {
		days, step, stepped := strings.Cut(part, "/")
		from, to, ranged := strings.Cut(days, "-")
		by := 1
		if stepped {
			by, _ = strconv.Atoi(step) // what is no number is left to the parser
		}
		low, ok := weekday(from)
		switch {
		case !ranged && from == "7":
			parts[i] = "0" + strings.TrimPrefix(part, "7")
		case ranged && ok && by > 0 && (to == "7" || low > 0 && strings.EqualFold(to, "sun")):
			parts[i] = upToSunday(low, by)
		}
	}
	return strings.Join(parts, ",")
}

// upToSunday lists the days of a range that Sunday ends.
func upToSunday(low, by int) string {
	var days []string
	for day := low; day <= sunday; day += by {
		days = append(days, fmt.Sprint(day%sunday))
	}
	return strings.Join(days, ",")
}

// weekday gives the number of a day, 0 to 7, by number or name.
func weekday(text string) (int, bool) {
	for i, name := range []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} {
		if strings.EqualFold(text, name) {
			return i, true
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n <= sunday
}
