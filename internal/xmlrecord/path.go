package xmlrecord

import (
	"encoding/xml"
	"fmt"
	"strings"

	"koppel/engine/connector"
)

// maxSteps is how many steps a path may have: sets of them are bits.
const maxSteps = 60

// A Path selects elements by the part of XPath that can be followed while a
// document streams by: names, *, / and //, and predicates on attributes.
type Path struct {
	steps []pathStep
}

type pathStep struct {
	name  string // "*": any
	space string // namespace; empty: any
	deep  bool   // any number of elements may stand between it and the step before
	tests []attributeTest
}

type attributeTest struct {
	name  string
	op    string // "", "=" or "!="
	value string
}

// Children selects the elements right below the root.
func Children() *Path {
	return &Path{steps: []pathStep{{name: "*"}, {name: "*"}}}
}

// Parse reads a path. Names are local names. A prefix in front of one stands
// for the namespace that namespaces gives; without namespaces it is ignored.
// The error is a *connector.FieldError of the argument records.
func Parse(text string, namespaces map[string]string) (*Path, error) {
	p := &Path{}
	rest := strings.TrimSpace(text)
	if rest == "" {
		return nil, pathError("is empty")
	}
	for first := true; rest != ""; first = false {
		s := pathStep{}
		switch {
		case strings.HasPrefix(rest, "//"):
			s.deep, rest = true, rest[2:]
		case strings.HasPrefix(rest, "/"):
			rest = rest[1:]
		case !first:
			return nil, pathError(fmt.Sprintf("is no XPath that can be read while streaming, at %q", rest))
		}
		var err error
		if rest, err = s.parse(rest, namespaces); err != nil {
			return nil, err
		}
		p.steps = append(p.steps, s)
	}
	if len(p.steps) > maxSteps {
		return nil, pathError(fmt.Sprintf("has more than %d steps", maxSteps))
	}
	return p, nil
}

func pathError(problem string) error {
	return &connector.FieldError{Field: "records", Problem: problem,
		Hint: "such as /Employees/Employee, //Employee or /Export/*[@type='person']; other conditions go into where"}
}

// parse takes one step from the start of text.
func (s *pathStep) parse(text string, namespaces map[string]string) (rest string, err error) {
	n := strings.IndexAny(text, "/[")
	if n < 0 {
		n = len(text)
	}
	name := strings.TrimSpace(text[:n])
	if i := strings.IndexByte(name, ':'); i > 0 && !strings.HasPrefix(name[i:], "::") {
		if space, known := namespaces[name[:i]]; known {
			s.space = space
		} else if namespaces != nil {
			return "", pathError(fmt.Sprintf("has the prefix %q, which namespaces does not declare", name[:i]))
		}
		name = name[i+1:]
	}
	if name == "" || name != "*" && strings.ContainsAny(name, " \t\r\n:@()*|.,'\"=!]$+<>") && !isName(name) {
		return "", pathError(fmt.Sprintf("has the step %q, which is no name of an element", text[:n]))
	}
	s.name = name
	rest = text[n:]
	for strings.HasPrefix(rest, "[") {
		end := unquoted(rest, ']')
		if end < 0 {
			return "", pathError("has a [ that is not closed")
		}
		if err := s.predicate(strings.TrimSpace(rest[1:end])); err != nil {
			return "", err
		}
		rest = rest[end+1:]
	}
	return rest, nil
}

// isName tells whether a step is a name with the points that names may hold.
func isName(s string) bool {
	return !strings.ContainsAny(s, " \t\r\n:@()*|,'\"=!]$+<>") && strings.Trim(s, ".") != ""
}

// predicate takes what stands in brackets: @name, @name='x', @name!='x', or
// local-name()='x'.
func (s *pathStep) predicate(text string) error {
	left, op, value := text, "", ""
	if i := strings.IndexAny(text, "!="); i >= 0 {
		left, op = strings.TrimSpace(text[:i]), "="
		right := text[i:]
		if strings.HasPrefix(right, "!=") {
			op, right = "!=", right[1:]
		}
		quoted := strings.TrimSpace(right[1:])
		if right[0] != '=' || len(quoted) < 2 || quoted[0] != quoted[len(quoted)-1] || quoted[0] != '"' && quoted[0] != '\'' ||
			strings.IndexByte(quoted[1:len(quoted)-1], quoted[0]) >= 0 {
			return pathError(fmt.Sprintf("has the condition [%s], which is none on an attribute", text))
		}
		value = quoted[1 : len(quoted)-1]
	}
	if left == "local-name()" && op == "=" && s.name == "*" {
		s.name = value
		return nil
	}
	name, ok := strings.CutPrefix(left, "@")
	if i := strings.IndexByte(name, ':'); i > 0 {
		name = name[i+1:]
	}
	if !ok || !isName(name) {
		return pathError(fmt.Sprintf("has the condition [%s], which is none on an attribute", text))
	}
	s.tests = append(s.tests, attributeTest{name, op, value})
	return nil
}

func (s *pathStep) matches(e *xml.StartElement) bool {
	if !s.names(e.Name) {
		return false
	}
	for i := range s.tests {
		if !s.tests[i].holds(e.Attr) {
			return false
		}
	}
	return true
}

func (s *pathStep) names(n xml.Name) bool {
	return (s.name == "*" || s.name == n.Local) && (s.space == "" || s.space == n.Space)
}

// names tells whether an element is called as records are, whatever its
// attributes.
func (p *Path) names(n xml.Name) bool { return p.steps[len(p.steps)-1].names(n) }

func (t *attributeTest) holds(list []xml.Attr) bool {
	for _, a := range list {
		if a.Name.Local == t.name && !isDeclaration(a.Name) {
			return t.op == "" || (t.op == "=") == (a.Value == t.value)
		}
	}
	return false
}

// A reach is a set of numbers of steps that lead to one element, as bits.
type reach uint64

// start is the reach of the document itself.
const start reach = 1

// into is the reach of an element below one with reach r.
func (p *Path) into(r reach, e *xml.StartElement) reach {
	var out reach
	for i := range p.steps {
		if r&(1<<i) == 0 {
			continue
		}
		if p.steps[i].deep {
			out |= 1 << i
		}
		if p.steps[i].matches(e) {
			out |= 1 << (i + 1)
		}
	}
	return out
}

// selects tells whether an element with reach r is a record.
func (p *Path) selects(r reach) bool { return r&(1<<len(p.steps)) != 0 }

// holds tells whether an element with reach r is one that records stand in, so
// that their absence there proves something.
func (p *Path) holds(r reach) bool {
	last := len(p.steps) - 1
	return last > 0 && !p.steps[last].deep && r&(1<<last) != 0
}
