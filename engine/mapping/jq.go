package mapping

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// A jqProgram is a compiled jq program. It may be shared.
type jqProgram struct {
	node  *Node
	query *jqCode // nil when code runs it
	code  *gojq.Code
	input string                 // the root that `.` stands for
	vars  []func(*Evaluator) any // values of the variables, in order

	rewritten *gojq.Query // what code was compiled from, and with
	writer    *jqWriter
	place     int      // in the group of the fields' programs, or -1
	mixed     *jqMixed // nil unless some members of its object are compiled
}

// jq compiles a jq program to code that gives its one output.
func (c *compiler) jq(n *Node) code {
	p := c.jqProgram(n)
	if p == nil {
		return nothing
	}
	c.p.jqs[n] = p
	return func(e *Evaluator) (val, error) { return e.single(p) }
}

// jqProgram parses, checks, bounds and compiles a program; nil with problems.
func (c *compiler) jqProgram(n *Node) *jqProgram {
	if len(n.Text) > maxProgram {
		c.problem(n.Pos, CodeTooLarge, "the program is longer than 256 KiB", "")
		return nil
	}
	q, err := gojq.Parse(n.Text)
	if err != nil {
		c.jqSyntax(n, err)
		return nil
	}
	before := len(c.problems)
	input := c.input()
	compiled, isCompiled := c.jqCompiled(q, input)
	if isCompiled {
		c.shapes[n], c.objects[n] = c.jqShapes(q, input)
	}
	(&jqReads{c: c, n: n, root: input}).query(q, true)
	members := c.jqMixed(q, input, isCompiled)
	w := &jqWriter{c: c, n: n, used: map[string]gojq.CompilerOption{}, sites: c.jqSites}
	w.query(q)
	c.jqSites = w.sites
	if len(c.problems) > before {
		return nil
	}
	if isCompiled {
		return &jqProgram{node: n, input: input, query: &compiled, place: -1}
	}
	p, err := c.jqLibrary(n, q, input, w)
	if err != nil {
		w.compileError(err)
		return nil
	}
	if members != nil {
		p.mixed = c.jqMix(members, p)
	}
	return p
}

// jqLibrary compiles a rewritten program with the language's library.
func (c *compiler) jqLibrary(n *Node, q *gojq.Query, input string, writers ...*jqWriter) (*jqProgram, error) {
	var names []string
	used := map[string]gojq.CompilerOption{}
	for _, w := range writers {
		maps.Copy(used, w.used)
		names = append(names, w.vars...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	options := []gojq.CompilerOption{gojq.WithVariables(names)}
	for _, o := range used {
		options = append(options, o)
	}
	code, err := gojq.Compile(q, options...)
	if err != nil {
		return nil, err
	}
	p := &jqProgram{node: n, code: code, input: input, rewritten: q, writer: writers[0], place: -1}
	for _, name := range names {
		p.vars = append(p.vars, c.jqVariable(name))
	}
	return p, nil
}

// input is the root that `.` stands for in the present scope.
func (c *compiler) input() string {
	s := &c.scope
	switch {
	case s.judging:
		return "target"
	case s.item:
		return "item"
	case s.src:
		return "src"
	case len(s.names) == 1:
		return s.names[0]
	}
	return "src"
}

// jqSyntax reports why a program could not be read.
func (c *compiler) jqSyntax(n *Node, err error) {
	p := Problem{Pos: n.Pos, Offset: -1, End: -1, Code: CodeSyntax, Summary: "invalid jq: " + err.Error()}
	var pe *gojq.ParseError
	if errors.As(err, &pe) {
		p.Offset, p.End = max(0, pe.Offset-len(pe.Token)), min(pe.Offset, len(n.Text))
		if i := strings.LastIndex(n.Text[:p.End], pe.Token); pe.Token != "" && i >= 0 {
			p.Offset, p.End = i, i+len(pe.Token)
		}
		if strings.TrimSpace(n.Text) == "" {
			p.Summary = "invalid jq: the program is empty; . stands for the record"
		}
	}
	c.problems = append(c.problems, p)
}

// compileError reports what only the compiler of the language found.
func (w *jqWriter) compileError(err error) {
	message := err.Error()
	name := ""
	for _, before := range []string{"function not defined: ", "variable not defined: ", "label not defined: "} {
		if rest, ok := strings.CutPrefix(message, before); ok {
			name, _, _ = strings.Cut(rest, "/")
		}
	}
	suggest := ""
	if strings.HasPrefix(message, "function") {
		suggest = nearest(name, append(jqNames(), w.c.functionNames()...))
		message = "unknown function " + strings.TrimPrefix(message, "function not defined: ")
	}
	w.problem(name, CodeName, message, suggest)
}

// problem reports a mistake at the first place where name stands as a word.
func (w *jqWriter) problem(name, code, summary, suggest string) {
	p := Problem{Pos: w.n.Pos, Offset: -1, End: -1, Code: code, Summary: summary, Suggest: suggest}
	if i := wordIn(w.n.Text, name); i >= 0 {
		p.Offset, p.End = i, i+len(name)
	}
	w.c.problems = append(w.c.problems, p)
}

// wordIn finds name as a word of a jq program, outside of comments and of
// strings (but not of what is interpolated into them); -1 when it is nowhere.
func wordIn(program, name string) int {
	if name == "" {
		return -1
	}
	var inString []int // depths of parentheses at which strings go on
	depth := 0
	for i := 0; i < len(program); i++ {
		c := program[i]
		switch {
		case len(inString) > 0 && inString[len(inString)-1] == -1:
			switch {
			case c == '\\' && i+1 < len(program) && program[i+1] == '(':
				inString[len(inString)-1] = depth
				depth++
				i++
			case c == '\\':
				i++
			case c == '"':
				inString = inString[:len(inString)-1]
			}
		case c == '"':
			inString = append(inString, -1)
		case c == '#':
			for i+1 < len(program) && program[i+1] != '\n' {
				i++
			}
		case c == '(':
			depth++
		case c == ')':
			depth--
			if n := len(inString); n > 0 && inString[n-1] == depth {
				inString[n-1] = -1
			}
		case strings.HasPrefix(program[i:], name) && isWordAt(program, i, len(name)):
			return i
		}
	}
	return -1
}

func isWordAt(s string, at, n int) bool {
	if at > 0 && (isWordByte(s[at-1]) || s[at-1] == '.' || s[at-1] == '$') {
		return false
	}
	return at+n >= len(s) || !isWordByte(s[at+n])
}

func isWordByte(c byte) bool { return c == '_' || isLetter(c) || '0' <= c && c <= '9' }

// jqNames lists what a suggestion may name of the language's own functions.
func jqNames() []string {
	return strings.Fields("add all any ascii_downcase ascii_upcase capture ceil combinations contains del empty endswith " +
		"error explode first flatten floor from_entries fromdate fromjson getpath group_by gsub has implode in index indices " +
		"inside isempty join keys last length limit ltrimstr map map_values match max max_by min min_by mktime not now nth " +
		"numbers objects path paths pick range recurse reduce reverse rindex round rtrimstr scan select setpath sort sort_by " +
		"split splits startswith strftime strings strptime sub test to_entries todate tojson tonumber tostring transpose " +
		"trim type unique unique_by until values walk while with_entries")
}
