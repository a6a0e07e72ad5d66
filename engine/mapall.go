package engine

import (
	"context"
	"sync"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// batchRecords and batchBytes bound what one mapping worker gets at a time.
const (
	batchRecords = 512
	batchBytes   = 1 << 20
	mapWorkers   = 2
)

// A batch is a number of records on their way through a mapping worker, in the
// order of the read.
type batch struct {
	entries  []entry
	bodies   [][]byte
	outcomes []*outcome
	err      error
	done     chan struct{}
}

// mapAll maps every record of a read, in the order in which they came.
func (w *work) mapAll(ctx context.Context, r *records) error {
	if w.identity {
		return w.mapEntries(ctx, r, r.byKey)
	}
	return w.mapEntries(ctx, r, r.byPlace)
}

// mapEntries maps records in several workers and takes the outcomes in order.
func (w *work) mapEntries(ctx context.Context, r *records, each func(func(*entry) error) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo, ordered := make(chan *batch, mapWorkers), make(chan *batch, 2*mapWorkers)
	var wg sync.WaitGroup
	for range mapWorkers {
		m := w.s.mapper(ctx, w)
		wg.Go(func() {
			for b := range todo {
				b.run(m, r)
				close(b.done)
			}
		})
	}
	read := make(chan error, 1)
	go func() {
		defer close(ordered)
		defer close(todo)
		read <- w.batches(ctx, r, each, func(b *batch) error {
			for _, ch := range []chan *batch{ordered, todo} {
				select {
				case ch <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}()
	var err error
	for b := range ordered {
		if err != nil {
			continue
		}
		select {
		case <-b.done:
			err = w.take(b)
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			cancel()
		}
	}
	wg.Wait()
	if readErr := <-read; err == nil {
		err = readErr
	}
	return err
}

// batches reads the records' bytes and hands them out in batches.
func (w *work) batches(ctx context.Context, r *records, each func(func(*entry) error) error, send func(*batch) error) error {
	b, size := newBatch(), 0
	err := each(func(e *entry) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var body []byte
		if e.length > 0 {
			var err error
			if body, err = r.body(e, w.s.Store.Hasher(), nil); err != nil {
				return err
			}
		}
		b.entries, b.bodies = append(b.entries, *e), append(b.bodies, body)
		if size += len(body); len(b.entries) < batchRecords && size < batchBytes {
			return nil
		}
		full := b
		b, size = newBatch(), 0
		return send(full)
	})
	if err != nil || len(b.entries) == 0 {
		return err
	}
	return send(b)
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

func (b *batch) run(m *mapper, r *records) {
	b.outcomes = make([]*outcome, len(b.entries))
	for i := range b.entries {
		e := &b.entries[i]
		b.outcomes[i] = m.run(e, r.names[e.part], b.bodies[i])
	}
}

// take notes the outcomes of a batch.
func (w *work) take(b *batch) error {
	for _, out := range b.outcomes {
		if err := w.outcome(out); err != nil {
			return err
		}
	}
	w.tally.read += int64(len(b.outcomes))
	w.s.progress("mapping", w.p.Address, w.tally.read)
	return nil
}

// outcome notes what one source record came to: under its key, where items
// have the keys of their records; otherwise each item under its own key, and
// the source record beside them.
func (w *work) outcome(out *outcome) error {
	switch out.fate {
	case fateFailed:
		w.tally.failed++
		if out.code != "duplicate_key" {
			w.problem(out.src.Key.String(), out.field, out.code, out.note)
		}
	case fateWaiting:
		w.tally.waiting++
	case fateFiltered:
		w.tally.skipped++
	}
	if w.identity {
		d := desired{key: out.src.Key, fate: out.fate, src: out.src, order: out.order, raw: out.raw,
			field: out.field, code: out.code, note: out.note}
		if out.fate == fateMapped {
			d = out.items[0]
		}
		return w.desired.Add([]byte(d.key), d.encode(nil))
	}
	if err := w.seen.Add(partKey(out.src.Part, out.src.Key), []byte{byte(out.fate)}); err != nil {
		return err
	}
	if w.records.delta {
		w.touched[string(partKey(out.src.Part, out.src.Key))] = true
	}
	if out.fate == fateFailed || out.fate == fateWaiting {
		d := desired{key: failedKey(out.src), fate: out.fate, src: out.src, order: out.order, raw: out.raw,
			field: out.field, code: out.code, note: out.note}
		return w.desired.Add([]byte(d.key), d.encode(nil))
	}
	for i := range out.items {
		d := &out.items[i]
		if err := w.desired.Add([]byte(d.key), d.encode(nil)); err != nil {
			return err
		}
	}
	return nil
}

// partProblem is a problem of a partition as a whole.
func partProblem(message string) plan.Problem {
	return plan.Problem{Code: "incomplete", Message: message}
}

// refKey sorts a source reference.
func refKey(ref state.SourceRef) []byte { return partKey(ref.Part, ref.Key) }

// keyOf takes a reference apart again.
func refFrom(b []byte) state.SourceRef {
	for i, c := range b {
		if c == 0 {
			return state.SourceRef{Part: string(b[:i]), Key: record.Key(b[i+1:])}
		}
	}
	return state.SourceRef{}
}
