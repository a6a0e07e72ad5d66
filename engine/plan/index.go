package plan

import (
	"encoding/binary"
	"encoding/json"

	"koppel/engine/record"
)

// A section is the rows of one source or the entries of one pipeline.
type section struct {
	kind    byte // source or pipeline
	address string
	blocks  []block
}

const (
	sourceSection   = 's'
	pipelineSection = 'p'
)

// A block is one part of a section as it lies in the file.
type block struct {
	number     int64 // from 0, in the order of the file
	offset     int64 // not stored: blocks lie back to back
	stored     int64
	raw        int64 // of its entries
	compressed bool
	entries    int64
	first      record.Key // key of its first entry
	sum        uint64     // of the stored bytes
}

// minBlock is the least that a block takes in an index.
const minBlock = 5 + 8

type footer struct {
	header   Header
	sections []section
}

func (f *footer) append(dst []byte) ([]byte, error) {
	header, err := json.Marshal(&f.header)
	if err != nil {
		return nil, err
	}
	dst = appendText(dst, header)
	dst = binary.AppendUvarint(dst, uint64(len(f.sections)))
	for i := range f.sections {
		s := &f.sections[i]
		dst = append(dst, s.kind)
		dst = appendText(dst, s.address)
		dst = binary.AppendUvarint(dst, uint64(len(s.blocks)))
		for j := range s.blocks {
			dst = s.blocks[j].append(dst)
		}
	}
	return dst, nil
}

func (b *block) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(b.stored))
	dst = binary.AppendUvarint(dst, uint64(b.raw))
	var compressed byte
	if b.compressed {
		compressed = 1
	}
	dst = append(dst, compressed)
	dst = binary.AppendUvarint(dst, uint64(b.entries))
	dst = appendText(dst, b.first)
	return binary.LittleEndian.AppendUint64(dst, b.sum)
}

// parseFooter takes a footer whose blocks fill the space between preamble and
// footer exactly.
func parseFooter(b []byte, space int64) (*footer, bool) {
	c := &cursor{b: b}
	f := &footer{}
	if json.Unmarshal(c.bytes(), &f.header) != nil {
		return nil, false
	}
	offset, number := int64(preambleSize), int64(0)
	seen := map[string]bool{}
	for range c.count(3) {
		s := section{kind: c.byte(), address: c.text()}
		if s.kind != sourceSection && s.kind != pipelineSection || seen[string(s.kind)+s.address] {
			return nil, false
		}
		seen[string(s.kind)+s.address] = true
		for range c.count(minBlock) {
			blk := c.block()
			if c.bad || !blk.plausible(space) {
				return nil, false
			}
			blk.offset, blk.number = offset, number
			offset, space, number = offset+blk.stored, space-blk.stored, number+1
			s.blocks = append(s.blocks, blk)
		}
		f.sections = append(f.sections, s)
	}
	return f, !c.bad && len(c.b) == 0 && space == 0
}

func (c *cursor) block() block {
	b := block{stored: int64(c.uvarint()), raw: int64(c.uvarint())}
	kind := c.byte()
	c.bad = c.bad || kind > 1
	b.compressed = kind == 1
	b.entries, b.first, b.sum = int64(c.uvarint()), record.Key(c.text()), c.uint64()
	return b
}

// plausible tells whether the block can be what a writer made and space holds
// it, so that nothing is allocated for what can't be there.
func (b *block) plausible(space int64) bool {
	return b.stored > 0 && b.stored <= space &&
		b.raw > 0 && b.raw <= maxEntry+blockSize && b.raw <= max(freeRaw, maxRatio*b.stored) &&
		b.entries > 0 && b.entries <= b.raw
}
