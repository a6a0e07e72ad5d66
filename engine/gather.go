package engine

import (
	"context"
	"iter"
	"strings"

	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// gather brings in the records that must be looked at and maps them.
func (w *work) gather(ctx context.Context) error {
	if err := w.startOver(ctx); err != nil {
		return err
	}
	src := w.s.Project.Sources[w.p.From]
	var err error
	switch {
	case src != nil && w.s.mirrored(src):
		err = w.gatherMirror(ctx, src)
	case !w.identity || w.remaps():
		w.everything = true
		if src != nil && w.s.single(src) && len(w.lookups) == 0 {
			return w.gatherAtOnce(ctx, src)
		}
		if w.records, err = w.s.dataset(ctx, w.p.From, w.p.Address); err != nil {
			return err
		}
		w.describeRead()
		err = w.mapAll(ctx, w.records)
	default:
		if src != nil && w.s.single(src) && !w.s.opts.FromSnapshot {
			w.records, err = w.s.readFor(ctx, src, reading{})
		} else {
			w.records, err = w.s.dataset(ctx, w.p.From, w.p.Address)
		}
		if err != nil {
			return err
		}
		w.describeRead()
		err = w.gatherChanged(ctx)
	}
	return err
}

// startOver forgets what was mapped.
func (w *work) startOver(ctx context.Context) (err error) {
	w.tally = tally{}
	for _, s := range []**spool.Sorter{&w.desired, &w.seen, &w.extra} {
		if *s != nil {
			// What can't be removed now is removed with the session's folder.
			_ = (*s).Close()
		}
		*s = w.s.spool.Sorter(sortMemory)
	}
	if w.set != nil {
		if err := w.set.drop(); err != nil {
			return err
		}
	}
	if w.whole() {
		w.set, err = w.newSet(ctx)
	}
	return err
}

// single tells whether one pipeline of the session reads a source, and nothing
// else does.
func (s *session) single(src *Source) bool {
	n := 0
	for _, p := range s.order {
		for _, address := range s.Project.Inputs(p) {
			if address == src.Address {
				n++
			}
		}
	}
	return n == 1
}

// gatherAtOnce maps the records while they are read. That holds when they turn
// out to be plain; otherwise they are mapped again, once it is known which of
// them count.
func (w *work) gatherAtOnce(ctx context.Context, src *Source) (err error) {
	before := len(w.header.Problems)
	if w.s.opts.FromSnapshot || w.p.Program.SourceKeys() != len(src.Key) {
		w.records, err = w.s.dataset(ctx, w.p.From, w.p.Address)
	} else {
		w.records, err = w.s.readFor(ctx, src, reading{maps: w})
	}
	if err != nil {
		return err
	}
	if w.records.maps == w && w.records.plain {
		w.describeRead()
		return nil
	}
	if err := w.startOver(ctx); err != nil {
		return err
	}
	w.header.Problems = w.header.Problems[:before]
	w.describeRead()
	return w.mapAll(ctx, w.records)
}

// looksAtTarget tells whether every row of the target is compared.
func (w *work) looksAtTarget() bool {
	return w.p.Deletes.Target || w.s.opts.Refresh
}

// describeRead puts what was read into the plan's header.
func (w *work) describeRead() {
	r := w.records
	w.header.Parts = r.planParts()
	w.header.Read = r.count
	w.header.Complete, w.header.ReadHeld = r.complete(), r.held
	w.header.Unreachable = w.header.Unreachable || r.unreachable()
	w.header.Problems = append(w.header.Problems, r.problems...)
	for _, p := range w.header.Parts {
		if p.Problem == "" {
			continue
		}
		message := r.title + ": " + p.Problem
		if p.Name != "" {
			message = r.title + " " + p.Name + ": " + p.Problem
		}
		w.header.Problems = append(w.header.Problems, partProblem(message))
	}
	w.tally.failed += r.unkeyed + r.unjudged
	w.tally.read += r.unkeyed + r.unjudged
	if r.unkeyed > 0 {
		w.tally.noDeletes = "records without a key were read, so nobody knows whose they are"
	}
}

// gatherMirror maps what changed in a mirror since this pipeline last looked,
// or all of it when it must.
func (w *work) gatherMirror(ctx context.Context, src *Source) error {
	m, err := w.s.mirror(ctx, src)
	if err != nil {
		return err
	}
	pos, seen := w.positions[src.Address]
	if !seen || w.remaps() || w.s.opts.FromSnapshot || src.Window != nil || !m.known.same {
		w.everything = true
		if w.records, err = w.s.mirrorAll(ctx, m); err != nil {
			return err
		}
		w.describeRead()
		return w.mapAll(ctx, w.records)
	}
	refs, err := w.openRefs(ctx, m)
	if err != nil {
		return err
	}
	if w.records, err = w.s.mirrorSince(ctx, m, pos.Seq, refs); err != nil {
		return err
	}
	w.describeRead()
	return w.mapAll(ctx, w.records)
}

// openRefs lists the source records that open keys rest on; they are looked at
// again in every run. A call that is in doubt hides what its record became
// meanwhile, which may stand in another partition now.
func (w *work) openRefs(ctx context.Context, m *mirror) ([]state.SourceRef, error) {
	var refs []state.SourceRef
	err := w.s.Store.View(ctx, func(v state.View) error {
		for o, err := range v.Open(w.row.ID) {
			if err != nil {
				return err
			}
			refs = append(refs, refOf(o))
			if o.Reason != state.InDoubt && o.Reason != state.Waiting {
				continue
			}
			key := refOf(o).Key
			for part := range m.known.parts {
				row, err := v.MirrorRow(m.known.row.ID, part, key)
				if err != nil {
					return err
				}
				if row != nil && !row.Gone {
					refs = append(refs, state.SourceRef{Part: part, Key: key})
				}
			}
		}
		return nil
	})
	return refs, err
}

func refOf(o *state.Open) state.SourceRef {
	if o.HasSrc {
		return o.Src
	}
	return state.SourceRef{Key: o.Key}
}

// gatherChanged is the index pass: records whose bytes are as before are not
// mapped. What remains is little.
func (w *work) gatherChanged(ctx context.Context) error {
	pass := &indexPass{w: w, ctx: ctx}
	counted := map[state.Status]int{}
	items := itemsAhead(ctx, w.s.Store, func(v state.View) iter.Seq2[*state.Item, error] {
		return countStatus(v.ItemsLight(w.row.ID), counted)
	})
	err := w.s.Store.View(ctx, func(v state.View) error {
		pass.items = newPuller(items, func(it *state.Item) record.Key { return it.Key })
		defer pass.items.stop()
		pass.open = newPuller(v.Open(w.row.ID), func(o *state.Open) record.Key { return o.Key })
		defer pass.open.stop()
		if err := w.records.byKey(pass.entry); err != nil {
			return err
		}
		if err := pass.items.rest(w.missing); err != nil {
			return err
		}
		return pass.open.rest(w.missingOpen)
	})
	if err != nil {
		return err
	}
	w.counted = counted
	return pass.flush()
}

// countStatus counts items by status as they pass.
func countStatus(items iter.Seq2[*state.Item, error], counted map[state.Status]int) iter.Seq2[*state.Item, error] {
	return func(yield func(*state.Item, error) bool) {
		for it, err := range items {
			if err == nil {
				counted[it.Status]++
			}
			if !yield(it, err) {
				return
			}
		}
	}
}

// An indexPass compares the index of a read with the items, key by key, and
// maps in batches what is not as it was.
type indexPass struct {
	w       *work
	ctx     context.Context
	items   *puller[state.Item]
	open    *puller[state.Open]
	changed []entry
}

// passSize is how many changed records are mapped at a time.
const passSize = 4096

func (p *indexPass) entry(e *entry) error {
	it, err := p.items.past(e.key, p.w.missing)
	if err != nil {
		return err
	}
	o, err := p.open.past(e.key, p.w.missingOpen)
	if err != nil {
		return err
	}
	if it != nil && o == nil && p.w.asBefore(it, e) {
		return nil
	}
	if p.changed = append(p.changed, *e); len(p.changed) < passSize {
		return nil
	}
	return p.flush()
}

// asBefore tells whether a record is, byte by byte, the one that its item was
// made of, and nothing else asks to look at it.
func (w *work) asBefore(it *state.Item, e *entry) bool {
	return e.seen == seenPut && !e.twice && it.Raw == e.raw &&
		(it.Status == state.Delivered || it.Status == state.Out) && srcOf(it) == w.records.sourceRef(e)
}

func (p *indexPass) flush() error {
	batch := p.changed
	p.changed = p.changed[:0]
	return p.w.mapEntries(p.ctx, p.w.records, func(yield func(*entry) error) error {
		for i := range batch {
			if err := yield(&batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// missing notes an item whose source record was not read.
func (w *work) missing(it *state.Item) error {
	if it.Status == state.Kept && w.records.proves(srcOf(it).Part) {
		return nil
	}
	return w.absent(it.Key, srcOf(it), fateGone)
}

func (w *work) missingOpen(o *state.Open) error {
	ref := refOf(o)
	if failed, ok := isFailedKey(o.Key); ok {
		ref = failed
	}
	return w.absent(o.Key, ref, fateGone)
}

// absent notes a key that nothing desired stands for.
func (w *work) absent(key record.Key, src state.SourceRef, f fate) error {
	d := desired{key: key, fate: f, src: src}
	return w.extra.Add([]byte(key), d.encode(nil))
}

// srcOf names the source record that an item comes from.
func srcOf(it *state.Item) state.SourceRef {
	if it.HasSrc {
		return it.Src
	}
	return state.SourceRef{Key: it.Key}
}

// isPipeline tells whether an address is a pipeline's.
func isPipeline(address string) bool { return strings.HasPrefix(address, "pipeline.") }
