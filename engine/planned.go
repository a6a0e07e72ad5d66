package engine

import (
	"context"
	"errors"

	"koppel/engine/plan"
)

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
	s, err := e.begin(ctx, opts, false)
	if err != nil {
		return nil, err
	}
	out := &Planned{Header: s.header, works: s.works, err: map[string]error{}, close: s.end}
	for _, p := range s.order {
		if !p.Enabled {
			s.header.Pipelines = append(s.header.Pipelines, plan.Pipeline{Address: p.Address, Name: p.Name, Skipped: notEnabled, Disabled: true})
			continue
		}
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

// planOne plans one pipeline; a paused one is planned too, for a plan is only a
// look.
func (s *session) planOne(ctx context.Context, p *Pipeline) error {
	w, err := s.plan(ctx, p)
	if err == nil {
		w.release()
	}
	return err
}

// headerSources describes what was read.
func (s *session) headerSources() {
	for address, m := range s.mirrors {
		if m.read == nil {
			continue
		}
		s.header.Sources = append(s.header.Sources, plan.Source{Address: address, Fingerprint: s.placed[address],
			Mirrored: true, FromSeq: m.fromSeq, Rows: m.rows, ToSeq: m.seq, Parts: m.read.planParts()})
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
		return w.saveTo(out)
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
