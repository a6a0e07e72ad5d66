package engine

import (
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/spool"
)

// listBlock is how much of the list of entries is read at once, in bytes.
const listBlock = 256 << 10

// inOrder yields the entries of plain records in the order in which they came,
// so that the records can be read from front to back.
func (r *records) inOrder(yield func(*entry) error) error {
	var e entry
	return eachLogged(r.list, func(d *decoder) error {
		key, payload := d.bytes(), d.bytes()
		if d.err != nil {
			return nil
		}
		if err := e.decode(key, payload); err != nil {
			return err
		}
		return yield(&e)
	})
}

// eachLogged reads what was appended to a log from front to back. read takes
// one thing from the decoder at a time and does nothing when it is not there
// wholly, which the decoder says.
func eachLogged(log *spool.Log, read func(*decoder) error) error {
	var block []byte
	for off := int64(0); off < log.Size(); {
		n := int(min(int64(max(listBlock, 2*len(block))), log.Size()-off))
		var err error
		if block, err = log.ReadAt(off, n, block[:0]); err != nil {
			return err
		}
		used := 0
		for d := (decoder{b: block}); used < len(block); used = len(block) - len(d.b) {
			if err := read(&d); err != nil {
				return err
			}
			if d.err != nil {
				break
			}
		}
		if used > 0 {
			off, block = off+int64(used), block[:0]
		} else if off+int64(n) == log.Size() {
			return errCodec
		}
	}
	return nil
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
