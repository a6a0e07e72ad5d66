package serve

import (
	"time"

	"koppel/engine"
)

// The causes of a run.
const (
	CauseSchedule = "schedule" // its time came
	CauseMissed   = "missed"   // its time came while nobody served it
	CauseTrigger  = "trigger"  // Trigger was called
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

// Started says that a run has begun.
type Started struct {
	RunID    int64
	Pipeline *engine.Pipeline
	Project  *engine.Project // the configuration that the run is under
	Cause    string          // CauseSchedule, CauseMissed or CauseTrigger
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
