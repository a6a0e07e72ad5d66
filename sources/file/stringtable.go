package file

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"os"

	"koppel/engine/record"
)

const (
	// memoryStrings is how many bytes of a workbook's shared texts are held in
	// memory; what is beyond goes to a file.
	memoryStrings = 64 << 20
	blockSize     = 64 << 10
)

// A stringTable holds the shared texts of a workbook as JSON strings. The part
// of it that is on disk is encrypted under a key that nobody else has, as the
// texts may be sensitive and a killed run can't remove the file.
type stringTable struct {
	folder string
	limit  int // bytes in memory; 0: memoryStrings
	memory []byte
	ends   []int64

	file  *os.File
	out   *bufio.Writer
	write cipher.StreamWriter
	block cipher.Block

	cached []byte // a block of the file
	at     int64  // where it starts there
}

// add appends a text.
func (t *stringTable) add(text []byte) error {
	if t.limit == 0 {
		t.limit = memoryStrings
	}
	from := len(t.memory)
	t.memory = record.AppendString(t.memory, text)
	size := len(t.memory) - from
	if t.file == nil && len(t.memory) > t.limit {
		if err := t.spill(); err != nil {
			return fmt.Errorf("make a temporary file: %w", err)
		}
	}
	if t.file != nil {
		_, err := t.write.Write(t.memory[from:])
		if t.memory = t.memory[:from]; err != nil {
			return fmt.Errorf("write a temporary file: %w", err)
		}
	}
	t.ends = append(t.ends, t.end()+int64(size))
	return nil
}

func (t *stringTable) end() int64 {
	if len(t.ends) == 0 {
		return 0
	}
	return t.ends[len(t.ends)-1]
}

func (t *stringTable) spill() (err error) {
	var key [32]byte
	if _, err = rand.Read(key[:]); err != nil {
		return err
	}
	if t.block, err = aes.NewCipher(key[:]); err != nil {
		return err
	}
	if t.file, err = os.CreateTemp(t.folder, "strings-*"); err != nil {
		return err
	}
	t.out = bufio.NewWriterSize(t.file, blockSize)
	t.write = cipher.StreamWriter{S: t.stream(0), W: t.out}
	return nil
}

// stream is the key stream from a place on that is a multiple of the cipher's
// block size.
func (t *stringTable) stream(at int64) cipher.Stream {
	var counter [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[8:], uint64(at)/aes.BlockSize)
	return cipher.NewCTR(t.block, counter[:])
}

// flush ends the adding.
func (t *stringTable) flush() error {
	if t.file == nil {
		return nil
	}
	t.at = -1
	return t.out.Flush()
}

// appendTo appends the JSON string of that number; false when there is none.
func (t *stringTable) appendTo(dst []byte, i int) ([]byte, bool, error) {
	if i < 0 || i >= len(t.ends) {
		return dst, false, nil
	}
	from, to := int64(0), t.ends[i]
	if i > 0 {
		from = t.ends[i-1]
	}
	held := int64(len(t.memory))
	if from < held {
		return append(dst, t.memory[from:to]...), true, nil
	}
	for from, to = from-held, to-held; from < to; {
		if err := t.load(from - from%blockSize); err != nil {
			return dst, false, fmt.Errorf("read a temporary file: %w", err)
		}
		part := t.cached[from-t.at : min(to-t.at, int64(len(t.cached)))]
		if len(part) == 0 {
			return dst, false, errors.New("read a temporary file: it is too short")
		}
		dst = append(dst, part...)
		from += int64(len(part))
	}
	return dst, true, nil
}

func (t *stringTable) load(at int64) error {
	if at == t.at {
		return nil
	}
	if t.cached == nil {
		t.cached = make([]byte, blockSize)
	}
	t.at = -1
	n, err := t.file.ReadAt(t.cached[:blockSize], at)
	if n == 0 {
		return err
	}
	t.cached, t.at = t.cached[:n], at
	t.stream(at).XORKeyStream(t.cached, t.cached)
	return nil
}

func (t *stringTable) close() error {
	if t.file == nil {
		return nil
	}
	return errors.Join(t.file.Close(), os.Remove(t.file.Name()))
}

// readStrings reads the workbook's shared texts: each is one run of text, or
// several with formats of their own; phonetic hints are left out.
func (b *workbook) readStrings(h *handover) error {
	if b.parts[b.targets["sharedStrings"]] == nil {
		return nil
	}
	var text richText
	err := b.each(b.targets["sharedStrings"], func(t xml.Token, p *xmlPart) error {
		e, closing := t.(xml.EndElement)
		if closing && e.Name.Local == "si" {
			p.next()
			if h.err = h.ctx.Err(); h.err != nil {
				return errStopped
			}
			err := b.strings.add(unescapeText(text.text))
			text.text = text.text[:0]
			return err
		}
		text.token(t)
		return nil
	})
	if err != nil {
		return err
	}
	return b.strings.flush()
}

// richText collects the text of runs.
type richText struct {
	text     []byte
	inside   bool // of a t
	phonetic int
}

func (r *richText) token(t xml.Token) {
	switch t := t.(type) {
	case xml.StartElement:
		r.inside = t.Name.Local == "t"
		if t.Name.Local == "rPh" {
			r.phonetic++
		}
	case xml.EndElement:
		if r.inside = false; t.Name.Local == "rPh" {
			r.phonetic--
		}
	case xml.CharData:
		if r.inside && r.phonetic == 0 {
			r.text = append(r.text, t...)
		}
	}
}
