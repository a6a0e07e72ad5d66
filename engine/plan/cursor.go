package plan

import (
	"encoding/binary"
	"time"

	"koppel/engine/record"
)

// A cursor takes values off the front of bytes. After the first value that is
// not there it is bad, and gives zero values from then on.
type cursor struct {
	b   []byte
	bad bool
	// names keeps the texts that recur in every entry, so that they are
	// allocated once; nil: none are kept.
	names map[string]string
}

// maxNames bounds what a cursor keeps.
const maxNames = 256

func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.b)) {
		c.bad = true
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if c.bad || n <= 0 {
		c.bad = true
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	if c.bad || n <= 0 {
		c.bad = true
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) byte() byte {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if p := c.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if p := c.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (c *cursor) hash() (h record.Hash) {
	copy(h[:], c.take(uint64(len(h))))
	return h
}

// bytes is a view, and not nil when it is empty.
func (c *cursor) bytes() []byte {
	return c.take(c.uvarint())
}

func (c *cursor) text() string { return string(c.bytes()) }

// name is text of which few different ones are expected.
func (c *cursor) name() string {
	p := c.bytes()
	if s, ok := c.names[string(p)]; ok {
		return s
	}
	s := string(p)
	if c.names != nil && len(c.names) < maxNames {
		c.names[s] = s
	}
	return s
}

func (c *cursor) time() time.Time {
	sec, nsec := c.varint(), c.uvarint()
	if nsec >= 1e9 {
		c.bad = true
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

// count is a number of things that take at least size bytes each.
func (c *cursor) count(size int) int {
	n := c.uvarint()
	if n > uint64(len(c.b)/size) {
		c.bad = true
		return 0
	}
	return int(n)
}

func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = binary.AppendVarint(dst, t.Unix())
	return binary.AppendUvarint(dst, uint64(t.Nanosecond()))
}
