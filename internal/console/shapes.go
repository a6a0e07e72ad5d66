package console

import (
	"time"

	"koppel/internal/serve"
	"koppel/internal/view"
)

// Status is what the service does now.
type Status struct {
	FormatVersion string           `json:"format_version" doc:"version of this output"`
	Version       string           `json:"version" doc:"of Koppel"`
	Since         *time.Time       `json:"since" doc:"when the service began; null: not yet"`
	Reloaded      *time.Time       `json:"reloaded" doc:"when the configuration in force was loaded"`
	Refused       string           `json:"refused" doc:"why a later configuration did not come into force; empty: there is none"`
	Stopping      bool             `json:"stopping" doc:"nothing more is started"`
	Running       int              `json:"running" doc:"runs that the service started and that go on"`
	MaxRuns       int              `json:"max_runs" doc:"how many of them there can be"`
	Pipelines     []PipelineStatus `json:"pipelines" doc:"by address"`
	// Subscriptions are by source.
	Subscriptions []SubscriptionStatus `json:"subscriptions" doc:"of the sources that have a system tell of changes, by source"`
}

// SubscriptionStatus is what the service knows of the subscriptions of one source.
type SubscriptionStatus struct {
	Source     string     `json:"source" doc:"such as source.webhook.graph"`
	Connection string     `json:"connection" doc:"the system that tells of changes"`
	Wanted     int        `json:"wanted" doc:"partitions, such as mailboxes, that are to be subscribed to"`
	Active     int        `json:"active" doc:"those of which notices come"`
	Failed     int        `json:"failed" doc:"changes of subscriptions that were refused; they are tried again"`
	Expires    *time.Time `json:"expires" doc:"when the first of the active ones ends, if nobody renews it; null: there is none"`
	Asked      *time.Time `json:"asked" doc:"when the system was asked last; null: not yet"`
	Error      string     `json:"error" doc:"why the system could not be asked, or one was refused; empty: all is well"`
}

// PipelineStatus is what the service knows of one pipeline.
type PipelineStatus struct {
	Address      string      `json:"address" doc:"such as pipeline.employees"`
	Name         string      `json:"name" doc:"such as employees"`
	Enabled      bool        `json:"enabled" doc:"false: its block says enabled = false"`
	Paused       bool        `json:"paused" doc:"schedules and webhooks leave it alone"`
	Schedule     string      `json:"schedule" doc:"in words; empty: none"`
	Next         []time.Time `json:"next" doc:"the next runs, at most five"`
	RunningSince *time.Time  `json:"running_since" doc:"null: it does not run"`
	RunID        int64       `json:"run_id" doc:"number of the run that goes on; 0: none, or not known yet"`
	Due          *time.Time  `json:"due" doc:"since when a run is wanted that has not begun; null: none is"`
	Cause        string      `json:"cause" doc:"of that run: schedule, missed, trigger or retry; may be empty"`
	Why          string      `json:"why" doc:"why it has not begun; may be empty"`
	Last         LastRun     `json:"last" doc:"the last run"`
}

// LastRun is the last run of a pipeline.
type LastRun struct {
	RunID   int64      `json:"run_id" doc:"number of the run; 0: there is none"`
	Status  string     `json:"status" doc:"succeeded, partial, held, failed or skipped; may be empty"`
	Started *time.Time `json:"started" doc:"RFC 3339; null: there is none"`
	Ended   *time.Time `json:"ended" doc:"RFC 3339; null: there is none"`
}

func newStatus(st serve.Status, version string) Status {
	out := Status{FormatVersion: view.FormatVersion, Version: version, Since: moment(st.Since), Reloaded: moment(st.Reloaded),
		Stopping: st.Stopping, Running: st.Running, MaxRuns: st.MaxRuns, Pipelines: []PipelineStatus{}, Subscriptions: []SubscriptionStatus{}}
	if st.Refused != nil {
		out.Refused = st.Refused.Error()
	}
	for _, p := range st.Pipelines {
		next := []time.Time{}
		for _, t := range p.Next {
			next = append(next, t.UTC())
		}
		out.Pipelines = append(out.Pipelines, PipelineStatus{
			Address: p.Address, Name: p.Name, Enabled: p.Enabled, Paused: p.Paused, Schedule: p.Schedule, Next: next,
			RunningSince: moment(p.RunningSince), RunID: p.RunID, Due: moment(p.Due), Cause: p.Cause, Why: p.Why,
			Last: LastRun{RunID: p.Last.RunID, Status: p.Last.Status, Started: moment(p.Last.Started), Ended: moment(p.Last.Ended)},
		})
	}
	for _, n := range st.Subscriptions {
		out.Subscriptions = append(out.Subscriptions, SubscriptionStatus{
			Source: n.Source, Connection: n.Connection, Wanted: n.Wanted, Active: n.Active, Failed: n.Failed,
			Expires: moment(n.Expires), Asked: moment(n.Asked), Error: n.Err,
		})
	}
	return out
}

// moment is a time as JSON shows it; nil when it is not known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// HeldDecision says which held changes, or which held read, a decision is about.
type HeldDecision struct {
	Pipelines []string `json:"pipelines" doc:"names or addresses"`
	Source    string   `json:"source" doc:"name or address of a source whose read is held, in place of pipelines"`
	Only      []string `json:"only" doc:"only the records with these keys; empty: all"`
	Reason    string   `json:"reason" doc:"why; it is kept with the decision"`
	For       string   `json:"for" doc:"how long an approval holds, such as 24h; empty: until a run uses it"`
}

// FailedDecision says which failed records a decision is about.
type FailedDecision struct {
	Pipelines []string `json:"pipelines" doc:"names or addresses; retry without any: all"`
	Only      []string `json:"only" doc:"only the records with these keys; empty: all"`
	Reason    string   `json:"reason" doc:"why; dismiss wants it"`
}

// Pausing says which pipelines are paused or resumed.
type Pausing struct {
	Pipelines []string `json:"pipelines" doc:"names or addresses"`
	Reason    string   `json:"reason" doc:"why; may be empty"`
}

// Resending says which messages are sent once more.
type Resending struct {
	Deliveries []string `json:"deliveries" doc:"ids of the messages"`
}

// RunRequest says what is to run.
type RunRequest struct {
	Pipelines []string `json:"pipelines" doc:"names or addresses; empty: all"`
	Full      bool     `json:"full" doc:"read incremental sources whole"`
	Key       string   `json:"key" doc:"only the record with this key; empty: all"`
	Baseline  bool     `json:"baseline" doc:"remember the present set as delivered and write nothing"`
}

// PlanRequest says what is to be planned.
type PlanRequest struct {
	Pipelines    []string `json:"pipelines" doc:"names or addresses; empty: all"`
	Full         bool     `json:"full" doc:"read incremental sources whole"`
	Key          string   `json:"key" doc:"only the record with this key; empty: all"`
	Refresh      bool     `json:"refresh" doc:"read the targets too, and correct what drifted"`
	FromSnapshot bool     `json:"from_snapshot" doc:"what if: records of the last read in place of the sources"`
	AsOf         string   `json:"as_of" doc:"what if: as if it were this time, RFC 3339"`
	Save         bool     `json:"save" doc:"keep the plan, to show and apply it; for an admin"`
}

// Begun says that a run has begun. It goes on after the answer.
type Begun struct {
	FormatVersion string `json:"format_version" doc:"version of this output"`
	RunID         int64  `json:"run_id" doc:"number of the run, for GET /runs/{run}"`
}
