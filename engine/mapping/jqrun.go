package mapping

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// A jqContext ends a program that takes more work than a record may: jq asks
// for Done before every operation.
type jqContext struct {
	context.Context
	e   *Evaluator
	err error
}

// Done takes one unit of work. Its channel is nil, which never delivers, until
// the program must end.
func (c *jqContext) Done() <-chan struct{} {
	if c.e.steps > 0 && c.e.steps&(stepsAClock-1) != 0 {
		c.e.steps--
		return nil
	}
	if err := c.e.spend(1); err != nil {
		return c.end(err)
	}
	return nil
}

func (c *jqContext) end(err error) <-chan struct{} {
	if c.err = err; c.e.broken != nil {
		c.err = c.e.broken
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// Err says why Done has delivered.
func (c *jqContext) Err() error { return c.err }

// A lazy is a value that is decoded when it is first needed.
type lazy struct {
	done  bool
	value any
}

// decodes holds what was decoded of the present record.
type decodes struct {
	src, item, target lazy
	bound             []lazy
}

func (d *decodes) clear() {
	d.src, d.item, d.target = lazy{}, lazy{}, lazy{}
	clear(d.bound)
}

// drop forgets the i-th bound name.
func (d *decodes) drop(i int) {
	if i < len(d.bound) {
		d.bound[i] = lazy{}
	}
}

func (l *lazy) get(raw []byte) any {
	if !l.done {
		l.done, l.value = true, nil
		if len(raw) > 0 {
			l.value = record.DecodeTrusted(raw)
		}
	}
	return l.value
}

// rootValue is the decoded value of a root.
func (e *Evaluator) rootValue(root string) any {
	switch root {
	case "src":
		return e.decodes.src.get(e.src)
	case "item":
		return e.decodes.item.get(e.item)
	case "target":
		return e.decodes.target.get(e.target)
	}
	i := slices.Index(e.p.names, root)
	if len(e.decodes.bound) != len(e.bound) {
		e.decodes.bound = make([]lazy, len(e.bound))
	}
	l := &e.decodes.bound[i]
	if !l.done {
		v := l.get(e.bound[i].value)
		if i < len(e.p.spec.Joins) && e.p.spec.Joins[i].Target {
			l.value = withTarget(v, e.bound[i].target)
		}
	}
	return l.value
}

// withTarget adds what the target answered to a joined record.
func withTarget(v any, answer []byte) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if m["target"] = nil; len(answer) > 0 {
		m["target"] = record.DecodeTrusted(answer)
	}
	return m
}

// jqVariable gives the value of a variable of a program.
func (c *compiler) jqVariable(name string) func(*Evaluator) any {
	root := name[1:]
	if v, ok := c.p.consts.tree[root]; ok {
		return func(*Evaluator) any { return v }
	}
	switch name {
	case evaluatorVariable:
		return func(e *Evaluator) any { return e }
	case clockVariable:
		return func(e *Evaluator) any { return e.now }
	case "$today":
		return func(e *Evaluator) any { return e.run.Today }
	case "$now":
		return func(e *Evaluator) any { return e.run.Now }
	}
	return func(e *Evaluator) any { return e.rootValue(root) }
}

// clock gives the run's clock in seconds since 1970, as jq has it.
func clock(now string) any {
	t, err := time.Parse(time.RFC3339, now)
	if err != nil {
		return nil
	}
	if t.Nanosecond() == 0 {
		return int(t.Unix())
	}
	return float64(t.UnixNano()) / 1e9
}

// start runs a program; the caller takes its outputs.
func (e *Evaluator) start(p *jqProgram) gojq.Iter {
	e.jq.err = nil
	values := make([]any, len(p.vars))
	for i, v := range p.vars {
		values[i] = v(e)
	}
	return p.code.RunWithContext(&e.jq, e.rootValue(p.input), values...)
}

// next takes one output.
func (e *Evaluator) next(p *jqProgram, iter gojq.Iter) (v val, ok bool, err error) {
	out, ok := iter.Next()
	if !ok {
		return null(), false, nil
	}
	if err, isError := out.(error); isError {
		return null(), false, placed(e.programError(err), p.node, -1, -1)
	}
	v, err = fromAny(out)
	if err != nil {
		err = placed(err, p.node, -1, -1)
	}
	return v, true, err
}

// programError keeps the errors of this package and words those of jq.
func (e *Evaluator) programError(err error) error {
	if e.broken != nil {
		return e.broken
	}
	var f *fault
	if errors.As(err, &f) {
		f.node = nil
		return f
	}
	return newFault(CodeProgram, err.Error())
}

// single runs a program that gives one value; none is null.
func (e *Evaluator) single(p *jqProgram) (val, error) {
	switch {
	case p.query != nil:
		return e.singleOf(p)
	case p.place >= 0 && e.grouped != nil:
		return e.ofGroup(p)
	case p.mixed != nil:
		if v, ok := e.mixed(p); ok {
			return v, nil
		}
	}
	iter := e.start(p)
	v, ok, err := e.next(p, iter)
	if err != nil || !ok {
		return null(), err
	}
	if _, more, err := e.next(p, iter); err != nil {
		return null(), err
	} else if more {
		return null(), placed(errOutputs(), p.node, -1, -1)
	}
	return v, nil
}

// outputs gives all outputs of a part: any number from jq, one from other
// forms.
func (e *Evaluator) outputs(p *part) (vs []val, err error) {
	defer func() {
		if r := recover(); r != nil {
			vs, err = nil, newFault(CodeProgram, panicText(r))
		}
	}()
	program, ok := e.p.jqs[p.node]
	if !ok {
		v, err := p.run(e)
		return []val{v}, err
	}
	if program.query != nil {
		return e.outputsOfQuery(program)
	}
	iter := e.start(program)
	for {
		v, ok, err := e.next(program, iter)
		if err != nil || !ok {
			return vs, err
		}
		if vs = append(vs, v); len(vs) > e.most/16 {
			return nil, placed(e.tooManyOutputs(), p.node, -1, -1)
		}
	}
}

// delegate runs an operation of the language itself on checked arguments.
func (e *Evaluator) delegate(op string, in any) any {
	code, ok := e.ops[op]
	if !ok {
		text := ".[0] " + op + " .[1]"
		if op == "join" {
			text = ".sep as $sep | .in | join($sep)"
		}
		q, err := gojq.Parse(text)
		if err == nil {
			code, err = gojq.Compile(q)
		}
		if err != nil {
			return err
		}
		if e.ops == nil {
			e.ops = map[string]*gojq.Code{}
		}
		e.ops[op] = code
	}
	out, _ := code.Run(in).Next()
	return out
}
