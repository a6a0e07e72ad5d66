package plan

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"koppel/engine/record"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
)

// A Writer writes a plan file, section by section. It is for one goroutine.
// After an error every method but Abandon fails with it.
type Writer struct {
	path  string
	file  *os.File
	seal  Seal
	pre   preamble
	spool bool
	foot  footer
	seen  map[string]bool

	open    bool   // a section was begun
	raw     []byte // entries of the block being filled
	entries int64
	first   record.Key
	last    record.Key // of the section; only pipelines have an order
	number  int64
	err     error

	// writing is what becomes of the block before it; nil: it is in the file.
	writing chan written
	// The rest belongs to that block.
	zstd   *zstd.Encoder
	filled []byte
	packed []byte
}

// A written is a block that went to the file, or did not.
type written struct {
	block block
	err   error
}

// Create starts a plan file, which appears under path, with mode 0600, when
// Close has made it durable. Until then it lies beside path.
func Create(path string, seal Seal) (*Writer, error) {
	if err := MayReplace(path); err != nil {
		return nil, err
	}
	w, err := create(path, seal)
	if err != nil {
		return nil, fmt.Errorf("create plan %s: %w", filepath.Base(path), err)
	}
	w.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(blockSize))
	if err != nil {
		_ = w.Abandon()
		return nil, fmt.Errorf("create plan %s: %w", filepath.Base(path), err)
	}
	return w, nil
}

// MayReplace tells whether a plan can be written to a path: nothing is there
// yet, or an empty file, or an earlier plan. Else it is a *FileError.
func MayReplace(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return fmt.Errorf("look for the plan's folder: %w", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("look for the plan's file: %w", err)
	case !info.Mode().IsRegular():
		return fileError(path, foreign)
	case info.Size() == 0:
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("look for the plan's file: %w", err)
	}
	defer file.Close()
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(file, head); err != nil || string(head) != magic {
		return fileError(path, foreign)
	}
	return nil
}

// CreateSpool is Create for a plan that the same process reads once and
// removes: it is not compressed and Close does not wait for the disk.
func CreateSpool(path string, seal Seal) (*Writer, error) {
	w, err := create(path, seal)
	if err != nil {
		return nil, fmt.Errorf("create spool %s: %w", filepath.Base(path), err)
	}
	w.spool = true
	return w, nil
}

func create(path string, seal Seal) (*Writer, error) {
	w := &Writer{path: path, seal: seal, seen: map[string]bool{}, pre: preamble{sealed: seal.Seal != nil}}
	if _, err := rand.Read(w.pre.nonce[:]); err != nil {
		return nil, err
	}
	var err error
	w.file, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.partial")
	if err != nil {
		return nil, err
	}
	if _, err := w.file.Write(w.pre.bytes()); err != nil {
		_ = w.Abandon()
		return nil, err
	}
	return w, nil
}

// BeginSource starts the section of a source, once per address.
func (w *Writer) BeginSource(address string) error { return w.begin(sourceSection, address) }

// BeginPipeline starts the section of a pipeline, once per address.
func (w *Writer) BeginPipeline(address string) error { return w.begin(pipelineSection, address) }

func (w *Writer) begin(kind byte, address string) error {
	if err := w.end(); err != nil {
		return err
	}
	if w.seen[string(kind)+address] {
		return w.fail(fmt.Errorf("the section of %s was begun before", address))
	}
	w.seen[string(kind)+address] = true
	w.foot.sections = append(w.foot.sections, section{kind: kind, address: address})
	w.open, w.last = true, ""
	return nil
}

// SourceRow adds one change to the mirror of the source begun last.
func (w *Writer) SourceRow(r *SourceRow) error {
	at, err := w.start(sourceSection, r.Key)
	if err != nil {
		return err
	}
	w.raw = appendSourceRow(w.raw, r)
	return w.finish(at)
}

// Entry adds one verdict to the pipeline begun last. Keys come in rising
// order; several entries under one key may follow each other.
func (w *Writer) Entry(e *Entry) error {
	at, err := w.start(pipelineSection, e.Key)
	if err != nil {
		return err
	}
	if e.Key < w.last {
		return w.fail(errors.New("entries are not in the order of their keys"))
	}
	w.last = e.Key
	w.raw = appendEntry(w.raw, e)
	return w.finish(at)
}

// start leaves room for the entry's length and returns its place.
func (w *Writer) start(kind byte, key record.Key) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if !w.open || w.foot.sections[len(w.foot.sections)-1].kind != kind {
		return 0, w.fail(errors.New("the section was not begun"))
	}
	if w.entries == 0 {
		w.first = key
	}
	at := len(w.raw)
	w.raw = append(w.raw, 0, 0, 0, 0)
	return at, nil
}

func (w *Writer) finish(at int) error {
	n := len(w.raw) - at
	if n > maxEntry {
		return w.fail(errors.New("an entry is larger than 1 GiB"))
	}
	binary.LittleEndian.PutUint32(w.raw[at:], uint32(n-4))
	w.entries++
	if len(w.raw) >= blockSize {
		return w.flush()
	}
	return nil
}

// flush has the block that is being filled written, while the next one is.
func (w *Writer) flush() error {
	if w.err != nil || w.entries == 0 {
		return w.err
	}
	if err := w.settle(); err != nil {
		return err
	}
	b := block{number: w.number, raw: int64(len(w.raw)), entries: w.entries, first: w.first}
	w.raw, w.filled = w.filled[:0], w.raw
	w.entries = 0
	w.number++
	w.writing = make(chan written, 1)
	go func() {
		err := w.write(&b)
		w.writing <- written{b, err}
	}()
	return nil
}

// end has what was added so far in the file.
func (w *Writer) end() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.settle()
}

// write takes the block that was filled to the file.
func (w *Writer) write(b *block) error {
	out, compressed, err := w.pack(uint64(b.number))
	if err != nil {
		return err
	}
	b.compressed = compressed
	b.stored, b.sum = int64(len(out)), xxh3.Hash(out)
	_, err = w.file.Write(out)
	return err
}

// settle waits for the block that is under way.
func (w *Writer) settle() error {
	if w.writing == nil {
		return w.err
	}
	done := <-w.writing
	w.writing = nil
	if cap(w.filled) > 4*blockSize {
		w.filled, w.packed = nil, nil
	}
	if done.err != nil {
		return w.fail(done.err)
	}
	s := &w.foot.sections[len(w.foot.sections)-1]
	s.blocks = append(s.blocks, done.block)
	return nil
}

// pack returns the block that was filled as it is stored.
func (w *Writer) pack(place uint64) (out []byte, compressed bool, err error) {
	bound := 0
	w.packed = w.packed[:0]
	if w.pre.sealed {
		w.packed, bound = bind(w.packed, w.pre.nonce, place), boundSize
	}
	out = w.filled
	if w.zstd != nil {
		w.packed = w.zstd.EncodeAll(w.filled, w.packed)
		n := len(w.packed) - bound
		compressed = n < len(w.filled) && (len(w.filled) <= freeRaw || len(w.filled) <= maxRatio*n)
	}
	switch {
	case compressed:
		out = w.packed
	case w.pre.sealed:
		w.packed = append(w.packed[:bound], w.filled...)
		out = w.packed
	}
	if w.pre.sealed {
		out, err = w.seal.Seal(out)
	}
	return out, compressed, err
}

func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("write plan %s: %w", filepath.Base(w.path), err)
	return w.err
}

// Close ends the plan with its header and puts it in place, or removes what
// was written when that fails.
func (w *Writer) Close(h *Header) error {
	err := w.close(h)
	if err != nil {
		_ = w.Abandon()
	}
	return err
}

func (w *Writer) close(h *Header) error {
	if w.file == nil {
		return w.fail(os.ErrClosed)
	}
	if err := w.end(); err != nil {
		return err
	}
	w.foot.header = *h
	var plain []byte
	if w.pre.sealed {
		plain = bind(plain, w.pre.nonce, footerPlace)
	}
	foot, err := w.foot.append(plain)
	if err != nil {
		return w.fail(err)
	}
	if w.pre.sealed {
		if foot, err = w.seal.Seal(foot); err != nil {
			return w.fail(err)
		}
	}
	sum := footerSum(w.pre.bytes(), foot)
	foot = binary.LittleEndian.AppendUint64(foot, uint64(len(foot)))
	foot = binary.LittleEndian.AppendUint64(foot, sum)
	if _, err := w.file.Write(append(foot, endMagic...)); err != nil {
		return w.fail(err)
	}
	if err := w.place(); err != nil {
		return w.fail(err)
	}
	w.err = w.fail(os.ErrClosed)
	return nil
}

// place gives the file its name.
func (w *Writer) place() error {
	if !w.spool {
		if err := w.file.Sync(); err != nil {
			return err
		}
	}
	if err := w.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(w.file.Name(), w.path); err != nil {
		return err
	}
	w.file = nil
	if w.spool {
		return nil
	}
	dir, err := os.Open(filepath.Dir(w.path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// Abandon removes what was written. After Close it does nothing.
func (w *Writer) Abandon() error {
	if w.file == nil {
		return nil
	}
	name := w.file.Name()
	_ = w.file.Close()
	_ = w.settle() // what becomes of the block does not matter any more
	w.file = nil
	if w.err == nil {
		_ = w.fail(os.ErrClosed)
	}
	return os.Remove(name)
}
