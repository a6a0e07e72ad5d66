package engine

import (
	"context"
	"slices"
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

// The same where each record makes its worker wait for an answer. How many are
// asked for at once is the connection's to say.
const (
	askRecords = 4
	askWorkers = 32
)

// mapSizes gives the number of workers, and of the records that one gets.
func (w *work) mapSizes() (workers, records int) {
	if len(w.lookups) > 0 {
		return askWorkers, askRecords
	}
	return mapWorkers, batchRecords
}

// A batch is a number of records on their way through a mapping worker, in the
// order of the read.
type batch struct {
	entries  []entry
	bodies   [][]byte
	room     []byte // where the bodies stand
	outcomes []outcome
	mapped   []byte // where the mapped records stand
	err      error
	done     chan struct{}
}

// mapAll maps every record of a read: from front to back where it can, as that
// is the fastest way to read the records.
func (w *work) mapAll(ctx context.Context, r *records) error {
	switch {
	case r.plain && r.list != nil:
		return w.mapEntries(ctx, r, r.inOrder)
	case w.identity:
		return w.mapEntries(ctx, r, r.byKey)
	}
	return w.mapEntries(ctx, r, r.byPlace)
}

// mapEntries maps records in several workers and takes the outcomes in order.
func (w *work) mapEntries(ctx context.Context, r *records, each func(func(*entry) error) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers, size := w.mapSizes()
	todo, ordered := make(chan *batch, workers), make(chan *batch, 2*workers)
	free := make(chan *batch, 4*workers)
	var wg sync.WaitGroup
	for range workers {
		m := w.s.mapper(ctx, w)
		wg.Go(func() {
			for b := range todo {
				b.run(m, r)
				b.done <- struct{}{}
			}
		})
	}
	read := make(chan error, 1)
	go func() {
		defer close(ordered)
		defer close(todo)
		read <- batches(ctx, r, size, each, free, func(b *batch) error {
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
			continue
		}
		select {
		case free <- b:
		default:
		}
	}
	wg.Wait()
	if readErr := <-read; err == nil {
		err = readErr
	}
	return err
}

// batches reads the records' bytes and hands them out in batches. Batches that
// are done with come back through free.
func batches(ctx context.Context, r *records, most int, each func(func(*entry) error) error, free <-chan *batch, send func(*batch) error) error {
	b, size := newBatch(free), 0
	full := func() (err error) {
		if b.bodies, b.room, err = r.bodies(b.entries, b.bodies, b.room); err != nil {
			return err
		}
		if err := send(b); err != nil {
			return err
		}
		b, size = newBatch(free), 0
		return nil
	}
	err := each(func(e *entry) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.entries = append(b.entries, *e)
		if size += e.length; len(b.entries) < most && size < batchBytes {
			return nil
		}
		return full()
	})
	if err != nil || len(b.entries) == 0 {
		return err
	}
	return full()
}

func newBatch(free <-chan *batch) *batch {
	select {
	case b := <-free:
		b.entries, b.bodies = b.entries[:0], b.bodies[:0]
		if cap(b.mapped) > 2*batchBytes {
			b.mapped = nil
		}
		if cap(b.room) > 2*batchBytes {
			b.room = nil
		}
		return b
	default:
		return &batch{done: make(chan struct{}, 1)}
	}
}

func (b *batch) run(m *mapper, r *records) {
	b.outcomes = slices.Grow(b.outcomes[:0], len(b.entries))[:len(b.entries)]
	m.out, b.err = b.mapped[:0], nil
	for i := range b.entries {
		e := &b.entries[i]
		if b.err = r.check(e, b.bodies[i], m.hash); b.err != nil {
			return
		}
		if b.err = m.stopped(); b.err != nil {
			return // before anything is asked
		}
		m.run(&b.outcomes[i], e, r.names[e.part], b.bodies[i])
		if b.err = m.stopped(); b.err != nil {
			return
		}
	}
	b.mapped = m.out
}

// takeOne notes what one record came to that was mapped while it was read.
func (w *work) takeOne(out *outcome, order uint64) error {
	out.order = place(order)
	for i := range out.items {
		out.items[i].order = itemPlace(out.order, i)
	}
	w.tally.read++
	return w.outcome(out)
}

// take notes the outcomes of a batch.
func (w *work) take(b *batch) error {
	if b.err != nil {
		return b.err
	}
	for i := range b.outcomes {
		if err := w.outcome(&b.outcomes[i]); err != nil {
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
		if out.code != "duplicate_key" || w.records.mirrored {
			w.problem(out.src.Key.String(), out.field, out.code, out.note)
		}
	case fateWaiting:
		w.tally.waiting++
	case fateFiltered:
		w.tally.skipped += max(1, out.filtered) // each may give nothing
	default:
		w.tally.skipped += out.filtered
	}
	switch {
	case w.identity && out.fate == fateMapped:
		return w.desire(&out.items[0])
	case w.identity:
		return w.desire(&desired{key: out.src.Key, fate: out.fate, src: out.src, order: out.order, raw: out.raw,
			field: out.field, code: out.code, note: out.note})
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
		return w.desire(&d)
	}
	for i := range out.items {
		d := &out.items[i]
		if err := w.desire(d); err != nil {
			return err
		}
	}
	return nil
}

// desire sorts in what one key should be.
func (w *work) desire(d *desired) error {
	if w.set != nil {
		if d.fate == fateMapped {
			if err := w.set.add(d); err != nil {
				return err
			}
		}
		if w.identity && !w.s.explains {
			return nil // keys don't collide, and there are no items to compare with
		}
		light := *d
		light.body = nil // only the key counts
		d = &light
	}
	w.encoded = d.encode(w.encoded[:0])
	return w.desired.Add([]byte(d.key), w.encoded)
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
