package engine

import (
	"bytes"
	"errors"
	"strings"
	"unicode"

	"koppel/engine/mapping"
	"koppel/engine/record"
)

const (
	// readWorkers is how many goroutines check what a source hands over.
	readWorkers = 2
	// minShared is how much must be handed over at once to be shared out among
	// them, in bytes.
	minShared = 64 << 10
)

// A lineScan checks records, one to a line, and takes their keys and hashes.
// It is for one goroutine at a time.
type lineScan struct {
	scan    *record.Scanner
	key     []int
	hash    *record.Hasher
	deleted *mapping.Evaluator
	found   []scanned
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

// lines fills found with what the lines hold; base is the offset of the first.
func (l *lineScan) lines(base int64, jsonl []byte) {
	l.found = l.found[:0]
	for pos := 0; pos < len(jsonl); {
		end := bytes.IndexByte(jsonl[pos:], '\n')
		next := pos + end + 1
		if end < 0 {
			next, end = len(jsonl), len(jsonl)-pos
		}
		whole := jsonl[pos : pos+end]
		line := bytes.TrimLeftFunc(whole, unicode.IsSpace)
		lead := len(whole) - len(line)
		if line = bytes.TrimSpace(line); len(line) > 0 {
			l.found = append(l.found, l.line(base+int64(pos+lead), line))
		}
		pos = next
	}
}

func (l *lineScan) line(offset int64, line []byte) scanned {
	f := scanned{line: line, offset: offset}
	if f.err = l.scan.Scan(line); f.err != nil {
		f.fault = notJSON
		return f
	}
	if record.KindOf(line) != record.Object {
		f.fault = notObject
		return f
	}
	if f.key, f.err = l.keyOf(); f.err != nil {
		f.fault = noKey
		return f
	}
	f.raw = l.hash.Bytes(line)
	if l.deleted == nil {
		return f
	}
	if f.gone, f.err = l.isDeleted(line); f.err != nil {
		f.fault = notJudged
	}
	return f
}

// keyOf takes the key of the record that was scanned last.
func (l *lineScan) keyOf() (record.Key, error) {
	var few [4]string
	parts := few[:0]
	for _, slot := range l.key {
		text, ok := record.Text(l.scan.Slot(slot))
		if !ok {
			return "", errors.New("a part of it is missing, null, a list or an object")
		}
		parts = append(parts, text)
	}
	return record.MakeKey(parts...)
}

func (l *lineScan) isDeleted(line []byte) (bool, error) {
	if err := l.deleted.Load(line); err != nil {
		return false, err
	}
	return l.deleted.Deleted()
}
