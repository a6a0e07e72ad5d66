package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"koppel/engine/connector"
	"koppel/engine/mapping"
	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

const (
	// joinMemory is what the right sides of one pipeline hold in memory, in
	// bytes. A side that would take more of it than is left goes to disk.
	joinMemory = 64 << 20
	// leastJoinMemory is what each side may have in any case.
	leastJoinMemory = 4 << 20
)

// A joinIndex is the right side of one join: its rows by join key. Any number
// of lookups may read it at once.
type joinIndex struct {
	join     Join
	i        int // in the program's order
	complete bool
	problem  string
	// unreachable: the right side's system could not be reached.
	unreachable bool
	mark        joinMark
	// afterEach: its left side reads the item at hand.
	afterEach bool
	// target: the program reads NAME.target, from this pipeline.
	target string
	// planned: some rows are only planned upstream.
	planned bool
	reads   joinReads

	// later gives the rows of a side that is as it was, when the first record
	// asks for them; nil: they are there.
	later func(context.Context) (*spool.Sorter, error)
	// own is the read that later goes through, where nobody else has it.
	own *records
	// rows are what the table is made of when the first record asks for it.
	rows   *spool.Sorter
	made   sync.Once
	table  *spool.Table
	broken atomic.Pointer[error] // why rows could not be looked up
}

// A joinRoom is the memory that the right sides of one pipeline share. One of
// them is filled at a time.
type joinRoom struct {
	mu   sync.Mutex
	left int // bytes
}

// readJoins reads the right sides, and finds out whether they are as they were.
func (w *work) readJoins(ctx context.Context) error {
	room := &joinRoom{left: joinMemory}
	if w.s.joinMemory > 0 {
		room.left = w.s.joinMemory
	}
	for i, j := range w.p.Joins {
		idx := w.newJoinIndex(i, j)
		w.joins = append(w.joins, idx)
		before := w.positions[joinPosition(j)].Digest
		if err := w.readJoin(ctx, idx, before, room); err != nil {
			return fmt.Errorf("join %q: %w", j.Name, err)
		}
		if !w.why.first && !sameRows(before, idx.mark.bytes()) {
			w.why.joins = true
		}
	}
	return nil
}

func (w *work) newJoinIndex(i int, j Join) *joinIndex {
	idx := &joinIndex{join: j, i: i, target: w.p.Targets[j.Name]}
	for _, b := range w.p.Program.Binds() {
		if !b.Lookup && b.I == i {
			idx.afterEach = b.AfterEach
		}
	}
	idx.reads = readsOf(w.p.Program, j)
	// Who asks what became of a record wants to see whole records.
	idx.reads.keep = idx.reads.keep || w.s.explains
	return idx
}

// closeJoins frees what right sides hold. How complete they were, and their
// digests, remain.
func closeJoins(list []*joinIndex) {
	for _, idx := range list {
		// What can't be removed now is removed with the session's folder.
		if idx.rows != nil {
			_ = idx.rows.Close()
		}
		if idx.table != nil {
			_ = idx.table.Close()
		}
		if idx.own != nil {
			idx.own.close()
		}
	}
}

// readJoin reads a right side. before is what is remembered of it.
func (w *work) readJoin(ctx context.Context, idx *joinIndex, before []byte, room *joinRoom) error {
	s := w.s
	r, err := s.dataset(ctx, idx.join.With, w.p.Address)
	if err != nil {
		// A right side that can't be read proves nothing; the left records that
		// depend on it wait.
		idx.problem, idx.unreachable = err.Error(), errors.Is(err, connector.ErrUnreachable)
		idx.rows = s.spool.Sorter(leastJoinMemory)
		return ctx.Err()
	}
	if s.own(idx.join.With) {
		idx.own = r
	}
	idx.complete = r.complete() && r.failed == 0
	if !idx.complete {
		idx.problem, idx.unreachable = r.whyIncomplete(), r.unreachable()
	}
	if idx.mark, err = w.markOf(ctx, idx, r, before); err != nil {
		return err
	}
	if idx.later = w.fillLater(idx, r, room); idx.later != nil {
		return nil
	}
	if err := w.fillJoin(ctx, idx, r, room); err != nil {
		return err
	}
	if idx.own != nil {
		idx.own.close()
		idx.own = nil
	}
	return nil
}

// fillJoin puts the rows of a right side into its index.
func (w *work) fillJoin(ctx context.Context, idx *joinIndex, r *records, room *joinRoom) error {
	room.mu.Lock()
	defer room.mu.Unlock()
	idx.rows = w.s.spool.Sorter(room.left)
	idx.rows.OnceWritten(sortMemory)
	defer func() { room.left = max(room.left-idx.rows.Held(), min(room.left, leastJoinMemory)) }()
	s := w.s
	f := &joinFill{idx: idx, r: r, ev: w.p.Program.Evaluator(s.consts()), hash: s.Store.Hasher()}
	each := func() error {
		return r.byKey(func(e *entry) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return f.entry(e)
		})
	}
	if idx.target == "" {
		return each()
	}
	return s.Store.View(ctx, func(v state.View) error {
		row, known, err := v.Pipeline(idx.target)
		if err != nil {
			return err
		}
		if !known {
			return each()
		}
		f.items = newPuller(v.Items(row.ID, ""), func(it *state.Item) record.Key { return it.Key })
		defer f.items.stop()
		if err := each(); err != nil {
			return err
		}
		return f.undelivered(ctx, v, row.ID)
	})
}

// own tells whether a dataset is made anew for everyone who asks for it.
func (s *session) own(address string) bool {
	src := s.Project.Sources[address]
	return src == nil || s.mirrored(src)
}

// A joinFill puts records into a joinIndex, in the order of their keys.
type joinFill struct {
	idx  *joinIndex
	r    *records
	ev   *mapping.Evaluator
	hash *record.Hasher
	// items of the pipeline whose target's answers are read; nil: none are.
	items *puller[state.Item]

	body, picked, payload, chain []byte
}

func (f *joinFill) entry(e *entry) (err error) {
	idx := f.idx
	switch {
	case e.twice || e.seen == seenGone:
		return nil
	case (e.seen == seenExpired || e.seen == seenAhead) && e.length == 0:
		return nil // nobody knows any more what it was
	case e.seen == seenUnsure:
		idx.complete, idx.problem = false, unsureUpstream
		return nil
	case e.seen == seenOutdated:
		idx.complete, idx.problem = false, "it holds records that were read under an earlier configuration"
		return nil
	}
	if f.body, err = f.r.body(e, f.hash, f.body[:0]); err != nil {
		return err
	}
	row := rightRow{key: []byte(e.key), body: f.body, hash: e.raw, planned: e.planned}
	switch e.seen {
	case seenExpired:
		row.out = fateExpired
	case seenAhead:
		row.out = fateAhead
	}
	if f.items != nil {
		it, err := f.items.at(e.key)
		if err != nil {
			return err
		}
		row.answer = answerOf(it)
	}
	keys, err := f.ev.Right(idx.i, f.body)
	if err != nil {
		idx.complete, idx.problem = false, err.Error()
		return nil
	}
	if len(keys) == 0 {
		return nil
	}
	f.chain = idx.reads.digest(append(f.chain[:0], idx.mark.rows[:]...), keys, &row)
	idx.mark.rows = f.hash.Bytes(f.chain)
	return f.add(keys, &row)
}

// add notes a row under its join keys.
func (f *joinFill) add(keys []record.Key, row *rightRow) error {
	f.picked = f.idx.reads.pick(f.picked[:0], row.body)
	row.body = f.picked
	f.payload = row.encode(f.payload[:0])
	f.idx.planned = f.idx.planned || row.planned
	for _, k := range keys {
		if err := f.idx.rows.Add([]byte(k), f.payload); err != nil {
			return err
		}
	}
	return nil
}

// answerOf is what the target answered to a delivered item; nil: it is not
// delivered.
func answerOf(it *state.Item) []byte {
	switch {
	case it == nil || it.Status != state.Delivered && it.Status != state.Kept:
		return nil
	case it.Answer == nil:
		return []byte("{}")
	}
	return it.Answer
}

// undelivered adds what the right side wanted to create and its target has not
// taken: a record that asks for the target's answer to it must wait, rather
// than find nothing.
func (f *joinFill) undelivered(ctx context.Context, v state.View, pipeline int64) error {
	for o, err := range v.Open(pipeline) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wanted := o.Reason == state.Refused || o.Reason == state.Held || o.Reason == state.InDoubt
		if !wanted || o.Op != record.Create || o.After == nil {
			continue
		}
		keys, err := f.ev.Right(f.idx.i, o.After)
		if err != nil {
			return err
		}
		row := rightRow{key: []byte(o.Key), body: slices.Clone(o.After)}
		it, err := v.Item(pipeline, o.Key)
		if err != nil {
			return err
		}
		row.answer = answerOf(it)
		if err := f.add(keys, &row); err != nil {
			return err
		}
	}
	return nil
}

// lookedUp fails when a right side could not be read back: what the records
// came to then is worth nothing. It reports the lookups that were not answered.
func (w *work) lookedUp(context.Context) error {
	for _, idx := range w.joins {
		if err := idx.broken.Load(); err != nil {
			return fmt.Errorf("join %q: %w", idx.join.Name, *err)
		}
	}
	w.unanswered()
	return nil
}
