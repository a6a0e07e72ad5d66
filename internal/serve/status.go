package serve

import (
	"context"
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
	StateErr  error            // why the state can't be read; nil: it can
	Pipelines []PipelineStatus // by address
	// Subscriptions are those of the sources that have a system tell of changes,
	// by address.
	Subscriptions []SubscriptionStatus
}

// A SubscriptionStatus is what a service knows of the subscriptions of one
// source, as of when it asked last.
type SubscriptionStatus struct {
	Source, Connection string
	Wanted             int       // partitions that are subscribed to, or should be
	Active, Failed     int       // of those that notices come of, and those that failed
	Expires            time.Time // the first of the active ones, if nobody renews it; zero: there is none
	Asked              time.Time // when the system was asked last; zero: not yet
	Err                string    // why it could not be asked, or one of the failed ones failed; empty: all is well
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

// Last is the last run that the state remembers of a pipeline, by schedule or
// by hand.
type Last struct {
	RunID          int64 // 0: there is none
	Status         string
	Started, Ended time.Time
}

// nextShown is how many runs to come are shown.
const nextShown = 5

// statusWait bounds how long Status waits for the state.
const statusWait = 5 * time.Second

// Status tells what the service does now.
func (s *Service) Status() Status {
	ctx, cancel := context.WithTimeout(context.Background(), statusWait)
	defer cancel()
	last, err := s.lastRuns(ctx)
	paused, pausedErr := s.paused(ctx)
	if err == nil {
		err = pausedErr
	}
	var subscriptions []SubscriptionStatus
	if s.subscriptions != nil {
		subscriptions = s.subscriptions()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Since: s.began, Reloaded: s.reloaded, Refused: s.refused, Stopping: s.stopping, Running: s.runs, MaxRuns: s.opts.MaxRuns,
		StateErr: err, Pipelines: make([]PipelineStatus, 0, len(s.jobs)), Subscriptions: subscriptions,
	}
	now := s.now()
	for address, j := range s.jobs {
		p := j.status(now, paused[address] || pausedErr != nil && j.paused)
		if run := last[address].run; run.ID != 0 {
			p.Last = Last{RunID: run.ID, Status: run.Status, Started: run.Started, Ended: run.Ended}
		}
		st.Pipelines = append(st.Pipelines, p)
	}
	slices.SortFunc(st.Pipelines, func(a, b PipelineStatus) int { return strings.Compare(a.Address, b.Address) })
	return st
}

func (j *job) status(now time.Time, paused bool) PipelineStatus {
	p := PipelineStatus{
		Address: j.p.Address, Name: j.p.Name, Enabled: j.p.Enabled, Paused: paused, RunningSince: j.since, RunID: j.runID,
		Due: j.due, Cause: j.cause, Why: j.why,
	}
	if j.times != nil {
		p.Schedule = j.times.String()
		if j.p.Enabled && !paused {
			p.Next = j.times.Following(now, nextShown)
		}
	}
	if p.Why == "" && !j.due.IsZero() && !j.since.IsZero() {
		p.Why = "it runs; one more run follows"
	}
	return p
}
