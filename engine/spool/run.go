package spool

import (
	"encoding/binary"
	"errors"
)

var errDamaged = errors.New("an entry is damaged")

// A run is a sorted sequence of entries in a file: for each the lengths of key
// and payload as uvarints, then both.
type run struct {
	file     *file
	from, to int64
}

// A runWriter writes runs one after the other into one file.
type runWriter struct {
	file *file
	off  int64 // where buf will be written
	buf  []byte
}

func (w *runWriter) put(key, payload []byte) error {
	w.buf = binary.AppendUvarint(w.buf, uint64(len(key)))
	w.buf = binary.AppendUvarint(w.buf, uint64(len(payload)))
	w.buf = append(append(w.buf, key...), payload...)
	if len(w.buf) < block {
		return nil
	}
	return w.flush()
}

func (w *runWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if err := w.file.writeAt(w.buf, w.off); err != nil {
		return err
	}
	w.off += int64(len(w.buf))
	w.buf = w.buf[:0]
	return nil
}

// A runReader reads the entries of one run.
type runReader struct {
	prefix       uint64
	key, payload []byte // views of buf, until next

	order int // of the run among those that are merged
	file  *file
	off   int64 // of what follows buf
	to    int64
	buf   []byte
	at    int // where the next entry starts in buf
}

// next goes to the next entry; false at the end, and when there is an error.
func (r *runReader) next() (bool, error) {
	for {
		if r.at == len(r.buf) && r.off == r.to {
			return false, nil
		}
		n, whole := r.parse()
		if whole {
			r.at += n
			r.prefix = prefixOf(r.key)
			return true, nil
		}
		if r.off == r.to {
			return false, fileError("read", r.file.name, errDamaged)
		}
		if err := r.fill(n); err != nil {
			return false, err
		}
	}
}

// parse takes the next entry out of buf and returns its length. When it is not
// wholly there it returns how long it is as far as can be told.
func (r *runReader) parse() (n int, whole bool) {
	b := r.buf[r.at:]
	key, k := binary.Uvarint(b)
	if k <= 0 {
		return 2, false
	}
	payload, p := binary.Uvarint(b[k:])
	if p <= 0 {
		return k + 1, false
	}
	head := k + p
	if key > maxEntry || payload > maxEntry || int(key+payload) > len(b)-head {
		return int(min(uint64(head)+key+payload, maxEntry)), false
	}
	mid, end := head+int(key), head+int(key+payload)
	r.key, r.payload = b[head:mid:mid], b[mid:end:end]
	return end, true
}

// fill moves what is left in buf to its start and reads on; at least so much
// that an entry of n bytes is there, if the run has it.
func (r *runReader) fill(n int) error {
	left := copy(r.buf, r.buf[r.at:])
	r.buf, r.at = r.buf[:left], 0
	size := int(min(int64(max(cap(r.buf), n)-left), r.to-r.off))
	if size <= 0 {
		size = int(min(int64(block), r.to-r.off))
	}
	if left+size > cap(r.buf) {
		r.buf = append(make([]byte, 0, left+size), r.buf...)
	}
	r.buf = r.buf[:left+size]
	if err := r.file.readAt(r.buf[left:], r.off); err != nil {
		return err
	}
	r.off += int64(size)
	return nil
}
