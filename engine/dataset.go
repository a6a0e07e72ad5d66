package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"koppel/engine/mapping"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// consts fixes the run's clock for the programs.
func (s *session) consts() mapping.RunConsts {
	return mapping.RunConsts{Today: s.today, Now: s.clock.UTC().Format("2006-01-02T15:04:05Z")}
}

// dataset gives all records of a source or pipeline, as reader sees them.
func (s *session) dataset(ctx context.Context, address, reader string) (*records, error) {
	if strings.HasPrefix(address, "pipeline.") {
		return s.upstream(ctx, address, reader)
	}
	src := s.Project.Sources[address]
	if src == nil {
		return nil, fmt.Errorf("%s is not configured", address)
	}
	if !s.mirrored(src) {
		if s.opts.FromSnapshot {
			return nil, fmt.Errorf("%s keeps no snapshot: add snapshot = true and run it once", address)
		}
		return s.read(ctx, src)
	}
	m, err := s.mirror(ctx, src)
	if err != nil {
		return nil, err
	}
	return s.mirrorAll(ctx, m)
}

// upstream gives what a pipeline has delivered, with what this session plans
// on top. A pipeline that reads itself sees what was delivered before.
func (s *session) upstream(ctx context.Context, address, reader string) (*records, error) {
	up := s.Project.Pipelines[address]
	if up == nil {
		return nil, fmt.Errorf("%s is not configured", address)
	}
	r := s.newRecords(up.Name)
	r.derived = true
	p := r.part("")
	w := s.works[address]
	if address == reader {
		w = nil
	}
	err := s.Store.View(ctx, func(v state.View) error {
		row, known, err := v.Pipeline(address)
		if err != nil {
			return err
		}
		p.complete = s.upstreamComplete(row, w, address == reader)
		if !p.complete {
			p.problem = "its last run was not complete"
		}
		items := func(func(*state.Item, error) bool) {}
		if known {
			items = v.Items(row.ID, "")
		}
		return s.plannedOver(w, items, address == reader, func(e *entry, body []byte) error { return r.add(p, e, body) })
	})
	return r, err
}

// upstreamComplete tells whether absence from what a pipeline delivered proves
// anything: its last run, or the one that this session plans, read everything.
// Records that failed in it keep what they had, so they do not count.
func (s *session) upstreamComplete(row state.Pipeline, w *work, self bool) bool {
	if w != nil {
		return w.header.Complete && !w.joinsIncomplete() && w.applied.stopped == nil
	}
	if self {
		return true
	}
	var kept keptShape
	return json.Unmarshal(row.Shape, &kept) == nil && kept.Complete
}

// unsure tells that it is not known what the target holds of an item.
func unsure(it *state.Item) bool {
	return it.Status == state.Unsure || it.Status == state.Kept && it.Mapped == record.Hash{} && string(it.Body) == "{}"
}

// plannedOver merges delivered items with the session's own pending changes of
// that pipeline. self: the pipeline reads itself, and sees of what is unsure
// what was delivered before.
func (s *session) plannedOver(w *work, items iter.Seq2[*state.Item, error], self bool, yield func(*entry, []byte) error) error {
	next, stop := iter.Pull2(items)
	defer stop()
	it, err, more := next()
	if err != nil {
		return err
	}
	item := func() error {
		e := entry{key: it.Key, raw: it.Mapped}
		body := it.Body
		switch {
		case unsure(it):
			if self && it.Body == nil {
				return nil
			}
			if !self {
				e.seen, body = seenUnsure, nil
			}
		case it.Status == state.Expired:
			e.seen = seenExpired
		case it.Status == state.Disabled, it.Status == state.Out:
			body = nil
		}
		if body == nil && e.seen == seenPut {
			return nil
		}
		if e.raw == (record.Hash{}) {
			e.raw = s.Store.Hasher().Bytes(body)
		}
		return yield(&e, body)
	}
	step := func() error {
		if err := item(); err != nil {
			return err
		}
		it, err, more = next()
		return err
	}
	if w != nil {
		err = w.pending(func(p *plan.Entry) error {
			for more && it.Key < p.Key {
				if err := step(); err != nil {
					return err
				}
			}
			if more && it.Key == p.Key {
				if p.Touch && p.Op == 0 {
					it.Status = state.Status(p.Status)
					return step()
				}
				if it, err, more = next(); err != nil {
					return err
				}
			}
			return yieldPlanned(p, yield)
		})
		if err != nil {
			return err
		}
	}
	for more {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// yieldPlanned gives the record that a planned change will leave behind.
func yieldPlanned(p *plan.Entry, yield func(*entry, []byte) error) error {
	switch {
	case p.Op == record.Delete || p.Op == record.Disable || p.Drop:
		return nil
	case state.Status(p.Status) == state.Expired && p.Item:
		return yield(&entry{key: p.Key, raw: p.Mapped, seen: seenExpired}, p.After)
	case p.After == nil:
		return nil
	}
	return yield(&entry{key: p.Key, raw: p.Mapped, planned: true}, p.After)
}
