package plan

import (
	"encoding/binary"
	"fmt"
	"path/filepath"

	"github.com/zeebo/xxh3"
)

// A plan file is
//
//	preamble  magic, format version (u32), flags (u32), nonce
//	blocks    back to back, each plain or compressed, and sealed as a whole
//	footer    nonce, header as JSON, index of the blocks; sealed like a block
//	trailer   length of the footer (u64), checksum (u64), magic
//
// Numbers are little-endian. The checksum covers preamble, footer and its
// length; the index holds that of every block. Nothing lies between the parts,
// so every byte of the file is covered.
const (
	magic    = "koppel\x00P"
	endMagic = "P\x00leppok"
	version  = 1

	nonceSize    = 16
	preambleSize = len(magic) + 4 + 4 + nonceSize
	trailerSize  = 8 + 8 + len(endMagic)

	flagSealed = 1

	// blockSize is where a block is cut, after an entry; maxEntry is the
	// largest entry. So no block is larger than both together.
	blockSize = 256 << 10
	maxEntry  = 1 << 30

	// maxRatio bounds what a small file can make a reader allocate: blocks
	// beyond freeRaw that compress better are stored plain.
	maxRatio = 64
	freeRaw  = 1 << 20
)

// Seal protects the bytes of a plan that leave the state. Nil functions mean
// that plans are in the clear. Unseal fails on bytes that were sealed under
// another key or were changed since.
type Seal struct {
	Seal   func(plain []byte) ([]byte, error)
	Unseal func(sealed []byte) ([]byte, error)
}

// A FileError says what is wrong with a plan file, in words that follow its
// name: "is truncated".
type FileError struct {
	Path    string // the last element only
	Problem string
}

// Error gives the file's name and the problem.
func (e *FileError) Error() string { return e.Path + " " + e.Problem }

func fileError(path, format string, args ...any) error {
	return &FileError{Path: filepath.Base(path), Problem: fmt.Sprintf(format, args...)}
}

type preamble struct {
	sealed bool
	nonce  [nonceSize]byte
	footer int64 // stored length, known once it was read
}

func (p preamble) bytes() []byte {
	b := append(make([]byte, 0, preambleSize), magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	var flags uint32
	if p.sealed {
		flags |= flagSealed
	}
	b = binary.LittleEndian.AppendUint32(b, flags)
	return append(b, p.nonce[:]...)
}

// footerSum is the checksum in the trailer.
func footerSum(preamble, footer []byte) uint64 {
	h := xxh3.New()
	_, _ = h.Write(preamble)
	_, _ = h.Write(footer)
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(footer))))
	return h.Sum64()
}

// bind puts in front of bytes that are about to be sealed which file and which
// place in it they belong to, so that sealed parts of two files, or of two
// places, can't be exchanged.
func bind(dst []byte, nonce [nonceSize]byte, place uint64) []byte {
	dst = append(dst, nonce[:]...)
	return binary.LittleEndian.AppendUint64(dst, place)
}

const (
	boundSize   = nonceSize + 8
	footerPlace = 1<<64 - 1
)

// unbind checks and removes what bind put in front.
func unbind(b []byte, nonce [nonceSize]byte, place uint64) ([]byte, bool) {
	if len(b) < boundSize || string(b[:boundSize]) != string(bind(nil, nonce, place)) {
		return nil, false
	}
	return b[boundSize:], true
}
