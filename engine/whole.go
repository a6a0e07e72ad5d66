package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
)

// compareWhole compares the set of records that a replacing sink should hold
// with the set that it was given last. Such a sink keeps no items: there is
// one digest and one count.
func (w *work) compareWhole(context.Context) error {
	if err := w.resolveTwice(); err != nil {
		return err
	}
	hash := w.s.Store.Hasher()
	var digest record.Hash
	var count int64
	var chain []byte
	err := w.eachWhole(func(d *desired) error {
		count++
		chain = append(append(chain[:0], digest[:]...), d.key...)
		chain = putHash(chain, d.mapped)
		digest = hash.Bytes(chain)
		return nil
	})
	if err != nil {
		return err
	}
	var kept keptShape
	if len(w.row.Shape) > 0 {
		if err := json.Unmarshal(w.row.Shape, &kept); err != nil {
			return fmt.Errorf("read what is remembered of %s: %w", w.p.Address, err)
		}
	}
	w.header.Digest = digest[:]
	w.header.Written = count
	w.countWhole(count, kept.Count, string(kept.Digest) == string(digest[:]))
	w.header.Blocked = w.wholeBlocked()
	w.judgeGuards(kept.Count)
	w.finishHeader()
	return nil
}

// resolveTwice reports records that claim the same key.
func (w *work) resolveTwice() error {
	if w.identity {
		return nil
	}
	return w.resolveCollisions(context.Background())
}

// eachWhole yields the records of the whole set in key order.
func (w *work) eachWhole(yield func(*desired) error) error {
	return eachOf(w.desired, func(key, payload []byte) error {
		var d desired
		if err := d.decode(key, payload); err != nil {
			return err
		}
		if d.fate != fateMapped {
			return nil
		}
		return yield(&d)
	})
}

// countWhole says how the set differs from the last one, as far as counts
// tell: which records differ is not known.
func (w *work) countWhole(now, before int64, same bool) {
	c := &w.header.Counts
	c.Skipped = w.tally.skipped
	c.Failed, c.Waiting = w.tally.failed, w.tally.waiting
	switch {
	case same:
		c.Unchanged = now
	case now >= before:
		c.Create, c.Update = now-before, before
	default:
		c.Delete, c.Update = before-now, now
	}
}

// wholeBlocked says why a whole set may not be replaced; empty: it may.
func (w *work) wholeBlocked() string {
	switch {
	case !w.header.Complete:
		return "the set is replaced only when everything was read, and " + w.records.whyIncomplete()
	case w.tally.failed > 0:
		return fmt.Sprintf("the set is replaced only when no record failed, and %d did", w.tally.failed)
	case w.tally.waiting > 0:
		return fmt.Sprintf("the set is replaced only when no record waits, and %d do", w.tally.waiting)
	}
	return ""
}

// replace hands the whole set to the sink, when it differs and nothing stands
// against it.
func (w *work) replace(ctx context.Context) error {
	c := &w.applied.counts
	h := w.header
	if h.Blocked != "" || h.Counts.Create+h.Counts.Update+h.Counts.Delete == 0 {
		return nil
	}
	for _, g := range h.Guards {
		if g.Tripped {
			c.Held += g.Count
		}
	}
	if c.Held > 0 {
		h.Counts.Held = 0
		return nil
	}
	replacer, ok := w.sink.(connector.Replacer)
	if !ok {
		return fmt.Errorf("%s says that it takes whole sets and has no way to give it one", w.p.Into)
	}
	err := replacer.Replace(ctx, int(h.Written), func(yield func(record.Key, []byte) error) error {
		return w.eachRecord(func(key record.Key, body []byte) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return yield(key, body)
		})
	})
	if err != nil {
		return fmt.Errorf("write to %s: %w", w.p.Into, err)
	}
	c.Created, c.Updated, c.Deleted = h.Counts.Create, h.Counts.Update, h.Counts.Delete
	return nil
}

// eachRecord yields the set: from the comparison, or from a saved plan.
func (w *work) eachRecord(yield func(record.Key, []byte) error) error {
	if w.desired != nil {
		return w.eachWhole(func(d *desired) error { return yield(d.key, d.body) })
	}
	for e, err := range w.entries() {
		if err != nil {
			return err
		}
		if err := yield(e.Key, e.After); err != nil {
			return err
		}
	}
	return nil
}

// wholeEntry is how a saved plan carries one record of a whole set.
func wholeEntry(d *desired) *plan.Entry {
	return &plan.Entry{Key: d.key, After: d.body, Mapped: d.mapped}
}
