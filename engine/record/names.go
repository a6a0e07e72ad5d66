package record

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// names is a set of member names for each open object, without allocation
// once it has grown. Objects close in reverse order of opening, so the names
// form a stack, and each chain of the hash table runs from the latest name to
// earlier ones.
type names struct {
	seed  maphash.Seed
	stack []name
	heads []int32 // places in stack, plus one; a power of two of them
}

type name struct {
	text []byte
	hash uint64
	next int32
}

func newNames() names { return names{seed: maphash.MakeSeed()} }

// add puts text among the names from stack[open:], or reports false when it is
// there already. It keeps text.
func (t *names) add(text []byte, open int) bool {
	if len(t.stack) >= len(t.heads) {
		t.grow()
	}
	h := maphash.Bytes(t.seed, text)
	head := &t.heads[h&uint64(len(t.heads)-1)]
	for j := int(*head); j > open; j = int(t.stack[j-1].next) {
		if e := &t.stack[j-1]; e.hash == h && bytes.Equal(e.text, text) {
			return false
		}
	}
	t.stack = append(t.stack, name{text, h, *head})
	*head = int32(len(t.stack))
	return true
}

// closeTo forgets stack[open:].
func (t *names) closeTo(open int) {
	for k := len(t.stack) - 1; k >= open; k-- {
		e := &t.stack[k]
		t.heads[e.hash&uint64(len(t.heads)-1)] = e.next
		e.text = nil
	}
	t.stack = t.stack[:open]
}

func (t *names) grow() {
	t.heads = make([]int32, max(64, 2*len(t.heads)))
	t.stack = slices.Grow(t.stack, len(t.heads)/2)
	for k := range t.stack {
		e := &t.stack[k]
		head := &t.heads[e.hash&uint64(len(t.heads)-1)]
		e.next, *head = *head, int32(k+1)
	}
}
