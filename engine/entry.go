package engine

import (
	"encoding/binary"

	"koppel/engine/record"
)

// A seen says in which way a record was seen.
type seen byte

const (
	seenPut      seen = iota
	seenGone          // a tombstone
	seenExpired       // outside of the source's window
	seenOutdated      // in the mirror, read under an earlier configuration
	seenAhead         // outside of the window too, on its future side
	seenUnsure        // of an upstream pipeline, which does not know what it delivered
)

// Flags beside the seen value.
const (
	plannedFlag = 0x80
	anewFlag    = 0x40
)

// An entry points at one record.
type entry struct {
	key    record.Key
	part   uint64
	gen    uint64
	seen   seen
	raw    record.Hash
	offset int64
	length int
	order  uint64 // place in the read; of a mirror's record its sequence there
	// planned: an upstream pipeline of this session plans it.
	planned bool
	// anew: the same read has a tombstone before it, so that nothing of what
	// was known of the record is left.
	anew bool
	// twice: another record of the read has the same key.
	twice bool
}

// entryFixed is what an entry has in front of its partition, in bytes. Every
// entry is taken apart in every run, so that most of it stands at fixed places.
const entryFixed = 1 + len(record.Hash{}) + 8 + 8 + 4

func (e *entry) encode(b []byte) []byte {
	flags := byte(e.seen)
	if e.planned {
		flags |= plannedFlag
	}
	if e.anew {
		flags |= anewFlag
	}
	b = putHash(append(b, flags), e.raw)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.offset))
	b = binary.LittleEndian.AppendUint64(b, e.order)
	b = binary.LittleEndian.AppendUint32(b, uint32(e.length)) // bounded by what one record may have
	return putUint(putUint(b, e.part), e.gen)
}

func (e *entry) decode(key, b []byte) error {
	if len(b) < entryFixed {
		return errCodec
	}
	flags, places := b[0], b[1+len(record.Hash{}):entryFixed]
	d := decoder{b: b[entryFixed:]}
	*e = entry{
		key: record.Key(key), seen: seen(flags &^ (plannedFlag | anewFlag)),
		planned: flags&plannedFlag != 0, anew: flags&anewFlag != 0,
		raw:    record.Hash(b[1 : 1+len(record.Hash{})]),
		offset: int64(binary.LittleEndian.Uint64(places)),
		order:  binary.LittleEndian.Uint64(places[8:]),
		length: int(binary.LittleEndian.Uint32(places[16:])),
		part:   d.uint(), gen: d.uint(),
	}
	return d.err
}
