package mapping

import (
	"encoding/json"
	"html"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"koppel/engine/record"
)

func fileFunctions() []Function {
	return []Function{
		{Name: "table", Params: []string{"name", "x", "default"}, Min: 2, Max: 3, null: nullSeen,
			Doc:      "The value of x in a table block; the default, or null, when it has none.",
			Examples: []Example{{`table("countries", src.Country, "NL")`, ""}}},
		{Name: "template_file", Params: []string{"path"}, Min: 1, Max: 1, null: nullSeen,
			Doc:      "The text of a file with {src.x} and the like filled in, escaped for its kind by the extension.",
			Examples: []Example{{`template_file("welcome.html")`, ""}}},
	}
}

// special compiles the functions that need something known before a run.
func (c *compiler) special(f *Function, n *Node) (code, bool) {
	switch f.Name {
	case "table":
		name, ok := literalText(n.Nodes[0])
		if !ok {
			c.problem(n.Pos, CodeArgument, "the name of a table is a text between quotes", "")
			return nothing, true
		}
		run, problem, suggest := c.table(name, c.codes(n.Nodes[1:]))
		if problem != "" {
			c.problem(n.Nodes[0].Pos, CodeName, problem, suggest)
			return nothing, true
		}
		return func(e *Evaluator) (val, error) {
			v, err := run(e)
			if err != nil {
				err = placed(err, n, -1, -1)
			}
			return v, err
		}, true
	case "template_file":
		name, ok := literalText(n.Nodes[0])
		if !ok {
			c.problem(n.Pos, CodeArgument, "the path of a template is a text between quotes", "")
			return nothing, true
		}
		run, problem := c.template(name)
		if problem != "" {
			c.problem(n.Nodes[0].Pos, CodeName, problem, "")
			return nothing, true
		}
		return run, true
	}
	return nil, false
}

// table gives the code of a look-up.
func (c *compiler) table(name string, args []code) (run code, problem, suggest string) {
	t, ok := c.p.consts.given.Tables[name]
	if !ok {
		known := slices.Sorted(maps.Keys(c.p.consts.given.Tables))
		return nothing, "unknown table " + name, nearest(name, known)
	}
	c.reads.tables = append(c.reads.tables, name)
	values := make(map[string]val, len(t.Values))
	for k, v := range t.Values {
		x, err := constantVal(v)
		if err != nil {
			return nothing, "table " + name + ": " + err.Error(), ""
		}
		values[k] = x
	}
	return func(e *Evaluator) (val, error) {
		x, err := args[0](e)
		if err != nil || x.isNull() {
			return null(), err
		}
		key, err := e.keyText(x)
		if err != nil {
			return null(), about(CodeType, "a table is looked up by text, a number, true or false, not "+kindName(x), x)
		}
		if v, ok := values[key]; ok {
			return v, nil
		}
		if len(args) > 1 {
			return args[1](e)
		}
		return null(), nil
	}, "", ""
}

// template gives the code of a template file.
func (c *compiler) template(name string) (run code, problem string) {
	content, ok := c.p.consts.given.Files[name]
	if !ok {
		return nothing, "no file " + name
	}
	c.reads.files = append(c.reads.files, name)
	escape := escapeFor(name)
	pieces := c.pieces(content, func(run code) code { return escaped(run, escape) })
	return func(e *Evaluator) (val, error) { return e.concat(pieces) }, ""
}

// pieces gives the codes of a template's texts and of its values, each as fill
// makes it.
func (c *compiler) pieces(content string, fill func(code) code) []code {
	var pieces []code
	literal := ""
	for rest := content; rest != ""; {
		expr, width := placeholder(rest)
		run := c.templateValue(expr)
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			literal, rest = literal+rest[:1], rest[2:]
		case run != nil:
			pieces = append(pieces, always(textOf(literal)), fill(run))
			literal, rest = "", rest[width:]
		default:
			next := 1 + strings.IndexAny(rest[1:], "{}")
			if next == 0 {
				next = len(rest)
			}
			literal, rest = literal+rest[:next], rest[next:]
		}
	}
	return append(pieces, always(textOf(literal)))
}

// concat puts texts together.
func (e *Evaluator) concat(pieces []code) (val, error) {
	var out []byte
	for _, run := range pieces {
		v, err := run(e)
		if err == nil {
			err = e.grow(len(v.b))
		}
		if err != nil {
			return null(), err
		}
		out = append(out, v.b...)
	}
	return text(out), nil
}

// placeholder reads {name.step} at the start of s; its path is nil when there
// is none.
func placeholder(s string) (steps []string, width int) {
	end := strings.IndexByte(s, '}')
	if s[0] != '{' || end < 0 {
		return nil, 0
	}
	steps = strings.Split(s[1:end], ".")
	for _, step := range steps {
		if step == "" || strings.ContainsAny(step, " \t\r\n{\"';:") {
			return nil, 0
		}
	}
	return steps, end + 1
}

// templateValue gives the code of a name in a template; nil when it is none.
func (c *compiler) templateValue(steps []string) code {
	switch {
	case len(steps) == 0:
		return nil
	case len(steps) == 1 && steps[0] == "today":
		c.reads.Today = true
		return today
	case len(steps) == 1 && steps[0] == "now":
		c.reads.Now = true
		return now
	case len(steps) == 1 && steps[0] != "item":
		return nil
	}
	if !slices.Contains(c.visible(), steps[0]) {
		return nil
	}
	run, problem, _ := c.root(steps[0], steps[1:])
	if problem != "" {
		return nil
	}
	return run
}

// escaped makes text of a value for its place; null is empty.
func escaped(run code, escape func(string) string) code {
	return func(e *Evaluator) (val, error) {
		v, err := run(e)
		if err != nil || v.isNull() {
			return text(nil), err
		}
		b, ok := e.scalarText(nil, v)
		if !ok {
			if b, err = e.appendBody(nil, v, 0); err != nil {
				return null(), err
			}
		}
		return textOf(escape(string(b))), nil
	}
}

// escapeFor chooses how values are escaped by a file's extension.
func escapeFor(name string) func(string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm", ".xhtml":
		return html.EscapeString
	case ".xml", ".svg", ".soap", ".xsl":
		return xmlEscape
	case ".json":
		return jsonEscape
	case ".url", ".uri":
		return url.PathEscape
	}
	return func(s string) string { return s }
}

// xmlEscape escapes text for content and attributes; characters that XML does
// not have are left out.
func xmlEscape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, s)
	return html.EscapeString(s)
}

func jsonEscape(s string) string {
	b := record.AppendString(nil, s)
	if !json.Valid(b) {
		return ""
	}
	return string(b[1 : len(b)-1])
}
