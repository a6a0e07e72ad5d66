package serve

import (
	"context"
	"encoding/json"
	"time"

	"koppel/engine/plan"
	"koppel/engine/state"
)

// catchUp finds out from the state what was missed while nobody served. A state
// that can't be read is waited for.
func (s *Service) catchUp(ctx context.Context) {
	told := ""
	for ctx.Err() == nil {
		last, err := s.lastRuns(ctx, true)
		if err == nil {
			s.mu.Lock()
			now := s.now()
			for _, m := range s.current.project.Moved {
				if _, ran := last[m.To]; !ran && last[m.From].ID != 0 {
					last[m.To] = last[m.From]
				}
			}
			for address, run := range last {
				if j := s.jobs[address]; j != nil && run.Started.Before(now) {
					j.seen(run.Started)
				}
			}
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

// lastRuns gives the last run of each pipeline by its address. What is whole is
// a run that went on to its end, whatever came of it.
func (s *Service) lastRuns(ctx context.Context, whole bool) (map[string]state.Run, error) {
	last := map[string]state.Run{}
	err := s.opts.Store.View(ctx, func(v state.View) error {
		pipelines, err := v.Pipelines()
		if err != nil {
			return err
		}
		for _, p := range pipelines {
			for run, err := range v.Runs(p.ID) {
				if err != nil {
					return err
				}
				if run.Kind != "run" || whole && wasStopped(run) {
					continue
				}
				last[p.Address] = *run
				break
			}
		}
		return nil
	})
	return last, err
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
