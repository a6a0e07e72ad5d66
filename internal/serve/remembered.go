package serve

import (
	"context"
	"encoding/json"
	"time"

	"koppel/engine/change"
	"koppel/engine/plan"
	"koppel/engine/state"
)

// catchUp finds out from the state what was missed while nobody served. A state
// that can't be read is waited for.
func (s *Service) catchUp(ctx context.Context) {
	told := ""
	for ctx.Err() == nil {
		last, err := s.lastRuns(ctx)
		if err == nil {
			s.mu.Lock()
			s.place(last)
			s.mu.Unlock()
			return
		}
		if why := err.Error(); why != told && ctx.Err() == nil {
			told = why
			s.log.Error("the state can't be read; nothing runs until it can", "error", why)
		}
		timer := time.NewTimer(retryFirst)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// place has jobs go on from their last runs. One that was cut off is made again:
// it is marked as stopped, or it left no mark at all.
func (s *Service) place(last map[string]past) {
	for _, m := range s.current.project.Moved {
		if _, known := last[m.To]; !known {
			if from, known := last[m.From]; known {
				last[m.To] = from
			}
		}
	}
	now := s.now()
	for address, past := range last {
		j := s.jobs[address]
		switch {
		case j == nil || !j.p.Enabled:
		case j.times == nil && j.arrives:
			j.rest, j.left = past.rest, 1
		case j.times == nil:
		case past.stopped || past.none:
			if !j.times.Skip() {
				j.want(now, now, CauseMissed)
			}
		case past.run.ID != 0 && past.run.Started.Before(now):
			j.seen(past.run.Started)
		}
	}
}

// A past is what the state remembers of a pipeline's runs.
type past struct {
	run     state.Run // the last one, by schedule or by hand; ID 0: there is none
	stopped bool      // it was cut off by the end of its process
	none    bool      // nothing was ever done, though it was begun
	rest    time.Time // when what it left is due; zero: it left nothing
}

// lastRuns gives the last run of each pipeline that is remembered, by its
// address.
func (s *Service) lastRuns(ctx context.Context) (map[string]past, error) {
	all := map[string]past{}
	err := s.opts.Store.View(ctx, func(v state.View) error {
		pipelines, err := v.Pipelines()
		if err != nil {
			return err
		}
		for _, p := range pipelines {
			last := past{none: true}
			for run, err := range v.Runs(p.ID) {
				if err != nil {
					return err
				}
				last.none = false
				if run.Kind == "run" {
					last.run, last.stopped = *run, wasStopped(run)
					break
				}
			}
			if last.rest, err = due(v, p.ID, s.now().Add(change.Backoff(1))); err != nil {
				return err
			}
			all[p.Address] = last
		}
		return nil
	})
	return all, err
}

// wasStopped tells that a run was cut off by the end of its process.
func wasStopped(run *state.Run) bool {
	var problems []plan.Problem
	if json.Unmarshal(run.Problems, &problems) != nil {
		return false
	}
	for _, p := range problems {
		if p.Code == "stopped" {
			return true
		}
	}
	return false
}

// paused tells which pipelines are paused, by their addresses.
func (s *Service) paused(ctx context.Context) (map[string]bool, error) {
	s.mu.Lock()
	e := s.current.engine
	s.mu.Unlock()
	return e.Paused(ctx)
}
