package spool

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// A batch holds entries in memory, in the form of a run. Their bytes are in
// chunks, so that growing copies nothing, and no pointer is kept per entry.
type batch struct {
	index  []entry
	chunks [][]byte // each filled up to its length
	filled int      // how many chunks are in use
	used   int      // bytes of keys, payloads and index
}

// An entry says where its head starts; key and payload follow.
type entry struct {
	prefix  uint64 // eight bytes of the key, set by sort
	chunk   uint32
	from    uint32
	key     uint32 // length in bytes
	payload uint32 // length in bytes
}

const entrySize = 24

func (b *batch) add(key, payload []byte, chunkSize int) {
	n := headSize + len(key) + len(payload)
	if b.filled == 0 || cap(b.chunks[b.filled-1])-len(b.chunks[b.filled-1]) < n {
		b.nextChunk(max(n, chunkSize))
	}
	c := &b.chunks[b.filled-1]
	b.index = append(b.index, entry{
		chunk:   uint32(b.filled - 1),
		from:    uint32(len(*c)),
		key:     uint32(len(key)),
		payload: uint32(len(payload)),
	})
	*c = appendEntry(*c, key, payload)
	b.used += n + entrySize
}

// nextChunk goes on to the next chunk with room for size bytes.
func (b *batch) nextChunk(size int) {
	if b.filled == len(b.chunks) {
		b.chunks = append(b.chunks, nil)
	}
	if cap(b.chunks[b.filled]) < size {
		b.chunks[b.filled] = make([]byte, 0, size)
	}
	b.filled++
}

// reset empties the batch and keeps its memory, but for the chunks that single
// large entries were given.
func (b *batch) reset(chunkSize int) {
	b.chunks = slices.DeleteFunc(b.chunks, func(c []byte) bool { return cap(c) > chunkSize })
	for i := range b.chunks {
		b.chunks[i] = b.chunks[i][:0]
	}
	b.index, b.filled, b.used = b.index[:0], 0, 0
}

func (b *batch) key(e *entry) []byte {
	from := e.from + headSize
	return b.chunks[e.chunk][from : from+e.key : from+e.key]
}

func (b *batch) payload(e *entry) []byte {
	from := e.from + headSize + e.key
	return b.chunks[e.chunk][from : from+e.payload : from+e.payload]
}

// whole is the entry as it stands in a run.
func (b *batch) whole(e *entry) []byte {
	return b.chunks[e.chunk][e.from : e.from+headSize+e.key+e.payload]
}

// sort orders the entries by key, equal ones by their place, which is the
// order they were added in.
func (b *batch) sort() {
	if len(b.index) == 0 {
		return
	}
	skip := b.common()
	for i := range b.index {
		e := &b.index[i]
		e.prefix = prefixOf(b.key(e)[skip:])
	}
	b.radix(b.index, 56)
}

// fewEntries is how many are sorted by comparison.
const fewEntries = 48

// radix sorts by the byte of the prefix at shift and those below it. It moves
// entries within the slice: a copy of the index would have to be counted
// against the memory.
func (b *batch) radix(es []entry, shift int) {
	if len(es) <= fewEntries {
		b.insert(es)
		return
	}
	if shift < 0 {
		slices.SortFunc(es, b.compare)
		return
	}
	var ends, next [256]int
	for i := range es {
		ends[byte(es[i].prefix>>shift)]++
	}
	sum := 0
	for v, n := range ends {
		next[v] = sum
		sum += n
		ends[v] = sum
	}
	for v := range next {
		for next[v] < ends[v] {
			e := es[next[v]]
			for w := byte(e.prefix >> shift); w != byte(v); w = byte(e.prefix >> shift) {
				e, es[next[w]] = es[next[w]], e
				next[w]++
			}
			es[next[v]] = e
			next[v]++
		}
	}
	from := 0
	for _, to := range ends {
		if to-from > 1 {
			b.radix(es[from:to], shift-8)
		}
		from = to
	}
}

// insert sorts a few entries, most of which their prefixes tell apart.
func (b *batch) insert(es []entry) {
	for i := 1; i < len(es); i++ {
		e, at := es[i], i
		for ; at > 0 && (e.prefix < es[at-1].prefix || e.prefix == es[at-1].prefix && b.compare(e, es[at-1]) < 0); at-- {
			es[at] = es[at-1]
		}
		es[at] = e
	}
}

// compare orders entries of equal keys by their place.
func (b *batch) compare(x, y entry) int {
	if x.prefix != y.prefix {
		if x.prefix < y.prefix {
			return -1
		}
		return 1
	}
	if c := bytes.Compare(b.key(&x), b.key(&y)); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(x.chunk, y.chunk), cmp.Compare(x.from, y.from))
}

// common is the length of what all keys start with.
func (b *batch) common() int {
	first := b.key(&b.index[0])
	n := len(first)
	for i := range b.index {
		if n == 0 {
			break
		}
		k := b.key(&b.index[i])
		n = min(n, len(k))
		if !bytes.Equal(k[:n], first[:n]) {
			for n = 0; k[n] == first[n]; n++ {
			}
		}
	}
	return n
}

// prefixOf is the first eight bytes of a key as a number of the same order.
func prefixOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var p [8]byte
	copy(p[:], key)
	return binary.BigEndian.Uint64(p[:])
}
