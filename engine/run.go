package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// The statuses of a pipeline in a run.
const (
	statusSucceeded = "succeeded"
	statusPartial   = "partial"
	statusHeld      = "held"
	statusFailed    = "failed"
	statusSkipped   = "skipped"
)

// A Result is what a run did.
type Result struct {
	RunID     int64
	Plan      string
	Pipelines []PipelineResult
	Warnings  []plan.Problem
}

// A PipelineResult is what a run did to one pipeline.
type PipelineResult struct {
	Name, Address, Title string
	Status               string
	Counts               RunCounts
	Started              time.Time
	Seconds              float64
	Problems             []plan.Problem
	Warnings             []plan.Problem
	Complete             bool
	Moved                int64 // changes of a saved plan that no longer fitted
	Disabled             bool  // it was skipped because the files say enabled = false
	Unreachable          bool  // a system that it reads could not be reached or refused the credentials
	Err                  error // why it failed
}

// Run plans and applies pipeline after pipeline, in dependency order: creates
// and updates first, then all deletes in reverse order.
func (e *Engine) Run(ctx context.Context, opts Options) (*Result, error) {
	s, err := e.begin(ctx, opts, true)
	if err != nil {
		return nil, err
	}
	defer s.end()
	if err := s.lock(ctx, e.lockNames(s.order)); err != nil {
		return nil, err
	}
	if err := s.move(ctx); err != nil {
		return nil, err
	}
	if err := s.startRun(ctx, "run", ""); err != nil {
		return nil, err
	}
	res := s.result()
	planned := map[string]*PipelineResult{}
	for i, p := range s.order {
		r := &res.Pipelines[i]
		if r.Status != "" {
			continue
		}
		r.Started = s.Now()
		if err := s.runOne(ctx, p); err != nil {
			s.fail(r, err)
			continue
		}
		planned[p.Address] = r
	}
	s.applyRest(ctx, planned)
	s.finishAll(ctx, res, planned)
	return res, s.closeRun(ctx)
}

// runOne plans a pipeline and applies its creates and updates.
func (s *session) runOne(ctx context.Context, p *Pipeline) error {
	if err := s.register(ctx, p); err != nil {
		return err
	}
	if err := s.landFlights(ctx, p.Address); err != nil {
		return err
	}
	if err := s.resolveDoubt(ctx, p); err != nil {
		return err
	}
	w, err := s.plan(ctx, p)
	if err != nil {
		return err
	}
	w.release()
	w.begun = true
	if w.whole() {
		return w.replace(ctx)
	}
	err = w.apply(ctx, upserts)
	w.upserted = true
	return err
}

// applyRest applies the deletes, pipelines in reverse order, and then once more
// what was refused before them.
func (s *session) applyRest(ctx context.Context, planned map[string]*PipelineResult) {
	step := func(p *Pipeline, ph phase) {
		w, r := s.works[p.Address], planned[p.Address]
		if w == nil || r == nil || r.Err != nil || w.whole() {
			return
		}
		apply := w.apply
		if ph == retries {
			apply = w.retry
		}
		if err := apply(ctx, ph); err != nil {
			s.fail(r, err)
		}
	}
	for i := len(s.order) - 1; i >= 0; i-- {
		step(s.order[i], deletes)
	}
	for _, p := range s.order {
		step(p, retries)
	}
}

func (s *session) finishAll(ctx context.Context, res *Result, planned map[string]*PipelineResult) {
	for i := range res.Pipelines {
		r := &res.Pipelines[i]
		w := s.works[r.Address]
		if w != nil && planned[r.Address] == nil && !w.begun {
			w = nil
		}
		if w == nil && r.Status == "" {
			r.Status = statusFailed
		}
		if err := s.finish(context.WithoutCancel(ctx), w, r); err != nil {
			s.fail(r, err)
		}
		s.notify(context.WithoutCancel(ctx), s.Project.Pipelines[r.Address], r)
		if !r.Started.IsZero() {
			r.Seconds = s.Now().Sub(r.Started).Seconds()
		}
	}
}

// result prepares the answer: pipelines that are not to run are skipped.
func (s *session) result() *Result {
	res := &Result{RunID: s.runID, Plan: s.header.ID}
	for _, p := range s.order {
		r := PipelineResult{Name: p.Name, Address: p.Address, Problems: []plan.Problem{}}
		if why := s.skips(p); why != "" {
			r.Status, r.Disabled = statusSkipped, !p.Enabled
			r.Warnings = append(r.Warnings, plan.Problem{Code: "skipped", Message: why})
		}
		res.Pipelines = append(res.Pipelines, r)
	}
	return res
}

// notEnabled says why a pipeline is neither planned nor run.
const notEnabled = "it is disabled: its block says enabled = false"

// skips says why a pipeline does not run; empty: it runs.
func (s *session) skips(p *Pipeline) string {
	if !p.Enabled {
		return notEnabled
	}
	if !s.opts.Scheduled {
		return ""
	}
	paused := false
	_ = s.Store.View(context.Background(), func(v state.View) error {
		row, _, err := v.Pipeline(p.Address)
		paused = row.Paused
		return err
	})
	if paused {
		return "it is paused"
	}
	return ""
}

func (s *session) fail(r *PipelineResult, err error) {
	if r.Err == nil {
		r.Err = err
	}
	r.Status = statusFailed
	code := "failed"
	if errors.Is(err, context.Canceled) {
		code = "stopped"
		err = errors.New("stopped before it was done; the next run goes on from here")
	}
	r.Problems = append(r.Problems, plan.Problem{Code: code, Message: err.Error()})
}

// register makes sure that a pipeline has a row.
func (s *session) register(ctx context.Context, p *Pipeline) error {
	return s.Store.Update(ctx, func(tx state.Tx) error {
		row, known, err := tx.Pipeline(p.Address)
		if err != nil || known {
			return err
		}
		row.Address = p.Address
		id, err := tx.PutPipeline(row)
		if err != nil {
			return err
		}
		_ = id
		return nil
	})
}

// startRun makes the run's row.
func (s *session) startRun(ctx context.Context, kind, planID string) error {
	err := s.Store.Update(ctx, func(tx state.Tx) (err error) {
		s.runID, err = tx.BeginRun(state.Run{Plan: planID, Kind: kind, Started: s.Now(), Clock: s.clock})
		return err
	})
	if err == nil && s.Begun != nil {
		s.Begun(s.runID)
	}
	return err
}

// closeRun marks the run as ended, and drops what nobody needs any more.
func (s *session) closeRun(ctx context.Context) error {
	if err := s.settleReads(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if s.planID != "" && ctx.Err() != nil {
		return nil // a plan that was stopped can be gone on with
	}
	return s.Store.Update(context.WithoutCancel(ctx), func(tx state.Tx) error {
		rows, err := tx.Run(s.runID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Pipeline == 0 {
				row.Ended, row.Status = s.Now(), "ended"
				if err := tx.PutRun(row); err != nil {
					return err
				}
			}
		}
		if keep := s.Project.State.Retention; keep > 0 {
			return tx.Prune(s.Now().Add(-keep))
		}
		return nil
	})
}

// finish judges how a pipeline ended and remembers it.
func (s *session) finish(ctx context.Context, w *work, r *PipelineResult) error {
	if r.Status == statusSkipped {
		return nil
	}
	if w != nil {
		w.describe(r)
	}
	counts, err := json.Marshal(r.Counts)
	if err != nil {
		return err
	}
	problems, err := json.Marshal(r.Problems)
	if err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx state.Tx) error {
		row, known, err := tx.Pipeline(r.Address)
		if err != nil {
			return err
		}
		if !known {
			return nil
		}
		if w != nil && r.Err == nil {
			if err := w.settle(tx, row); err != nil {
				return err
			}
		}
		return tx.PutRun(state.Run{ID: s.runID, Pipeline: row.ID, Address: r.Address, Plan: s.planID, Kind: s.kind,
			Started: r.Started, Ended: s.Now(), Status: r.Status, Counts: counts, Problems: problems, Clock: s.clock})
	})
}

// describe fills in what became of a pipeline.
func (w *work) describe(r *PipelineResult) {
	h := w.header
	r.Title, r.Complete, r.Moved, r.Unreachable = h.Title, h.Complete, w.applied.moved, h.Unreachable
	c := &w.applied.counts
	c.Unchanged, c.Skipped = h.Counts.Unchanged, h.Counts.Skipped
	c.Waiting += h.Counts.Waiting
	c.Held += h.Counts.Held
	c.Protected += h.Counts.Protected
	c.Failed += h.Counts.Failed
	r.Counts = *c
	r.Problems = append(r.Problems, h.Problems...)
	r.Warnings = append(r.Warnings, h.Warnings...)
	if w.applied.stopped != nil && r.Err == nil {
		w.s.fail(r, w.applied.stopped)
	}
	switch {
	case r.Err != nil:
		r.Status = statusFailed
	case h.Blocked != "" && h.Whole:
		r.Status = statusPartial
		r.Problems = append(r.Problems, plan.Problem{Code: "not_replaced", Message: h.Blocked})
	case h.Blocked != "":
		r.Status = statusFailed
		r.Err = errors.New(h.Blocked)
		r.Problems = append(r.Problems, plan.Problem{Code: "errors", Message: h.Blocked})
	case c.Held > 0 || h.ReadHeld != "":
		r.Status = statusHeld
	case c.Failed > 0 || !h.Complete || w.applied.moved > 0 || len(w.applied.unsent) > 0 || w.joinsIncomplete() || w.lookupsWait():
		r.Status = statusPartial
	default:
		r.Status = statusSucceeded
	}
}

// joinsIncomplete tells whether a right side could not be read wholly.
func (w *work) joinsIncomplete() bool {
	for _, j := range w.joins {
		if !j.complete {
			return true
		}
	}
	return false
}

// settle remembers, once a pipeline is done, how far it looked. What was not
// read wholly is not forgotten: the earlier marks stay, so that everything is
// looked at again.
func (w *work) settle(tx state.Tx, row state.Pipeline) error {
	if w.applied.stopped != nil || w.only != "" || w.header.Blocked != "" {
		return nil
	}
	if w.s.kind == "undo" {
		return nil // it read nothing and mapped nothing
	}
	again := w.header.LookAgain || w.applied.moved > 0 || w.dropped()
	if w.header.Complete && !again {
		row.Fingerprint = w.header.Fingerprint
		row.Day = w.header.Day
	}
	row.SinkIdentity, row.SinkAddress = w.header.SinkIdentity, w.header.SinkAddress
	if w.s.kind == "retire" {
		return settleRetired(tx, row)
	}
	kept := keptShape{Fields: w.header.Fields, Name: w.p.Name, Key: w.p.Key,
		Complete: w.header.Complete && !w.joinsIncomplete(), Mark: w.mark(row)}
	kept.Digest, kept.Count = w.wholeNow(row)
	shape, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	row.Shape = shape
	if _, err := tx.PutPipeline(row); err != nil {
		return err
	}
	if !again {
		if err := w.settlePositions(tx, row.ID); err != nil {
			return err
		}
	}
	for _, part := range w.header.Based {
		if err := tx.SetBased(row.ID, part); err != nil {
			return err
		}
	}
	return w.settleParts(tx)
}

// dropped tells that what a saved plan read of its source was not kept, so
// that the plan's position in the mirror is none.
func (w *work) dropped() bool {
	src := w.s.Project.Sources[w.p.From]
	return w.s.kind == "apply" && src != nil && w.s.mirrored(src) && !w.s.committed[w.p.From]
}

// settleRetired lets go of an address once nothing of it is left.
func settleRetired(tx state.Tx, row state.Pipeline) error {
	left, err := tx.CountItems(row.ID)
	if err != nil || len(left) > 0 {
		return err
	}
	row.SinkIdentity, row.SinkAddress, row.Fingerprint, row.Shape = "", "", nil, nil
	_, err = tx.PutPipeline(row)
	return err
}

// A keptShape is what is remembered of a pipeline for the time when it is no
// longer configured.
type keptShape struct {
	Fields []record.Field
	Key    []record.KeyField
	Digest []byte
	Count  int64
	Name   string
	// Complete: the last run read everything.
	Complete bool
	// Mark is how far a target that only grows was written.
	Mark []byte
}

// settlePositions remembers how far each source was processed, and the digests
// of the right sides.
func (w *work) settlePositions(tx state.Tx, pipeline int64) error {
	for _, pos := range w.header.Positions {
		if len(pos.Digest) > 0 && !w.header.Complete {
			continue // records that were not seen still rest on the earlier right side
		}
		id, err := positionSource(tx, pos.Source)
		if err != nil {
			return err
		}
		err = tx.PutPosition(state.Position{Pipeline: pipeline, Source: id, Seq: pos.Seq, Digest: pos.Digest})
		if err != nil {
			return err
		}
	}
	return nil
}

// positionSource gives the row under which a position is kept: a source's, or
// one that stands for an upstream pipeline or a join.
func positionSource(tx state.Tx, address string) (int64, error) {
	row, known, err := tx.Source(address)
	if err != nil || known {
		return row.ID, err
	}
	return tx.PutSource(state.Source{Address: address})
}

// settleParts remembers the counts of a complete read of a source without a
// mirror, which complete_when compares with.
func (w *work) settleParts(tx state.Tx) error {
	src := w.s.Project.Sources[w.p.From]
	if src == nil || w.s.mirrored(src) {
		return nil
	}
	id, err := w.s.putSource(tx, src)
	if err != nil {
		return err
	}
	return putParts(tx, id, w.header.Parts, w.s)
}
