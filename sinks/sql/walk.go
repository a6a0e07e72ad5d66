package sql

import (
	"bytes"

	"koppel/engine/record"
)

// A walker finds the members of mapped records. Their names come in the same
// order nearly always, so that the one behind the last is looked at first.
type walker struct {
	names  [][]byte // "name": as it stands in a body
	fields []int    // the field of each name; -1: not sent
	next   []int    // the name that followed each name the last time
	first  int      // the name that came first the last time
	index  map[string]int
}

func newWalker() *walker { return &walker{index: map[string]int{}} }

// add tells of a member that may come.
func (w *walker) add(name string, field int) {
	lit := append(record.AppendString(nil, name), ':')
	w.index[string(lit)] = len(w.names)
	w.names = append(w.names, lit)
	w.fields = append(w.fields, field)
	w.next = append(w.next, len(w.names))
}

// walk appends the cells of a body to cells. It reports false, with what it
// found dropped, when the body has a member that was not told of or is not in
// body form.
func (w *walker) walk(cells []cell, body []byte) ([]cell, bool) {
	none := cells
	if len(body) < 2 || body[0] != '{' {
		return none, false
	}
	if body[1] == '}' {
		return cells, true
	}
	last := &w.first
	for i := 1; ; i++ {
		n := *last
		if n >= len(w.names) || !bytes.HasPrefix(body[i:], w.names[n]) {
			found, ok := w.find(body[i:])
			if !ok {
				return none, false
			}
			n, *last = found, found
		}
		last = &w.next[n]
		i += len(w.names[n])
		end := valueEnd(body, i)
		if end >= len(body) || end == i {
			return none, false
		}
		if f := w.fields[n]; f >= 0 {
			cells = append(cells, cell{f, body[i:end:end]})
		}
		if i = end; body[i] == '}' && i == len(body)-1 {
			return cells, true
		}
		if body[i] != ',' {
			return none, false
		}
	}
}

// find looks up the name that b starts with.
func (w *walker) find(b []byte) (int, bool) {
	if len(b) == 0 || b[0] != '"' {
		return 0, false
	}
	end := stringEnd(b, 0)
	if end >= len(b) || b[end] != ':' {
		return 0, false
	}
	n, ok := w.index[string(b[:end+1])]
	return n, ok
}

// valueEnd returns the place behind the value at b[i].
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		return nestedEnd(b, i)
	}
	for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != '}' {
		i++
	}
	return i
}

func nestedEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
	return i
}

// stringEnd returns the place behind the string at b[i].
func stringEnd(b []byte, i int) int {
	for from := i + 1; from < len(b); {
		n := bytes.IndexByte(b[from:], '"')
		if n < 0 {
			break
		}
		quote := from + n
		slashes := 0
		for b[quote-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return quote + 1
		}
		from = quote + 1
	}
	return len(b)
}
