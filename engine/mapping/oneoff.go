package mapping

import (
	"context"
	"fmt"

	"koppel/engine/record"
)

// A Single is a program on its own: an argument of a kind, a condition of a
// variable, what `koppel eval` runs. It may be shared.
type Single struct {
	p     *Program
	run   RunConsts
	input *Node
}

// CompileSingle compiles one node that sees its input as src (in jq as `.`),
// and constants.
func CompileSingle(n *Node, consts Consts, run RunConsts) (*Single, []Problem) {
	p, problems := Compile(Spec{Fields: []Field{{Name: "value", Value: n, Pos: n.Pos}}}, consts)
	if problems != nil {
		return nil, problems
	}
	return &Single{p: p, run: run, input: n}, nil
}

// Source is the program's text, for fingerprints: that of expr and jq, and a
// description of other forms.
func (s *Single) Source() string {
	if s.input.Text != "" {
		return s.input.Text
	}
	return describe(s.input)
}

// Run gives the outputs for one input, decoded as in package record: any number
// from jq, one from other forms. It may be called from many goroutines.
func (s *Single) Run(ctx context.Context, input any) ([]any, error) {
	b, err := record.Append(nil, input)
	if err != nil {
		return nil, fmt.Errorf("encode the program's input: %w", err)
	}
	run := s.run
	run.Context = ctx
	e := s.p.Evaluator(run)
	if err := e.loadAny(b); err != nil {
		return nil, err
	}
	f := s.p.fields[0]
	vs, err := e.outputs(&f.part)
	if err != nil {
		return nil, e.valueError("value", f.sensitive, placed(err, f.node, -1, -1))
	}
	var out []any
	for _, v := range vs {
		out = append(out, e.decoded(v))
	}
	return out, nil
}

// loadAny loads a value that need not be an object.
func (e *Evaluator) loadAny(b []byte) error {
	e.src, e.item = b, nil
	e.most = max(maxOutput, 4*len(b))
	e.reset()
	clear(e.bound)
	e.decodes.clear()
	return e.scan.Scan(b)
}
