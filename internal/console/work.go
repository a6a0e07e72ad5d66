package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/internal/serve"
	"koppel/internal/view"
)

// CauseAPI is the cause of runs that the API starts.
const CauseAPI = "api"

func (c *call) startRun() (any, error) {
	b := c.body.(*RunRequest)
	pipelines, err := c.selected(b.Pipelines)
	if err != nil {
		return nil, err
	}
	o := engine.Options{Pipelines: pipelines, Full: b.Full, Key: b.Key, Baseline: b.Baseline}
	return c.begin(pipelines, func(ctx context.Context) (*engine.Result, error) { return c.engine.Run(ctx, o) })
}

// selected gives the configured pipelines that are named; all without names.
func (c *call) selected(names []string) ([]*engine.Pipeline, error) {
	list, err := c.project.Select(names)
	if err != nil {
		return nil, &dsl.NameError{Err: err}
	}
	return list, nil
}

// begin starts a run that goes on after the answer, and answers once it has its
// number.
func (c *call) begin(pipelines []*engine.Pipeline, run func(context.Context) (*engine.Result, error)) (any, error) {
	a := c.api
	select {
	case a.jobs <- struct{}{}:
	default:
		return nil, refuse("busy", fmt.Sprintf("%d plans or runs of the API are going on; ask again later", maxJobs))
	}
	began := make(chan int64, 1)
	failed := make(chan error, 1)
	w := &watched{api: a, pipelines: pipelines, project: c.project.Project, at: a.opts.Now(), log: c.engine.Log}
	c.engine.Begun = func(id int64) {
		w.started(id)
		began <- id
	}
	if len(pipelines) == 1 { // of several, nobody could tell whose it is
		serve.Follow(c.engine, a.opts.Service.Observers(), func() serve.Started { return w.of(pipelines[0]) })
	}
	log := c.engine.Log
	going := a.beside(func() {
		defer func() { <-a.jobs }()
		res, err := run(a.life)
		if err != nil {
			log.Warn("a run that the API started failed", "error", err)
			failed <- err
		} else if w.id == 0 { // a plan that is gone on with
			w.started(res.RunID)
			began <- res.RunID
		}
		w.ended(res, err)
	})
	if !going {
		<-a.jobs
		return nil, refuse("stopping", "the service stops")
	}
	select {
	case id := <-began:
		return &accepted{at: "/runs/" + strconv.FormatInt(id, 10), body: Begun{FormatVersion: view.FormatVersion, RunID: id}}, nil
	case err := <-failed:
		return nil, err
	case <-c.Context().Done():
		return nil, c.Context().Err()
	}
}

// A watched run is one that observers are told of. Its methods are called from
// the goroutine of the run.
type watched struct {
	api       *API
	pipelines []*engine.Pipeline
	project   *engine.Project
	at        time.Time
	id        int64
	log       *slog.Logger
}

func (w *watched) of(p *engine.Pipeline) serve.Started {
	return serve.Started{RunID: w.id, Pipeline: p, Project: w.project, Cause: CauseAPI, Due: w.at, At: w.at}
}

func (w *watched) started(id int64) {
	w.id = id
	for _, p := range w.pipelines {
		for _, o := range w.api.opts.Service.Observers() {
			o.RunStarted(w.of(p))
		}
	}
}

func (w *watched) ended(res *engine.Result, err error) {
	if w.id == 0 {
		return
	}
	for _, p := range w.pipelines {
		end := serve.Ended{Started: w.of(p), Err: err, Ended: w.api.opts.Now()}
		for i := range resultsOf(res) {
			if res.Pipelines[i].Address == p.Address {
				end.Result = &res.Pipelines[i]
			}
		}
		serve.Report(w.api.life, w.log.With("pipeline", p.Name, "run", w.id), &end)
		for _, o := range w.api.opts.Service.Observers() {
			o.RunEnded(end)
		}
	}
}

func resultsOf(res *engine.Result) []engine.PipelineResult {
	if res == nil {
		return nil
	}
	return res.Pipelines
}

func (c *call) makePlan() (any, error) {
	b := c.body.(*PlanRequest)
	o := engine.Options{Full: b.Full, Key: b.Key, Refresh: b.Refresh, FromSnapshot: b.FromSnapshot}
	var err error
	if o.Pipelines, err = c.selected(b.Pipelines); err != nil {
		return nil, err
	}
	if b.AsOf != "" {
		if o.AsOf, err = time.Parse(time.RFC3339, b.AsOf); err != nil {
			return nil, refuse("invalid", "as_of "+clip(b.AsOf)+": write a date and time such as 2026-12-31T12:00:00Z")
		}
	}
	if !b.Save {
		p, err := c.engine.Plan(c.Context(), o)
		return c.streamed(p, err)
	}
	if b.FromSnapshot || b.AsOf != "" {
		return nil, refuse("invalid", "a plan as of a date or from a snapshot is a what-if and can't be saved")
	}
	if _, err := c.api.Authorize(c.Request, Admin); err != nil {
		return nil, err
	}
	return c.saved(func(out string) (*engine.Planned, error) {
		o.Out = out
		return c.engine.Plan(c.Context(), o)
	})
}

func (c *call) planUndo() (any, error) {
	id, err := c.runID()
	if err != nil {
		return nil, err
	}
	run, err := c.engine.RunByID(c.Context(), id)
	if err != nil {
		return nil, err
	}
	if run.Decision() {
		return nil, refuse("invalid", fmt.Sprintf("%d is no run but a decision by hand (%s), which undo does not take back", id, run.Kind))
	}
	return c.saved(func(out string) (*engine.Planned, error) { return c.engine.Undo(c.Context(), id, out) })
}

// keepPlans is how long saved plans are kept.
const keepPlans = 30 * 24 * time.Hour

// saved makes a plan that is kept under its id.
func (c *call) saved(plan func(out string) (*engine.Planned, error)) (any, error) {
	dir := c.api.opts.PlanDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for plans: %w", err)
	}
	c.api.dropPlans()
	draft, err := os.MkdirTemp(dir, "draft-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the plan: %w", err)
	}
	defer os.RemoveAll(draft)
	out := filepath.Join(draft, "plan")
	p, err := plan(out)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(out, c.api.planFile(p.Header.ID)); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the plan: %w", err), p.Close())
	}
	return c.streamed(p, nil)
}

// dropPlans removes plans that were saved long ago.
func (a *API) dropPlans() {
	old, err := filepath.Glob(filepath.Join(a.opts.PlanDir, "*.plan"))
	if err != nil {
		return
	}
	for _, path := range old {
		if info, err := os.Lstat(path); err == nil && a.opts.Now().Sub(info.ModTime()) > keepPlans {
			_ = os.Remove(path) // the next one tries again
		}
	}
}

func (a *API) planFile(id string) string { return filepath.Join(a.opts.PlanDir, id+".plan") }

var planID = regexp.MustCompile(`^[0-9A-Za-z]{10,40}$`)

// planPath gives the file of the plan that the path names.
func (c *call) planPath() (string, error) {
	id := c.PathValue("plan")
	if planID.MatchString(id) {
		path := c.api.planFile(id)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
	}
	return "", refuse("unknown", "there is no saved plan "+clip(id)+"; POST "+root+`/plans with {"save": true} makes one`)
}

func (c *call) showPlan() (any, error) {
	path, err := c.planPath()
	if err != nil {
		return nil, err
	}
	p, _, err := c.engine.OpenPlan(c.Context(), path)
	return c.streamed(p, err)
}

func (c *call) applyPlan() (any, error) {
	path, err := c.planPath()
	if err != nil {
		return nil, err
	}
	p, stale, err := c.engine.OpenPlan(c.Context(), path)
	if err != nil {
		return nil, err
	}
	var pipelines []*engine.Pipeline
	for i := range p.Header.Pipelines {
		if pl := c.project.Pipelines[p.Header.Pipelines[i].Address]; pl != nil {
			pipelines = append(pipelines, pl)
		}
	}
	if err := p.Close(); err != nil {
		return nil, err
	}
	if stale != "" {
		return nil, refuse("stale", stale)
	}
	return c.begin(pipelines, func(ctx context.Context) (*engine.Result, error) { return c.engine.Apply(ctx, path) })
}

// streamed writes a plan, change by change.
func (c *call) streamed(p *engine.Planned, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	d := &view.PlanData{Header: p.Header, Entries: p.Entries, Err: p.Err, Project: c.project.Project}
	return &stream{write: func(out *bufio.Writer) error { return view.WritePlanJSON(out, d) }, close: p.Close}, nil
}
