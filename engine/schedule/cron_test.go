package schedule

import (
	"testing"
	"time"
)

// Sunday is 0 and 7 in crontab(5), and may end a range.
func TestWeekdays(t *testing.T) {
	for field, want := range map[string]string{
		"7": "Sun", "0": "Sun", "sun": "Sun", "6,7": "Sun Sat", "5-7": "Sun Fri Sat", "Fri-Sun": "Sun Fri Sat", "1-7": "Sun Mon Tue Wed Thu Fri Sat",
		"0-7": "Sun Mon Tue Wed Thu Fri Sat", "1-7/2": "Sun Mon Wed Fri", "1-7/3": "Sun Mon Thu", "2-7/2": "Tue Thu Sat", "7-7": "Sun", "7,1-2": "Sun Mon Tue",
		"*": "Sun Mon Tue Wed Thu Fri Sat", "mon-fri": "Mon Tue Wed Thu Fri", "*/2": "Sun Tue Thu Sat", "sun-tue": "Sun Mon Tue", "8": "", "5-8": "", "7-5": "", "x-7": "", "1-7/0": "", "1-7/x": "",
	} {
		c, err := ParseCron("30 4 * * " + field)
		if (err == nil) != (want != "") {
			t.Errorf("%s: %v", field, err)
		}
		if err != nil {
			continue
		}
		got := ""
		for day := range 7 { // 2 August 2026 is a Sunday
			at := time.Date(2026, 8, 2+day, 0, 0, 0, 0, time.UTC)
			if c.Next(at).Day() == at.Day() {
				got += " " + at.Format("Mon")
			}
		}
		if got != " "+want {
			t.Errorf("%s:%s, want %s", field, got, want)
		}
	}
}
