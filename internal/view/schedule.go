package view

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/engine"
	"koppel/engine/schedule"
)

// Scheduled says when one pipeline runs by itself.
type Scheduled struct {
	Pipeline string      `json:"pipeline" doc:"name of the instance"`
	Schedule string      `json:"schedule" doc:"what the file says"`
	Paused   bool        `json:"paused" doc:"schedules leave it alone until it is resumed"`
	Enabled  bool        `json:"enabled" doc:"false: its block says enabled = false"`
	Next     []time.Time `json:"next" doc:"the next five runs, in the zone of the schedule; none while it is paused or disabled"`
}

// nextShown is how many runs to come are shown.
const nextShown = 5

// NewSchedules lists the schedules of the chosen pipelines. paused tells by
// address which are paused.
func NewSchedules(pipelines []*engine.Pipeline, paused map[string]bool, now time.Time) ([]Scheduled, error) {
	all := []Scheduled{}
	for _, p := range pipelines {
		if p.Schedule == nil {
			continue
		}
		times, err := schedule.New(p.Schedule, p.Address)
		if err != nil {
			return nil, err
		}
		s := Scheduled{Pipeline: p.Name, Schedule: times.String(), Paused: paused[p.Address], Enabled: p.Enabled, Next: []time.Time{}}
		if s.Enabled && !s.Paused {
			s.Next = times.Following(now, nextShown)
		}
		all = append(all, s)
	}
	return all, nil
}

// when says when it runs next, or why it doesn't.
func (s *Scheduled) when() string {
	switch {
	case !s.Enabled:
		return "disabled"
	case s.Paused:
		return "paused"
	case len(s.Next) == 0:
		return "never"
	}
	var parts []string
	day := ""
	for _, at := range s.Next {
		form := time.TimeOnly
		if d := at.Format(time.DateOnly); d != day {
			day, form = d, "Mon "+time.DateTime
		}
		parts = append(parts, at.Format(form))
	}
	return strings.Join(parts, ", ") + at(s.Next[0])
}

// at names the zone of a time.
func at(t time.Time) string { return " " + t.Format("MST") }

// instancesShown is how many instances of one block have their schedule shown.
const instancesShown = 3

// writeSchedules shows the schedules of the instances of a block.
func (g Graph) writeSchedules(out *bufio.Writer, block string) {
	of := slices.DeleteFunc(slices.Clone(g.Schedules), func(s Scheduled) bool {
		name, _, _ := strings.Cut(s.Pipeline, "[")
		return "pipeline."+name != block
	})
	for i, s := range of {
		if i == instancesShown {
			fmt.Fprintf(out, "        … and %s\n", plural(int64(len(of)-i), "more instance"))
			break
		}
		name := ""
		if strings.Contains(s.Pipeline, "[") {
			name = Clean(s.Pipeline) + ": "
		}
		fmt.Fprintf(out, "  runs  %s%s: %s\n", name, Clean(s.Schedule), s.when())
	}
}

// WriteSchedules shows schedules in a table, at most so many of them; 0: all.
func (t *Teller) WriteSchedules(all []Scheduled, most int) {
	rows := [][]string{{"PIPELINE", "SCHEDULE", "NEXT RUNS"}}
	for i, s := range all {
		if most > 0 && i == most {
			break
		}
		rows = append(rows, []string{Clean(s.Pipeline), Clean(s.Schedule), s.when()})
	}
	if len(rows) > 1 {
		t.table("", rows)
	}
	if more := len(all) + 1 - len(rows); more > 0 {
		t.line("… and %s; koppel graph shows all", plural(int64(more), "more schedule"))
	}
}
