package engine

import (
	"context"
	"fmt"
	"strconv"

	"koppel/engine/plan"
)

// A RunExplanation says what one run did to one record, from the audit trail
// alone.
type RunExplanation struct {
	Pipeline, Name string
	Key            string
	Run            int64
	Kind           string
	RunPipeline    // what the run did to the pipeline as a whole
	Events         []Event
	Reported       []plan.Problem // what the run reported of the record
	Open           []OpenKey      // what the run left open, as it stands now
	Why            string         // a sentence
}

// ExplainRun tells what a run did to a record. Nothing outside of the state is
// looked at. The error is an *UnknownError when there is no such run or key,
// or the run did not concern the pipeline.
func (e *Engine) ExplainRun(ctx context.Context, address, key string, run int64) (*RunExplanation, error) {
	s, err := e.RunByID(ctx, run)
	if err != nil {
		return nil, err
	}
	out := &RunExplanation{Pipeline: address, Name: trimPipeline(address), Run: run, Kind: s.Kind}
	found := false
	for _, p := range s.Pipelines {
		if p.Address == address {
			out.RunPipeline, found = p, true
		}
	}
	if !found {
		return nil, &UnknownError{What: "run", Name: strconv.FormatInt(run, 10), In: out.Name}
	}
	out.Key, out.Name = key, trimPipeline(address)
	for _, p := range out.Problems {
		if p.Key == key {
			out.Reported = append(out.Reported, p)
		}
	}
	h, err := e.History(ctx, address, key)
	if err != nil {
		if len(out.Reported) > 0 {
			out.Why = "it went no further than what was reported of it"
			return out, nil
		}
		return nil, err
	}
	out.Key = h.Key
	for _, ev := range h.Events {
		if ev.Run == run {
			out.Events = append(out.Events, ev)
		}
	}
	for _, o := range h.Open {
		if o.Run == run {
			out.Open = append(out.Open, o)
		}
	}
	out.Why = out.why(h)
	return out, nil
}

// why sums up.
func (x *RunExplanation) why(h *History) string {
	switch {
	case len(x.Events) > 0:
		ev := x.Events[0]
		return fmt.Sprintf("%s: %s", ev.Op, ev.Cause)
	case len(x.Open) > 0:
		return fmt.Sprintf("it was left open: %s", x.Open[0].Reason)
	case len(x.Reported) > 0:
		return "it went no further than what was reported of it"
	case x.Status == statusFailed:
		return "the run failed before or while it got to this record"
	case len(h.Events) > 0 && h.Events[0].Run > x.Run && !h.Cut:
		return fmt.Sprintf("it was not there yet: run %d was the first to deliver it", h.Events[0].Run)
	case h.Status == "" && len(h.Events) > 0 && h.Events[len(h.Events)-1].Run < x.Run:
		return fmt.Sprintf("it was no longer there: run %d removed it", h.Events[len(h.Events)-1].Run)
	}
	return "the run left it as it was"
}
