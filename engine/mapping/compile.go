package mapping

import (
	"slices"
	"strconv"
	"strings"

	"koppel/engine/record"
)

// compile turns a node into code; problems are collected, and the code of a
// node with problems is never run.
func (c *compiler) compile(n *Node) code {
	switch n.Kind {
	case KindPath:
		return c.path(n, n.Name, n.Steps)
	case KindConst:
		return c.constant(n)
	case KindToday:
		c.reads.Today = true
		return today
	case KindNow:
		c.reads.Now = true
		return now
	case KindObject:
		return c.object(n)
	case KindList:
		return c.list(n)
	case KindCall:
		return c.call(n)
	case KindExpr:
		return c.expr(n)
	case KindJQ:
		return c.jq(n)
	case KindTemplate:
		return c.placed(n)
	}
	c.problem(n.Pos, CodeSyntax, "no value per record", "")
	return nothing
}

func nothing(*Evaluator) (val, error) { return null(), nil }
func today(e *Evaluator) (val, error) { return textOf(e.run.Today), nil }
func now(e *Evaluator) (val, error)   { return textOf(e.run.Now), nil }

// always is the code of a constant.
func always(v val) code { return func(*Evaluator) (val, error) { return v, nil } }

func (c *compiler) constant(n *Node) code {
	v, err := constantVal(n.Value)
	if err != nil {
		c.problem(n.Pos, CodeArgument, err.Error(), "")
	}
	c.reads.constSensitive = c.reads.constSensitive || n.Sensitive
	return always(v)
}

// constantVal makes a val that does not depend on an evaluator: lists and
// objects become JSON.
func constantVal(v any) (val, error) {
	switch v.(type) {
	case []any, map[string]any:
		b, err := record.Append(nil, v)
		if err != nil {
			return null(), err
		}
		return (&Evaluator{}).raw(b), nil
	}
	return fromAny(v)
}

func (c *compiler) object(n *Node) code {
	codes := c.codes(n.Nodes)
	names := n.Names
	return func(e *Evaluator) (val, error) {
		vs := make([]val, len(codes))
		for i, run := range codes {
			var err error
			if vs[i], err = run(e); err != nil {
				return null(), err
			}
		}
		return objectOf(names, vs), nil
	}
}

func (c *compiler) list(n *Node) code {
	codes := c.codes(n.Nodes)
	return func(e *Evaluator) (val, error) {
		vs := make([]val, len(codes))
		for i, run := range codes {
			var err error
			if vs[i], err = run(e); err != nil {
				return null(), err
			}
		}
		return listOf(vs), nil
	}
}

func (c *compiler) codes(nodes []*Node) []code {
	codes := make([]code, len(nodes))
	for i, n := range nodes {
		codes[i] = c.compile(n)
	}
	return codes
}

// path compiles root.steps. The node says where problems are.
func (c *compiler) path(n *Node, root string, steps []string) code {
	run, problem, suggest := c.root(root, steps)
	if problem != "" {
		c.problem(n.Pos, c.rootCode(root), problem, suggest)
		return nothing
	}
	return run
}

// rootCode tells an unknown name from one that cannot be read here.
func (c *compiler) rootCode(root string) string {
	if slices.Contains(knownRoots(c.p.names), root) && !c.p.consts.has(root) {
		return CodeScope
	}
	return CodeName
}

func knownRoots(names []string) []string {
	return append([]string{"src", "item", "target", "var", "local", "each"}, names...)
}

// root gives the code of a path, or a problem.
func (c *compiler) root(root string, steps []string) (run code, problem, suggest string) {
	s := &c.scope
	switch {
	case root == "src" && s.src:
		return c.srcPath(steps), "", ""
	case root == "item" && s.item:
		c.reads.add("item", steps)
		return c.judged(root, func(e *Evaluator) (val, error) { return e.walk(e.item, steps), nil }), "", ""
	case root == "target" && s.target:
		return c.targetPath(steps), "", ""
	case slices.Contains(s.names, root):
		return c.namePath(root, steps)
	case c.p.consts.has(root):
		v, problem, suggest := c.p.consts.lookup(root, steps)
		c.reads.addConst(root, steps)
		return always(v), problem, suggest
	}
	if slices.Contains(knownRoots(c.p.names), root) {
		return nil, root + " cannot be read in " + s.what + c.why(root), ""
	}
	return nil, "unknown name " + root, nearest(root, c.visible())
}

// why says what makes a known root unreadable.
func (c *compiler) why(root string) string {
	switch {
	case root == "item" && c.p.spec.Each == nil:
		return ": the pipeline has no each"
	case root == "each":
		return ": there is no for_each"
	case root == "target":
		return ": only protect sees the target's row"
	}
	return ""
}

// visible lists the roots that the scope has.
func (c *compiler) visible() []string {
	s := &c.scope
	out := slices.Clone(s.names)
	for name, ok := range map[string]bool{"src": s.src, "item": s.item, "target": s.target} {
		if ok {
			out = append(out, name)
		}
	}
	out = append(out, c.p.consts.roots()...)
	slices.Sort(out)
	return out
}

// judged keeps programs of protect from reading a source record: when a row is
// judged there may be none.
func (c *compiler) judged(root string, run code) code {
	if !c.scope.judging {
		return run
	}
	return func(*Evaluator) (val, error) {
		return null(), newFault(CodeScope, root+" is not known when a row is judged")
	}
}

func (c *compiler) srcPath(steps []string) code {
	c.reads.add("src", steps)
	direct := 0
	for direct < len(steps) && !isIndex(steps[direct]) {
		direct++
	}
	slot, rest := c.p.tree.Want(steps[:direct]...), steps[direct:]
	if len(rest) == 0 {
		return c.judged("src", func(e *Evaluator) (val, error) { return e.raw(e.scan.Slot(slot)), nil })
	}
	return c.judged("src", func(e *Evaluator) (val, error) { return e.walk(e.scan.Slot(slot), rest), nil })
}

// targetPath reads the row that protect judges; a column that the row does not
// have is an error.
func (c *compiler) targetPath(steps []string) code {
	c.reads.add("target", steps)
	return func(e *Evaluator) (val, error) {
		if len(steps) > 0 && record.Member(e.target, steps[0]) == nil {
			return null(), newFault(CodeScope, "the target's row has no column "+steps[0])
		}
		return e.walk(e.target, steps), nil
	}
}

func (c *compiler) namePath(name string, steps []string) (code, string, string) {
	i := slices.Index(c.p.names, name)
	if len(steps) > 0 && steps[0] == "target" && i < len(c.p.spec.Joins) && c.p.spec.Joins[i].Target {
		if !c.scope.answers {
			return nil, name + ".target cannot be read in " + c.scope.what + ": it is known after delivery", ""
		}
		rest := steps[1:]
		c.reads.add(name+".target", rest)
		return func(e *Evaluator) (val, error) { return e.walk(e.bound[i].target, rest), nil }, "", ""
	}
	c.reads.add(name, steps)
	return c.judged(name, func(e *Evaluator) (val, error) { return e.walk(e.bound[i].value, steps), nil }), "", ""
}

// isIndex tells whether a step can index a list.
func isIndex(step string) bool {
	return step != "" && len(step) < 10 && strings.Trim(step, "0123456789") == ""
}

// walk follows steps from a checked value on; null where anything on the way
// is missing or null.
func (e *Evaluator) walk(raw []byte, steps []string) val {
	for _, step := range steps {
		raw = raw[blank(raw, 0):]
		switch record.KindOf(raw) {
		case record.Object:
			raw = record.Member(raw, step)
		case record.List:
			raw = elementAt(raw, step)
		default:
			return null()
		}
	}
	return e.raw(raw)
}

// elementAt returns the element of a checked list that a step of digits names.
func elementAt(raw []byte, step string) []byte {
	if !isIndex(step) {
		return nil
	}
	at, _ := strconv.Atoi(step)
	var found []byte
	i := 0
	eachElement(raw, func(el []byte) {
		if i == at {
			found = el
		}
		i++
	})
	return found
}
