package afas

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// An element is one record of a write, as it was sent.
type element struct {
	action string // insert, update or delete; empty: that of the verb
	values map[string]any
	subs   []named
}

// named are the elements of one object.
type named struct {
	root     string
	elements []element
}

// errJSON is a body that can't be read. It is refused in a shape of its own.
var errJSON = errors.New("invalid json")

// parseBody reads {"Root":{"Element":…}}, in which Element is an object or a
// list, and Objects an object or a list of objects with one member.
func parseBody(body []byte) (named, error) {
	list, err := parseObjects(body)
	if err != nil || len(list) != 1 {
		return named{}, errJSON
	}
	return list[0], nil
}

func parseObjects(text json.RawMessage) ([]named, error) {
	var list []named
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '[' {
		var parts []json.RawMessage
		if err := strict(text, &parts); err != nil {
			return nil, err
		}
		for _, part := range parts {
			more, err := parseObjects(part)
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
		}
		return list, nil
	}
	members, err := inOrder(text)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		var body struct{ Element some[rawElement] }
		if err := strict(m.text, &body); err != nil {
			return nil, err
		}
		n := named{root: m.name}
		for _, raw := range body.Element {
			e, err := raw.parse()
			if err != nil {
				return nil, err
			}
			n.elements = append(n.elements, e)
		}
		list = append(list, n)
	}
	return list, nil
}

// A member is one of a JSON object.
type member struct {
	name string
	text json.RawMessage
}

// inOrder lists the members of an object as they stand.
func inOrder(text []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errJSON
	}
	var list []member
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		m := member{name: name}
		if err != nil || !ok || d.Decode(&m.text) != nil {
			return nil, errJSON
		}
		list = append(list, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, errJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errJSON
	}
	return list, nil
}

type rawElement map[string]json.RawMessage

// parse takes @ keys and Fields together; @Action stands at either place. What
// stands at both is refused.
func (raw rawElement) parse() (element, error) {
	e, acts := element{values: map[string]any{}}, false
	put := func(name string, text json.RawMessage) error {
		var v any
		if err := strict(text, &v); err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "@")
		if strings.EqualFold(name, "action") {
			if acts {
				return errJSON
			}
			acts = true
			e.action, _ = v.(string)
			return nil
		}
		if _, twice := e.values[name]; twice {
			return errJSON
		}
		e.values[name] = v
		return nil
	}
	for name, text := range raw {
		switch {
		case strings.HasPrefix(name, "@"):
			if err := put(name, text); err != nil {
				return e, err
			}
		case name == "Fields":
			var fields map[string]json.RawMessage
			if err := strict(text, &fields); err != nil {
				return e, err
			}
			for name, text := range fields {
				if err := put(name, text); err != nil {
					return e, err
				}
			}
		case name == "Objects":
			var err error
			if e.subs, err = parseObjects(text); err != nil {
				return e, err
			}
		default:
			return e, errJSON
		}
	}
	return e, nil
}

// strict decodes one value, numbers with all their digits.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return errJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return errJSON
	}
	return nil
}
