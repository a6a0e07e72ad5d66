package mapping

import (
	"slices"

	"koppel/engine/record"
)

// A Function is one of the function table, which HCL calls, expr and jq share.
type Function struct {
	Name     string
	Params   []string // names; the last one of a variadic function repeats
	Min, Max int      // number of arguments; Max is -1 when there is no bound
	Doc      string
	Examples []Example

	run  operation
	null nullRule
	text bool // every argument is text
}

// An Example shows a call in HCL and the JSON that it gives.
type Example struct{ Call, Result string }

// An operation computes a function. The arguments stand until it returns.
type operation func(e *Evaluator, args []val) (val, error)

// A nullRule says what null arguments do.
type nullRule byte

const (
	nullInOut nullRule = iota // any null argument gives null
	nullSeen                  // the operation deals with null
)

// Functions returns the function table, by name.
func Functions() []Function {
	fs := slices.Concat(textFunctions(), valueFunctions(), timeFunctions(), identityFunctions(), fileFunctions())
	slices.SortFunc(fs, func(a, b Function) int { return compareText(a.Name, b.Name) })
	return fs
}

// functionTable finds functions by name.
func functionTable() map[string]*Function {
	fs := Functions()
	table := make(map[string]*Function, len(fs))
	for i := range fs {
		table[fs[i].Name] = &fs[i]
	}
	return table
}

// takes tells whether a function can be called with n arguments.
func (f *Function) takes(n int) bool { return n >= f.Min && (f.Max < 0 || n <= f.Max) }

// Usage shows how a function is called: name(a, b, …).
func (f Function) Usage() string {
	s := f.Name + "("
	for i, p := range f.Params {
		if i > 0 {
			s += ", "
		}
		if i >= f.Min {
			p = "[" + p + "]"
		}
		s += p
	}
	if f.Max < 0 {
		s += ", …"
	}
	return s + ")"
}

// apply runs the function on arguments.
func (f *Function) apply(e *Evaluator, args []val) (val, error) {
	if f.null == nullInOut {
		for i := range args {
			if args[i].kind == record.Null {
				return null(), nil
			}
		}
	}
	if f.text {
		for i := range args {
			if args[i].kind != record.String {
				return null(), needText(f.Name, args[i])
			}
		}
	}
	return f.run(e, args)
}

// needText says that a function takes text.
func needText(name string, v val) error {
	problem := name + " takes text, not " + kindName(v)
	if v.kind == record.Number || v.kind == record.Bool {
		problem += "; string(…) makes text of it"
	}
	return about(CodeType, problem, v)
}

// call compiles a call of the function table.
func (c *compiler) call(n *Node) code {
	f, ok := c.funcs[n.Name]
	if !ok {
		c.problem(n.Pos, CodeName, "unknown function "+n.Name, nearest(n.Name, c.functionNames()))
		c.codes(n.Nodes)
		return nothing
	}
	if !f.takes(len(n.Nodes)) {
		c.problem(n.Pos, CodeArgument, "wrong number of arguments: "+f.Usage(), "")
		return nothing
	}
	c.settled(f, n)
	if run, ok := c.special(f, n); ok {
		return run
	}
	return invoke(f, c.codes(n.Nodes), n, -1, -1)
}

// invoke is the code of a call: the arguments go onto the evaluator's stack.
func invoke(f *Function, args []code, n *Node, offset, end int) code {
	return func(e *Evaluator) (val, error) {
		base := len(e.stack)
		for _, arg := range args {
			v, err := arg(e)
			if err != nil {
				e.stack = e.stack[:base]
				return null(), err
			}
			e.stack = append(e.stack, v)
		}
		top := len(e.stack)
		v, err := f.apply(e, e.stack[base:top:top])
		e.stack = e.stack[:base]
		if err != nil {
			return null(), placed(err, n, offset, end)
		}
		return v, nil
	}
}
