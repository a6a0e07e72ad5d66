package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"koppel/engine/plan"
	"koppel/engine/state"
)

// A StaleError says that a saved plan no longer fits and was not applied.
type StaleError struct{ Message string }

func (e *StaleError) Error() string { return e.Message }

// OpenPlan opens a saved plan for showing. stale says why it can't be applied
// any more; empty: it can.
func (e *Engine) OpenPlan(ctx context.Context, path string) (p *Planned, stale string, err error) {
	s := &session{Engine: e, works: map[string]*work{}}
	r, err := plan.Open(path, s.seal())
	if err != nil {
		return nil, "", err
	}
	h := r.Header()
	for i := range h.Pipelines {
		one := &h.Pipelines[i]
		s.works[one.Address] = &work{s: s, p: &Pipeline{Address: one.Address, Name: one.Name}, header: one, reader: r}
	}
	p = &Planned{Header: h, works: s.works, err: map[string]error{}, close: r.Close}
	if err := s.stale(ctx, h); err != nil {
		var why *StaleError
		if !errors.As(err, &why) {
			return nil, "", errors.Join(err, r.Close())
		}
		stale = why.Message
	}
	return p, stale, nil
}

// stale says why a plan can't be applied: it was, or the configuration is
// another one.
func (s *session) stale(ctx context.Context, h *plan.Header) error {
	return s.Store.View(ctx, func(v state.View) error {
		done, err := planEnded(v, h.ID)
		if err != nil {
			return err
		}
		if done {
			return &StaleError{Message: fmt.Sprintf("plan %s was applied already", h.ID)}
		}
		for i := range h.Pipelines {
			one := &h.Pipelines[i]
			p := s.Project.Pipelines[one.Address]
			if one.Skipped != "" || h.Kind == "retire" {
				continue
			}
			if p == nil {
				return &StaleError{Message: fmt.Sprintf("%s is no longer configured", one.Address)}
			}
			if !bytes.Equal(s.fingerprint(p), one.Fingerprint) && h.Kind != "undo" {
				return &StaleError{Message: fmt.Sprintf("%s was configured otherwise when the plan was made; plan again", one.Address)}
			}
		}
		return nil
	})
}

// planEnded tells whether a plan was applied to its end. One that was cut off
// can be gone on with.
func planEnded(v state.View, id string) (bool, error) {
	run, begun, err := v.PlanApplied(id)
	if err != nil || !begun {
		return false, err
	}
	rows, err := v.Run(run)
	for _, row := range rows {
		if row.Pipeline == 0 {
			return !row.Ended.IsZero(), err
		}
	}
	return true, err // pruned since
}

// Apply applies a saved plan, exactly: what moved since is skipped by name. A
// plan whose application was cut off is resumed.
func (e *Engine) Apply(ctx context.Context, path string) (*Result, error) {
	s, err := e.begin(ctx, Options{}, true)
	if err != nil {
		return nil, err
	}
	defer s.end()
	r, err := plan.Open(path, s.seal())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := r.Verify(); err != nil {
		return nil, err
	}
	s.adoptPlan(r.Header())
	if err := s.lock(ctx, e.planLocks(s.header)); err != nil {
		return nil, err
	}
	if err := s.stale(ctx, s.header); err != nil {
		return nil, err
	}
	if err := s.sameTargets(ctx); err != nil {
		return nil, err
	}
	if err := s.move(ctx); err != nil {
		return nil, err
	}
	if err := s.beginApply(ctx); err != nil {
		return nil, err
	}
	return s.applyPlan(ctx, r)
}

// adoptPlan makes the plan's clock and pipelines the session's.
func (s *session) adoptPlan(h *plan.Header) {
	s.header, s.planID, s.kind = h, h.ID, "apply"
	if h.Kind != "plan" {
		s.kind = h.Kind
	}
	s.clock = h.Clock
	s.today = s.clock.In(s.Project.Location).Format("2006-01-02")
	s.order = s.order[:0]
	for i := range h.Pipelines {
		one := &h.Pipelines[i]
		p := s.Project.Pipelines[one.Address]
		if p == nil && h.Kind == "retire" {
			p = retiredPipeline(one)
		}
		if p != nil && one.Skipped == "" {
			s.order = append(s.order, p)
		}
	}
}

// planLocks lists what applying a plan moves.
func (e *Engine) planLocks(h *plan.Header) []string {
	var list []*Pipeline
	names := map[string]bool{}
	for i := range h.Pipelines {
		if p := e.Project.Pipelines[h.Pipelines[i].Address]; p != nil {
			list = append(list, p)
		}
		names[h.Pipelines[i].Address] = true
	}
	locks := e.lockNames(list)
	for _, l := range locks {
		delete(names, l)
	}
	for n := range names {
		locks = append(locks, n)
	}
	return locks
}

// sameTargets refuses a plan whose pipelines deliver elsewhere now, before any
// of it is begun. A sink that can't be opened is reported with its pipeline.
func (s *session) sameTargets(ctx context.Context) error {
	for i := range s.header.Pipelines {
		one := &s.header.Pipelines[i]
		p := s.Project.Pipelines[one.Address]
		if p == nil || one.Skipped != "" {
			continue
		}
		w := &work{s: s, p: p, header: &plan.Pipeline{}}
		err := w.openSink(ctx)
		w.close()
		if err == nil && w.header.SinkIdentity != one.SinkIdentity {
			return otherTarget(p)
		}
	}
	return nil
}

func otherTarget(p *Pipeline) error {
	return &StaleError{Message: fmt.Sprintf("%s delivers to another target than when the plan was made", p.Address)}
}

// beginApply makes the run's row, or finds the one that was cut off.
func (s *session) beginApply(ctx context.Context) error {
	err := s.Store.View(ctx, func(v state.View) (err error) {
		s.runID, _, err = v.PlanApplied(s.planID)
		return err
	})
	if err != nil {
		return err
	}
	s.resumed = s.runID != 0
	if s.resumed {
		return nil
	}
	return s.startRun(ctx, s.kind, s.planID)
}

func (s *session) applyPlan(ctx context.Context, r *plan.Reader) (*Result, error) {
	res := s.result()
	dropped, err := s.commitSources(ctx, r)
	if err != nil {
		return nil, err
	}
	res.Warnings = append(res.Warnings, dropped...)
	planned := map[string]*PipelineResult{}
	for i, p := range s.order {
		one := &res.Pipelines[i]
		one.Started = s.Now()
		if err := s.applyOne(ctx, p, r); err != nil {
			s.fail(one, err)
			continue
		}
		planned[p.Address] = one
	}
	s.applyRest(ctx, planned)
	s.finishAll(ctx, res, planned)
	return res, s.closeRun(ctx)
}

// applyOne applies the creates and updates of one pipeline of a saved plan.
func (s *session) applyOne(ctx context.Context, p *Pipeline, r *plan.Reader) error {
	if err := s.register(ctx, p); err != nil {
		return err
	}
	w := &work{s: s, p: p, shared: true, touched: map[string]bool{}}
	for i := range s.header.Pipelines {
		if s.header.Pipelines[i].Address == p.Address {
			w.header = &s.header.Pipelines[i]
		}
	}
	if err := s.landFlights(ctx, p.Address); err != nil {
		return err
	}
	if err := s.resolveDoubt(ctx, p); err != nil {
		return err
	}
	planned := w.header.SinkIdentity
	if err := w.openSaved(ctx); err != nil {
		return err
	}
	if w.sink != nil && w.header.SinkIdentity != planned {
		return otherTarget(p)
	}
	w.header.SinkIdentity = planned
	w.reader = r
	w.check, w.undo = w.checkEntry, s.header.Kind == "undo"
	w.recheckGuard()
	s.works[p.Address] = w
	w.begun = true
	if w.whole() {
		return w.replace(ctx)
	}
	err := w.apply(ctx, upserts)
	w.upserted = true
	return err
}

// commitSources writes what the plan read into the mirrors, where they still
// stand as they stood; elsewhere a later read knows better, and it is dropped.
func (s *session) commitSources(ctx context.Context, r *plan.Reader) ([]plan.Problem, error) {
	var dropped []plan.Problem
	s.committed, s.otherwise = map[string]bool{}, map[string]map[string]bool{}
	for i := range s.header.Sources {
		one := &s.header.Sources[i]
		src := s.Project.Sources[one.Address]
		if src == nil || !s.readAs(ctx, src, one) {
			dropped = append(dropped, droppedSource(one.Address, "it is configured otherwise now"))
			if err := s.seenOtherwise(ctx, one, r); err != nil {
				return nil, err
			}
			continue
		}
		ok, err := s.commitOne(ctx, src, one, r)
		if err != nil {
			return nil, fmt.Errorf("update the mirror of %s: %w", one.Address, err)
		}
		if !ok {
			dropped = append(dropped, droppedSource(one.Address, "it was read again since"))
			if err := s.seenOtherwise(ctx, one, r); err != nil {
				return nil, err
			}
		}
	}
	return dropped, nil
}

func droppedSource(address, why string) plan.Problem {
	return plan.Problem{Code: "source_moved", Message: fmt.Sprintf("what the plan read of %s is not kept: %s", address, why)}
}

func (s *session) commitOne(ctx context.Context, src *Source, one *plan.Source, r *plan.Reader) (bool, error) {
	same := false
	err := s.Store.Update(ctx, func(tx state.Tx) error {
		row, known, err := tx.Source(one.Address)
		if err != nil {
			return err
		}
		if s.resumed && known && one.Rows > 0 && row.Seq == one.ToSeq {
			same = true // the first part of the application did it
			return nil
		}
		if same, err = cursorsStand(tx, row, known, one); err != nil || !same {
			return err
		}
		return commitSource(tx, src, s, one.Parts, func(yield func(*plan.SourceRow) error) error {
			for r, err := range r.SourceRows(one.Address) {
				if err != nil {
					return err
				}
				if err := yield(r); err != nil {
					return err
				}
			}
			return nil
		})
	})
	s.committed[one.Address] = same
	return same, err
}

// seenOtherwise notes the records of a plan's read that a later one has left in
// the mirror as something else.
func (s *session) seenOtherwise(ctx context.Context, one *plan.Source, r *plan.Reader) error {
	moved := map[string]bool{}
	s.otherwise[one.Address] = moved
	return s.Store.View(ctx, func(v state.View) error {
		src, _, err := v.Source(one.Address)
		if err != nil {
			return err
		}
		for row, err := range r.SourceRows(one.Address) {
			if err != nil {
				return err
			}
			m, err := v.MirrorRow(src.ID, row.Part, row.Key)
			if err != nil {
				return err
			}
			gone := m == nil || m.Gone
			if gone != row.Gone || !gone && m.Hash != row.Hash {
				moved[string(partKey(row.Part, row.Key))] = true
			}
		}
		return nil
	})
}

// cursorsStand tells whether a source stands as the plan found it.
func cursorsStand(tx state.Tx, row state.Source, known bool, one *plan.Source) (bool, error) {
	if !known {
		return one.FromSeq == 0, nil
	}
	if row.Seq != one.FromSeq {
		return false, nil
	}
	parts, err := tx.Parts(row.ID)
	if err != nil {
		return false, err
	}
	stored := map[string][]byte{}
	for _, p := range parts {
		stored[p.Name] = p.Cursor
	}
	for _, p := range one.Parts {
		if !p.Full && !bytes.Equal(stored[p.Name], p.From) {
			return false, nil
		}
	}
	return true, nil
}
