package engine

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"koppel/engine/record"
	"koppel/engine/state"
)

// A landedStore shows the state as it will be once what dead runs left in
// flight has landed, to those that may not write it.
type landedStore struct {
	state.Store
	now       time.Time
	mu        sync.Mutex
	pipelines map[int64]*landing
}

// A landing is what becomes of one pipeline's items and open keys.
type landing struct {
	items  map[record.Key]*state.Item
	open   map[record.Key]*state.Open
	counts map[state.Status]int // by how much they change
	order  []record.Key         // of items
	opened []record.Key         // of open
}

// View reads the state as it will be.
func (s *landedStore) View(ctx context.Context, read func(state.View) error) error {
	return s.Store.View(ctx, func(v state.View) error { return read(landedView{View: v, s: s}) })
}

type landedView struct {
	state.View
	s *landedStore
}

// landing works out once, for each pipeline, what was in flight.
func (v landedView) landing(pipeline int64) (*landing, error) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if l, ok := v.s.pipelines[pipeline]; ok {
		return l, nil
	}
	l := &landing{items: map[record.Key]*state.Item{}, open: map[record.Key]*state.Open{}, counts: map[state.Status]int{}}
	for f, err := range v.View.Flights(pipeline) {
		if err != nil {
			return nil, err
		}
		for i := range f.Flown {
			if err := l.add(v.View, pipeline, f, &f.Flown[i], v.s.now); err != nil {
				return nil, err
			}
		}
	}
	l.order, l.opened = slices.Sorted(maps.Keys(l.items)), slices.Sorted(maps.Keys(l.open))
	v.s.pipelines[pipeline] = l
	return l, nil
}

func (l *landing) add(v state.View, pipeline int64, f *state.Flight, one *state.Flown, now time.Time) (err error) {
	it, o := l.items[one.Key], l.open[one.Key]
	if it == nil {
		if it, err = v.Item(pipeline, one.Key); err != nil {
			return err
		}
	}
	if o == nil {
		if o, err = v.OpenKey(pipeline, one.Key); err != nil {
			return err
		}
	}
	if after := landed(f, one, it); after != nil {
		if it != nil {
			l.counts[it.Status]--
		}
		l.counts[after.Status]++
		after.Answer, after.Body = cloneBytes(after.Answer), cloneBytes(after.Body)
		l.items[one.Key] = after
	}
	if after := landedOpen(f, one, o, now); after != nil {
		l.open[one.Key] = after
	}
	return nil
}

// over lays rows over those of an ordered stream that have the same keys.
func over[T any](stored iter.Seq2[*T, error], keys []record.Key, rows map[record.Key]*T, keyOf func(*T) record.Key) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		next := 0
		upTo := func(key record.Key, all bool) bool {
			for ; next < len(keys) && (all || keys[next] <= key); next++ {
				c := *rows[keys[next]]
				if !yield(&c, nil) {
					return false
				}
			}
			return true
		}
		for row, err := range stored {
			if err != nil {
				yield(nil, err)
				return
			}
			key := keyOf(row)
			if !upTo(key, false) {
				return
			}
			if rows[key] == nil && !yield(row, nil) {
				return
			}
		}
		upTo("", true)
	}
}

func failing[T any](err error) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) { yield(nil, err) }
}

func keyOfItem(it *state.Item) record.Key { return it.Key }
func keyOfOpen(o *state.Open) record.Key  { return o.Key }

func (v landedView) Items(pipeline int64, from record.Key) iter.Seq2[*state.Item, error] {
	l, err := v.landing(pipeline)
	if err != nil {
		return failing[state.Item](err)
	}
	i, _ := slices.BinarySearch(l.order, from)
	return over(v.View.Items(pipeline, from), l.order[i:], l.items, keyOfItem)
}

func (v landedView) ItemsLight(pipeline int64) iter.Seq2[*state.Item, error] {
	l, err := v.landing(pipeline)
	if err != nil {
		return failing[state.Item](err)
	}
	return over(v.View.ItemsLight(pipeline), l.order, l.items, keyOfItem)
}

func (v landedView) Item(pipeline int64, key record.Key) (*state.Item, error) {
	l, err := v.landing(pipeline)
	if err != nil {
		return nil, err
	}
	if it := l.items[key]; it != nil {
		c := *it
		return &c, nil
	}
	return v.View.Item(pipeline, key)
}

func (v landedView) ItemsOf(pipeline int64, src state.SourceRef) iter.Seq2[*state.Item, error] {
	l, err := v.landing(pipeline)
	if err != nil {
		return failing[state.Item](err)
	}
	var keys []record.Key
	for _, key := range l.order {
		if it := l.items[key]; it.HasSrc && it.Src == src {
			keys = append(keys, key)
		}
	}
	return over(v.View.ItemsOf(pipeline, src), keys, l.items, keyOfItem)
}

func (v landedView) CountItems(pipeline int64) (map[state.Status]int, error) {
	l, err := v.landing(pipeline)
	if err != nil {
		return nil, err
	}
	counts, err := v.View.CountItems(pipeline)
	if err != nil {
		return nil, err
	}
	for status, n := range l.counts {
		if counts[status] += n; counts[status] == 0 {
			delete(counts, status)
		}
	}
	return counts, nil
}

func (v landedView) Open(pipeline int64) iter.Seq2[*state.Open, error] {
	l, err := v.landing(pipeline)
	if err != nil {
		return failing[state.Open](err)
	}
	return over(v.View.Open(pipeline), l.opened, l.open, keyOfOpen)
}

func (v landedView) OpenKey(pipeline int64, key record.Key) (*state.Open, error) {
	l, err := v.landing(pipeline)
	if err != nil {
		return nil, err
	}
	if o := l.open[key]; o != nil {
		c := *o
		return &c, nil
	}
	return v.View.OpenKey(pipeline, key)
}
