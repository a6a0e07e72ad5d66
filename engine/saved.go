package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A StaleError says that a saved plan no longer fits and was not applied.
type StaleError struct{ Message string }

func (e *StaleError) Error() string { return e.Message }

// A Planned is a plan in memory's stead: its header, and its entries on disk.
// Close removes what it holds; a saved file stays.
type Planned struct {
	Header *plan.Header
	works  map[string]*work
	err    map[string]error
	close  func() error
}

// Entries yields one pipeline's entries in key order, marked as they would be
// applied, until yield fails.
func (p *Planned) Entries(address string, yield func(*plan.Entry) error) error {
	w := p.works[address]
	if w == nil {
		return nil
	}
	for e, err := range w.entries() {
		if err != nil {
			return err
		}
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}

// Err says why a pipeline could not be planned; nil: it was.
func (p *Planned) Err(address string) error { return p.err[address] }

// Close removes the plan's temporary files.
func (p *Planned) Close() error { return p.close() }

// Plan compares and writes nothing but, with opts.Out, the plan's own file.
// Pipelines that could not be planned are in the header with their reason.
func (e *Engine) Plan(ctx context.Context, opts Options) (*Planned, error) {
	if opts.Out != "" && (opts.FromSnapshot || !opts.AsOf.IsZero()) {
		return nil, errors.New("a plan as of a date or from a snapshot is a what-if and can't be saved")
	}
	s, err := e.begin(opts, false)
	if err != nil {
		return nil, err
	}
	out := &Planned{Header: s.header, works: s.works, err: map[string]error{}, close: s.end}
	for _, p := range s.order {
		if err := s.planOne(ctx, p); err != nil {
			if ctx.Err() != nil {
				return nil, errors.Join(ctx.Err(), s.end())
			}
			out.err[p.Address] = err
			delete(s.works, p.Address)
			s.header.Pipelines = append(s.header.Pipelines, plan.Pipeline{Address: p.Address, Name: p.Name, Skipped: err.Error()})
			continue
		}
		s.header.Pipelines = append(s.header.Pipelines, *s.works[p.Address].header)
	}
	s.headerSources()
	if opts.Out == "" {
		return out, nil
	}
	if err := s.save(opts.Out, out); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return out, nil
}

// planOne plans one pipeline; a paused or disabled one is planned too, for a
// plan is only a look.
func (s *session) planOne(ctx context.Context, p *Pipeline) error {
	_, err := s.plan(ctx, p)
	return err
}

// headerSources describes what was read.
func (s *session) headerSources() {
	for address, m := range s.mirrors {
		if m.read == nil {
			continue
		}
		s.header.Sources = append(s.header.Sources, plan.Source{Address: address, Fingerprint: m.src.Fingerprint,
			Mirrored: true, FromSeq: m.fromSeq, Rows: m.rows, Parts: m.read.planParts()})
	}
}

// save writes the plan's file.
func (s *session) save(path string, out *Planned) (err error) {
	w, err := plan.Create(path, s.seal())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Abandon())
		}
	}()
	for address, m := range s.mirrors {
		if err := w.BeginSource(address); err != nil {
			return err
		}
		if err := m.overlayRows(w.SourceRow); err != nil {
			return err
		}
	}
	for i := range s.header.Pipelines {
		h := &s.header.Pipelines[i]
		work := s.works[h.Address]
		if work == nil {
			continue
		}
		if err := w.BeginPipeline(h.Address); err != nil {
			return err
		}
		if err := work.copyTo(w); err != nil {
			return err
		}
	}
	return w.Close(s.header)
}

// seal protects plan files as the state protects its bodies.
func (s *session) seal() plan.Seal {
	if !s.Store.Sealed() {
		return plan.Seal{}
	}
	return plan.Seal{Seal: s.Store.Seal, Unseal: s.Store.Unseal}
}

// copyTo writes the entries, as they were compared, into a plan's file.
func (w *work) copyTo(out *plan.Writer) error {
	if w.whole() {
		return w.eachWhole(func(d *desired) error { return out.Entry(wholeEntry(d)) })
	}
	for e, err := range w.reader.Entries(w.p.Address) {
		if err != nil {
			return err
		}
		if err := out.Entry(e); err != nil {
			return err
		}
	}
	return nil
}

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
		_, done, err := v.PlanApplied(h.ID)
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

// Apply applies a saved plan, exactly: what moved since is skipped by name. A
// plan whose application was cut off is resumed.
func (e *Engine) Apply(ctx context.Context, path string) (*Result, error) {
	s, err := e.begin(Options{}, true)
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
	if err := s.resolveDoubt(ctx, p); err != nil {
		return err
	}
	planned := w.header.SinkIdentity
	if err := w.openSaved(ctx); err != nil {
		return err
	}
	if w.header.SinkIdentity = planned; w.sink != nil && w.sink.Traits().Identity != planned {
		return &StaleError{Message: fmt.Sprintf("%s delivers to another target than when the plan was made", p.Address)}
	}
	w.reader = r
	w.check, w.undo = w.checkEntry, s.header.Kind == "undo"
	w.recheckGuard()
	s.works[p.Address] = w
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
	s.committed = map[string]bool{}
	for i := range s.header.Sources {
		one := &s.header.Sources[i]
		src := s.Project.Sources[one.Address]
		if src == nil || !bytes.Equal(src.Fingerprint, one.Fingerprint) {
			dropped = append(dropped, droppedSource(one.Address, "it is configured otherwise now"))
			continue
		}
		ok, err := s.commitOne(ctx, src, one, r)
		if err != nil {
			return nil, fmt.Errorf("update the mirror of %s: %w", one.Address, err)
		}
		if !ok && !s.resumed {
			dropped = append(dropped, droppedSource(one.Address, "it was read again since"))
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

// checkEntry says why an entry no longer fits what stands now; empty: it fits.
func (w *work) checkEntry(ctx context.Context, e *plan.Entry) (why string, err error) {
	err = w.s.Store.View(ctx, func(v state.View) error {
		it, err := v.Item(w.row.ID, e.Key)
		if err != nil {
			return err
		}
		if w.s.resumed && w.done(e, it) {
			why = doneAlready
			return nil
		}
		if why, err = w.inDoubt(v, e); err != nil || why != "" {
			return err
		}
		switch {
		case e.Had && it == nil:
			why = "the record was removed since the plan was made"
		case !e.Had && it != nil:
			why = "the record was created since the plan was made"
		case e.Had && it.Mapped != e.Expect && e.Expect != (record.Hash{}):
			why = "the record was changed since the plan was made"
		}
		if why != "" {
			return nil
		}
		if why, err = w.laterRead(v, e); err != nil || why != "" {
			return err
		}
		why, err = w.upstreamMoved(v, e)
		return err
	})
	return why, err
}

// doneAlready marks entries that the first part of a resumed plan applied.
const doneAlready = "\x00done"

// done tells whether an entry was applied before the application was cut off.
func (w *work) done(e *plan.Entry, it *state.Item) bool {
	if e.Op == record.Delete && !e.Item {
		return it == nil
	}
	return it != nil && it.Mapped == e.Mapped && it.Status == state.Status(e.Status) && it.Run == w.s.runID
}

// inDoubt tells whether an earlier call for an entry's key was lost, so that
// another one could double it.
func (w *work) inDoubt(v state.View, e *plan.Entry) (string, error) {
	if e.Op == 0 {
		return "", nil
	}
	o, err := v.OpenKey(w.row.ID, e.Key)
	if err != nil || o == nil || o.Reason != state.InDoubt {
		return "", err
	}
	return "it is not known whether the target took an earlier change of the record", nil
}

// laterRead tells whether a later read has seen an entry's record otherwise,
// or, for a delete, has looked at its partition at all.
func (w *work) laterRead(v state.View, e *plan.Entry) (string, error) {
	if e.Op == 0 || w.s.header.Kind != "plan" {
		return "", nil
	}
	src := w.s.Project.Sources[w.p.From]
	if src == nil || !w.s.mirrored(src) {
		if e.Op != record.Delete && e.Op != record.Disable {
			return "", nil
		}
		return w.readSince(v)
	}
	if w.s.committed[src.Address] {
		return "", nil
	}
	row, _, err := v.Source(src.Address)
	if err != nil {
		return "", err
	}
	m, err := v.MirrorRow(row.ID, e.Part, e.SrcKey)
	if err != nil || m == nil {
		return "", err
	}
	if m.Seq > e.Seq {
		return "a later read has seen the record otherwise", nil
	}
	return "", nil
}

// readSince tells whether the pipeline looked at its source again.
func (w *work) readSince(v state.View) (string, error) {
	for _, pos := range w.header.Positions {
		if pos.Source != w.p.From {
			continue
		}
		row, known, err := v.Source(pos.Source)
		if err != nil || !known {
			return "", err
		}
		stored, ok, err := v.Position(w.row.ID, row.ID)
		if err != nil || !ok {
			return "", err
		}
		if stored.Seq >= pos.Seq {
			return "the source was read again since the plan was made; plan again to delete", nil
		}
	}
	return "", nil
}

// upstreamMoved tells whether a record that the entry builds on is another one
// than the plan expected.
func (w *work) upstreamMoved(v state.View, e *plan.Entry) (string, error) {
	for _, u := range e.Upstream {
		row, _, err := v.Pipeline(u.Pipeline)
		if err != nil {
			return "", err
		}
		it, err := v.Item(row.ID, u.Key)
		if err != nil {
			return "", err
		}
		if it == nil || it.Mapped != u.Hash {
			return fmt.Sprintf("%s of %s is not as the plan expected it", u.Key, u.Pipeline), nil
		}
	}
	return "", nil
}
