package plan

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"koppel/engine/record"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
)

// Problems of a plan file, in the words of a FileError.
const (
	notPlan   = "is not a koppel plan"
	foreign   = "is there already and is not a koppel plan; give the plan another name"
	truncated = "is truncated"
	damaged   = "is damaged"
	otherKey  = "is sealed under another state key"
)

// A Reader reads a plan file. Any number of sequences of it may be under way
// at a time, in one goroutine each.
type Reader struct {
	path string
	file io.ReaderAt
	shut func() error
	seal Seal
	pre  preamble
	foot *footer
	zstd *zstd.Decoder
}

// Open opens a plan file and checks all of it but the blocks. What is wrong
// with the file itself is a *FileError. A sealed plan needs Unseal.
func Open(path string, seal Seal) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open plan: %w", err)
	}
	r, err := openFile(file, path, seal)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	r.shut = file.Close
	return r, nil
}

func openFile(file *os.File, path string, seal Seal) (*Reader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("open plan: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fileError(path, notPlan)
	}
	return newReader(file, info.Size(), path, seal)
}

// newReader reads a plan of size bytes; path serves errors only.
func newReader(file io.ReaderAt, size int64, path string, seal Seal) (*Reader, error) {
	r := &Reader{path: path, file: file, seal: seal}
	head, err := r.readPreamble(size)
	if err != nil {
		return nil, err
	}
	foot, err := r.readFooter(size, head)
	if err != nil {
		return nil, err
	}
	if r.pre.sealed {
		if foot, err = r.unseal(foot, footerPlace); err != nil {
			return nil, r.problem(otherKey)
		}
	}
	var ok bool
	if r.foot, ok = parseFooter(foot, r.blockSpace(size)); !ok {
		return nil, r.problem(damaged)
	}
	r.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(maxEntry+blockSize))
	if err != nil {
		return nil, fmt.Errorf("open plan: %w", err)
	}
	return r, nil
}

func (r *Reader) readPreamble(size int64) ([]byte, error) {
	head := make([]byte, min(size, int64(preambleSize)))
	if _, err := r.file.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, r.readError(err)
	}
	if n := min(len(head), len(magic)); string(head[:n]) != magic[:n] {
		return nil, r.problem(notPlan)
	}
	if len(head) < preambleSize {
		return nil, r.problem(truncated)
	}
	c := cursor{b: head[len(magic):]}
	format, flags := c.uint32(), c.uint32()
	copy(r.pre.nonce[:], c.b)
	r.pre.sealed = flags&flagSealed != 0
	if format > version {
		return nil, r.problem(fmt.Sprintf("was made by a newer version (format %d, this program knows up to %d)", format, version))
	}
	if format < version {
		return nil, r.problem(damaged)
	}
	return head, nil
}

// readFooter returns the footer as it is stored, once its checksum is right.
func (r *Reader) readFooter(size int64, head []byte) ([]byte, error) {
	if size < int64(preambleSize+trailerSize) {
		return nil, r.problem(truncated)
	}
	tail := make([]byte, trailerSize)
	if _, err := r.file.ReadAt(tail, size-int64(trailerSize)); err != nil {
		return nil, r.readError(err)
	}
	if string(tail[16:]) != endMagic {
		return nil, r.problem(truncated)
	}
	n, sum := binary.LittleEndian.Uint64(tail), binary.LittleEndian.Uint64(tail[8:])
	if n > uint64(size-int64(preambleSize+trailerSize)) {
		return nil, r.problem(damaged)
	}
	foot := make([]byte, n)
	if _, err := r.file.ReadAt(foot, size-int64(trailerSize)-int64(n)); err != nil {
		return nil, r.readError(err)
	}
	if footerSum(head, foot) != sum {
		return nil, r.problem(damaged)
	}
	r.pre.footer = int64(n)
	return foot, nil
}

func (r *Reader) blockSpace(size int64) int64 {
	return size - int64(preambleSize+trailerSize) - r.pre.footer
}

func (r *Reader) unseal(b []byte, place uint64) ([]byte, error) {
	if r.seal.Unseal == nil {
		return nil, r.problem(otherKey)
	}
	plain, err := r.seal.Unseal(b)
	if err != nil {
		return nil, err
	}
	plain, ok := unbind(plain, r.pre.nonce, place)
	if !ok {
		return nil, r.problem(damaged)
	}
	return plain, nil
}

func (r *Reader) problem(words string) error { return fileError(r.path, "%s", words) }

func (r *Reader) readError(err error) error {
	return fmt.Errorf("read plan %s: %w", filepath.Base(r.path), err)
}

// Header is what the plan was closed with. It is the reader's.
func (r *Reader) Header() *Header { return &r.foot.header }

// Sealed tells whether the plan is sealed.
func (r *Reader) Sealed() bool { return r.pre.sealed }

// Close closes the file.
func (r *Reader) Close() error {
	r.zstd.Close()
	return r.shut()
}

func (r *Reader) section(kind byte, address string) *section {
	i := slices.IndexFunc(r.foot.sections, func(s section) bool { return s.kind == kind && s.address == address })
	if i < 0 {
		return &section{}
	}
	return &r.foot.sections[i]
}

// Find returns the first entry of a pipeline under a key, which is the
// caller's; nil when there is none.
func (r *Reader) Find(address string, key record.Key) (*Entry, error) {
	blocks := r.section(pipelineSection, address).blocks
	from := sort.Search(len(blocks), func(i int) bool { return blocks[i].first >= key })
	for e, err := range r.entries(blocks[max(0, from-1):]) {
		if err != nil {
			return nil, err
		}
		if e.Key >= key {
			if e.Key > key {
				break
			}
			return e, nil
		}
	}
	return nil, nil
}

// Verify reads every block and gives the first problem.
func (r *Reader) Verify() error {
	for i := range r.foot.sections {
		s := &r.foot.sections[i]
		if s.kind == sourceSection {
			for _, err := range r.sourceRows(s.blocks) {
				if err != nil {
					return err
				}
			}
			continue
		}
		for _, err := range r.entries(s.blocks) {
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// A blockReader holds the bytes of one block at a time.
type blockReader struct {
	r              *Reader
	stored, packed []byte
}

// load returns the entries of a block, checked, until the next load.
func (b *blockReader) load(blk *block) ([]byte, error) {
	b.stored = slices.Grow(b.stored[:0], int(blk.stored))[:blk.stored]
	if _, err := b.r.file.ReadAt(b.stored, blk.offset); err != nil {
		return nil, b.r.readError(err)
	}
	if xxh3.Hash(b.stored) != blk.sum {
		return nil, b.damaged(blk)
	}
	out := b.stored
	if b.r.pre.sealed {
		var err error
		if out, err = b.r.unseal(out, uint64(blk.number)); err != nil {
			return nil, b.damaged(blk)
		}
	}
	if blk.compressed {
		var err error
		b.packed = slices.Grow(b.packed[:0], int(blk.raw))
		out, err = b.r.zstd.DecodeAll(out, b.packed[:0:blk.raw])
		if err != nil {
			return nil, b.damaged(blk)
		}
	}
	if int64(len(out)) != blk.raw {
		return nil, b.damaged(blk)
	}
	return out, nil
}

func (b *blockReader) damaged(blk *block) error {
	return fileError(b.r.path, "%s (block %d)", damaged, blk.number+1)
}
