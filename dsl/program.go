package dsl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"koppel/engine/mapping"
)

// places says where the nodes that were handed to package mapping stand.
type places struct{ list []nodePlace }

// A nodePlace is the place of a node and, for a program, of its text.
type nodePlace struct {
	at   hcl.Range
	text *programText // nil: no program, or one that is not written as a text
}

func (p *places) whole(at hcl.Range) mapping.Pos { return p.keep(nodePlace{at: at}) }

func (p *places) keep(place nodePlace) mapping.Pos {
	p.list = append(p.list, place)
	return mapping.Pos(len(p.list))
}

// find gives the place of the bytes from offset to end of a node's program, or
// of the node when offset is negative.
func (p *places) find(pos mapping.Pos, offset, end int) hcl.Range {
	if pos < 1 || int(pos) > len(p.list) {
		return hcl.Range{}
	}
	place := p.list[pos-1]
	if offset < 0 || place.text == nil {
		return place.at
	}
	return place.text.span(offset, max(end, offset+1))
}

// report turns a problem of package mapping into a diagnostic.
func (p *places) report(out *problems, problem mapping.Problem) {
	detail := problem.Detail
	if detail != "" {
		detail = sentence(detail)
	}
	if problem.Suggest != "" {
		detail = joinSentences(detail, fmt.Sprintf("Did you mean %q?", problem.Suggest))
	}
	out.keep(errorAt(problem.Code, p.find(problem.Pos, problem.Offset, problem.End), summaryText(problem.Summary), detail))
}

// summaryText begins with a capital, unless it begins with a name.
func summaryText(s string) string {
	word, _, _ := strings.Cut(s, " ")
	switch word {
	case "unknown", "invalid", "wrong", "too", "more", "no":
		return capital(s)
	}
	return s
}

func sentence(s string) string {
	s = capital(s)
	switch s[len(s)-1] {
	case '.', '?', '!', ':':
		return s
	}
	return s + "."
}

func joinSentences(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

// call converts a function call.
func (c *converter) call(e *hclsyntax.FunctionCallExpr) *mapping.Node {
	switch {
	case e.Name == "expr" || e.Name == "jq":
		return c.program(e)
	case e.Name == "jq_file":
		return c.programFile(e)
	case c.table[e.Name]:
		return c.tableCall(e)
	}
	_, before := c.v.functions[e.Name]
	switch {
	case before && !c.perRecord(e):
		return c.constant(e)
	case before:
		c.v.out.add("unknown_function", e.NameRange, fmt.Sprintf("The function %q can't be used on values of records", e.Name),
			"It is for values that are known before a run. Use one of the functions for records%s, expr(…) or jq(…).", c.similar(e.Name))
	default:
		c.v.out.add("unknown_function", e.NameRange, fmt.Sprintf("There is no function %q", e.Name),
			"The functions for records are listed by koppel docs.%s", didYouMean(e.Name, append(sortedKeys(c.table), "expr", "jq", "jq_file")))
	}
	return nil
}

// similar names the function for records that does what a Terraform function
// does.
func (c *converter) similar(name string) string {
	same := map[string]string{
		"format": "words or join", "concat": "words or join", "title": "words", "trimspace": "trim", "tostring": "string", "tonumber": "number",
		"tobool": "bool", "lookup": "table", "element": "first or last", "contains": "contains_fold", "uuidv5": "uuid5", "strrev": "substr",
	}
	if s := same[name]; s != "" {
		return " (" + s + ")"
	}
	return ""
}

func (c *converter) tableCall(e *hclsyntax.FunctionCallExpr) *mapping.Node {
	if e.ExpandFinal {
		c.v.out.add("not_per_record", e.Args[len(e.Args)-1].Range(), "A list can't be spread over the arguments here", "Give the list itself, or write an expr program.")
		return nil
	}
	if e.Name == "template_file" && len(e.Args) == 1 && !c.readTemplate(e.Args[0]) {
		return nil
	}
	return mapping.Call(e.Name, c.nodes(e.Args), c.places.whole(hcl.RangeBetween(e.NameRange, e.CloseParenRange)))
}

// readTemplate reads the file that template_file names.
func (c *converter) readTemplate(arg hclsyntax.Expression) bool {
	name, text, ok := c.fileText(arg)
	if ok {
		c.templates[name] = text
	}
	return ok
}

// fileText reads the file that an argument known before a run names.
func (c *converter) fileText(arg hclsyntax.Expression) (name, text string, ok bool) {
	value, ok := c.v.typed(c.v.eval(arg, c.in), "the path", arg.Range(), cty.String, "a path in quotes")
	if !ok {
		return "", "", false
	}
	name = value.AsString()
	data, err := c.files.readNamed(name)
	if err != nil {
		c.v.out.add("file_unreadable", arg.Range(), fmt.Sprintf("The file %q can't be read", c.v.show(name)), "%s. Paths start at the project's folder.", capital(c.v.show(err.Error())))
		return "", "", false
	}
	return name, string(data), true
}

// program converts expr("…") and jq("…").
func (c *converter) program(e *hclsyntax.FunctionCallExpr) *mapping.Node {
	whole := hcl.RangeBetween(e.NameRange, e.CloseParenRange)
	if len(e.Args) != 1 || e.ExpandFinal {
		c.v.out.add("invalid_call", whole, fmt.Sprintf("%s takes one program", e.Name), "Write %s(\"…\").", e.Name)
		return nil
	}
	text, ok, problem := newProgramText(e.Args[0], c.files.content[whole.Filename])
	if !ok && problem.Code != "" {
		c.v.out.keep(problem)
		return nil
	}
	place := nodePlace{at: whole, text: &text}
	if !ok {
		if c.perRecord(e.Args[0]) {
			c.v.out.add("invalid_call", e.Args[0].Range(), fmt.Sprintf("%s takes a program in quotes", e.Name), "Write %s(\"…\")%s.", e.Name, c.asExpr(e.Args[0]))
			return nil
		}
		value, known := c.v.typed(c.v.eval(e.Args[0], c.in), "the program", e.Args[0].Range(), cty.String, "a program in quotes")
		if !known {
			return nil
		}
		text.Text, place.text = value.AsString(), nil
	}
	c.programs = append(c.programs, text.Text)
	if e.Name == "expr" {
		return mapping.Expr(text.Text, c.places.keep(place))
	}
	return mapping.JQ(text.Text, c.places.keep(place))
}

// programFile converts jq_file("x.jq"); problems then stand in that file.
func (c *converter) programFile(e *hclsyntax.FunctionCallExpr) *mapping.Node {
	whole := hcl.RangeBetween(e.NameRange, e.CloseParenRange)
	if len(e.Args) != 1 || e.ExpandFinal {
		c.v.out.add("invalid_call", whole, "jq_file takes the path of one file", "Write jq_file(\"x.jq\").")
		return nil
	}
	name, text, ok := c.fileText(e.Args[0])
	if !ok {
		return nil
	}
	src := []byte(text)
	if !c.v.conf.loaded {
		c.files.keepText(name, src)
	}
	c.programs = append(c.programs, text)
	program := &programText{
		Text: text, src: src, rng: hcl.Range{Filename: name, Start: hcl.InitialPos},
		pieces: []textPiece{{end: len(src)}},
	}
	return mapping.JQ(text, c.places.keep(nodePlace{at: whole, text: program}))
}

// functionTable is the set of functions for records.
func functionTable() map[string]bool {
	table := map[string]bool{}
	for _, f := range mapping.Functions() {
		table[f.Name] = true
	}
	return table
}
