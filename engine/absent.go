package engine

import (
	"context"
	"fmt"
	"iter"

	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// resolveCollisions finds keys that items of several source records claim.
// None of the claimants is used, and their source records keep what they have.
func (w *work) resolveCollisions(context.Context) error {
	if w.identity {
		return nil
	}
	collided, err := w.collisions()
	if err != nil || collided.Len() == 0 {
		return err
	}
	bySource, err := w.bySource()
	if err != nil {
		return err
	}
	w.desired = w.s.spool.Sorter(sortMemory)
	next, stop := pullKeys(collided)
	defer stop()
	ref, more := next()
	failed := ""
	return eachOf(bySource, func(key, payload []byte) error {
		var d desired
		if err := d.decodeLoose(payload); err != nil {
			return err
		}
		src := string(refKey(d.src))
		for more && string(ref) < src {
			ref, more = next()
		}
		if !more || string(ref) != src {
			return w.desired.Add([]byte(d.key), d.encode(nil))
		}
		if failed == src {
			return nil
		}
		failed = src
		w.tally.failed++
		w.problem(d.src.Key.String(), "key", "duplicate_key", claimedTwice(d.key))
		// It stays open, so that it is looked at again once the other has moved.
		out := desired{key: failedKey(d.src), fate: fateFailed, src: d.src, order: d.order, raw: d.raw,
			field: "key", code: "duplicate_key", note: claimedTwice(d.key)}
		return w.desired.Add([]byte(out.key), out.encode(nil))
	})
}

func claimedTwice(key record.Key) string {
	return fmt.Sprintf("the key %s is claimed by several records; none of them is used", key)
}

// collisions lists, sorted and each once or more, the source records that
// claim a key which another claims too.
func (w *work) collisions() (*spool.Sorter, error) {
	collided := w.s.spool.Sorter(sortMemory)
	var last desired
	have, reported := false, false
	note := func(d *desired) error {
		if err := w.seen.Add(refKey(d.src), []byte{byte(fateFailed)}); err != nil {
			return err
		}
		return collided.Add(refKey(d.src), nil)
	}
	err := eachOf(w.desired, func(key, payload []byte) error {
		var d desired
		if err := d.decode(record.Key(key), payload); err != nil {
			return err
		}
		d = d.clone()
		if _, failed := isFailedKey(d.key); failed {
			return nil
		}
		same := have && last.key == d.key
		if same && !reported {
			if err := note(&last); err != nil {
				return err
			}
		}
		if same {
			if err := note(&d); err != nil {
				return err
			}
		} else if err := w.standing(&d, note); err != nil {
			return err
		}
		last, have, reported = d, true, same
		return nil
	})
	return collided, err
}

// standing looks, when only some records are mapped, whether another record
// that is not among them holds the key.
func (w *work) standing(d *desired, note func(*desired) error) error {
	if w.everything || d.fate != fateMapped {
		return nil
	}
	return w.s.Store.View(context.Background(), func(v state.View) error {
		it, err := v.Item(w.row.ID, d.key)
		if err != nil || it == nil || it.Status == state.Expired {
			return err
		}
		src := srcOf(it)
		if src == d.src || w.touched[string(refKey(src))] {
			return nil
		}
		if stands, err := w.inMirror(v, src); err != nil || !stands {
			return err
		}
		return note(d)
	})
}

// bySource sorts what is desired by source record.
func (w *work) bySource() (*spool.Sorter, error) {
	out := w.s.spool.Sorter(sortMemory)
	err := eachOf(w.desired, func(key, payload []byte) error {
		var d desired
		if err := d.decode(record.Key(key), payload); err != nil {
			return err
		}
		loose := putBytes(nil, key)
		return out.Add(refKey(d.src), append(loose, payload...))
	})
	return out, err
}

// decodeLoose takes apart a key and what belongs to it.
func (d *desired) decodeLoose(b []byte) error {
	r := decoder{b: b}
	key := r.bytes()
	if r.err != nil {
		return r.err
	}
	return d.decode(record.Key(key), r.b)
}

// clone makes d independent of the buffers that it was read from.
func (d desired) clone() desired {
	d.body = append([]byte(nil), d.body...)
	return d
}

// eachOf runs through a sorter.
func eachOf(s *spool.Sorter, yield func(key, payload []byte) error) error {
	it, err := s.Sort()
	if err != nil {
		return err
	}
	defer it.Close()
	for it.Next() {
		if err := yield(it.Key(), it.Payload()); err != nil {
			return err
		}
	}
	return it.Err()
}

// pullKeys hands out a sorter's keys one by one. Errors end it; the sorter
// reports them again when it is next read.
func pullKeys(s *spool.Sorter) (next func() ([]byte, bool), stop func()) {
	return iter.Pull(func(yield func([]byte) bool) {
		it, err := s.Sort()
		if err != nil {
			return
		}
		defer it.Close()
		for it.Next() {
			if !yield(append([]byte(nil), it.Key()...)) {
				return
			}
		}
	})
}

// findAbsent finds the items and open keys that nothing desired stands for,
// and what became of their source records.
func (w *work) findAbsent(ctx context.Context) error {
	if !w.everything {
		return w.findAbsentTouched(ctx)
	}
	absent := w.s.spool.Sorter(sortMemory)
	err := w.s.Store.View(ctx, func(v state.View) error {
		next, stop := pullKeys(w.desired)
		defer stop()
		want, more := next()
		check := func(key record.Key, ref state.SourceRef) error {
			for more && string(want) < string(key) {
				want, more = next()
			}
			if more && string(want) == string(key) {
				return nil
			}
			if w.identity {
				return w.absent(key, ref, fateGone)
			}
			return absent.Add(refKey(ref), []byte(key))
		}
		for it, err := range v.ItemsLight(w.row.ID) {
			if err != nil {
				return err
			}
			if err := check(it.Key, srcOf(it)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.absentOpen(ctx, absent); err != nil {
		return err
	}
	return w.judgeAbsent(absent)
}

// absentOpen does the same for open keys without an item.
func (w *work) absentOpen(ctx context.Context, absent *spool.Sorter) error {
	return w.s.Store.View(ctx, func(v state.View) error {
		next, stop := pullKeys(w.desired)
		defer stop()
		want, more := next()
		for o, err := range v.Open(w.row.ID) {
			if err != nil {
				return err
			}
			for more && string(want) < string(o.Key) {
				want, more = next()
			}
			if more && string(want) == string(o.Key) {
				continue
			}
			if w.identity {
				err = w.missingOpen(o)
			} else {
				ref := refOf(o)
				if failed, ok := isFailedKey(o.Key); ok {
					ref = failed
				}
				err = absent.Add(refKey(ref), []byte(o.Key))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// judgeAbsent looks up what became of the source records of absent items: one
// that was read but failed keeps them; one that was read and gives other keys
// now has left them behind.
func (w *work) judgeAbsent(absent *spool.Sorter) error {
	if absent.Len() == 0 {
		return nil
	}
	it, err := w.seen.Sort()
	if err != nil {
		return err
	}
	defer it.Close()
	var at string
	var found fate
	have, more := false, it.Next()
	err = eachOf(absent, func(ref, key []byte) error {
		for more && string(it.Key()) <= string(ref) {
			f := fate(it.Payload()[0])
			switch k := string(it.Key()); {
			case !have || k != at:
				at, found, have = k, f, true
			case f == fateFailed:
				found = f // one failure among several notes on a record stands
			}
			more = it.Next()
		}
		f := fateGone
		if have && at == string(ref) {
			if f = found; f == fateGone {
				f = fateRemoved
			}
		}
		return w.absent(record.Key(key), refFrom(ref), f)
	})
	if err != nil {
		return err
	}
	return it.Err()
}

// findAbsentTouched does it when only some records were looked at: of those,
// the items that they no longer give.
func (w *work) findAbsentTouched(ctx context.Context) error {
	if w.identity && !w.records.delta {
		return nil // the index pass found them
	}
	if w.identity {
		return w.absentOpen(ctx, nil)
	}
	candidates, absent := w.s.spool.Sorter(sortMemory), w.s.spool.Sorter(sortMemory)
	err := w.s.Store.View(ctx, func(v state.View) error {
		last := ""
		return eachOf(w.seen, func(ref, _ []byte) error {
			if string(ref) == last {
				return nil
			}
			last = string(ref)
			return w.itemsOf(v, refFrom(ref), func(key record.Key) error { return candidates.Add([]byte(key), ref) })
		})
	})
	if err != nil {
		return err
	}
	next, stop := pullKeys(w.desired)
	defer stop()
	want, more := next()
	err = eachOf(candidates, func(key, ref []byte) error {
		for more && string(want) < string(key) {
			want, more = next()
		}
		if more && string(want) == string(key) {
			return nil
		}
		return absent.Add(ref, key)
	})
	if err != nil {
		return err
	}
	if err := w.absentOpen(ctx, absent); err != nil {
		return err
	}
	return w.judgeAbsent(absent)
}

// itemsOf yields the keys of the items that a source record gave.
func (w *work) itemsOf(v state.View, ref state.SourceRef, yield func(record.Key) error) error {
	for it, err := range v.ItemsOf(w.row.ID, ref) {
		if err != nil {
			return err
		}
		if err := yield(it.Key); err != nil {
			return err
		}
	}
	if ref.Part != "" {
		return nil
	}
	it, err := v.Item(w.row.ID, ref.Key)
	if err != nil || it == nil || it.HasSrc {
		return err
	}
	return yield(it.Key)
}
