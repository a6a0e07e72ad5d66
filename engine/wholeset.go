package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/spool"
)

// A wholeSet takes the records of a set that is delivered as a whole, in the
// order in which they come: to the target, which keeps them aside; into a log,
// for a plan that is saved; or nowhere, when only the digest is wanted.
type wholeSet struct {
	hash   *record.Hasher
	sum    [2]uint64
	count  int64
	chain  []byte
	target connector.Stage
	// ordered is the target where it takes records in the order of the mapping,
	// and the mapping gives them so.
	ordered connector.OrderedStage
	log     *spool.Log
	line    []byte
}

// newSet makes the set that a whole target gets.
func (w *work) newSet(ctx context.Context) (*wholeSet, error) {
	set := &wholeSet{hash: w.s.Store.Hasher()}
	kept, err := w.keptWhole()
	if err != nil {
		return nil, err
	}
	switch {
	case w.s.opts.Out != "":
		set.log = w.s.spool.Log()
	case w.s.live && !w.remembers(kept):
		stage, err := w.stage(ctx)
		if err != nil {
			return nil, err
		}
		set.target = stage
		if w.laysOut() {
			set.ordered, _ = stage.(connector.OrderedStage)
		}
	}
	return set, nil
}

// laysOut tells whether the mapping gives exactly the fields that the sink was
// told of, in their order.
func (w *work) laysOut() bool {
	names, shape := w.p.Program.FieldNames(), w.p.shape()
	return w.p.Content == "" && len(names) > 0 && !shape.Open &&
		slices.EqualFunc(names, shape.Fields, func(name string, f record.Field) bool { return name == f.Name })
}

// stage starts a set at the target.
func (w *work) stage(ctx context.Context) (connector.Stage, error) {
	replacer, ok := w.sink.(connector.Replacer)
	if !ok {
		return nil, fmt.Errorf("%s says that it takes whole sets and has no way to give it one", w.p.Into)
	}
	stage, err := replacer.Stage(ctx)
	if err != nil {
		return nil, fmt.Errorf("write to %s: %w", w.p.Into, err)
	}
	return stage, nil
}

// add takes the next record.
func (s *wholeSet) add(d *desired) error {
	s.count++
	s.chain = putHash(putBytes(s.chain[:0], d.key), d.mapped)
	s.sumUp(s.hash.Bytes(s.chain))
	switch {
	case s.ordered != nil:
		return s.ordered.AddOrdered(d.key, d.body)
	case s.target != nil:
		return s.target.Add(d.key, d.body)
	case s.log != nil:
		s.line = putHash(putBytes(putBytes(s.line[:0], d.key), d.body), d.mapped)
		_, err := s.log.Append(s.line)
		return err
	}
	return nil
}

// sumUp adds a hash to the digest, which does not depend on the order.
func (s *wholeSet) sumUp(h record.Hash) {
	var carry uint64
	s.sum[0], carry = bits.Add64(s.sum[0], binary.LittleEndian.Uint64(h[:8]), 0)
	s.sum[1], _ = bits.Add64(s.sum[1], binary.LittleEndian.Uint64(h[8:]), carry)
}

func (s *wholeSet) digest() []byte {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], s.sum[0])
	binary.LittleEndian.PutUint64(b[8:], s.sum[1])
	return b[:]
}

// drop gives up what was not delivered.
func (s *wholeSet) drop() error {
	var stage, log error
	if s.target != nil {
		stage = s.target.Abandon()
	}
	if s.log != nil {
		log = s.log.Close()
	}
	s.target, s.ordered, s.log = nil, nil, nil
	return errors.Join(stage, log)
}

// deliver puts the set in the place of the one that the target shows.
func (s *wholeSet) deliver(ctx context.Context) error {
	stage := s.target
	s.target, s.ordered = nil, nil
	return stage.Commit(ctx)
}

// saveTo writes the set into a plan's file, by key, each record with its place.
func (w *work) saveTo(out *plan.Writer) error {
	byKey := w.s.spool.Sorter(sortMemory)
	defer byKey.Close()
	at := uint64(0)
	err := eachLogged(w.set.log, func(d *decoder) error {
		key, body, mapped := d.bytes(), d.bytes(), d.hash()
		if d.err != nil {
			return nil
		}
		payload := putBytes(putHash(putUint(nil, at), mapped), body)
		at++
		return byKey.Add(key, payload)
	})
	if err != nil {
		return err
	}
	return eachOf(byKey, func(key, payload []byte) error {
		d := decoder{b: payload}
		e := plan.Entry{Key: record.Key(key), Order: d.uint(), Mapped: d.hash(), After: d.bytes()}
		if d.err != nil {
			return d.err
		}
		return out.Entry(&e)
	})
}

// savedSet hands the set of a saved plan to the target, each record in its
// place.
func (w *work) savedSet(ctx context.Context) error {
	byPlace := w.s.spool.Sorter(sortMemory)
	defer byPlace.Close()
	for e, err := range w.entries() {
		if err != nil {
			return err
		}
		place := binary.BigEndian.AppendUint64(nil, e.Order)
		if err := byPlace.Add(place, putBytes(putBytes(nil, e.Key), e.After)); err != nil {
			return err
		}
	}
	var err error
	if w.set, err = w.newSet(ctx); err != nil {
		return err
	}
	return eachOf(byPlace, func(_, payload []byte) error {
		d := decoder{b: payload}
		key, body := record.Key(d.bytes()), d.bytes()
		if d.err != nil {
			return d.err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return w.set.target.Add(key, body)
	})
}
