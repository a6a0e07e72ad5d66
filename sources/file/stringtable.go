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
	memoryStrings = 32 << 20
	blockSize     = 64 << 10
	// cachedBlocks is how many blocks of the file are held: each column of a
	// sheet has its texts in another place.
	cachedBlocks = 32
)

// A stringTable holds the shared texts of a workbook as JSON strings. The part
// of it that is on disk is encrypted under a key that nobody else has, as the
// texts may be sensitive and a killed run can't remove the file.
type stringTable struct {
	folder string
	limit  int      // bytes in memory; 0: memoryStrings
	memory [][]byte // blocks, each full but the last
	held   int64    // bytes in them
	ends   []int64
	text   []byte // memory for one text

	file  *os.File
	out   *bufio.Writer
	write cipher.StreamWriter
	block cipher.Block
	cache [cachedBlocks]cachedBlock
}

// A cachedBlock is a block of the file.
type cachedBlock struct {
	text []byte
	at   int64 // where it starts there; of an empty text nothing
}

// add appends a text.
func (t *stringTable) add(text []byte) error {
	if t.limit == 0 {
		t.limit = memoryStrings
	}
	t.text = record.AppendString(t.text[:0], text)
	if t.file == nil && t.held+int64(len(t.text)) > int64(t.limit) {
		if err := t.spill(); err != nil {
			return fmt.Errorf("make a temporary file: %w", err)
		}
	}
	t.ends = append(t.ends, t.end()+int64(len(t.text)))
	if t.file == nil {
		t.hold(t.text)
		return nil
	}
	if _, err := t.write.Write(t.text); err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	return nil
}

// hold appends text to the blocks in memory.
func (t *stringTable) hold(text []byte) {
	t.held += int64(len(text))
	for len(text) > 0 {
		last := len(t.memory) - 1
		if last < 0 || len(t.memory[last]) == blockSize {
			t.memory = append(t.memory, make([]byte, 0, blockSize))
			last++
		}
		n := min(len(text), blockSize-len(t.memory[last]))
		t.memory[last] = append(t.memory[last], text[:n]...)
		text = text[n:]
	}
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
	for from < to {
		part, err := t.at(from)
		if err != nil {
			return dst, false, fmt.Errorf("read a temporary file: %w", err)
		}
		part = part[:min(int64(len(part)), to-from)]
		dst = append(dst, part...)
		from += int64(len(part))
	}
	return dst, true, nil
}

// at gives bytes from a place on, up to the end of their block.
func (t *stringTable) at(place int64) ([]byte, error) {
	if place < t.held {
		return t.memory[place/blockSize][place%blockSize:], nil
	}
	place -= t.held
	inside := place % blockSize
	block, err := t.load(place - inside)
	if err == nil && int64(len(block)) <= inside {
		err = errors.New("it is too short")
	}
	if err != nil {
		return nil, err
	}
	return block[inside:], nil
}

// load gives the block of the file that starts at a place.
func (t *stringTable) load(at int64) ([]byte, error) {
	c := &t.cache[at/blockSize%cachedBlocks]
	if len(c.text) > 0 && c.at == at {
		return c.text, nil
	}
	if c.text == nil {
		c.text = make([]byte, blockSize)
	}
	n, err := t.file.ReadAt(c.text[:blockSize], at)
	if c.text, c.at = c.text[:n], at; n == 0 {
		return nil, err
	}
	t.stream(at).XORKeyStream(c.text, c.text)
	return c.text, nil
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
