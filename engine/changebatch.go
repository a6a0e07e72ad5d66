package engine

import (
	"context"
	"time"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/state"
)

// Bounds of one batch: changes, bytes of their records, and time.
const (
	batchChanges = 20_000
	batchBodies  = 3 << 20 // three batches are in memory at a time
	batchTime    = 500 * time.Millisecond
)

// A load is a number of entries that go to the target together.
type load struct {
	entries []plan.Entry
	rooms   [][]byte // where the entries' bytes stand; the last one has room left
	batch   int64    // number of its flight; 0: it has none
	// outcomes stand in the places of the entries once it was written.
	outcomes []*connector.Outcome
}

// A changeBatch fills loads and takes them to the target and into the state.
type changeBatch struct {
	load
	w       *work
	free    [][]byte       // rooms that may be used again
	spare   [][]plan.Entry // the same of entries
	size    int            // of the entries' bytes
	started time.Time
	// beside: a load that the target took whole is remembered while the next
	// one is written. A crash then leaves two of them in flight instead of one.
	beside bool
	// ready is filled, its flight is durable, and it was not written yet.
	ready *load
	// pending is the transaction that runs beside.
	pending *pendingLoad
}

// A pendingLoad is a transaction that remembers a load and makes the flight of
// the one that is handed over as next durable.
type pendingLoad struct {
	written *load // nil: there is nothing to remember yet
	before  applied
	next    chan *load // takes one; nil: there is none
	done    chan error
}

// besides tells whether a load may be remembered while the next one is
// written. A crash then leaves two in flight instead of one.
func (w *work) besides() bool {
	return w.flying() && !w.undo && w.check == nil && !w.traits().Journalled
}

func (b *changeBatch) add(e *plan.Entry) {
	if len(b.entries) == 0 {
		b.started = b.w.s.Now()
	}
	c := *e
	c.Before, c.After, c.Ref = b.keep(e.Before), b.keep(e.After), b.keep(e.Ref)
	c.Fields = append([]string(nil), e.Fields...)
	b.entries = append(b.entries, c)
}

// roomSize is how much room for bytes is made at once.
const roomSize = 1 << 18

// keep copies bytes and keeps nil apart from empty.
func (b *changeBatch) keep(bytes []byte) []byte {
	if bytes == nil {
		return nil
	}
	last := len(b.rooms) - 1
	if last < 0 || cap(b.rooms[last])-len(b.rooms[last]) < len(bytes) {
		b.rooms = append(b.rooms, b.newRoom(len(bytes)))
		last++
	}
	room := b.rooms[last]
	from := len(room)
	room = append(room, bytes...)
	b.rooms[last] = room
	b.size += len(bytes)
	return room[from:len(room):len(room)]
}

// newRoom finds or makes room for at least n bytes.
func (b *changeBatch) newRoom(n int) []byte {
	if last := len(b.free) - 1; last >= 0 && n <= roomSize {
		room := b.free[last]
		b.free = b.free[:last]
		return room
	}
	return make([]byte, 0, max(roomSize, n))
}

func (b *changeBatch) full() bool {
	limit, traits := batchChanges, b.w.traits()
	switch {
	case traits.Batch > 0:
		limit = min(limit, traits.Batch)
	case traits.Journalled:
		limit = 1 // a crash leaves no more in doubt than the call that was under way
	}
	return len(b.entries) >= limit || b.size >= batchBodies ||
		len(b.entries)%256 == 0 && b.w.s.Now().Sub(b.started) > batchTime
}

// take empties the batch and gives what was in it; nil: nothing was.
func (b *changeBatch) take() *load {
	if len(b.entries) == 0 {
		return nil
	}
	l := b.load
	b.load, b.size = load{}, 0
	if last := len(b.spare) - 1; last >= 0 {
		b.entries, b.spare = b.spare[last][:0], b.spare[:last]
	}
	return &l
}

// giveBack makes the memory of a load that was remembered usable again.
func (b *changeBatch) giveBack(l *load) {
	for _, room := range l.rooms {
		if cap(room) == roomSize {
			b.free = append(b.free, room[:0])
		}
	}
	b.spare = append(b.spare, l.entries)
}

// flush takes what was filled to the target and then into the state, now or,
// beside, when the next one is filled.
func (b *changeBatch) flush(ctx context.Context) error {
	l := b.take()
	switch {
	case b.beside && b.ready != nil:
		return b.step(ctx, l)
	case l == nil:
		return nil
	}
	if err := b.w.launch(ctx, l); err != nil {
		return err
	}
	b.ready = l
	if b.beside {
		b.begin(ctx, nil)
		return nil
	}
	return b.step(ctx, nil)
}

// drain takes what is ready to the target.
func (b *changeBatch) drain(ctx context.Context) error {
	if b.ready == nil || b.w.applied.stopped != nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return b.step(ctx, nil)
}

// step writes what is ready while what was written before it is remembered and
// the flight of next becomes durable.
func (b *changeBatch) step(ctx context.Context, next *load) error {
	w, l := b.w, b.ready
	b.hand(next)
	b.ready = nil // from here on it may be at the target
	var err error
	l.outcomes, err = w.write(ctx, l.entries)
	if saveErr := b.settle(); saveErr != nil {
		return saveErr
	}
	b.ready = next
	if b.beside && err == nil && allApplied(l.outcomes) {
		b.begin(ctx, l)
		return nil
	}
	b.begin(ctx, l)
	b.hand(nil)
	if saveErr := b.settle(); saveErr != nil {
		return saveErr
	}
	if err != nil {
		w.applied.stopped = err
		return ctx.Err()
	}
	if b.beside {
		b.begin(ctx, nil)
	}
	return nil
}

// begin starts the transaction that runs beside.
func (b *changeBatch) begin(ctx context.Context, written *load) {
	p := &pendingLoad{written: written, before: b.w.applied, next: make(chan *load, 1), done: make(chan error, 1)}
	b.pending = p
	go func() { p.done <- b.w.remember(context.WithoutCancel(ctx), p) }()
}

// hand tells the pending transaction what comes next.
func (b *changeBatch) hand(next *load) {
	if b.pending != nil {
		b.pending.next <- next
	}
}

// settle waits for the pending transaction, which was handed what comes next.
func (b *changeBatch) settle() error {
	p, w := b.pending, b.w
	if p == nil {
		return nil
	}
	b.pending = nil
	if err := <-p.done; err != nil {
		w.applied = p.before
		return err
	}
	if p.written != nil {
		b.giveBack(p.written)
		w.s.progress("writing", w.p.Address, w.applied.counts.Created+w.applied.counts.Updated+w.applied.counts.Deleted)
	}
	return nil
}

// end waits for what is pending, and takes the flight back of what was filled
// and never written.
func (b *changeBatch) end(ctx context.Context) error {
	b.hand(nil)
	err := b.settle()
	if b.ready == nil || b.ready.batch == 0 || err != nil {
		return err
	}
	w, batch := b.w, b.ready.batch
	b.ready = nil
	return w.s.Store.Update(context.WithoutCancel(ctx), func(tx state.Tx) error { return tx.DropFlight(w.row.ID, batch) })
}

// allApplied tells whether the target took every change that was written, so
// that nothing which follows depends on what is remembered of them.
func allApplied(outcomes []*connector.Outcome) bool {
	for _, o := range outcomes {
		if o != nil && o.Status != connector.Applied {
			return false
		}
	}
	return true
}

func cloneEntry(e *plan.Entry) plan.Entry {
	c := *e
	c.Before, c.After = cloneBytes(e.Before), cloneBytes(e.After)
	c.Ref, c.Fields = cloneBytes(e.Ref), append([]string(nil), e.Fields...)
	return c
}

// cloneBytes copies bytes and keeps nil apart from empty.
func cloneBytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
