package engine

import (
	"context"
	"time"

	"koppel/engine/connector"
	"koppel/engine/plan"
)

// Bounds of one batch: changes, bytes of their records, and time.
const (
	batchChanges = 20_000
	batchBodies  = 2 << 20
	batchTime    = 500 * time.Millisecond
)

// A changeBatch is a number of entries that go to the target together.
type changeBatch struct {
	w       *work
	entries []plan.Entry
	rooms   [][]byte // where the entries' bytes stand; the last one has room left
	free    [][]byte // rooms that may be used again
	size    int      // of the entries' bytes
	started time.Time
	// beside: a batch that the target took whole is remembered while the next
	// one is written.
	beside  bool
	pending *pendingBatch
	spare   []plan.Entry
}

// A pendingBatch is a batch that the target took and that is being remembered.
type pendingBatch struct {
	before applied
	rooms  [][]byte
	done   chan error
}

// besides tells whether a batch may be remembered while the next one is
// written. A crash then leaves two batches written and not remembered instead
// of one; the next run writes them again, which must leave the target as it is.
func (w *work) besides() bool {
	_, grows := w.sink.(connector.Appender)
	return w.sink != nil && !grows && !w.undo && w.check == nil && !w.traits().Journalled
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
const roomSize = 1 << 20

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

// flush writes the batch to the target, and then to the state.
func (b *changeBatch) flush(ctx context.Context) error {
	if len(b.entries) == 0 {
		return nil
	}
	w := b.w
	if err := w.intend(ctx, b.entries); err != nil {
		return err
	}
	outcomes, err := w.write(ctx, b.entries)
	if saveErr := b.settle(); saveErr != nil {
		return saveErr
	}
	b.remember(context.WithoutCancel(ctx), outcomes)
	if !b.beside || err != nil || !allApplied(outcomes) {
		if saveErr := b.settle(); saveErr != nil {
			return saveErr
		}
	}
	if err != nil {
		w.applied.stopped = err
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// remember starts to remember the batch, and empties it.
func (b *changeBatch) remember(ctx context.Context, outcomes []*connector.Outcome) {
	w, entries := b.w, b.entries
	p := &pendingBatch{before: w.applied, rooms: b.rooms, done: make(chan error, 1)}
	go func() { p.done <- w.remember(ctx, entries, outcomes) }()
	b.pending = p
	b.entries, b.spare = b.spare[:0], entries
	b.rooms, b.size = nil, 0
}

// settle waits until what is pending is remembered.
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
	for _, room := range p.rooms {
		if cap(room) == roomSize {
			b.free = append(b.free, room[:0])
		}
	}
	w.s.progress("writing", w.p.Address, w.applied.counts.Created+w.applied.counts.Updated+w.applied.counts.Deleted)
	return nil
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
