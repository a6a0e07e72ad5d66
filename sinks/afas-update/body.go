package afasupdate

import (
	"bytes"
	"fmt"
	"slices"

	"koppel/engine/record"
	"koppel/internal/afas"
)

// matching are fields that say whom a record is about. They go with every
// update of an object that has one of the first two.
var matching = []string{"MatchPer", "MatchOga", "BcCo"}

// A member is one field of a record, its value raw.
type member struct {
	name string
	raw  []byte
}

func membersOf(object []byte) (list []member) {
	record.Members(object, func(name string, raw []byte) bool {
		list = append(list, member{name, raw})
		return true
	})
	return list
}

func elementsOf(list []byte) (elements [][]byte) {
	record.Elements(list, func(raw []byte) bool {
		elements = append(elements, raw)
		return true
	})
	return elements
}

// body writes what a create or an update sends, and counts the fields in it
// that say something new:
//
//	{"Root":{"Element":{"@Key":"1","Fields":{…},"Objects":[{"Child":{"Element":{…}}}]}}}
//
// What row, as AFAS shows it, has already is left out; nil: nothing is known.
func (s *sink) body(c *record.Change, row []byte) (text []byte, count int, err error) {
	e := &element{s: s, c: c, create: c.Op == record.Create, row: row}
	for _, m := range membersOf(c.After) {
		if s.unsent[m.name] || slices.Contains(s.config.Keys, m.name) {
			continue
		}
		if child := s.config.child(m.name); child != nil {
			if e.create || slices.Contains(c.Fields, m.name) {
				err = e.addChild(child, m.raw, record.Member(c.Before, m.name))
			}
		} else if e.create || slices.Contains(c.Fields, m.name) || slices.Contains(matching, m.name) {
			err = e.field(m, !slices.Contains(c.Fields, m.name))
		}
		if err != nil {
			return nil, 0, err
		}
	}
	for _, name := range s.config.Keys {
		value, ok := s.keyText(c, c.After, name)
		if !ok && !e.create {
			return nil, 0, unknownKey(name)
		}
		if ok {
			e.keys = append(e.keys, member{name, record.AppendString(nil, value)})
		}
	}
	if err := e.match(); err != nil {
		return nil, 0, err
	}
	text = append(record.AppendString([]byte{'{'}, s.config.root()), `:{"Element":`...)
	return append(e.append(text), "}}"...), e.count, nil
}

// keyText gives a key of the record: as it is mapped, else as AFAS answered it
// when it was created.
func (s *sink) keyText(c *record.Change, body []byte, name string) (string, bool) {
	if text, ok := record.Text(record.Member(body, name)); ok && text != "" {
		return text, true
	}
	for _, object := range membersOf(record.Member(c.Answer, "results")) {
		for _, name := range []string{name, s.column(name)} {
			if text, ok := record.Text(record.Member(object.raw, name)); ok && text != "" {
				return text, true
			}
		}
	}
	return "", false
}

// An element is one object on its way into a body.
type element struct {
	s       *sink
	c       *record.Change
	create  bool
	row     []byte
	keys    []member
	fields  []member
	objects []member // the text of Element, by object
	count   int      // what is new in it
}

// field adds a field. An update clears it by an empty text, and an insert
// leaves it out. beside: it says nothing new.
func (e *element) field(m member, beside bool) error {
	switch record.KindOf(m.raw) {
	case record.Object, record.List:
		return fmt.Errorf("field %s is an object or a list, which AFAS takes below the record only: child %q {}", m.name, m.name)
	case record.Null:
		if e.create {
			return nil
		}
		m.raw = []byte(`""`)
	}
	identifies := slices.Contains(matching, m.name)
	if e.row != nil && !identifies && same(record.Member(e.row, e.s.column(m.name)), m.raw) {
		return nil
	}
	if e.fields = append(e.fields, m); (!beside || e.create) && !identifies {
		e.count++
	}
	return nil
}

// column is where find shows a field.
func (s *sink) column(field string) string {
	if s.config.Find != nil && s.config.Find.Columns[field] != "" {
		return s.config.Find.Columns[field]
	}
	return field
}

// match sees that an update is about the record that it was meant for: MatchPer
// 7 makes a new person every time, so an update goes by the code that AFAS gave.
func (e *element) match() error {
	at := func(name string) int {
		return slices.IndexFunc(e.fields, func(m member) bool { return m.name == name })
	}
	if e.create {
		return nil
	}
	person, organisation := at("MatchPer"), at("MatchOga")
	if person < 0 && organisation < 0 {
		if code := at("BcCo"); code >= 0 && !slices.Contains(e.c.Fields, "BcCo") {
			e.fields = slices.Delete(e.fields, code, code+1)
		}
		return nil
	}
	if person < 0 || !bytes.Equal(bytes.Trim(e.fields[person].raw, `"`), []byte("7")) {
		return nil
	}
	e.fields[person].raw = []byte(`"0"`)
	if at("BcCo") >= 0 {
		return nil
	}
	code, ok := e.s.keyText(e.c, nil, "BcCo")
	if !ok {
		return fmt.Errorf("MatchPer 7 makes a new person every time, and which one is to be updated %w: map BcCo, or give find a column for it, as in columns = { BcCo = \"PersonId\" }", errUnknownKey)
	}
	e.fields = append(e.fields, member{"BcCo", record.AppendString(nil, code)})
	return nil
}

// addChild adds the objects of one name below the record.
func (e *element) addChild(child *Child, now, before []byte) error {
	switch record.KindOf(now) {
	case record.Null:
		return nil
	case record.Object:
		below, err := e.below(child, now, before)
		if err != nil || below == nil {
			return err
		}
		e.objects = append(e.objects, member{child.Name, below.append(nil)})
		e.count += below.count
		return nil
	case record.List:
		return e.addChildren(child, elementsOf(now), elementsOf(before))
	}
	return fmt.Errorf("field %s is no object or list of objects, as child %q needs", child.Name, child.Name)
}

func (e *element) addChildren(child *Child, now, before [][]byte) error {
	list := []byte{'['}
	count := 0
	for _, one := range now {
		if record.KindOf(one) != record.Object {
			return fmt.Errorf("field %s holds something that is no object, as child %q needs", child.Name, child.Name)
		}
		below, err := e.below(child, one, child.earlier(one, before))
		if err != nil {
			return err
		}
		if below == nil {
			continue
		}
		if count > 0 {
			list = append(list, ',')
		}
		list = below.append(list)
		count += below.count
	}
	if count > 0 {
		e.objects = append(e.objects, member{child.Name, append(list, ']')})
		e.count += count
	}
	return nil
}

// earlier finds what an object was when it was delivered last: by its keys, or
// the very same one.
func (child *Child) earlier(now []byte, before [][]byte) []byte {
	for _, old := range before {
		if bytes.Equal(old, now) {
			return old
		}
		all := len(child.Keys) > 0
		for _, key := range child.Keys {
			all = all && bytes.Equal(record.Member(now, key), record.Member(old, key))
		}
		if all {
			return old
		}
	}
	return nil
}

// below makes the element of an object below the record: of an update only what
// differs from before; nil: nothing does.
func (e *element) below(child *Child, now, before []byte) (*element, error) {
	b := &element{s: e.s, c: e.c, create: e.create || before == nil, row: e.row}
	for _, m := range membersOf(now) {
		if slices.Contains(child.Keys, m.name) {
			if text, ok := record.Text(m.raw); ok {
				b.keys = append(b.keys, member{m.name, record.AppendString(nil, text)})
			}
			continue
		}
		unchanged := !b.create && bytes.Equal(m.raw, record.Member(before, m.name))
		if unchanged && !slices.Contains(matching, m.name) {
			continue
		}
		if err := b.field(m, unchanged); err != nil {
			return nil, err
		}
	}
	if b.count == 0 && (!b.create || e.row != nil) {
		return nil, nil
	}
	b.create = e.create // below a record that exists, a person is one that exists
	if err := b.match(); err != nil {
		return nil, err
	}
	b.count = max(b.count, 1)
	return b, nil
}

// append writes the element.
func (e *element) append(b []byte) []byte {
	b = append(b, '{')
	for _, m := range e.keys {
		b = append(append(record.AppendString(b, "@"+m.name), ':'), m.raw...)
		b = append(b, ',')
	}
	b = append(b, `"Fields":{`...)
	for i, m := range e.fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(record.AppendString(b, m.name), ':'), m.raw...)
	}
	b = append(b, '}')
	if len(e.objects) == 0 {
		return append(b, '}')
	}
	b = append(b, `,"Objects":[`...)
	for i, m := range e.objects {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(record.AppendString(append(b, '{'), m.name), `:{"Element":`...)
		b = append(append(b, m.raw...), "}}"...)
	}
	return append(b, "]}"...)
}

// same tells whether a value of AFAS is what is to be written: an empty text is
// none, a date has a time, and codes may be numbers.
func same(shown, raw []byte) bool {
	if shown == nil {
		return false
	}
	a, aSome := record.Text(shown)
	b, bSome := record.Text(raw)
	if !aSome || !bSome {
		return a == "" && b == "" && record.KindOf(shown) != record.Object
	}
	return a == b || afas.FilterTime(a) == afas.FilterTime(b)
}
