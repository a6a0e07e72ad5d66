package engine

import (
	"errors"
	"strings"

	"koppel/engine/mapping"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A fate says what became of a source record, or of one of its items, on the
// way to the comparison.
type fate byte

const (
	fateMapped fate = iota
	fateFiltered
	fateFailed
	fateWaiting
	fateGone    // a tombstone, or absent
	fateExpired // outside of the window
	fateSame    // not mapped: the source bytes are as before
	fateRemoved // of an absent key: its source record has a tombstone
	fateAhead   // outside of the window, on its future side
)

// A desired is what one key should be, as far as this run can tell.
type desired struct {
	key      record.Key
	fate     fate
	src      state.SourceRef
	order    uint64
	raw      record.Hash
	mapped   record.Hash
	body     []byte
	field    string
	code     string
	note     string
	upstream []plan.Expectation
}

// sameKey is set in the first byte of what encode makes of a record that has the
// key of its source record; that one is left out then.
const sameKey = 0x80

func (d *desired) encode(b []byte) []byte {
	if d.src.Key == d.key {
		b = putBytes(append(b, byte(d.fate)|sameKey), d.src.Part)
	} else {
		b = putBytes(putBytes(append(b, byte(d.fate)), d.src.Part), d.src.Key)
	}
	b = putUint(b, d.order)
	b = putHash(putHash(b, d.raw), d.mapped)
	b = putBytes(b, d.body)
	b = putBytes(b, d.field)
	b = putBytes(b, d.code)
	b = putBytes(b, d.note)
	b = putUint(b, uint64(len(d.upstream)))
	for _, u := range d.upstream {
		b = putBytes(b, u.Pipeline)
		b = putBytes(b, u.Key)
		b = putHash(b, u.Hash)
	}
	return b
}

// decode takes what encode made. The body stays within b.
func (d *desired) decode(key record.Key, b []byte) error {
	r := decoder{b: b}
	first := r.byte()
	*d = desired{key: key, fate: fate(first &^ sameKey)}
	d.src = state.SourceRef{Part: string(r.bytes()), Key: key}
	if first&sameKey == 0 {
		d.src.Key = record.Key(r.bytes())
	}
	d.order, d.raw, d.mapped, d.body = r.uint(), r.hash(), r.hash(), r.bytes()
	d.field, d.code, d.note = string(r.bytes()), string(r.bytes()), string(r.bytes())
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		d.upstream = append(d.upstream, plan.Expectation{Pipeline: string(r.bytes()), Key: record.Key(r.bytes()), Hash: r.hash()})
	}
	return r.err
}

// placeBits is the room that a place in the source leaves for the items of one
// record.
const placeBits = 20

// place is where the items of the record with a number in the read stand among
// those of all records.
func place(number uint64) uint64 { return number << placeBits }

// itemPlace is where an item stands that is the i-th of a record.
func itemPlace(record uint64, i int) uint64 { return record + uint64(min(i, 1<<placeBits-1)) }

// An outcome is what one source record came to.
type outcome struct {
	fate  fate
	src   state.SourceRef
	order uint64
	raw   record.Hash
	// items that the record gives; empty unless it is mapped.
	items    []desired
	filtered int64 // items that where or a join dropped
	field    string
	code     string
	note     string
	upstream []plan.Expectation
}

func (o *outcome) wait(code, note string) { o.fate, o.code, o.note = fateWaiting, code, note }

func (o *outcome) fail(err error) {
	o.fate, o.items = fateFailed, nil
	o.field, o.code, o.note = describe(err)
}

// describe takes an error of one record apart for reports.
func describe(err error) (field, code, note string) {
	var value *mapping.ValueError
	var syntax *record.SyntaxError
	var own *recordError
	switch {
	case errors.As(err, &value):
		return value.Field, value.Code, value.Error()
	case errors.As(err, &syntax):
		return "", "invalid_record", syntax.Error()
	case errors.As(err, &own):
		return own.field, own.code, own.message
	}
	return "", "record", err.Error()
}

// failedKey is the key under which a source record is open that failed before
// the keys of its items were known. No item has such a key: its first part is
// empty.
func failedKey(ref state.SourceRef) record.Key {
	b := []byte{0, 0}
	b = putBytes(b, ref.Part)
	return record.Key(putBytes(b, ref.Key))
}

// isFailedKey tells the source record that a failedKey stands for.
func isFailedKey(k record.Key) (state.SourceRef, bool) {
	if len(k) < 2 || k[0] != 0 || k[1] != 0 {
		return state.SourceRef{}, false
	}
	d := decoder{b: []byte(k[2:])}
	ref := state.SourceRef{Part: string(d.bytes()), Key: record.Key(d.bytes())}
	return ref, d.err == nil
}

// ShowKey gives a key as people see it.
func ShowKey(k record.Key) string {
	if ref, ok := isFailedKey(k); ok {
		return ref.Key.String()
	}
	if ref, ok := strings.CutPrefix(string(k), strangerMark); ok {
		return "row " + strings.Trim(ref, "[]")
	}
	return k.String()
}
