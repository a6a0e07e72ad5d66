package engine

import (
	"context"
	"iter"
	"strings"

	"koppel/engine/record"
	"koppel/engine/state"
)

// gather brings in the records that must be looked at and maps them.
func (w *work) gather(ctx context.Context) error {
	w.desired = w.s.spool.Sorter(sortMemory)
	w.seen = w.s.spool.Sorter(sortMemory)
	w.extra = w.s.spool.Sorter(sortMemory)
	src := w.s.Project.Sources[w.p.From]
	var err error
	switch {
	case src != nil && w.s.mirrored(src):
		err = w.gatherMirror(ctx, src)
	default:
		if w.records, err = w.s.dataset(ctx, w.p.From, w.p.Address); err != nil {
			return err
		}
		w.describeRead()
		if w.identity && !w.again() && !w.looksAtTarget() && w.p.Program.Reads().Now == false {
			err = w.gatherChanged(ctx)
		} else {
			w.everything = true
			err = w.mapAll(ctx, w.records)
		}
	}
	return err
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
	w.header.Complete = r.complete()
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
	w.tally.failed += r.unkeyed
	w.tally.read += r.unkeyed
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
	if !seen || w.again() || w.looksAtTarget() || w.whole() || w.s.opts.FromSnapshot || src.Window != nil ||
		!m.known.same || w.p.Program.Reads().Now {
		w.everything = true
		if w.records, err = w.s.mirrorAll(ctx, m); err != nil {
			return err
		}
		w.describeRead()
		return w.mapAll(ctx, w.records)
	}
	refs, err := w.openRefs(ctx)
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
// again in every run.
func (w *work) openRefs(ctx context.Context) ([]state.SourceRef, error) {
	var refs []state.SourceRef
	err := w.s.Store.View(ctx, func(v state.View) error {
		for o, err := range v.Open(w.row.ID) {
			if err != nil {
				return err
			}
			refs = append(refs, refOf(o))
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
	var changed []entry
	flush := func() error {
		batch := changed
		changed = changed[:0]
		return w.mapEntries(ctx, w.records, func(yield func(*entry) error) error {
			for i := range batch {
				if err := yield(&batch[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := w.s.Store.View(ctx, func(v state.View) error {
		nextItem, stopItems := iter.Pull2(v.ItemsLight(w.row.ID))
		defer stopItems()
		nextOpen, stopOpen := iter.Pull2(v.Open(w.row.ID))
		defer stopOpen()
		it, err, more := nextItem()
		if err != nil {
			return err
		}
		open, err, moreOpen := nextOpen()
		if err != nil {
			return err
		}
		err = w.records.byKey(func(e *entry) error {
			for more && it.Key < e.key {
				if err := w.missing(it); err != nil {
					return err
				}
				if it, err, more = nextItem(); err != nil {
					return err
				}
			}
			isOpen := false
			for moreOpen && open.Key <= e.key {
				isOpen = open.Key == e.key
				if !isOpen {
					if err := w.missingOpen(open); err != nil {
						return err
					}
				}
				if open, err, moreOpen = nextOpen(); err != nil {
					return err
				}
			}
			if more && it.Key == e.key {
				same := !isOpen && e.seen == seenPut && !e.twice && it.Raw == e.raw &&
					(it.Status == state.Delivered || it.Status == state.Out) && srcOf(it) == w.records.sourceRef(e)
				if it, err, more = nextItem(); err != nil {
					return err
				}
				if same {
					return nil
				}
			}
			changed = append(changed, *e)
			if len(changed) < 4096 {
				return nil
			}
			return flush()
		})
		for err == nil && more {
			if err = w.missing(it); err == nil {
				it, err, more = nextItem()
			}
		}
		for err == nil && moreOpen {
			if err = w.missingOpen(open); err == nil {
				open, err, moreOpen = nextOpen()
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return flush()
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
