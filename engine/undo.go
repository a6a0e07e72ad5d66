package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// Undo writes a plan that takes a run back: what it created is deleted, what
// it changed or deleted is as before. The plan is applied like any other, and
// leaves its keys open, so that the next run does not do it all again. What
// can't be taken back is named in the warnings.
func (e *Engine) Undo(ctx context.Context, run int64, out string) (*Planned, error) {
	s, err := e.begin(ctx, Options{Out: out}, false)
	if err != nil {
		return nil, err
	}
	s.header.Kind, s.header.Note = "undo", fmt.Sprintf("undo of run %d", run)
	planned := &Planned{Header: s.header, works: s.works, err: map[string]error{}, close: s.end}
	if err := s.planUndo(ctx, run); err != nil {
		return nil, errors.Join(err, s.end())
	}
	if out != "" {
		if err := s.save(out, planned); err != nil {
			return nil, errors.Join(err, s.end())
		}
	}
	return planned, nil
}

func (s *session) planUndo(ctx context.Context, run int64) error {
	var rows []state.Run
	err := s.Store.View(ctx, func(v state.View) (err error) {
		rows, err = v.Run(run)
		return err
	})
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("there is no run %d", run)
	}
	did := map[string]int64{}
	for _, row := range rows {
		if row.Pipeline != 0 {
			did[row.Address] = row.Pipeline
		}
	}
	for i := len(s.order) - 1; i >= 0; i-- {
		p := s.order[i]
		if _, ok := did[p.Address]; !ok {
			continue
		}
		if err := s.undoOne(ctx, p, run); err != nil {
			return fmt.Errorf("undo %s: %w", p.Address, err)
		}
		s.header.Pipelines = append(s.header.Pipelines, *s.works[p.Address].header)
	}
	return nil
}

func (s *session) undoOne(ctx context.Context, p *Pipeline, run int64) error {
	w := s.bareWork(p)
	if err := w.open(ctx); err != nil {
		return err
	}
	s.works[p.Address] = w
	t := w.traits()
	if !t.Undoable && w.sink != nil {
		w.warn("not_undoable", fmt.Sprintf("what went to %s can't be taken back", p.Into))
	}
	return w.spoolEntries(func(yield func(*plan.Entry) error) error {
		if !t.Undoable && w.sink != nil {
			return nil
		}
		return s.Store.View(ctx, func(v state.View) error { return w.undoEntries(v, run, yield) })
	})
}

// bareWork is a pipeline's work for plans that read no source.
func (s *session) bareWork(p *Pipeline) *work {
	w := &work{s: s, p: p, touched: map[string]bool{}}
	w.header = &plan.Pipeline{Address: p.Address, Name: p.Name, Fingerprint: s.fingerprint(p), SinkAddress: p.Into, Complete: true}
	w.header.Key = p.Key
	for _, f := range p.Fields {
		w.header.Fields = append(w.header.Fields, f.Field)
	}
	return w
}

// undoEntries yields the reverse of what a run did, in key order: its changes
// merged with the items that it created.
func (w *work) undoEntries(v state.View, run int64, yield func(*plan.Entry) error) error {
	byKey := w.s.spool.Sorter(sortMemory)
	for c, err := range v.ChangesOf(run, w.row.ID) {
		if err != nil {
			return err
		}
		b := append([]byte{byte(c.Op)}, putBytes(nil, c.Before)...)
		if err := byKey.Add([]byte(c.Key), b); err != nil {
			return err
		}
	}
	for it, err := range v.ItemsLight(w.row.ID) {
		if err != nil {
			return err
		}
		if it.Born == run && (it.Status == state.Delivered || it.Status == state.Unsure) {
			if err := byKey.Add([]byte(it.Key), append([]byte{byte(record.Create)}, putBytes[string](nil, "")...)); err != nil {
				return err
			}
		}
	}
	var last record.Key
	return eachOf(byKey, func(key, payload []byte) error {
		if record.Key(key) == last {
			return nil // the item of an adopted row: its update is what the run did
		}
		last = record.Key(cloneBytes(key))
		d := decoder{b: payload}
		op, before := record.Op(d.byte()), cloneBytes(d.bytes())
		e, err := w.reverse(v, record.Key(key), op, before, run)
		if err != nil || e == nil {
			return err
		}
		w.countChange(e)
		return yield(e)
	})
}

// reverse makes the entry that takes one change back; nil when the record has
// moved on since.
func (w *work) reverse(v state.View, key record.Key, op record.Op, before []byte, run int64) (*plan.Entry, error) {
	it, err := v.Item(w.row.ID, key)
	if err != nil {
		return nil, err
	}
	if it != nil && it.Status == state.Unsure {
		w.problem(ShowKey(key), "", "in_doubt", "it is not known whether the target took the last change of it; the next run settles that")
		return nil, nil
	}
	if it != nil && it.Run != run {
		w.problem(ShowKey(key), "", "moved", "a later run changed it; it stays as it is")
		return nil, nil
	}
	e := &plan.Entry{Key: key, Cause: record.CauseUndo}
	if it != nil {
		e.Had, e.Expect, e.Before, e.Raw = true, it.Mapped, cloneBytes(it.Body), it.Raw
		e.HasSrc, e.SrcPart, e.SrcKey = it.HasSrc, it.Src.Part, it.Src.Key
	}
	switch {
	case op == record.Create && it != nil:
		e.Op = record.Delete
		return e, nil
	case op == record.Create:
		return nil, nil
	case it == nil || op == record.Delete:
		e.Op = record.Create
	default:
		e.Op, e.OpenOp = record.Update, op
		if it.Born == run {
			if before, err = w.keepKey(before, it.Body); err != nil {
				return nil, err
			}
			w.warn("not_undoable", ShowKey(key)+": the row that was taken over keeps its new key, by which it is known")
		}
		names, err := record.Differ(it.Body, before, w.rules)
		if err != nil {
			return nil, err
		}
		e.Fields = slices.DeleteFunc(names, func(name string) bool { return !w.p.undoes(name, before) })
	}
	e.After, e.Item, e.Status = before, true, byte(state.Delivered)
	e.Raw = record.Hash{}
	e.Mapped, err = w.s.Store.Hasher().Record(before, w.rules)
	return e, err
}

// keepKey gives the row that stood before an item came to have it, under the key
// that it has now: without that it would be no row of this item.
func (w *work) keepKey(before, now []byte) ([]byte, error) {
	key := map[string]any{}
	for _, k := range w.p.Key {
		if k.Name == "" {
			continue // it is not mapped
		}
		value, err := record.Decode(record.Member(now, k.Name))
		if err != nil {
			return nil, err
		}
		key[k.Name] = value
	}
	over, err := record.Append(nil, key)
	if err != nil {
		return nil, err
	}
	return mergeFields(before, over)
}

// leaveUndone opens a key that an undo took back: it stays as it is while what
// is desired is exactly what was undone.
func (w *work) leaveUndone(tx state.Tx, e *plan.Entry) error {
	o := w.openOf(e, state.Undone)
	o.After, o.Op = e.Before, record.Update
	switch {
	case e.Before == nil:
		o.Op = record.Delete
	case e.Op == record.Delete:
		o.Op = record.Create
	case e.OpenOp == record.Disable:
		o.Op = record.Disable
	}
	o.Note = w.s.header.Note
	return tx.PutOpen(w.row.ID, o)
}

// Retire writes a plan that deletes what an orphaned address delivered. What
// another address holds stays.
func (e *Engine) Retire(ctx context.Context, address, out string) (*Planned, error) {
	if e.Project.Pipelines[address] != nil {
		return nil, fmt.Errorf("%s is still configured; remove its block first", address)
	}
	s, err := e.begin(ctx, Options{Out: out, Pipelines: []*Pipeline{}}, false)
	if err != nil {
		return nil, err
	}
	s.header.Kind, s.header.Note = "retire", "retire "+address
	planned := &Planned{Header: s.header, works: s.works, err: map[string]error{}, close: s.end}
	if err := s.planRetire(ctx, address); err != nil {
		return nil, errors.Join(err, s.end())
	}
	if out != "" {
		if err := s.save(out, planned); err != nil {
			return nil, errors.Join(err, s.end())
		}
	}
	return planned, nil
}

func (s *session) planRetire(ctx context.Context, address string) error {
	var row state.Pipeline
	known := false
	err := s.Store.View(ctx, func(v state.View) (err error) {
		row, known, err = v.Pipeline(address)
		return err
	})
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("nothing is remembered of %s", address)
	}
	var kept keptShape
	if len(row.Shape) > 0 {
		if err := json.Unmarshal(row.Shape, &kept); err != nil {
			return fmt.Errorf("read what is remembered of %s: %w", address, err)
		}
	}
	p := retiredPipeline(&plan.Pipeline{Address: address, Name: kept.Name, SinkAddress: row.SinkAddress, Fields: kept.Fields, Key: kept.Key})
	w := s.bareWork(p)
	if err := w.openRetired(ctx, row); err != nil {
		return err
	}
	s.works[address] = w
	err = w.spoolEntries(func(yield func(*plan.Entry) error) error {
		return s.Store.View(ctx, func(v state.View) error { return w.retireEntries(v, yield) })
	})
	s.header.Pipelines = append(s.header.Pipelines, *w.header)
	return err
}

// retiredPipeline is a pipeline as far as it is remembered.
func retiredPipeline(h *plan.Pipeline) *Pipeline {
	p := &Pipeline{Address: h.Address, Name: h.Name, Into: h.SinkAddress, Enabled: true, Key: h.Key}
	for _, f := range h.Fields {
		p.Fields = append(p.Fields, Field{Field: f})
	}
	p.Deletes.Action = "delete"
	return p
}

func (w *work) openRetired(ctx context.Context, row state.Pipeline) error {
	w.row, w.known = row, true
	if err := w.openSink(ctx); err != nil {
		return err
	}
	if w.sink != nil && w.header.SinkIdentity != w.s.place(row.SinkIdentity) {
		return &IdentityError{
			Message: fmt.Sprintf("%s delivered to %s, and %s is another target now", w.p.Address, row.SinkIdentity, w.p.Into),
			Hint:    fmt.Sprintf("use `koppel state rm %s` to forget what it delivered", w.p.Address),
		}
	}
	w.header.Title = w.p.Into
	return nil
}

func (w *work) retireEntries(v state.View, yield func(*plan.Entry) error) error {
	others, err := w.sharers(v)
	if err != nil {
		return err
	}
	for it, err := range v.Items(w.row.ID, "") {
		if err != nil {
			return err
		}
		held, err := heldElsewhere(v, others, it.Key)
		if err != nil {
			return err
		}
		e := &plan.Entry{Key: it.Key, Cause: record.CauseRetired, Had: true, Expect: it.Mapped, Before: cloneBytes(it.Body), Drop: true}
		if it.Status == state.Delivered || it.Status == state.Kept || it.Status == state.Disabled || it.Status == state.Unsure {
			if !held && w.traits().Deletes {
				e.Op, e.Drop = record.Delete, false
				w.countChange(e)
			}
		}
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}

// sharers lists other pipelines whose target has the same identity.
func (w *work) sharers(v state.View) ([]int64, error) {
	rows, err := v.Pipelines()
	var ids []int64
	for _, row := range rows {
		if row.ID != w.row.ID && row.SinkIdentity != "" && w.s.place(row.SinkIdentity) == w.s.place(w.row.SinkIdentity) {
			ids = append(ids, row.ID)
		}
	}
	return ids, err
}

func heldElsewhere(v state.View, pipelines []int64, key record.Key) (bool, error) {
	for _, id := range pipelines {
		it, err := v.Item(id, key)
		if err != nil || it != nil {
			return it != nil, err
		}
	}
	return false, nil
}

// undoes tells whether an undo writes a field: not where an update would leave
// the target's value alone, for it may not be what the item remembers.
func (p *Pipeline) undoes(name string, before []byte) bool {
	for i := range p.Fields {
		f := &p.Fields[i]
		if f.Name != name {
			continue
		}
		null := record.KindOf(record.Member(before, name)) == record.Null
		return f.Send && !f.CreateOnly && !(f.OnNull == "keep" && null)
	}
	return true
}
