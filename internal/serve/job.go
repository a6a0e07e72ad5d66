package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/state"
)

// A configuration is one project with the engine that its runs are copies of.
type configuration struct {
	project *dsl.Project
}

// A job is one pipeline instance with what is to become of it. Service.mu
// guards it.
type job struct {
	config *configuration
	p      *engine.Pipeline
	due    time.Time // zero: nothing is wanted
	cause  string
	since  time.Time // it runs; zero: it doesn't
	runID  int64
	again  time.Time // not to be tried before
	tries  int       // in vain, in a row
	why    string
	last   Last
}

// install brings a configuration into force.
func (s *Service) install(p *dsl.Project) error {
	c := &configuration{project: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.reloaded = c, s.now()
	for _, pl := range p.Pipelines {
		s.jobs[pl.Address] = &job{config: c, p: pl}
	}
	return nil
}

// Trigger has pipelines run soon, by their addresses. Several calls before a
// run begins are one; a call while it runs is followed by one more run. What is
// triggered is lost when the process ends: who triggers must do so again after
// a start. An address that is not configured is ignored.
func (s *Service) Trigger(addresses ...string) {
	s.mu.Lock()
	for _, a := range addresses {
		if j := s.jobs[a]; j != nil && j.due.IsZero() {
			j.due, j.cause = s.now(), CauseTrigger
		}
	}
	s.mu.Unlock()
	s.poke()
}

// poke has the loop look what there is to start.
func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// retryFirst and retryMost bound how long a run that could not begin waits.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// schedule starts runs until ctx ends, and waits for those that go on.
func (s *Service) schedule(ctx context.Context) {
	ended := make(chan *job)
	running := 0
	for ctx.Err() == nil {
		for _, j := range s.startable() {
			running++
			go func() {
				s.run(ctx, j)
				ended <- j
			}()
		}
		timer := time.NewTimer(retryFirst)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		case <-ended:
			running--
		}
		timer.Stop()
	}
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	for ; running > 0; running-- {
		<-ended
	}
}

// startable takes the jobs that can begin now.
func (s *Service) startable() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var list []*job
	for _, j := range s.jobs {
		if j.due.IsZero() || !j.since.IsZero() || now.Before(j.again) || s.runs >= s.opts.MaxRuns {
			continue
		}
		j.since = now
		s.runs++
		list = append(list, j)
	}
	return list
}

// run runs one pipeline once.
func (s *Service) run(ctx context.Context, j *job) {
	s.mu.Lock()
	started := Started{Pipeline: j.p, Project: j.config.project.Project, Cause: j.cause, Due: j.due, At: j.since}
	observers := s.observers
	j.due = time.Time{}
	s.mu.Unlock()
	log := s.log.With("pipeline", j.p.Name)
	e := &engine.Engine{
		Project: j.config.project.Project, Store: s.opts.Store, Now: s.now, Log: log, Version: s.opts.Version,
		TempDir: s.opts.TempDir, Holder: s.opts.Holder,
	}
	e.Begun = func(id int64) {
		e.Log = log.With("run", id)
		started.RunID = id
		for _, o := range observers {
			o.RunStarted(started)
		}
	}
	res, err := e.Run(ctx, engine.Options{Pipelines: []*engine.Pipeline{j.p}, Scheduled: true})
	end := Ended{Started: started, Err: err, Ended: s.now()}
	if res != nil && len(res.Pipelines) == 1 {
		end.Result = &res.Pipelines[0]
	}
	var locked *state.LockedError
	if !errors.As(err, &locked) {
		for _, o := range observers {
			o.RunEnded(end)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j.since, j.runID, j.why, j.tries = time.Time{}, 0, "", 0
	s.runs--
	if locked != nil {
		j.due, j.cause, j.again = started.Due, started.Cause, s.now().Add(retryFirst)
		j.why = fmt.Sprintf("locked by %s", locked.Holder)
	}
}

func (j *job) status() PipelineStatus {
	return PipelineStatus{Address: j.p.Address, Name: j.p.Name, Enabled: j.p.Enabled, RunningSince: j.since, RunID: j.runID,
		Due: j.due, Cause: j.cause, Why: j.why, Last: j.last}
}
