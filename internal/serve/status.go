package serve

import (
	"slices"
	"strings"
	"time"
)

// A Status is what a service does at one moment.
type Status struct {
	Since     time.Time // Run began; zero: not yet
	Reloaded  time.Time // the configuration in force was loaded
	Refused   error     // why a later configuration did not come into force; nil: there is none
	Stopping  bool
	Running   int // runs
	MaxRuns   int
	Pipelines []PipelineStatus // by address
}

// A PipelineStatus is what a service knows of one pipeline.
type PipelineStatus struct {
	Address, Name string
	Enabled       bool
	Paused        bool
	Schedule      string      // for people: cron "*/15 * * * *" Europe/Amsterdam; empty: none
	Next          []time.Time // the next runs, at most five; none while it is paused, disabled or has no schedule
	RunningSince  time.Time   // zero: it doesn't run
	RunID         int64       // of the run that is going on; 0: none, or not known yet
	// Due is since when a run is wanted that has not begun; zero: none is.
	Due   time.Time
	Cause string // of that run
	Why   string // why it has not begun; empty: nothing stands in its way
	Last  Last
}

// Last is the last run that the state remembers of a pipeline.
type Last struct {
	RunID          int64 // 0: there is none
	Status         string
	Started, Ended time.Time
}

// Status tells what the service does now.
func (s *Service) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Since: s.began, Reloaded: s.reloaded, Refused: s.refused, Stopping: s.stopping, Running: s.runs, MaxRuns: s.opts.MaxRuns,
		Pipelines: make([]PipelineStatus, 0, len(s.jobs)),
	}
	for _, j := range s.jobs {
		st.Pipelines = append(st.Pipelines, j.status())
	}
	slices.SortFunc(st.Pipelines, func(a, b PipelineStatus) int { return strings.Compare(a.Address, b.Address) })
	return st
}
