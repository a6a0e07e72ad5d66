package mapping

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// A lookup is a question with its parts compiled.
type lookup struct {
	name           string
	path, body     *part // nil: none
	query, headers []*part
	// personal: it reads something sensitive of the record, and so does what is
	// computed from the answer.
	personal bool
}

// A Param is one name with its value, not escaped.
type Param struct{ Name, Value string }

// A Question is what a lookup asks about one record.
type Question struct {
	Path           string // escaped
	Query, Headers []Param
	Body           []byte // nil: none
	JSON           bool   // Body is JSON that was not written as a text
}

func (c *compiler) lookups() {
	for i, l := range c.p.spec.Lookups {
		s := c.others(len(c.p.joins) + i)
		what := "lookup " + l.Name
		out := lookup{name: l.Name, path: c.part(what, l.Path, s), body: c.part(what, l.Body, s)}
		for _, n := range l.Query {
			out.query = append(out.query, c.part(what, n, s))
		}
		for _, n := range l.Headers {
			out.headers = append(out.headers, c.part(what, n, s))
		}
		c.p.lookups = append(c.p.lookups, out)
	}
}

// parts lists what is evaluated to ask.
func (l *lookup) parts() []*part {
	all := slices.Concat([]*part{l.path, l.body}, l.query, l.headers)
	return slices.DeleteFunc(all, func(p *part) bool { return p == nil })
}

// LookupHidden reports whether the question of the i-th lookup holds something
// sensitive, so that it is not shown.
func (p *Program) LookupHidden(i int) bool {
	return slices.ContainsFunc(p.lookups[i].parts(), func(part *part) bool { return part.sensitive })
}

// LookupSensitive reports whether the i-th lookup asks by something sensitive
// of the record, so that its answer is sensitive too.
func (p *Program) LookupSensitive(i int) bool { return p.lookups[i].personal }

// errEmpty says that a value which a question needs is null or empty.
var errEmpty = errors.New("a value is null or empty")

// Question puts the question of the i-th lookup together. ok is false when a
// value in its path or query is null or empty: then there is nothing to ask, as
// null and empty match nothing. A header without a value is left out.
func (e *Evaluator) Question(i int) (q Question, ok bool, err error) {
	l, spec := &e.p.lookups[i], &e.p.spec.Lookups[i]
	if l.path != nil {
		q.Path, err = e.lookupText(l.path)
		if err == nil {
			err = checkPath(q.Path)
		}
	}
	for n := 0; err == nil && n < len(l.query); n++ {
		if isNothing(l.query[n].node) {
			continue
		}
		var text string
		text, err = e.lookupText(l.query[n])
		q.Query = append(q.Query, Param{spec.QueryNames[n], text})
	}
	for n := 0; err == nil && n < len(l.headers); n++ {
		if isNothing(l.headers[n].node) {
			continue
		}
		var text string
		switch text, err = e.lookupText(l.headers[n]); {
		case err == nil:
			q.Headers = append(q.Headers, Param{spec.HeaderNames[n], text})
		case errors.Is(err, errEmpty):
			err = nil
		}
	}
	if err == nil && l.body != nil {
		q.Body, err = e.lookupBody(l.body)
		q.JSON = l.body.node.Kind != KindTemplate
	}
	switch {
	case errors.Is(err, errEmpty):
		return Question{}, false, nil
	case err != nil:
		return Question{}, false, e.lookupError(l, err)
	}
	return q, true, nil
}

// isNothing tells a constant that is null: it is left out.
func isNothing(n *Node) bool { return n.Kind == KindConst && n.Value == nil }

func (e *Evaluator) lookupError(l *lookup, err error) error {
	var ve *ValueError
	if errors.As(err, &ve) {
		return err
	}
	hidden := slices.ContainsFunc(l.parts(), func(p *part) bool { return p.sensitive })
	return e.valueError(l.name, hidden, err)
}

// lookupText is the text of one value of a question; errEmpty: it has none.
func (e *Evaluator) lookupText(p *part) (string, error) {
	v, err := e.evaluate(p.run)
	if errors.Is(err, errEmpty) {
		return "", errEmpty
	}
	var text string
	if err == nil {
		text, err = e.keyText(v)
	}
	switch {
	case err != nil:
		return "", e.valueError(p.name, p.sensitive, placed(err, p.node, -1, -1))
	case text == "" && p.node.Kind != KindTemplate && p.node.Kind != KindConst:
		return "", errEmpty
	}
	return text, nil
}

func (e *Evaluator) lookupBody(p *part) ([]byte, error) {
	v, err := e.evaluate(p.run)
	if err == nil && p.node.Kind == KindTemplate {
		b, _ := e.scalarText(nil, v)
		return slices.Clone(b), nil
	}
	var b []byte
	if err == nil {
		b, err = e.appendBody(nil, v, 0)
	}
	if err != nil {
		return nil, e.valueError(p.name, p.sensitive, placed(err, p.node, -1, -1))
	}
	return b, nil
}

// checkPath refuses a path that leads elsewhere.
func checkPath(path string) error {
	for _, step := range strings.Split(path, "/") {
		if plain, err := url.PathUnescape(step); err != nil || plain == "." || plain == ".." {
			return newFault(CodeType, "the path would lead elsewhere: one of its steps is \".\" or \"..\"")
		}
	}
	return nil
}

// placed compiles a template that stands in a known place.
func (c *compiler) placed(n *Node) code {
	text, ok := n.Value.(string)
	if !ok {
		c.problem(n.Pos, CodeArgument, "a template is a text", "")
		return nothing
	}
	c.reads.constSensitive = c.reads.constSensitive || n.Sensitive
	needed := n.Name == InPath || n.Name == InQuery || n.Name == InLine
	pieces := c.pieces(text, func(run code) code {
		filled := escaped(run, escapes(n.Name))
		return func(e *Evaluator) (val, error) {
			v, err := filled(e)
			if err == nil && needed && len(v.b) == 0 {
				return null(), errEmpty
			}
			return v, err
		}
	})
	return func(e *Evaluator) (val, error) { return e.concat(pieces) }
}

// escapes chooses how values are escaped for a place.
func escapes(place string) func(string) string {
	switch place {
	case InPath:
		// What stands in a path may also stand behind a question mark in it.
		return func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	case InLine:
		return func(s string) string { return strings.Join(strings.FieldsFunc(s, isControl), " ") }
	case InXML:
		return xmlEscape
	case InJSON:
		return jsonEscape
	case InForm:
		return url.QueryEscape
	}
	return func(s string) string { return s }
}

// isControl tells the characters that a header can't hold.
func isControl(r rune) bool { return r < ' ' || r == 0x7F }
