package spool

import (
	"encoding/binary"
	"errors"
)

var errDamaged = errors.New("an entry is damaged")

// A run is a sorted sequence of entries in a file: for each the lengths of key
// and payload, four bytes each, then both.
type run struct {
	file     *file
	from, to int64
}

// headSize is what stands in front of a key, in bytes.
const headSize = 8

// appendEntry appends an entry as it stands in a run.
func appendEntry(b, key, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(key)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	return append(append(b, key...), payload...)
}

// A runWriter writes runs one after the other into one file.
type runWriter struct {
	file *file
	off  int64 // where buf will be written
	buf  []byte
}

// put adds an entry, in the form that it has in a run.
func (w *runWriter) put(entry []byte) error {
	w.buf = append(w.buf, entry...)
	if len(w.buf) < block {
		return nil
	}
	return w.flush()
}

// run sorts a batch and writes it.
func (w *runWriter) run(b *batch) (run, error) {
	b.sort()
	from := w.off
	for i := range b.index {
		if err := w.put(b.whole(&b.index[i])); err != nil {
			return run{}, err
		}
	}
	err := w.flush()
	return run{w.file, from, w.off}, err
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
	whole        []byte // the entry with its head

	order int // of the run among those that are merged
	file  *file
	off   int64 // of what follows buf
	to    int64
	buf   []byte
	at    int // where the next entry starts in buf

	drains bool  // what was read is freed
	freed  int64 // what lies before it was freed; with drains
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
	if len(b) < headSize {
		return headSize, false
	}
	key, payload := int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[4:]))
	end := headSize + key + payload
	if key > maxEntry || payload > maxEntry || end > len(b) {
		return min(end, maxEntry), false
	}
	mid := headSize + key
	r.key, r.payload, r.whole = b[headSize:mid:mid], b[mid:end:end], b[:end:end]
	return end, true
}

// fill moves what is left in buf to its start and reads on; at least so much
// that an entry of n bytes is there, if the run has it.
func (r *runReader) fill(n int) error {
	if r.drains && r.off-r.freed >= block {
		r.file.free(r.freed, r.off)
		r.freed = r.off
	}
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
