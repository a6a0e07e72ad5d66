package xmlrecord

import (
	"bytes"
	"encoding/xml"

	"koppel/engine/record"
)

const instanceSpace = "http://www.w3.org/2001/XMLSchema-instance"

// manyMembers is from how many members on a map finds them.
const manyMembers = 16

// An element is one that is being read, as it becomes a JSON value: an object
// by local names, with @name for attributes and #text for text beside them; a
// text alone is a string, and nothing at all null. What is repeated is a list.
type element struct {
	members []elementMember
	places  map[string]int
	text    []byte
	null    bool // xsi:nil
	lists   map[string]bool
	child   bool // holds elements
}

type elementMember struct {
	name   string
	values []byte // JSON, with commas between them
	count  int
}

func (e *element) reset() {
	e.members, e.text, e.null, e.child = e.members[:0], e.text[:0], false, false
	clear(e.places)
}

func isDeclaration(n xml.Name) bool {
	return n.Space == "xmlns" || n.Space == "" && n.Local == "xmlns"
}

// attributes takes those of a start tag. Its error is a *syntaxError.
func (e *element) attributes(list []xml.Attr) error {
	for i, a := range list {
		for _, other := range list[:i] {
			if other.Name == a.Name {
				return &syntaxError{text: "the attribute " + a.Name.Local + " stands twice in one tag"}
			}
		}
		switch {
		case isDeclaration(a.Name):
		case a.Name.Local == "nil" && (a.Name.Space == instanceSpace || a.Name.Space == "xsi"):
			e.null = a.Value == "true" || a.Value == "1"
		default:
			m := e.member("@" + a.Name.Local)
			m.values = record.AppendString(m.values, a.Value)
		}
	}
	return nil
}

// member makes room for one more value of that name.
func (e *element) member(name string) *elementMember {
	i := e.find(name)
	if i < 0 {
		i = len(e.members)
		if i < cap(e.members) {
			e.members = e.members[:i+1]
			m := &e.members[i]
			m.name, m.values, m.count = name, m.values[:0], 0
		} else {
			e.members = append(e.members, elementMember{name: name})
		}
		if i >= manyMembers {
			e.place()
		}
	}
	m := &e.members[i]
	if m.count++; m.count > 1 {
		m.values = append(m.values, ',')
	}
	return m
}

func (e *element) find(name string) int {
	if len(e.members) > manyMembers {
		if i, ok := e.places[name]; ok {
			return i
		}
		return -1
	}
	for i := len(e.members) - 1; i >= 0; i-- {
		if e.members[i].name == name {
			return i
		}
	}
	return -1
}

// place notes where the last member is, or all of them when it is the first
// that a map finds.
func (e *element) place() {
	last := len(e.members) - 1
	if last > manyMembers {
		e.places[e.members[last].name] = last
		return
	}
	if e.places == nil {
		e.places = map[string]int{}
	}
	for i := range e.members {
		e.places[e.members[i].name] = i
	}
}

// append appends the element's JSON value. asObject: also a text alone is an
// object.
func (e *element) append(dst []byte, asObject bool) ([]byte, error) {
	blank := len(bytes.TrimSpace(e.text)) == 0
	if e.null && (e.child || !blank) {
		return dst, &syntaxError{text: "an element says xsi:nil and has content"}
	}
	if len(e.members) == 0 && !asObject {
		if blank {
			return append(dst, "null"...), nil
		}
		return record.AppendString(dst, e.text), nil
	}
	dst = append(dst, '{')
	for i := range e.members {
		m := &e.members[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(record.AppendString(dst, m.name), ':')
		if m.count > 1 || e.lists[m.name] {
			dst = append(append(append(dst, '['), m.values...), ']')
		} else {
			dst = append(dst, m.values...)
		}
	}
	if !blank {
		text := e.text
		if e.child {
			text = bytes.TrimSpace(text)
		}
		if len(e.members) > 0 {
			dst = append(dst, ',')
		}
		dst = record.AppendString(append(dst, `"#text":`...), text)
	}
	return append(dst, '}'), nil
}
