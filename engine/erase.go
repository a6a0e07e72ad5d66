package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// An Erasure says which record is to be erased, and by whom.
type Erasure struct {
	Address string // of the pipeline
	Key     string // as people write it
	Who     string
	Reason  string
	// FromTarget also deletes the row at the target, before anything is erased.
	FromTarget bool
}

// An Erased tells what was erased.
type Erased struct {
	Places []ErasedPlace
	// Kept names, per pipeline, the targets whose rows were not touched.
	Kept []ErasedPlace
	// Deleted says that the target of the pipeline that was named lost its row.
	Deleted bool
	// Mirrored: the source keeps a copy here, so that erasing it there is known
	// only after the next read.
	Mirrored bool
	// Maybe names keys that gave way to one that was erased, or to another one of
	// the same run: they may be earlier keys of the same record.
	Maybe []ErasedPlace
	// Backups are copies of the state that still hold the record.
	Backups []string
	Run     int64 // under which it is remembered that something was erased
}

// An ErasedPlace is one key of one pipeline or source.
type ErasedPlace struct {
	Address string
	Key     string
	Target  string // of a pipeline, when a row was delivered; empty: none
}

// erasing is what belongs to one record, everywhere in the state.
type erasing struct {
	e         *Engine
	pipelines map[string]map[record.Key]bool // keys by address
	mirrors   map[string]map[state.SourceRef]bool
	names     map[string]bool // as the problems of runs name it
	out       Erased
}

// Erase removes a record from the state: what was delivered, what is open, its
// history, the copies of its source record, and what pipelines made of it that
// read the same source record or this pipeline. The trail keeps that something
// was erased, by whom and why, and not what. Plan files and backups can't be
// reached.
func (e *Engine) Erase(ctx context.Context, er Erasure) (*Erased, error) {
	d := Decision{Reason: er.Reason, Who: er.Who}
	if err := d.check(); err != nil {
		return nil, err
	}
	locks, err := e.allLocks(ctx)
	if err != nil {
		return nil, err
	}
	unlock, err := e.Store.Lock(ctx, locks, e.LockWait, e.Holder)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := e.landAllFlights(ctx); err != nil {
		return nil, err
	}
	x, first, err := e.findErased(ctx, er)
	if err != nil {
		return nil, err
	}
	if er.FromTarget {
		if err := e.deleteAtTarget(ctx, er.Address, first); err != nil {
			return nil, fmt.Errorf("delete %s at the target: %w; nothing was erased", er.Key, err)
		}
		x.out.Deleted = true
		x.out.Kept = slices.DeleteFunc(x.out.Kept, func(p ErasedPlace) bool { return p.Address == er.Address && p.Key == ShowKey(first) })
	}
	if err := x.eraseInboxes(ctx); err != nil {
		return nil, err
	}
	err = e.Store.Update(ctx, func(tx state.Tx) error {
		if err := x.erase(tx); err != nil {
			return err
		}
		// The trail names no key: that would keep what was to be erased.
		x.out.Run, err = e.noteProblems(tx, KindErase, er.Address, []plan.Problem{{Code: KindErase, Message: d.words(KindErase)}})
		return err
	})
	if err != nil {
		return nil, err
	}
	x.out.Backups = e.Backups()
	return &x.out, nil
}

// findErased finds everything that belongs to the record, and its key.
func (e *Engine) findErased(ctx context.Context, er Erasure) (*erasing, record.Key, error) {
	x := &erasing{e: e, pipelines: map[string]map[record.Key]bool{}, mirrors: map[string]map[state.SourceRef]bool{}, names: map[string]bool{}}
	var first record.Key
	err := e.Store.View(ctx, func(v state.View) error {
		r, err := e.remembered(v, er.Address)
		if err != nil {
			return err
		}
		if first, err = e.oneKey(v, r, er.Key); err != nil {
			return err
		}
		return x.item(v, er.Address, first)
	})
	return x, first, err
}

// item takes in one key of a pipeline, the source record that it comes from,
// and what was made of it downstream.
func (x *erasing) item(v state.View, address string, key record.Key) error {
	row, known, err := v.Pipeline(address)
	if err != nil || !known || x.pipelines[address][key] {
		return err
	}
	if x.pipelines[address] == nil {
		x.pipelines[address] = map[record.Key]bool{}
	}
	x.pipelines[address][key] = true
	x.names[ShowKey(key)] = true
	place := ErasedPlace{Address: address, Key: ShowKey(key)}
	it, err := v.Item(row.ID, key)
	if err != nil {
		return err
	}
	if it != nil && row.SinkAddress != "" && (it.Status == state.Delivered || it.Status == state.Disabled || it.Status == state.Kept || it.Status == state.Unsure) {
		place.Target = row.SinkIdentity
		x.out.Kept = append(x.out.Kept, place)
	}
	x.out.Places = append(x.out.Places, place)
	if err := x.earlier(v, row, it); err != nil {
		return err
	}
	ref, err := x.refOf(v, row.ID, key, it)
	if err != nil {
		return err
	}
	if p := x.e.Project.Pipelines[address]; p != nil && ref.Key != "" {
		if err := x.source(v, p.From, ref); err != nil {
			return err
		}
	}
	if _, failed := isFailedKey(key); failed {
		return nil
	}
	return x.readers(v, address, state.SourceRef{Key: key})
}

// maxMaybe bounds how many earlier keys are named.
const maxMaybe = 20

// earlier names the keys that were given up when an item came to be. The trail
// does not tell whose they were.
func (x *erasing) earlier(v state.View, row state.Pipeline, it *state.Item) error {
	if it == nil {
		return nil
	}
	for c, err := range v.ChangesOf(it.Born, row.ID) {
		if err != nil {
			return err
		}
		if c.Cause == record.CauseKey && len(x.out.Maybe) < maxMaybe {
			x.out.Maybe = append(x.out.Maybe, ErasedPlace{Address: row.Address, Key: ShowKey(c.Key)})
		}
	}
	return nil
}

// refOf names the source record of a key.
func (x *erasing) refOf(v state.View, pipeline int64, key record.Key, it *state.Item) (state.SourceRef, error) {
	if ref, failed := isFailedKey(key); failed {
		return ref, nil
	}
	if it != nil {
		return srcOf(it), nil
	}
	o, err := v.OpenKey(pipeline, key)
	if err != nil || o == nil {
		return state.SourceRef{}, err
	}
	return refOf(o), nil
}

// source takes in a source record, in its mirror and in every pipeline that
// reads it.
func (x *erasing) source(v state.View, address string, ref state.SourceRef) error {
	if x.mirrors[address][ref] {
		return nil
	}
	if x.mirrors[address] == nil {
		x.mirrors[address] = map[state.SourceRef]bool{}
	}
	x.mirrors[address][ref] = true
	x.names[ref.Key.String()] = true
	if isPipeline(address) {
		if err := x.item(v, address, ref.Key); err != nil {
			return err
		}
	} else if row, known, err := v.Source(address); err != nil {
		return err
	} else if known {
		m, err := v.MirrorRow(row.ID, ref.Part, ref.Key)
		if err != nil {
			return err
		}
		if m != nil {
			x.out.Mirrored = true
			x.out.Places = append(x.out.Places, ErasedPlace{Address: address, Key: ref.Key.String()})
		}
	}
	return x.readers(v, address, ref)
}

// readers takes in what pipelines made of a source record.
func (x *erasing) readers(v state.View, address string, ref state.SourceRef) error {
	for _, name := range x.e.pipelinesFrom(address) {
		row, known, err := v.Pipeline(name)
		if err != nil {
			return err
		}
		if !known {
			continue
		}
		keys, err := madeOf(v, row.ID, ref)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := x.item(v, name, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// madeOf lists the keys of a pipeline that one source record gave, or under
// which it is open.
func madeOf(v state.View, pipeline int64, ref state.SourceRef) ([]record.Key, error) {
	w := &work{row: state.Pipeline{ID: pipeline}}
	var keys []record.Key
	if err := w.itemsOf(v, ref, func(k record.Key) error {
		keys = append(keys, k)
		return nil
	}); err != nil {
		return nil, err
	}
	for o, err := range v.Open(pipeline) {
		if err != nil {
			return nil, err
		}
		at := refOf(o)
		if failed, ok := isFailedKey(o.Key); ok {
			at = failed
		}
		if at == ref && !slices.Contains(keys, o.Key) {
			keys = append(keys, o.Key)
		}
	}
	return keys, nil
}

// pipelinesFrom lists the pipelines that read from an address.
func (e *Engine) pipelinesFrom(address string) []string {
	set := map[string]bool{}
	for name, p := range e.Project.Pipelines {
		if p.From == address {
			set[name] = true
		}
	}
	return sortedAddresses(set)
}

// erase removes all that was found.
func (x *erasing) erase(tx state.Tx) error {
	for address, keys := range x.pipelines {
		row, _, err := tx.Pipeline(address)
		if err != nil {
			return err
		}
		for k := range keys {
			if err := tx.Erase(row.ID, k); err != nil {
				return err
			}
		}
	}
	for address, refs := range x.mirrors {
		row, known, err := tx.Source(address)
		if err != nil {
			return err
		}
		if !known || isPipeline(address) {
			continue
		}
		for ref := range refs {
			if err := tx.EraseMirror(row.ID, ref.Part, ref.Key); err != nil {
				return err
			}
		}
	}
	return x.eraseProblems(tx)
}

// eraseProblems takes what runs say of the record out of them: of its source
// record too, under which a failure is reported.
func (x *erasing) eraseProblems(tx state.Tx) error {
	var touched []state.Run
	for row, err := range tx.Runs(0) {
		if err != nil {
			return err
		}
		var problems []plan.Problem
		if json.Unmarshal(row.Problems, &problems) != nil {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(problems), func(p plan.Problem) bool { return x.names[p.Key] })
		if _, concerns := x.pipelines[row.Address]; !concerns || len(left) == len(problems) {
			continue
		}
		b, err := json.Marshal(left)
		if err != nil {
			return err
		}
		run := *row
		run.Counts, run.Problems = cloneBytes(row.Counts), b
		touched = append(touched, run)
	}
	for _, run := range touched {
		if err := tx.PutRun(run); err != nil {
			return err
		}
	}
	return nil
}

// deleteAtTarget deletes one delivered row, unless it is protected.
func (e *Engine) deleteAtTarget(ctx context.Context, address string, key record.Key) (err error) {
	p := e.Project.Pipelines[address]
	if p == nil || p.Into == "" {
		return fmt.Errorf("%s has no target that is configured", address)
	}
	s, err := e.begin(ctx, Options{Pipelines: []*Pipeline{p}}, true)
	if err != nil {
		return err
	}
	defer s.end()
	w := s.bareWork(p)
	s.works[address] = w
	if err := w.open(ctx); err != nil {
		return err
	}
	var it *state.Item
	err = e.Store.View(ctx, func(v state.View) (err error) {
		it, err = v.Item(w.row.ID, key)
		return err
	})
	switch {
	case err != nil:
		return err
	case it == nil || it.Status == state.Out:
		return fmt.Errorf("nothing was delivered under this key")
	case w.traits().Outbox:
		return fmt.Errorf("%s sends messages and holds no row", p.Into)
	case !w.traits().Deletes || w.whole():
		return fmt.Errorf("%s can't delete single rows", p.Into)
	}
	entry := &plan.Entry{Key: key, Op: record.Delete, Cause: CauseErased, Before: cloneBytes(it.Body)}
	outcomes, err := w.write(ctx, []plan.Entry{*entry})
	switch {
	case err != nil:
		return err
	case outcomes[0] == nil:
		return fmt.Errorf("%s said nothing of it", p.Into)
	case outcomes[0].Status == connector.Protected:
		return fmt.Errorf("the row is protected")
	case outcomes[0].Status != connector.Applied:
		return fmt.Errorf("%s answered: %s", p.Into, outcomes[0].Message)
	}
	return nil
}

// CauseErased is the cause of deleting the row of a record that is erased.
const CauseErased record.Cause = "erased"
