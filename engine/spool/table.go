package spool

import (
	"bytes"
	"context"
	"errors"
	"sort"
)

const (
	// tableBlock is how many bytes of entries are read at once to find a key.
	tableBlock = 4 << 10
	// tableIndex bounds the memory of a table's index, in bytes. Beyond it,
	// blocks grow.
	tableIndex = 8 << 20
	// blockIndex is what a block takes of the index beside its key, in bytes.
	blockIndex = 32
	// cachedBytes is about what a reader keeps of the blocks it has read.
	cachedBytes = 1 << 20
)

// A Table finds the entries of a sorter by key: in memory when the sorter has
// written nothing, else in a file of blocks of which only the first keys are in
// memory. It does not change; any number of readers may use it at once.
type Table struct {
	sorter *Sorter // holds the entries; nil: they are in file
	skip   int     // length of what all its keys start with

	file   *file
	blocks []tableEntry
	size   int64 // of the file, in bytes
	least  int64 // bytes of a block
}

// A tableEntry is a block: its first key, and where it starts.
type tableEntry struct {
	key []byte
	off int64
}

// Table ends the adding and gives the entries to be found by key. The sorter is
// the table's from then on: closing the table closes it. ctx ends the writing
// of the table's file, and then the sorter stays with the caller.
func (s *Sorter) Table(ctx context.Context) (*Table, error) {
	it, err := s.Sort()
	if err != nil {
		return nil, err
	}
	if it.batch != nil {
		t := &Table{sorter: s}
		if len(s.batch.index) > 0 {
			t.skip = s.batch.common()
		}
		return t, nil
	}
	t := &Table{least: tableBlock}
	if t.file, err = s.dir.create("table"); err != nil {
		return nil, err
	}
	if err := t.write(ctx, it); err != nil {
		return nil, errors.Join(err, t.file.remove())
	}
	return t, s.Close()
}

// write copies the entries into blocks.
func (t *Table) write(ctx context.Context, it *Iter) error {
	defer it.Close()
	w := runWriter{file: t.file}
	var entry []byte
	held := 0
	for it.Next() {
		at := w.off + int64(len(w.buf))
		if n := len(t.blocks); n == 0 || at-t.blocks[n-1].off >= t.least {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			t.blocks = append(t.blocks, tableEntry{bytes.Clone(it.Key()), at})
			if held += len(it.Key()) + blockIndex; held > tableIndex && n > 0 {
				held = t.thin()
			}
		}
		entry = appendEntry(entry[:0], it.Key(), it.Payload())
		if err := w.put(entry); err != nil {
			return err
		}
	}
	if err := errors.Join(it.Err(), w.flush()); err != nil {
		return err
	}
	t.size = w.off
	return nil
}

// thin makes one block of every two and returns what the index takes then.
func (t *Table) thin() (held int) {
	kept := t.blocks[:0]
	for i, b := range t.blocks {
		if i%2 == 0 {
			kept = append(kept, b)
			held += len(b.key) + blockIndex
		}
	}
	clear(t.blocks[len(kept):])
	t.blocks = kept
	t.least *= 2
	return held
}

// Held is about how many bytes of memory the table takes, readers apart.
func (t *Table) Held() int {
	if t.sorter != nil {
		return t.sorter.batch.used
	}
	n := 0
	for i := range t.blocks {
		n += len(t.blocks[i].key) + blockIndex
	}
	return n
}

// Close frees the table's memory and disk; its readers end with it. It may be
// called more than once, and need not be called before Dir.Close.
func (t *Table) Close() error {
	s, f := t.sorter, t.file
	*t = Table{}
	switch {
	case s != nil:
		return s.Close()
	case f != nil:
		return f.remove()
	}
	return nil
}

// Reader returns a reader of the table.
func (t *Table) Reader() *TableReader { return &TableReader{t: t} }

// A TableReader finds entries in a table and keeps the blocks that it read
// last. It belongs to one goroutine.
type TableReader struct {
	t     *Table
	cache []cachedBlock
}

type cachedBlock struct {
	number int // from 1; 0: nothing is here
	bytes  []byte
}

// Find yields the payloads under a key, in the order in which they were added,
// until yield returns false. They are valid until yield returns.
func (r *TableReader) Find(key []byte, yield func(payload []byte) bool) error {
	if r.t.sorter != nil {
		r.t.inMemory(key, yield)
		return nil
	}
	// The key may begin at the end of the last block that starts before it.
	first := sort.Search(len(r.t.blocks), func(i int) bool { return bytes.Compare(r.t.blocks[i].key, key) >= 0 })
	for i := max(first-1, 0); i < len(r.t.blocks); i++ {
		if i > 0 && bytes.Compare(r.t.blocks[i].key, key) > 0 {
			return nil
		}
		b, err := r.block(i)
		if err != nil {
			return err
		}
		if done, err := r.scan(b, key, yield); done || err != nil {
			return err
		}
	}
	return nil
}

// scan yields what a block has under a key; done says that no more is wanted.
func (r *TableReader) scan(b, key []byte, yield func([]byte) bool) (done bool, err error) {
	entries := runReader{buf: b, file: r.t.file}
	for {
		ok, err := entries.next()
		if !ok || err != nil {
			return false, err
		}
		switch c := bytes.Compare(entries.key, key); {
		case c > 0:
			return true, nil
		case c == 0 && !yield(entries.payload):
			return true, nil
		}
	}
}

// block gives a block's bytes. They stand until another is asked for.
func (r *TableReader) block(i int) ([]byte, error) {
	if r.cache == nil {
		r.cache = make([]cachedBlock, max(1, cachedBytes/r.t.least))
	}
	c := &r.cache[i%len(r.cache)]
	if c.number == i+1 {
		return c.bytes, nil
	}
	from, to := r.t.blocks[i].off, r.t.size
	if i+1 < len(r.t.blocks) {
		to = r.t.blocks[i+1].off
	}
	c.number = 0
	if n := int(to - from); cap(c.bytes) < n || cap(c.bytes) > n+cachedBytes {
		c.bytes = make([]byte, n)
	} else {
		c.bytes = c.bytes[:n]
	}
	if err := r.t.file.readAt(c.bytes, from); err != nil {
		return nil, err
	}
	c.number = i + 1
	return c.bytes, nil
}

// inMemory yields the payloads under a key out of the sorted batch.
func (t *Table) inMemory(key []byte, yield func([]byte) bool) {
	b := &t.sorter.batch
	if len(b.index) == 0 || len(key) < t.skip || !bytes.Equal(key[:t.skip], b.key(&b.index[0])[:t.skip]) {
		return
	}
	prefix := prefixOf(key[t.skip:])
	i := sort.Search(len(b.index), func(i int) bool {
		e := &b.index[i]
		if e.prefix != prefix {
			return e.prefix > prefix
		}
		return bytes.Compare(b.key(e), key) >= 0
	})
	for ; i < len(b.index) && b.index[i].prefix == prefix && bytes.Equal(b.key(&b.index[i]), key); i++ {
		if !yield(b.payload(&b.index[i])) {
			return
		}
	}
}
