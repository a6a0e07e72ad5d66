package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// The kinds of entries in the list of runs that are no runs: what people
// decided by hand. They stand there as the trail of who decided what and why.
const (
	KindApprove = "approve"
	KindReject  = "reject"
	KindRetry   = "retry"
	KindDismiss = "dismiss"
	KindErase   = "erase"
	KindState   = "state"
	KindPause   = "pause"
	KindResume  = "resume"
	KindToken   = "token"
)

// A RunSummary is one run, or one decision by hand, as it is remembered.
type RunSummary struct {
	ID             int64
	Kind           string // run, apply, undo, retire, or one of the Kind constants
	Plan           string
	Started, Ended time.Time // zero Ended: it did not end, or still runs
	Clock          time.Time
	// Status is that of the pipeline that went worst; of a decision by hand:
	// done; of a run without an end: unfinished.
	Status    string
	Pipelines []RunPipeline
	// Decided lists the keys of a decision by hand, with the person's words.
	Decided []plan.Problem
	Address string // of a decision by hand: what it was about
}

// A RunPipeline is what a run did to one pipeline.
type RunPipeline struct {
	Address, Name  string
	Status         string
	Counts         RunCounts
	Started, Ended time.Time
	Problems       []plan.Problem
}

// A RunChange is one change that a run made.
type RunChange struct {
	Pipeline string // address
	Key      string
	Event
}

// RunList gives runs, newest first, at most limit of them; 0: all. With
// addresses it gives those that concerned one of these pipelines.
func (e *Engine) RunList(ctx context.Context, addresses []string, limit int) ([]RunSummary, error) {
	return e.RunsBefore(ctx, addresses, limit, 0)
}

// RunsBefore is RunList of the runs with a smaller number; 0: of all.
func (e *Engine) RunsBefore(ctx context.Context, addresses []string, limit int, before int64) ([]RunSummary, error) {
	var list []RunSummary
	err := e.Store.View(ctx, func(v state.View) error {
		var rows []state.Run
		flush := func() bool {
			if len(rows) == 0 {
				return true
			}
			if s := summary(rows); s.concerns(addresses) {
				list = append(list, s)
			}
			rows = rows[:0]
			return limit == 0 || len(list) < limit
		}
		for row, err := range v.Runs(0) {
			if err != nil {
				return err
			}
			if before > 0 && row.ID >= before {
				continue
			}
			if len(rows) > 0 && rows[0].ID != row.ID && !flush() {
				return nil
			}
			one := *row
			one.Counts, one.Problems = cloneBytes(row.Counts), cloneBytes(row.Problems)
			rows = append(rows, one)
		}
		flush()
		return nil
	})
	return list, err
}

// RunByID gives one run. The error is an *UnknownError when there is none.
func (e *Engine) RunByID(ctx context.Context, id int64) (*RunSummary, error) {
	var out *RunSummary
	err := e.Store.View(ctx, func(v state.View) error {
		rows, err := v.Run(id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return e.unknownRun(v, id)
		}
		s := summary(rows)
		out = &s
		return nil
	})
	return out, err
}

func (e *Engine) unknownRun(v state.View, id int64) error {
	u := &UnknownError{What: "run", Name: strconv.FormatInt(id, 10)}
	for row, err := range v.Runs(0) {
		if err != nil {
			return err
		}
		u.Near = []string{fmt.Sprintf("%d, the latest", row.ID)}
		break
	}
	return u
}

// Decision tells whether the entry is a decision by hand.
func (s *RunSummary) Decision() bool {
	switch s.Kind {
	case KindApprove, KindReject, KindRetry, KindDismiss, KindErase, KindState, KindPause, KindResume, KindToken:
		return true
	}
	return false
}

func (s *RunSummary) concerns(addresses []string) bool {
	return len(addresses) == 0 || slices.Contains(addresses, s.Address) ||
		slices.ContainsFunc(s.Pipelines, func(p RunPipeline) bool { return slices.Contains(addresses, p.Address) })
}

// summary puts the rows of one run together.
func summary(rows []state.Run) RunSummary {
	s := RunSummary{ID: rows[0].ID}
	worst := -1
	for i := range rows {
		row := &rows[i]
		var problems []plan.Problem
		// Damaged or foreign problems are left out: the rest is still true.
		_ = json.Unmarshal(row.Problems, &problems)
		if row.Pipeline == 0 {
			s.Kind, s.Plan, s.Started, s.Ended, s.Clock, s.Address = row.Kind, row.Plan, row.Started, row.Ended, row.Clock, row.Address
			if s.Decision() {
				s.Decided, s.Status = problems, "done"
			}
			continue
		}
		if s.Kind == "" {
			s.Kind, s.Plan, s.Started, s.Clock = row.Kind, row.Plan, row.Started, row.Clock
		}
		p := RunPipeline{Address: row.Address, Name: trimPipeline(row.Address), Status: row.Status, Started: row.Started, Ended: row.Ended,
			Problems: problems}
		_ = json.Unmarshal(row.Counts, &p.Counts)
		s.Pipelines = append(s.Pipelines, p)
		if n := slices.Index(statuses(), row.Status); n > worst {
			worst, s.Status = n, row.Status
		}
	}
	switch {
	case s.Ended.IsZero():
		s.Status = "unfinished"
	case s.Status == "":
		s.Status = statusSkipped
	}
	slices.SortFunc(s.Pipelines, func(a, b RunPipeline) int { return a.Started.Compare(b.Started) })
	return s
}

// statuses are those of a pipeline in a run, best first.
func statuses() []string {
	return []string{statusSkipped, statusSucceeded, statusPartial, statusHeld, statusFailed}
}

// RunChanges yields what a run changed, pipeline by pipeline, in key order;
// creates of records that are no longer there are not known any more.
func (e *Engine) RunChanges(ctx context.Context, run *RunSummary, yield func(RunChange) error) error {
	return e.Store.View(ctx, func(v state.View) error {
		for _, p := range run.Pipelines {
			r, err := e.remembered(v, p.Address)
			if err != nil {
				return err
			}
			if err := e.changesOf(v, r, run, p.Counts, yield); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Engine) changesOf(v state.View, r *remembered, run *RunSummary, counts RunCounts, yield func(RunChange) error) error {
	audited := newPuller(v.ChangesOf(run.ID, r.row.ID), func(c *state.Change) record.Key { return c.Key })
	defer audited.stop()
	one := func(key record.Key) error {
		it, err := v.Item(r.row.ID, key)
		if err != nil {
			return err
		}
		t := &trail{r: r, v: v}
		if err := t.collect(key, it); err != nil {
			return err
		}
		for _, ev := range t.events {
			if ev.Run != run.ID || ev.Op == OpRemember {
				continue
			}
			if err := yield(RunChange{Pipeline: r.row.Address, Key: ShowKey(key), Event: ev}); err != nil {
				return err
			}
		}
		return nil
	}
	if counts.Created > 0 {
		if err := eachBorn(v, r.row.ID, run.ID, audited, one); err != nil {
			return err
		}
	}
	return audited.rest(func(c *state.Change) error { return one(c.Key) })
}

// eachBorn yields, in key order, the keys whose items a run made, and the
// audited ones that stand between them.
func eachBorn(v state.View, pipeline, run int64, audited *puller[state.Change], yield func(record.Key) error) error {
	for it, err := range v.ItemsLight(pipeline) {
		if err != nil {
			return err
		}
		if it.Born != run {
			continue
		}
		key := it.Key
		if _, err := audited.past(key, func(c *state.Change) error { return yield(c.Key) }); err != nil {
			return err
		}
		if err := yield(key); err != nil {
			return err
		}
	}
	return nil
}

// trimPipeline gives the name of a pipeline's address for people.
func trimPipeline(address string) string {
	if isPipeline(address) {
		return address[len("pipeline."):]
	}
	return address
}
