package sqlite

import (
	"unsafe"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
)

// unsafeBytes is s as bytes that must not be written.
func unsafeBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// appendColumn appends a column's bytes to dst.
func appendColumn(dst []byte, st *sqlite.Stmt, col int) []byte {
	n := st.ColumnLen(col)
	if n == 0 {
		return dst
	}
	at := len(dst)
	if cap(dst)-at < n {
		dst = append(dst, make([]byte, n)...)
	} else {
		dst = dst[:at+n]
	}
	return dst[:at+st.ColumnBytes(col, dst[at:])]
}

// columnBytes gives a copy of a column's bytes, nil when there are none.
func columnBytes(st *sqlite.Stmt, col int) []byte { return appendColumn(nil, st, col) }

func columnKey(st *sqlite.Stmt, col int) record.Key {
	b := columnBytes(st, col)
	return record.Key(unsafe.String(unsafe.SliceData(b), len(b)))
}

// columnHash reads a hash of 16 bytes; NULL is the zero hash.
func columnHash(st *sqlite.Stmt, col int) (h record.Hash, ok bool) {
	if st.ColumnIsNull(col) {
		return h, true
	}
	var b [17]byte
	n := st.ColumnLen(col)
	if n != len(h) {
		return h, false
	}
	copy(h[:], b[:st.ColumnBytes(col, b[:])])
	return h, true
}

// A slab makes keys out of large pieces of memory that are never used twice,
// so that a scan does not allocate once a row and its keys may be kept.
type slab struct{ free []byte }

const slabSize = 32 << 10

func (s *slab) key(st *sqlite.Stmt, col int) record.Key {
	n := st.ColumnLen(col)
	if n > slabSize/8 {
		return columnKey(st, col)
	}
	if n > len(s.free) {
		s.free = make([]byte, slabSize)
	}
	b := s.free[:st.ColumnBytes(col, s.free[:n])]
	s.free = s.free[n:]
	return record.Key(unsafe.String(unsafe.SliceData(b), len(b)))
}
