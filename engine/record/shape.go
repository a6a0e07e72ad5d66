package record

const (
	// seenNames is how many members of an object are told apart by a bit.
	seenNames = 256
	// learnBytes bounds what a scanner remembers of the shapes it has met, so
	// that objects with ever new names cost no ever growing memory.
	learnBytes = 512 << 10
	nodeBytes  = 128
)

// A node is what a scanner knows of the values at one place: the names that
// its objects had and the order they came in, so that the next name is mostly
// found by one comparison.
type node struct {
	members []member
	ids     map[string]int32
	first   int32 // the member that objects start with
	elem    *node // the elements, where the values are lists
	fixed   bool  // nothing is learned here
}

type member struct {
	named
	next  int32 // the member that followed it last
	slot  int32 // -1: not wanted
	value *node
}

func newNode(t *Tree) *node {
	n := &node{ids: map[string]int32{}}
	if t == nil {
		return n
	}
	for _, b := range t.members {
		id := n.add(b.name)
		n.members[id].slot = int32(b.slot)
		if len(b.members) > 0 {
			n.members[id].value = newNode(&b.Tree)
		}
	}
	return n
}

func (n *node) add(name string) int32 {
	id := int32(len(n.members))
	n.members = append(n.members, member{named: newNamed(name), next: id, slot: -1})
	n.ids[name] = id
	return id
}

// after is the member that is expected behind prev; -1 is the start.
func (n *node) after(prev int32) int32 {
	if prev < 0 {
		return n.first
	}
	return n.members[prev].next
}

func (n *node) follow(prev, id int32) {
	if prev < 0 {
		n.first = id
	} else {
		n.members[prev].next = id
	}
}

// learn finds or adds a name; -1 when there is no room. A name that found no
// room never finds any later, which the search for duplicates relies on.
func (s *Scanner) learn(n *node, name []byte) int32 {
	if id, ok := n.ids[string(name)]; ok {
		return id
	}
	cost := nodeBytes + len(name)
	if n.fixed || len(n.members) >= seenNames || cost > s.budget {
		return -1
	}
	s.budget -= cost
	return n.add(string(name))
}

// valueOf is the node of the values that a member has.
func (s *Scanner) valueOf(m *member) *node {
	if m == nil {
		return s.rest
	}
	if m.value == nil {
		m.value = s.newShape()
	}
	return m.value
}

func (s *Scanner) elemOf(n *node) *node {
	if n.elem == nil {
		n.elem = s.newShape()
	}
	return n.elem
}

func (s *Scanner) newShape() *node {
	if s.budget < nodeBytes {
		return s.rest
	}
	s.budget -= nodeBytes
	return newNode(nil)
}

// newRest makes the node of all places that nothing is learned of.
func newRest() *node {
	n := &node{fixed: true}
	n.elem = n
	return n
}
