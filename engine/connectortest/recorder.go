// Package connectortest is the conformance suite that every kind of source and
// sink passes. Only tests import it.
package connectortest

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// A Recorder is a connector.Reader that keeps what a source hands over and
// notes every breach of the contract. It is for one read.
type Recorder struct {
	// Parts by name, in Order of their first appearance.
	ByName map[string]*Part
	Order  []string
	// Listed holds what Parts gave; nil when it was not called.
	Listed []string
	// Breaches are the contract's rules that the source broke.
	Breaches []string
	// Calls counts the calls of all methods.
	Calls int
	// OnCall, when set, runs before each call with its number, from 1; its
	// error is what the method returns.
	OnCall func(n int) error
	// OnRecords, when set, runs for each call of Records with the number of
	// records handed over before it and with it.
	OnRecords func(before, after int) error
	// Cursors are handed to Begin by partition.
	Cursors map[string]connector.Cursor

	count   int
	stopped bool
}

// A Part is what was read of one partition.
type Part struct {
	Mode     connector.Mode
	Records  [][]byte // as handed over, without line ends
	Offsets  []int64  // of Records
	Removed  []record.Key
	Complete bool
	Next     connector.Cursor
	Err      error // what Fail was called with
	open     bool
}

// All returns the records of all partitions, in the order of the
// partitions.
func (r *Recorder) All() [][]byte {
	var all [][]byte
	for _, name := range r.Order {
		all = append(all, r.ByName[name].Records...)
	}
	return all
}

// Complete tells whether every listed or begun partition is complete, and
// there is one, or an empty list of them.
func (r *Recorder) Complete() bool {
	for _, name := range append(slices.Clone(r.Listed), r.Order...) {
		if p := r.ByName[name]; p == nil || !p.Complete {
			return false
		}
	}
	return len(r.Order) > 0 || r.Listed != nil
}

// Errs returns the errors of the failed partitions.
func (r *Recorder) Errs() []error {
	var errs []error
	for _, name := range r.Order {
		if err := r.ByName[name].Err; err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func (r *Recorder) breach(format string, args ...any) {
	r.Breaches = append(r.Breaches, fmt.Sprintf(format, args...))
}

func (r *Recorder) call(method string) error {
	r.Calls++
	if r.stopped {
		r.breach("%s is called after a method of the reader had failed", method)
	}
	if r.OnCall == nil {
		return nil
	}
	err := r.OnCall(r.Calls)
	r.stopped = r.stopped || err != nil
	return err
}

// begun returns an open partition, or notes the breach.
func (r *Recorder) begun(method, part string) *Part {
	p := r.ByName[part]
	if p == nil || !p.open {
		r.breach("%s is called for partition %q, which is not open", method, part)
		return &Part{}
	}
	return p
}

// Parts keeps the list.
func (r *Recorder) Parts(ids []string) error {
	if r.Listed != nil || len(r.Order) > 0 {
		r.breach("Parts is called twice, or after Begin")
	}
	r.Listed = append([]string{}, ids...)
	if sorted := slices.Sorted(slices.Values(ids)); len(slices.Compact(sorted)) != len(ids) {
		r.breach("Parts lists a partition twice: %q", ids)
	}
	return r.call("Parts")
}

// Begin opens a partition, or opens it anew.
func (r *Recorder) Begin(part string, mode connector.Mode) (connector.Cursor, error) {
	if r.Listed != nil && !slices.Contains(r.Listed, part) {
		r.breach("Begin is called for partition %q, which Parts did not list", part)
	}
	old := r.ByName[part]
	if old != nil && !old.open {
		r.breach("Begin is called for partition %q after its end", part)
	}
	if old != nil {
		r.count -= len(old.Records)
	} else {
		r.Order = append(r.Order, part)
	}
	if r.ByName == nil {
		r.ByName = map[string]*Part{}
	}
	r.ByName[part] = &Part{Mode: mode, open: true}
	if err := r.call("Begin"); err != nil {
		return nil, err
	}
	if mode == connector.Full || mode == connector.FromStart {
		return nil, nil
	}
	return r.Cursors[part], nil
}

// Records keeps the records and checks that each line is one strict JSON
// object.
func (r *Recorder) Records(part string, base int64, jsonl []byte) error {
	p := r.begun("Records", part)
	if len(jsonl) == 0 || jsonl[len(jsonl)-1] != '\n' {
		r.breach("Records gets bytes that do not end with a line end: %.80q", jsonl)
	}
	before := r.count
	for len(jsonl) > 0 {
		line, rest, _ := bytes.Cut(jsonl, []byte{'\n'})
		if record.KindOf(bytes.TrimLeft(line, " \t\r")) != record.Object {
			r.breach("Records gets a line that is no object: %.80q", line)
		}
		p.Records = append(p.Records, bytes.Clone(line))
		p.Offsets = append(p.Offsets, base)
		base += int64(len(line)) + 1
		jsonl = rest
		r.count++
	}
	if err := r.call("Records"); err != nil {
		return err
	}
	if r.OnRecords == nil {
		return nil
	}
	err := r.OnRecords(before, r.count)
	r.stopped = r.stopped || err != nil
	return err
}

// Remove keeps the tombstone.
func (r *Recorder) Remove(part string, key record.Key, _ string) error {
	p := r.begun("Remove", part)
	if p.Mode == connector.Full {
		r.breach("Remove is called in a full read of partition %q", part)
	}
	if key == "" {
		r.breach("Remove is called with an empty key")
	}
	p.Removed = append(p.Removed, key)
	return r.call("Remove")
}

// End marks the partition as complete.
func (r *Recorder) End(part string, next connector.Cursor, _ connector.Interval) error {
	p := r.begun("End", part)
	p.open = false
	if err := r.call("End"); err != nil {
		return err
	}
	p.Complete, p.Next = true, bytes.Clone(next)
	return nil
}

// Fail keeps the error. A partition that is listed may fail without a Begin.
func (r *Recorder) Fail(part string, err error) error {
	p := r.ByName[part]
	if p == nil {
		r.Order = append(r.Order, part)
		if r.ByName == nil {
			r.ByName = map[string]*Part{}
		}
		p = &Part{open: true}
		r.ByName[part] = p
	}
	if !p.open {
		r.breach("Fail is called for partition %q after its end", part)
	}
	if err == nil {
		r.breach("Fail is called without an error for partition %q", part)
	}
	p.open, p.Err = false, err
	return r.call("Fail")
}

// Read reads a source into a fresh recorder.
func Read(ctx context.Context, s connector.Source) (*Recorder, error) {
	r := &Recorder{}
	err := s.Read(ctx, r)
	return r, err
}
