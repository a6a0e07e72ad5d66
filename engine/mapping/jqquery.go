package mapping

import (
	"errors"
	"strconv"
)

// singleOf runs a compiled program that gives one value; none is null.
func (e *Evaluator) singleOf(p *jqProgram) (val, error) {
	in := e.raw(e.rootBytes(p.input))
	if p.query.one != nil {
		v, err := p.query.one(e, in)
		if err == nil {
			v, err = settledVal(v)
		}
		if err != nil {
			return null(), e.failed(p, err)
		}
		if isNone(v) {
			v = null()
		}
		return v, nil
	}
	out, n := null(), 0
	err := p.query.all(e, in, func(v val) error {
		v, err := settledVal(v)
		if n++; err == nil && n > 1 {
			err = errOutputs()
		}
		out = v
		return err
	})
	if err != nil {
		return null(), e.failed(p, err)
	}
	return out, nil
}

// outputsOfQuery gives all outputs of a compiled program.
func (e *Evaluator) outputsOfQuery(p *jqProgram) ([]val, error) {
	var vs []val
	err := p.query.each(e, e.raw(e.rootBytes(p.input)), func(v val) error {
		if vs = append(vs, v); len(vs) > e.most/16 {
			return e.tooManyOutputs()
		}
		var err error
		vs[len(vs)-1], err = settledVal(v)
		return err
	})
	if err != nil {
		return nil, e.failed(p, err)
	}
	return vs, nil
}

// failed turns what a compiled program failed with into a fault of its node.
func (e *Evaluator) failed(p *jqProgram, err error) error {
	e.noteLimit(err)
	var f *fault
	if errors.As(err, &f) {
		f.node = nil
	} else {
		f = newFault(CodeProgram, err.Error())
	}
	return placed(f, p.node, -1, -1)
}

func errOutputs() error {
	return newFault(CodeOutputs, "the program gives more than one output; [ … ] makes a list of them, first(…) or limit(1; …) takes one")
}

func (e *Evaluator) tooManyOutputs() error {
	return newFault(CodeLimit, "the program gives more than "+strconv.Itoa(e.most/16)+" outputs")
}
