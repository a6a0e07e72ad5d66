package engine

import (
	"encoding/binary"
	"errors"

	"koppel/engine/record"
)

// errCodec says that a temporary file gave back other bytes than were written.
var errCodec = errors.New("a temporary file is damaged")

func putBytes[T ~string | ~[]byte](b []byte, v T) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func putUint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func putHash(b []byte, h record.Hash) []byte { return append(b, h[:]...) }

// A decoder takes apart what the put functions wrote. The first mistake
// sticks; later reads give zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) bytes() []byte {
	n := d.uint()
	if uint64(len(d.b)) < n {
		d.err, d.b = errCodec, nil
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 { // most numbers are small
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	v, w := binary.Uvarint(d.b)
	if w <= 0 {
		d.err, d.b = errCodec, nil
		return 0
	}
	d.b = d.b[w:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.err = errCodec
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) hash() (h record.Hash) {
	if len(d.b) < len(h) {
		d.err, d.b = errCodec, nil
		return h
	}
	copy(h[:], d.b)
	d.b = d.b[len(h):]
	return h
}
