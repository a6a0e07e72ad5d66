package serve

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// month is a project whose pipelines have every kind of schedule.
var month = pipe("office", "2m", cronIn("0 8-17 * * 1-5", "Europe/Amsterdam", "")) +
	pipe("night", "3m", cronIn("30 2 * * *", "Europe/Amsterdam", "")) +
	pipe("after", "0s", cronIn("30 2 * * *", "Europe/Amsterdam", "")+"after = [pipeline.night]") +
	pipe("lordhowe", "0s", cronIn("15,45 1,2 * * *", "Australia/Lord_Howe", "")) +
	pipe("interval", "1m", "schedule {\n  every = \"8h\"\n  jitter = \"20m\"\n}\n") +
	pipe("long", "3h", cronIn("0 */2 * * *", "UTC", `overlap = "skip"`)) +
	pipe("queue", "5h", cronIn("0 0,4,12 * * *", "UTC", `overlap = "queue"`)) +
	pipe("resumed", "0s", cronIn("0 */6 * * *", "UTC", "")) +
	pipe("skipping", "0s", cronIn("0 */6 * * *", "UTC", `missed = "skip"`))

func cronIn(text, zone, more string) string {
	return cronAt(text, "timezone = \""+zone+"\"\n  "+more)
}

// An expectation says when the pipelines of month run, by walking through the
// minutes and asking the clocks on the walls.
type expectation struct {
	runs             map[string][]time.Time
	amsterdam, howe  *time.Location
	shown            map[*time.Location]time.Time // the latest time that a clock has shown
	longUntil, queue time.Time
	queued           bool
	pausedFrom, to   time.Time
	interval         time.Duration // its jitter
}

// passes lists the minutes that a clock shows for the first time at t, those
// that it skips too.
func (x *expectation) passes(t time.Time, zone *time.Location) []time.Time {
	wall, _ := time.Parse("2006-01-02 15:04", t.In(zone).Format("2006-01-02 15:04"))
	last, known := x.shown[zone]
	if !known {
		last = wall.Add(-time.Minute)
	}
	var list []time.Time
	for last.Before(wall) {
		last = last.Add(time.Minute)
		list = append(list, last)
	}
	x.shown[zone] = last
	return list
}

func (x *expectation) run(name string, at time.Time) { x.runs[name] = append(x.runs[name], at) }

// minute notes what runs in one minute.
func (x *expectation) minute(t time.Time) {
	office, night, howe := false, false, false
	for _, w := range x.passes(t, x.amsterdam) {
		office = office || w.Minute() == 0 && w.Hour() >= 8 && w.Hour() <= 17 && w.Weekday() >= time.Monday && w.Weekday() <= time.Friday
		night = night || w.Hour() == 2 && w.Minute() == 30
	}
	for _, w := range x.passes(t, x.howe) {
		howe = howe || (w.Hour() == 1 || w.Hour() == 2) && (w.Minute() == 15 || w.Minute() == 45)
	}
	if office {
		x.run("office", t)
	}
	if night {
		x.run("night", t)
		x.run("after", t.Add(3*time.Minute))
	}
	if howe {
		x.run("lordhowe", t)
	}
	u := t.UTC()
	if u.Minute() == 0 && u.Hour()%8 == 0 {
		x.run("interval", t.Add(x.interval))
	}
	if u.Minute() == 0 && u.Hour()%2 == 0 && !t.Before(x.longUntil) {
		x.run("long", t)
		x.longUntil = t.Add(3 * time.Hour)
	}
	x.queues(t, u.Minute() == 0 && (u.Hour() == 0 || u.Hour() == 4 || u.Hour() == 12))
	x.sixth(t, u.Minute() == 0 && u.Hour()%6 == 0)
}

// queues follows the pipeline that takes five hours and queues.
func (x *expectation) queues(t time.Time, due bool) {
	switch {
	case due && t.Before(x.queue):
		x.queued = true
	case due, x.queued && t.Equal(x.queue):
		x.run("queue", t)
		x.queue, x.queued = t.Add(5*time.Hour), false
	}
}

// sixth follows the pipelines that run every six hours: two of them are paused
// for a while.
func (x *expectation) sixth(t time.Time, due bool) {
	paused := !t.Before(x.pausedFrom) && t.Before(x.to)
	if due && !paused {
		x.run("resumed", t)
		x.run("skipping", t)
	}
	if t.Equal(x.to) {
		x.run("resumed", t)
	}
}

// atOnce is how many goroutines may be there for what runs at one moment, and
// filesOfReaders how many files the state may keep open: four readers, each with
// the database, its log and its index.
const (
	atOnce         = 4
	filesOfReaders = 12
)

func openFiles() int {
	entries, _ := os.ReadDir("/proc/self/fd") // none where there is no such folder
	return len(entries)
}

// TestMonth serves a month with every kind of schedule, over both changes of the
// clock: each run happens once, at its time, and nothing is left open.
func TestMonth(t *testing.T) {
	for name, start := range map[string]time.Time{
		"spring": time.Date(2026, 3, 10, 10, 10, 0, 0, time.UTC), "autumn": time.Date(2026, 10, 6, 10, 10, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testMonth(t, start) }) })
	}
}

func testMonth(t *testing.T, start time.Time) {
	days := 31
	if testing.Short() {
		start, days = start.AddDate(0, 0, 17), 4
	}
	w := newWorld(t, start, month)
	w.runs = 20
	w.start()
	x := &expectation{runs: map[string][]time.Time{}, shown: map[*time.Location]time.Time{}, interval: w.jobs["pipeline.interval"].times.Jitter()}
	var err error
	if x.amsterdam, err = time.LoadLocation("Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	if x.howe, err = time.LoadLocation("Australia/Lord_Howe"); err != nil {
		t.Fatal(err)
	}
	x.pausedFrom, x.to = start.AddDate(0, 0, 1), start.AddDate(0, 0, 2)
	end := start.AddDate(0, 0, days)
	for at := start; at.Before(end); at = at.Add(time.Minute) {
		x.minute(at)
	}

	w.until(start.Add(12 * time.Hour).Format(time.RFC3339))
	files, goroutines := openFiles(), runtime.NumGoroutine()
	w.until(x.pausedFrom.Format(time.RFC3339))
	w.pause("resumed", true)
	w.pause("skipping", true)
	w.until(x.to.Format(time.RFC3339))
	w.pause("resumed", false)
	w.pause("skipping", false)
	w.until(end.AddDate(0, 0, -1).Format(time.RFC3339))
	// What runs at either moment, and how many readers the state keeps, differs a
	// little; hundreds of runs lie between.
	if n := openFiles(); n > files+filesOfReaders {
		t.Errorf("%d files were open after half a day, and %d are at the end", files, n)
	}
	if n := runtime.NumGoroutine(); n > goroutines+atOnce {
		t.Errorf("%d goroutines were there after half a day, and %d are at the end", goroutines, n)
	}
	w.until(end.Add(-time.Second).Format(time.RFC3339))
	w.compare(x, end.Add(-time.Second))
}

// compare compares the runs that began before a moment with what was expected.
func (w *world) compare(x *expectation, before time.Time) {
	w.t.Helper()
	w.stop()
	got := map[string][]time.Time{}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		at := s.at.UTC()
		if s.name == "resumed" && at.Sub(x.to) > 0 && at.Sub(x.to) <= pausePoll {
			at = x.to // at the next look
		}
		got[s.name] = append(got[s.name], at)
		if s.err != "" && s.at.Add(s.took).Before(before) {
			w.t.Errorf("%s at %s: %s", s.name, s.at, s.err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(x.runs)) {
		want := slices.DeleteFunc(x.runs[name], func(at time.Time) bool { return !at.Before(before) })
		slices.SortFunc(got[name], time.Time.Compare)
		if diff := cmp.Diff(want, got[name]); diff != "" {
			w.t.Errorf("%s: %d runs, not %d (-want +got):\n%s", name, len(got[name]), len(want), diff)
		}
		if w.at[name] != 1 {
			w.t.Errorf("%s ran %d times at once", name, w.at[name])
		}
	}
}
