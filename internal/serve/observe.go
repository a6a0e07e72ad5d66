package serve

import (
	"time"

	"koppel/engine"
	"koppel/engine/connector"
)

// The causes of a run.
const (
	CauseSchedule = "schedule" // its time came
	CauseMissed   = "missed"   // its time came while nobody served it
	CauseTrigger  = "trigger"  // Trigger was called
	CauseRetry    = "retry"    // an earlier run left something, and nothing else starts the pipeline
)

// An Observer is told of runs: metrics, notifications and traces listen so. It
// is called from the goroutine of the run, so by several at once, and holds the
// run up while it works.
type Observer interface {
	// RunStarted is called once the run has its number.
	RunStarted(Started)
	// RunEnded is called after each RunStarted, and without one when a run could
	// not even begin, with RunID 0. A pipeline that is locked by another process
	// is tried again without a call.
	RunEnded(Ended)
}

// A Follower is an Observer that is told what a run does meanwhile, too.
type Follower interface {
	Observer
	// RunProgress is called often, by the goroutine of the run.
	RunProgress(Started, engine.Progress)
	// RunCall is called after each request to a system, by several goroutines at
	// once.
	RunCall(Started, connector.Call)
}

// Follow has an engine tell followers among the observers what it does. started
// tells which run it is, once that has begun.
func Follow(e *engine.Engine, observers []Observer, started func() Started) {
	for _, o := range observers {
		f, ok := o.(Follower)
		if !ok {
			continue
		}
		progress, calls := e.Progress, e.Calls
		e.Progress = func(p engine.Progress) {
			if progress != nil {
				progress(p)
			}
			f.RunProgress(started(), p)
		}
		e.Calls = func(c connector.Call) {
			if calls != nil {
				calls(c)
			}
			f.RunCall(started(), c)
		}
	}
}

// Started says that a run has begun.
type Started struct {
	RunID    int64
	Pipeline *engine.Pipeline
	Project  *engine.Project // the configuration that the run is under
	Cause    string          // one of the Cause constants
	Due      time.Time       // when it should have run
	At       time.Time
}

// Ended says how a run ended.
type Ended struct {
	Started
	// Result is what the run did; nil when it could not begin.
	Result *engine.PipelineResult
	// Err says why the run could not begin or be remembered; nil else, also when
	// the pipeline failed (Result.Err).
	Err   error
	Ended time.Time
}
