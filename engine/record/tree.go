package record

import "slices"

// A Tree says which members of a value are wanted. It is built once and may
// then be shared by any number of scanners.
type Tree struct {
	slot    int // -1: not wanted
	members []*branch
	slots   *int // how many were handed out, shared by the whole tree
}

type branch struct {
	name string
	Tree
}

// NewTree returns a tree that wants nothing.
func NewTree() *Tree { return &Tree{slot: -1, slots: new(int)} }

// Want asks for the member at path, names of members from the outermost on,
// and returns its slot: 0 for the first path, 1 for the next. The same path
// always has the same slot. No path means the whole value. A path does not
// lead through lists. A scanner knows the paths wanted before it was made.
func (t *Tree) Want(path ...string) int {
	for _, name := range path {
		i := slices.IndexFunc(t.members, func(b *branch) bool { return b.name == name })
		if i < 0 {
			i = len(t.members)
			t.members = append(t.members, &branch{name, Tree{slot: -1, slots: t.slots}})
		}
		t = &t.members[i].Tree
	}
	if t.slot < 0 {
		t.slot = *t.slots
		*t.slots++
	}
	return t.slot
}
