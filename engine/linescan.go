package engine

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"koppel/engine/mapping"
	"koppel/engine/record"
)

// A lineScan checks records, one to a line, takes their keys and hashes, and
// maps them where it has a mapper. It is for one goroutine at a time.
type lineScan struct {
	scan    *record.Scanner
	key     []int
	hash    *record.Hasher
	deleted *mapping.Evaluator
	mapper  *mapper // nil: records are mapped later
}

func (s *session) lineScan(src *Source) *lineScan {
	l := &lineScan{hash: s.Store.Hasher()}
	tree := record.NewTree()
	for _, path := range src.Key {
		l.key = append(l.key, tree.Want(strings.Split(path, ".")...))
	}
	l.scan = record.NewScanner(tree, record.Limits{})
	if src.Program != nil {
		l.deleted = src.Program.Evaluator(s.consts())
	}
	return l
}

// A fault says why a line is no record that can be used.
type fault byte

const (
	sound fault = iota
	notJSON
	notObject
	noKey
	notJudged // whether it is deleted can't be told
)

// A scanned is what one line holds.
type scanned struct {
	line   []byte
	offset int64
	key    record.Key
	raw    record.Hash
	gone   bool // the source says that it is deleted
	fault  fault
	err    error
}

// chunk finds out what the lines of a chunk hold.
func (l *lineScan) chunk(c *chunk) {
	c.found, c.outcomes = c.found[:0], c.outcomes[:0]
	if l.mapper != nil {
		l.mapper.out = c.mapped[:0]
	}
	for pos := 0; pos < len(c.lines); {
		end := bytes.IndexByte(c.lines[pos:], '\n')
		next := pos + end + 1
		if end < 0 {
			next, end = len(c.lines), len(c.lines)-pos
		}
		whole := c.lines[pos : pos+end]
		line := bytes.TrimLeftFunc(whole, unicode.IsSpace)
		lead := len(whole) - len(line)
		if line = bytes.TrimSpace(line); len(line) > 0 {
			c.found = append(c.found, scanned{line: line, offset: c.base + int64(pos+lead)})
			l.line(c, &c.found[len(c.found)-1])
		}
		pos = next
	}
	if l.mapper != nil {
		c.mapped = l.mapper.out
	}
}

// line finds out what one line holds.
func (l *lineScan) line(c *chunk, f *scanned) {
	if l.mapper == nil {
		l.check(f)
		return
	}
	// Room that was used before is used again.
	n := len(c.outcomes)
	c.outcomes = slices.Grow(c.outcomes, 1)[:n+1]
	l.mapped(f, &c.outcomes[n], c.part.name)
}

// mapped takes a record through check and mapping with one scan. What is no
// record goes the long way, which says what is wrong with it.
func (l *lineScan) mapped(f *scanned, out *outcome, part string) {
	if l.mapper.ev.Load(f.line) != nil {
		l.check(f)
		return
	}
	if f.key, f.err = l.mapper.ev.SourceKey(); f.err != nil {
		f.fault = noKey
		return
	}
	f.raw = l.hash.Bytes(f.line)
	if l.judge(f); f.fault == sound && !f.gone {
		l.mapper.loaded(out, f, part)
	}
}

// check takes key and hash of a line that is a record.
func (l *lineScan) check(f *scanned) {
	if f.err = l.scan.Scan(f.line); f.err != nil {
		f.fault = notJSON
		return
	}
	if record.KindOf(f.line) != record.Object {
		f.fault = notObject
		return
	}
	if f.key, f.err = mapping.SlotKey(l.scan, l.key); f.err != nil {
		f.fault = noKey
		return
	}
	f.raw = l.hash.Bytes(f.line)
	l.judge(f)
}

// judge asks whether the source calls the record deleted.
func (l *lineScan) judge(f *scanned) {
	if l.deleted == nil {
		return
	}
	if f.err = l.deleted.Load(f.line); f.err == nil {
		f.gone, f.err = l.deleted.Deleted()
	}
	if f.err != nil {
		f.fault = notJudged
	}
}
