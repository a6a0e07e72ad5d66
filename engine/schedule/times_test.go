package schedule

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
)

// matcher is an independent reading of a cron expression.
type matcher [5]func(int) bool

func newMatcher(text string) (m matcher, anyDay, anyWeekday bool) {
	fields := strings.Fields(text)
	for i, f := range fields {
		m[i] = field(f, []int{0, 0, 1, 1, 0}[i])
	}
	return m, strings.HasPrefix(fields[2], "*"), strings.HasPrefix(fields[4], "*")
}

func field(text string, low int) func(int) bool {
	return func(n int) bool {
		for _, part := range strings.Split(text, ",") {
			span, step, stepped := strings.Cut(part, "/")
			from, to := low, 99
			if span != "*" {
				a, b, ranged := strings.Cut(span, "-")
				from, _ = strconv.Atoi(a)
				to = from
				if ranged {
					to, _ = strconv.Atoi(b)
				} else if stepped {
					to = 99
				}
			}
			by := 1
			if stepped {
				by, _ = strconv.Atoi(step)
			}
			if n >= from && n <= to && (n-from)%by == 0 {
				return true
			}
		}
		return false
	}
}

func matches(text string, wall time.Time) bool {
	m, anyDay, anyWeekday := newMatcher(text)
	day, weekday := m[2](wall.Day()), m[4](int(wall.Weekday()))
	on := day && weekday
	if !anyDay && !anyWeekday {
		on = day || weekday
	}
	return m[0](wall.Minute()) && m[1](wall.Hour()) && m[3](int(wall.Month())) && on
}

// slow walks the clock of a zone minute by minute: each minute of the wall that
// was not passed before is looked at, also those that the clock jumps over.
func slow(text string, zone *time.Location, from, to time.Time) []time.Time {
	var list []time.Time
	// Nothing that the clock showed in the two days before comes again.
	passed := time.Time{}
	for t := from.Add(-48 * time.Hour); !t.After(to); t = t.Add(time.Minute) {
		local := t.In(zone)
		wall, _ := time.Parse("2006-01-02 15:04", local.Format("2006-01-02 15:04"))
		if passed.IsZero() {
			passed = wall
		}
		for passed.Before(wall) {
			passed = passed.Add(time.Minute)
			if matches(text, passed) && t.After(from) && (len(list) == 0 || !list[len(list)-1].Equal(t)) {
				list = append(list, t)
			}
		}
	}
	return list
}

// changes are moments near which clocks do odd things.
var changes = []struct {
	zone string
	day  string
}{
	{"Europe/Amsterdam", "2026-03-29"}, {"Europe/Amsterdam", "2026-10-25"},
	{"America/New_York", "2026-03-08"}, {"America/New_York", "2026-11-01"},
	{"Australia/Lord_Howe", "2026-04-05"}, {"Australia/Lord_Howe", "2026-10-04"}, // half an hour
	{"Pacific/Apia", "2011-12-30"},                                         // a day that was not
	{"Pacific/Kwajalein", "1993-08-21"},                                    // another
	{"Antarctica/Troll", "2026-03-29"}, {"Antarctica/Troll", "2026-10-25"}, // two hours
	{"Europe/Dublin", "2026-03-29"}, {"Europe/Dublin", "2026-10-25"},
	{"America/Caracas", "2016-05-01"}, {"Asia/Pyongyang", "2018-05-05"}, {"Asia/Kathmandu", "1986-01-01"},
	{"America/Sao_Paulo", "2018-11-04"}, {"America/Sao_Paulo", "2019-02-17"}, // at midnight
	{"America/Santiago", "2026-09-06"}, {"Africa/Casablanca", "2026-02-15"}, {"Africa/Casablanca", "2026-03-22"},
	{"Pacific/Chatham", "2026-04-05"}, {"America/St_Johns", "2006-10-29"}, // one minute past midnight
	{"Asia/Gaza", "2026-03-28"}, {"America/Juneau", "1983-10-30"}, {"UTC", "2026-06-01"},
}

var expressions = []string{
	"*/15 * * * *", "30 2 * * *", "0 2 * * *", "15 2,3 * * *", "0 0 * * *", "45 1 * * *", "0 */2 * * *", "* * * * *",
	"5-10 2 * * 0", "30 0 * * *", "59 23 * * *", "0 3 29 3 *", "30 2 1,15,25,29 * 0", "0 12 30 12 *", "7-59/13 1-3 * * 1-6",
}

func TestCronAgainstSlow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(changes).Draw(t, "change")
		text := rapid.SampledFrom(expressions).Draw(t, "cron")
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		day, err := time.ParseInLocation(time.DateOnly, c.day, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		from := day.Add(time.Duration(rapid.IntRange(-36*60, 24*60).Draw(t, "minutes"))*time.Minute +
			time.Duration(rapid.IntRange(0, 59).Draw(t, "seconds"))*time.Second)
		to := from.Truncate(time.Minute).Add(40 * time.Hour)
		none := time.Duration(0)
		times, err := New(&engine.Schedule{Cron: text, Location: zone, Jitter: &none}, "pipeline.a")
		if err != nil {
			t.Fatal(err)
		}
		var got []time.Time
		for at := times.Next(from); !at.IsZero() && !at.After(to); at = times.Next(at) {
			got = append(got, at)
		}
		want := slow(text, zone, from.Truncate(time.Minute), to)
		want = slices.DeleteFunc(want, func(at time.Time) bool { return !at.After(from) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s %q from %s (-want +got):\n%s", c.zone, text, from, diff)
		}
	})
}

func TestCronOnOddDays(t *testing.T) {
	none := time.Duration(0)
	for _, c := range []struct {
		name, zone, cron, after string
		want                    []string
	}{
		{"a time that is skipped runs at the next that exists", "Europe/Amsterdam", "30 2 * * *", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"all skipped ones are one run", "Europe/Amsterdam", "*/20 * * * *", "2026-03-29T00:30:00Z",
			[]string{"2026-03-29T00:40:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z"}},
		{"a time that comes twice runs the first time", "Europe/Amsterdam", "30 2 * * *", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"nothing runs in the second pass", "Europe/Amsterdam", "*/30 * * * *", "2026-10-25T00:30:00Z",
			[]string{"2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"}},
		{"half an hour", "Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00:00Z",
			[]string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
		{"a day that is not", "Pacific/Apia", "0 12 * * *", "2011-12-29T20:00:00Z",
			[]string{"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},
		{"over a year that is none of leap", "UTC", "0 0 29 2 *", "2096-03-01T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			times, err := New(&engine.Schedule{Cron: c.cron, Location: zone, Jitter: &none}, "pipeline.a")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range times.Following(moment(t, c.after), len(c.want)) {
				got = append(got, at.UTC().Format(time.RFC3339))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestEvery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.Int64Range(1, 30*24*3600).Draw(t, "seconds")) * time.Second
		after := time.UnixMilli(rapid.Int64Range(-1e12, 4e12).Draw(t, "after"))
		later := after.Add(time.Duration(rapid.Int64Range(0, int64(every)).Draw(t, "restart")))
		times, err := New(&engine.Schedule{Every: every}, rapid.String().Draw(t, "address"))
		if err != nil {
			t.Fatal(err)
		}
		next := times.Next(after)
		if gap := next.Sub(after); gap <= 0 || gap > every {
			t.Fatalf("the run after %s is %s, every %s", after, next, every)
		}
		if second := times.Next(next); second.Sub(next) != every {
			t.Fatalf("after %s comes %s, every %s", next, second, every)
		}
		// Whoever asks later, after a restart, gets the same times.
		want := next
		if !later.Before(next) {
			want = next.Add(every)
		}
		if got := times.Next(later); !got.Equal(want) {
			t.Fatalf("asked at %s: %s, not %s", later, got, want)
		}
		if j := times.Jitter(); j < 0 || j > every/jitterShare || j >= jitterMost {
			t.Fatalf("a jitter of %s, every %s", j, every)
		}
	})
}

func TestJitter(t *testing.T) {
	hour := time.Hour
	seen := map[time.Duration]bool{}
	for i := range 200 {
		address := "pipeline.p" + strconv.Itoa(i)
		times, err := New(&engine.Schedule{Cron: "0 6 * * *", Location: time.UTC, Jitter: &hour}, address)
		if err != nil {
			t.Fatal(err)
		}
		at := times.Next(moment(t, "2026-01-01T00:00:00Z"))
		late := at.Sub(moment(t, "2026-01-01T06:00:00Z"))
		if late < 0 || late >= hour || late != times.Jitter() {
			t.Fatalf("%s runs %s late", address, late)
		}
		if next := times.Next(at); next.Sub(at) != 24*time.Hour {
			t.Fatalf("%s runs at %s and %s", address, at, next)
		}
		seen[late] = true
	}
	if len(seen) < 150 {
		t.Errorf("200 addresses have only %d moments", len(seen))
	}
}

func TestDue(t *testing.T) {
	none := time.Duration(0)
	for _, c := range []struct {
		name, missedRule, done, now string
		at                          string
		missed, due                 bool
	}{
		{"not yet", "run_once", "2026-01-01T06:00:00Z", "2026-01-01T06:59:59Z", "", false, false},
		{"now", "run_once", "2026-01-01T06:00:00Z", "2026-01-01T07:00:00Z", "2026-01-01T07:00:00Z", false, true},
		{"a little late", "skip", "2026-01-01T06:00:00Z", "2026-01-01T07:00:40Z", "2026-01-01T07:00:00Z", false, true},
		{"missed", "run_once", "2026-01-01T06:00:00Z", "2026-01-01T10:20:00Z", "2026-01-01T07:00:00Z", true, true},
		{"missed and skipped", "skip", "2026-01-01T06:00:00Z", "2026-01-01T10:20:00Z", "2026-01-01T07:00:00Z", true, false},
		{"missed, and one is due now", "skip", "2026-01-01T06:00:00Z", "2026-01-01T10:00:30Z", "2026-01-01T10:00:00Z", false, true},
		{"years are one run", "run_once", "2006-01-01T06:00:00Z", "2026-01-01T10:20:00Z", "2006-01-01T07:00:00Z", true, true},
		{"the clock went back", "run_once", "2026-01-01T06:00:00Z", "2026-01-01T05:00:00Z", "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			times, err := New(&engine.Schedule{Cron: "0 * * * *", Missed: c.missedRule, Jitter: &none}, "pipeline.a")
			if err != nil {
				t.Fatal(err)
			}
			at, missed, due := times.Due(moment(t, c.done), moment(t, c.now))
			got := ""
			if !at.IsZero() {
				got = at.UTC().Format(time.RFC3339)
			}
			if got != c.at || missed != c.missed || due != c.due {
				t.Errorf("%s %v %v, not %s %v %v", got, missed, due, c.at, c.missed, c.due)
			}
		})
	}
}

func FuzzNew(f *testing.F) {
	for _, text := range expressions {
		f.Add(text, int64(1_800_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, at int64) {
		times, err := New(&engine.Schedule{Cron: text, Location: time.UTC}, "pipeline.a")
		if err != nil || at < 0 || at > 1<<35 {
			return
		}
		after := time.Unix(at, 0)
		if next := times.Next(after); !next.IsZero() && !next.After(after) {
			t.Errorf("%q after %s: %s", text, after, next)
		}
	})
}
