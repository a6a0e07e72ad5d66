package serve

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var monday = time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC)

// A step lets time pass, does something, and says which runs there were before.
type step struct {
	until string
	want  []string
	do    func(*world)
}

func TestLoop(t *testing.T) {
	for _, c := range []struct {
		name string
		hcl  string
		runs int
		do   []step
	}{
		{"its time", pipe("a", "0s", cronAt("0 6,7 * * *", "")), 0, []step{
			{"2026-03-02T05:59:59Z", nil, nil},
			{"2026-03-02T07:30:00Z", []string{"06:00:00 a schedule", "07:00:00 a schedule"}, nil},
		}},
		{"what goes first", pipe("b", "1m", cronAt("0 6 * * *", "")) +
			pipe("a", "1m", cronAt("0 6 * * *", "")+"after = [pipeline.b]") + pipe("c", "1m", cronAt("0 6 * * *", "")+"after = [pipeline.a]"), 0, []step{
			{"2026-03-02T07:00:00Z", []string{"06:00:00 b schedule", "06:01:00 a schedule", "06:02:00 c schedule"}, nil},
		}},
		{"what goes first by way of one that is not due", pipe("a", "1m", cronAt("0 6 * * *", "")) +
			pipe("b", "1m", "after = [pipeline.a]") + pipe("c", "0s", cronAt("0 6 * * *", "")+"after = [pipeline.b]"), 0, []step{
			{"2026-03-02T07:00:00Z", []string{"06:00:00 a schedule", "06:01:00 c schedule"}, nil},
		}},
		{"what goes first though its jitter is longer", pipe("a", "1m", `schedule {
  cron   = "0 6 * * *"
  jitter = "1h"
}`) + pipe("b", "0s", cronAt("0 6 * * *", "")+"after = [pipeline.a]"), 0, []step{
			{"2026-03-02T07:00:00Z", []string{"06:45:54 a schedule", "06:46:54 b schedule"}, nil},
		}},
		{"a trigger while it runs is one more run", pipe("a", "10m", cronAt("0 6 * * *", "")), 0, []step{
			{"2026-03-02T06:01:00Z", nil, func(w *world) { w.Trigger("pipeline.a"); w.Trigger("pipeline.a", "pipeline.gone") }},
			{"2026-03-02T06:05:00Z", nil, func(w *world) { w.Trigger("pipeline.a") }},
			{"2026-03-02T07:00:00Z", []string{"06:00:00 a schedule", "06:10:00 a trigger"}, nil},
		}},
		{"no overlap, skipped", pipe("a", "25m", cronAt("*/10 6 * * *", `overlap = "skip"`)), 0, []step{
			{"2026-03-02T08:00:00Z", []string{"06:00:00 a schedule", "06:30:00 a schedule"}, nil},
		}},
		{"no overlap, queued", pipe("a", "25m", cronAt("*/20 6 * * *", `overlap = "queue"`)), 0, []step{
			{"2026-03-02T08:00:00Z", []string{"06:00:00 a schedule", "06:25:00 a schedule", "06:50:00 a schedule"}, nil},
		}},
		{"at most two at once", pipe("a", "10m", cronAt("0 6 * * *", "")) + pipe("b", "10m", cronAt("0 6 * * *", "")) + pipe("c", "10m", cronAt("0 6 * * *", "")), 2, []step{
			{"2026-03-02T07:00:00Z", []string{"06:00:00 a schedule", "06:00:00 b schedule", "06:10:00 c schedule"}, nil},
		}},
		{"paused and resumed", pipe("a", "0s", cronAt("0 6,7 * * *", "")), 0, []step{
			{"2026-03-02T05:30:00Z", nil, func(w *world) { w.pause("a", true) }},
			{"2026-03-02T07:30:00Z", nil, func(w *world) { w.Trigger("pipeline.a") }},
			{"2026-03-02T08:00:01Z", nil, func(w *world) { w.pause("a", false) }},
			{"2026-03-02T08:10:00Z", []string{"08:00:05 a trigger"}, nil},
			{"2026-03-03T06:10:00Z", []string{"06:00:00 a schedule"}, nil},
		}},
		{"paused, and what is missed is skipped", pipe("a", "0s", cronAt("0 6,9 * * *", `missed = "skip"`)), 0, []step{
			{"2026-03-02T05:30:00Z", nil, func(w *world) { w.pause("a", true) }},
			{"2026-03-02T07:30:00Z", nil, func(w *world) { w.pause("a", false) }},
			{"2026-03-02T10:00:00Z", []string{"09:00:00 a schedule"}, nil},
		}},
		{"disabled", pipe("a", "0s", "enabled = false\n"+cronAt("0 6 * * *", "")), 0, []step{
			{"2026-03-02T05:30:00Z", nil, func(w *world) { w.Trigger("pipeline.a") }},
			{"2026-03-02T10:00:00Z", nil, nil},
		}},
		{"a run that fails is done", strings.Replace(pipe("a", "0s", cronAt("0 6 * * *", "")), "takes", "refuse = true\n  takes", 1), 0, []step{
			{"2026-03-02T10:00:00Z", []string{"06:00:00 a schedule (read source.slow.a: " + errRefused.Error() + ")"}, nil},
		}},
		{"instances are jobs of their own", strings.ReplaceAll(pipe("a", "10m", cronAt("0 6 * * *", "")+`for_each = toset(["x", "y"])`), "", ""), 0, []step{
			{"2026-03-02T07:00:00Z", []string{`06:00:00 a["x"] schedule`, `06:00:00 a["y"] schedule`}, nil},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, monday, c.hcl)
				w.runs = c.runs
				w.start()
				for _, s := range c.do {
					w.until(s.until)
					if diff := cmp.Diff(s.want, w.ran()); diff != "" {
						t.Fatalf("until %s (-want +got):\n%s\n%s", s.until, diff, w.logged())
					}
					if s.do != nil {
						s.do(w)
						synctest.Wait()
					}
				}
			})
		})
	}
}
