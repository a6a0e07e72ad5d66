package engine

import (
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// listBlock is how much of the list of entries is read at once, in bytes.
const listBlock = 256 << 10

// inOrder yields the entries of plain records in the order in which they came,
// so that the records can be read from front to back.
func (r *records) inOrder(yield func(*entry) error) error {
	var block []byte
	var e entry
	for off := int64(0); off < r.list.Size(); {
		n := int(min(int64(max(listBlock, 2*len(block))), r.list.Size()-off))
		var err error
		if block, err = r.list.ReadAt(off, n, block[:0]); err != nil {
			return err
		}
		used, err := eachListed(block, &e, yield)
		if err != nil {
			return err
		}
		if used > 0 {
			off, block = off+int64(used), block[:0]
		} else if off+int64(n) == r.list.Size() {
			return errCodec
		}
	}
	return nil
}

// eachListed yields the entries that stand wholly in a block, and returns how
// many bytes they take.
func eachListed(block []byte, e *entry, yield func(*entry) error) (used int, err error) {
	d := decoder{b: block}
	for len(d.b) > 0 {
		key, payload := d.bytes(), d.bytes()
		if d.err != nil {
			return used, nil
		}
		used = len(block) - len(d.b)
		if err := e.decode(key, payload); err != nil {
			return used, err
		}
		if err := yield(e); err != nil {
			return used, err
		}
	}
	return used, nil
}

// maxGap is how far apart records may stand that are read in one piece, in
// bytes: line ends and white space.
const maxGap = 256

// bodies reads the bytes of several entries, those that follow each other in
// one piece. It returns them with the room that they stand in, which may be
// used again.
func (r *records) bodies(entries []entry, dst [][]byte, room []byte) ([][]byte, []byte, error) {
	room = room[:0]
	for i := 0; i < len(entries); {
		first := &entries[i]
		if first.length == 0 {
			dst = append(dst, nil)
			i++
			continue
		}
		to := i + 1
		end := first.offset + int64(first.length)
		for to < len(entries) && r.follows(first, &entries[to], end) {
			end = entries[to].offset + int64(entries[to].length)
			to++
		}
		piece, rest, err := r.piece(first, int(end-first.offset), room)
		if err != nil {
			return dst, room, err
		}
		room = rest
		for ; i < to; i++ {
			e := &entries[i]
			from := e.offset - first.offset
			dst = append(dst, piece[from:from+int64(e.length):from+int64(e.length)])
		}
	}
	return dst, room, nil
}

func (r *records) follows(first, e *entry, end int64) bool {
	return e.length > 0 && e.part == first.part && e.offset >= end && e.offset-end <= maxGap
}

// piece reads n bytes into what is free of room, or into room of their own.
func (r *records) piece(e *entry, n int, room []byte) (piece, rest []byte, err error) {
	at := len(room)
	if cap(room)-at < n {
		room, at = make([]byte, 0, max(n, batchBytes)), 0
	}
	free := room[at : at : at+n]
	if r.reread == nil {
		piece, err = r.log.ReadAt(e.offset, n, free)
	} else if piece, err = r.reread.Reread(r.names[e.part], e.offset, n, free); err != nil {
		err = fmt.Errorf("read record %s again: %w", e.key, err)
	}
	if err != nil {
		return nil, room, err
	}
	if len(piece) != n {
		return nil, room, changedError(e.key)
	}
	return piece, room[:at+n], nil
}

// check tells that a record which was read again is what it was.
func (r *records) check(e *entry, body []byte, hash *record.Hasher) error {
	if r.reread != nil && e.length > 0 && hash.Bytes(body) != e.raw {
		return changedError(e.key)
	}
	return nil
}

func changedError(key record.Key) error {
	return fmt.Errorf("read record %s again: %w: it changed while it was read", key, connector.ErrIncomplete)
}
