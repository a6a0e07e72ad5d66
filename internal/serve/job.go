package serve

import (
	"fmt"
	"slices"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/schedule"
)

// A configuration is one project with the engine whose likes run it.
type configuration struct {
	project *dsl.Project
	engine  *engine.Engine
}

// A job is one pipeline instance and what is to become of it. Service.mu guards
// it. It outlives configurations for as long as they have its address.
type job struct {
	config *configuration
	p      *engine.Pipeline
	times  *schedule.Times // nil: it has no schedule
	locks  []string
	before []string // pipelines that go first

	done time.Time // its times up to here were seen to
	next time.Time // the first one after; zero: none
	rest time.Time // when what its last run left is due, without a schedule; zero: nothing is
	left int       // runs in a row that left something and followed each other
	// arrives: it reads a source to which others deliver.
	arrives bool

	due   time.Time // since when a run is wanted; zero: none is
	tick  time.Time // what came at the same tick runs in the order of dependencies
	cause string
	// again is when a run that could not begin is tried again. Like all that is
	// only waited for, it is of the clock that never jumps.
	again  time.Time
	tries  int    // in vain, in a row
	why    string // it has not begun
	told   string // the last reason that was logged
	paused bool   // when last looked

	since time.Time // it runs; zero: it doesn't
	runID int64
	held  []string // the locks of that run
}

// wanted tells whether a run is to begin as soon as it can.
func (j *job) wanted() bool { return !j.due.IsZero() && j.p.Enabled }

// want has the job run, for a reason. What is triggered is wanted more.
func (j *job) want(due, tick time.Time, cause string) {
	if j.due.IsZero() {
		j.due, j.tick, j.cause = due, tick, cause
		j.again, j.tries, j.why, j.told = time.Time{}, 0, "", ""
	}
	if cause == CauseTrigger {
		j.cause = cause
	}
}

// drop forgets that a run is wanted.
func (j *job) drop() { j.due, j.cause, j.why, j.told = time.Time{}, "", "", "" }

// opens is the time of the next run by the schedule, its jitter apart.
func (j *job) opens() time.Time {
	if j.next.IsZero() {
		return j.next
	}
	return j.next.Add(-j.times.Jitter())
}

// seen notes that the times up to a moment were seen to.
func (j *job) seen(now time.Time) {
	j.done = now
	j.next = time.Time{}
	if j.times != nil && j.p.Enabled {
		j.next = j.times.Next(now)
	}
}

// Trigger has pipelines run soon, by their addresses. Several calls before a
// run begins are one; a call while it runs is followed by one more run. What is
// triggered is lost when the process ends: who triggers must do so again after
// a start. An address that is not configured is ignored. A paused pipeline runs
// once it is resumed.
func (s *Service) Trigger(addresses ...string) {
	s.mu.Lock()
	now, fresh := s.now(), false
	for _, a := range addresses {
		if j := s.jobs[a]; j != nil {
			fresh = fresh || j.due.IsZero()
			j.want(now, now, CauseTrigger)
		}
	}
	s.mu.Unlock()
	if fresh {
		s.poke()
	}
}

// poke has the loop look what there is to start.
func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// install brings a configuration into force. Jobs whose address it has go on.
func (s *Service) install(p *dsl.Project) error {
	c := &configuration{project: p, engine: &engine.Engine{
		Project: p.Project, Store: s.opts.Store, Now: s.now, Log: s.log, Version: s.opts.Version,
		TempDir: s.opts.TempDir, Holder: s.opts.Holder, Calls: s.opts.Calls,
	}}
	jobs := make(map[string]*job, len(p.Pipelines))
	times := make(map[string]*schedule.Times, len(p.Pipelines))
	for address, pl := range p.Pipelines {
		if pl.Schedule == nil {
			continue
		}
		t, err := schedule.New(pl.Schedule, address)
		if err != nil {
			return fmt.Errorf("install a configuration: %w", err)
		}
		times[address] = t
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for address, pl := range p.Pipelines {
		j := s.jobs[address]
		if j == nil {
			j = &job{}
		} else {
			s.look(j, now) // what came before belongs to the schedule before
		}
		j.config, j.p, j.times = c, pl, times[address]
		j.locks, j.before = c.engine.Locks(pl), c.engine.Before(pl)
		j.seen(now)
		j.arrives = slices.ContainsFunc(p.Inputs(pl), func(a string) bool { return p.Sources[a] != nil && p.Sources[a].Path != "" })
		jobs[address] = j
	}
	s.jobs, s.current, s.reloaded = jobs, c, now
	return nil
}
