package serve

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"koppel/engine"
	"koppel/engine/state"
)

// run runs a job once. The job was marked as running.
func (s *Service) run(ctx context.Context, j *job) {
	s.mu.Lock()
	config, p, observers := j.config, j.p, s.observers
	first := j.tries == 0
	started := Started{Pipeline: p, Project: config.project.Project, Cause: j.cause, Due: j.due, At: j.since}
	tick, left := j.tick, j.left
	if j.cause != CauseRetry {
		left = 0
	}
	j.due, j.cause, j.rest = time.Time{}, "", time.Time{}
	e := config.engine.Share()
	s.mu.Unlock()

	log := s.log.With("pipeline", p.Name)
	e.Begun = func(id int64) {
		started.RunID = id
		log = log.With("run", id)
		e.Log = log
		s.mu.Lock()
		j.runID = id
		s.mu.Unlock()
		log.Debug("a run begins", "cause", started.Cause, "due", started.Due)
		for _, o := range observers {
			o.RunStarted(started)
		}
	}
	Follow(e, observers, func() Started { return started })
	res, err := e.Run(ctx, engine.Options{Pipelines: []*engine.Pipeline{p}, Scheduled: true})
	end := Ended{Started: started, Err: err, Ended: s.now()}
	if res != nil && len(res.Pipelines) == 1 {
		end.Result = &res.Pipelines[0]
	}
	again := s.judge(ctx, &end)
	if started.RunID != 0 || first && again != "" && !isLocked(err) {
		for _, o := range observers {
			o.RunEnded(end)
		}
	}
	Report(ctx, log, &end)
	rest := s.rest(context.WithoutCancel(ctx), p, end.Result, left)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs--
	j.rest, j.left = rest, left+1
	delete(s.running, j)
	j.since, j.runID, j.held = time.Time{}, 0, nil
	if again == "" {
		j.tries, j.told = 0, ""
		return
	}
	if j.due.IsZero() || started.Due.Before(j.due) {
		cause := started.Cause
		if j.cause == CauseTrigger {
			cause = j.cause
		}
		j.due, j.tick, j.cause = started.Due, tick, cause
	}
	s.putOff(j, again)
}

// judge says why a run must be made again; empty: it is done.
func (s *Service) judge(ctx context.Context, end *Ended) string {
	var locked *state.LockedError
	switch {
	case errors.As(end.Err, &locked):
		return locked.Error()
	case end.Err != nil && ctx.Err() == nil:
		return end.Err.Error()
	case end.RunID != 0 && end.Result != nil && end.Result.Status == "skipped" && !end.Result.Disabled:
		return "it is paused"
	}
	return ""
}

func isLocked(err error) bool {
	var locked *state.LockedError
	return errors.As(err, &locked)
}

// Report logs how a run ended; the end of ctx says that the service stops. What
// could not begin is told elsewhere.
func Report(ctx context.Context, log *slog.Logger, end *Ended) {
	r := end.Result
	switch {
	case end.RunID == 0 || r == nil:
	case r.Err != nil && ctx.Err() != nil:
		log.Info("a run was stopped; the next one goes on from there")
	case r.Err != nil:
		log.Error("a run failed", "seconds", r.Seconds, "error", r.Err.Error())
	default:
		level := slog.LevelInfo
		if r.Status != "succeeded" && r.Status != "skipped" {
			level = slog.LevelWarn
		}
		c := r.Counts
		log.Log(ctx, level, "a run ended", "status", r.Status, "seconds", r.Seconds, "cause", end.Cause,
			"created", c.Created, "updated", c.Updated, "deleted", c.Deleted, "disabled", c.Disabled, "unchanged", c.Unchanged,
			"held", c.Held, "failed", c.Failed, "waiting", c.Waiting)
	}
}
