package record

import (
	"encoding/binary"
	"math/bits"
)

// A named is how a known name stands in JSON, with its colon. Most names are
// told by two comparisons of eight bytes: the first eight, and the last.
type named struct {
	quoted string // at least three bytes
	head   uint64 // the first eight bytes of quoted, or all
	mask   uint64 // which bytes of head there are
	tail   uint64 // the last eight, where there are more than eight
}

func newNamed(name string) named {
	n := named{quoted: string(append(AppendString(nil, name), ':')), mask: ^uint64(0)}
	var room [8]byte
	if k := copy(room[:], n.quoted); k < 8 {
		n.mask >>= 64 - 8*k
	}
	n.head = binary.LittleEndian.Uint64(room[:])
	if k := len(n.quoted); k > 8 {
		n.tail = binary.LittleEndian.Uint64([]byte(n.quoted[k-8:]))
	}
	return n
}

// at reports whether the name and its colon stand at b[i].
func (n *named) at(b []byte, i int) bool {
	end := i + len(n.quoted)
	if end > len(b) || i+8 > len(b) {
		return false
	}
	if binary.LittleEndian.Uint64(b[i:])&n.mask != n.head {
		return false
	}
	if len(n.quoted) <= 8 {
		return true
	}
	return binary.LittleEndian.Uint64(b[end-8:]) == n.tail && (len(n.quoted) <= 16 || string(b[i:end]) == n.quoted)
}

func (s *Scanner) object(b []byte, i int, n *node, depth int) int {
	if depth >= s.limits.Depth {
		return s.fail(i, "too deep")
	}
	if i = space(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	var seen [seenNames / 64]uint64
	open, prev := len(s.names.stack), int32(-1)
	for {
		id, end := n.after(prev), 0
		var m *member // nil: of no name that is known
		if int(id) < len(n.members) {
			m = &n.members[id]
		}
		if m != nil && m.at(b, i) {
			end = i + len(m.quoted) - 1
		} else if id, end = s.name(b, i, n, id); end < 0 {
			return -1
		} else if m = nil; id >= 0 {
			m = &n.members[id]
			n.follow(prev, id)
		}
		if uint32(id) < seenNames {
			word, bit := &seen[id>>6], uint64(1)<<(id&63)
			if *word&bit != 0 {
				return s.fail(i, "a member of this name came before")
			}
			*word |= bit
		} else if !s.names.add(s.unquoted(b[i+1:end-1]), open) {
			return s.fail(i, "a member of this name came before")
		}
		if m != nil {
			prev = id
		}
		if i = s.memberValue(b, end, m, depth+1); i < 0 {
			return -1
		}
		if i < len(b) && b[i] == ',' {
			if i++; i < len(b) && b[i] != '"' {
				i = space(b, i)
			}
			continue
		}
		if i = space(b, i); i < len(b) && b[i] == '}' {
			s.names.closeTo(open)
			return i + 1
		}
		if i >= len(b) || b[i] != ',' {
			return s.fail(i, "an object needs a comma or a closing brace here")
		}
		i = space(b, i+1)
	}
}

// memberValue goes on behind the name of m: colon, value.
func (s *Scanner) memberValue(b []byte, i int, m *member, depth int) int {
	if i >= len(b) || b[i] != ':' {
		if i = space(b, i); i >= len(b) || b[i] != ':' {
			return s.fail(i, "a member needs a colon behind its name")
		}
	}
	if i++; i < len(b) && b[i] <= ' ' {
		i = space(b, i)
	}
	if i >= len(b) {
		return s.fail(i, "a value is missing")
	}
	from := i
	s.escaped = false
	switch b[i] {
	case '"':
		i = s.shortText(b, i)
	case '{':
		i = s.object(b, i, s.valueOf(m), depth)
	case '[':
		i = s.list(b, i, s.valueOf(m), depth)
	default:
		i = s.scalar(b, i)
	}
	if m != nil && m.slot >= 0 && i >= 0 {
		s.spans[m.slot] = span{from, i, s.escaped}
	}
	return i
}

// shortText is text, quick where nothing special comes before the quote at the
// end. It takes sixteen bytes at a time: most texts end within the first, so
// how long they are is no branch to be guessed wrong.
func (s *Scanner) shortText(b []byte, i int) int {
	for k := i + 1; k+16 <= len(b); k += 16 {
		w := b[k : k+16]
		m, second := special(binary.LittleEndian.Uint64(w)), special(binary.LittleEndian.Uint64(w[8:]))
		if m|second == 0 {
			continue
		}
		at := bits.TrailingZeros64(m) >> 3
		if m == 0 {
			at = 8 + bits.TrailingZeros64(second)>>3
		}
		if k += at; b[k] == '"' {
			return k + 1
		}
		return s.textFrom(b, i, k)
	}
	return s.textFrom(b, i, i+1)
}

// name finds which member of n has its name at b[i], -1 for none that n knows,
// and the place behind the name, -1 for an error. It tries the expected member
// first, and the one behind it, for that one may be missing.
func (s *Scanner) name(b []byte, i int, n *node, expect int32) (id int32, end int) {
	for range 2 {
		if int(expect) >= len(n.members) {
			break
		}
		m := &n.members[expect]
		quoted := m.quoted[:len(m.quoted)-1]
		if end = i + len(quoted); end <= len(b) && string(b[i:end]) == quoted {
			return expect, end
		}
		expect = m.next
	}
	if i >= len(b) || b[i] != '"' {
		return -1, s.fail(i, "the name of a member is missing")
	}
	if end = s.text(b, i); end < 0 {
		return -1, -1
	}
	return s.learn(n, s.unquoted(b[i+1:end-1])), end
}
