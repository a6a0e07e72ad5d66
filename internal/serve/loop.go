package serve

import (
	"context"
	"log/slog"
	"time"
)

// Rhythm of the loop.
const (
	lookAgain = time.Minute     // it looks at least so often, as clocks jump
	pausePoll = 5 * time.Second // a paused pipeline of which a run is wanted
	jump      = time.Minute     // a clock that goes so far wrong has jumped
)

// Waiting of a run that can't begin: first, and at most.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// schedule starts runs until ctx ends, and waits for those that go on.
func (s *Service) schedule(ctx context.Context) {
	s.catchUp(ctx)
	ended := make(chan struct{})
	running := 0
	wall, steady := s.now(), time.Now()
	for ctx.Err() == nil {
		now, passed := s.now(), time.Since(steady)
		if off := now.Sub(wall) - passed; off > jump || off < -jump {
			s.log.Warn("the clock has jumped", "by", off.Round(time.Second).String(), "now", now.UTC())
		}
		wall, steady = now, time.Now()
		start, wait := s.pass(ctx, now)
		for _, j := range start {
			running++
			go func() {
				s.run(ctx, j)
				ended <- struct{}{}
			}()
		}
		if s.opts.Beat != nil {
			s.opts.Beat()
		}
		timer := time.NewTimer(wait)
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

// pass looks at all jobs: it gives those that begin now, marked as running, and
// how long nothing else can happen by itself.
func (s *Service) pass(ctx context.Context, now time.Time) (start []*job, wait time.Duration) {
	s.mu.Lock()
	for _, j := range s.jobs {
		s.look(j, now)
	}
	any := len(s.candidates()) > 0
	s.mu.Unlock()
	var paused map[string]bool
	var err error
	if any {
		paused, err = s.paused(ctx)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.candidates() {
		if err != nil {
			s.putOff(j, "the state can't be read: "+err.Error())
			continue
		}
		if paused != nil {
			j.paused = paused[j.p.Address]
		}
		if s.begins(j, now) {
			s.runs++
			j.since, j.held, j.why = now, j.locks, ""
			s.running[j] = true
			start = append(start, j)
		}
	}
	return start, s.patience(now)
}

// look sees to the times of a job that have come.
func (s *Service) look(j *job, now time.Time) {
	if j.done.Sub(now) > jump {
		j.seen(now) // the clock went back: what comes again is run again
	}
	if !j.rest.IsZero() && !j.rest.After(now) {
		j.rest = time.Time{}
		j.want(now, now, CauseRetry)
	}
	if j.next.IsZero() || j.next.After(now) {
		return
	}
	opened := j.opens()
	at, missed, due := j.times.Due(j.done, now)
	j.seen(now)
	switch {
	case !due:
		s.log.Info("runs were missed and are skipped", pipelineAttr(j), slog.Time("first", at))
	case !j.since.IsZero() && !j.times.Queue():
		s.log.Info("a run is skipped, as the one before goes on", pipelineAttr(j), slog.Time("due", at), slog.Time("since", j.since))
	case missed:
		j.want(at, now, CauseMissed)
	default:
		j.want(at, opened, CauseSchedule)
	}
}

// patience is how long the loop may sleep.
func (s *Service) patience(now time.Time) time.Duration {
	wait := lookAgain
	if every := s.opts.BeatEvery; every > 0 {
		wait = min(wait, every)
	}
	steady := time.Now()
	for _, j := range s.jobs {
		for _, at := range []time.Time{j.next, j.rest} {
			if !at.IsZero() {
				wait = min(wait, at.Sub(now))
			}
		}
		if j.wanted() && j.since.IsZero() && j.again.After(steady) {
			wait = min(wait, j.again.Sub(steady))
		}
	}
	return max(wait, time.Millisecond)
}

func pipelineAttr(j *job) slog.Attr { return slog.String("pipeline", j.p.Name) }
