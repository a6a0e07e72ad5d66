package mapping

import (
	"github.com/itchyny/gojq"
)

// operated runs a program of the library's own over [l, r].
func (e *Evaluator) operated(program string, l, r val) (val, error) {
	out := none()
	err := e.outputsOf(program, []val{l, r}, func(v val) error {
		out = v
		return nil
	})
	return out, err
}

// outputsOf yields the outputs of a program of the library over a list.
func (e *Evaluator) outputsOf(program string, list []val, yield jqYield) error {
	in, err := e.plain(listOf(list))
	if err != nil {
		return err
	}
	return e.outputsOver(program, in, yield)
}

func (e *Evaluator) outputsOver(program string, in any, yield jqYield) error {
	code, err := e.libraryCode(program)
	if err != nil {
		return err
	}
	e.jq.err = nil
	iter := code.RunWithContext(&e.jq, in)
	for {
		out, ok := iter.Next()
		if !ok {
			return nil
		}
		if err, ok := out.(error); ok {
			if e.jq.err != nil {
				return e.jq.err
			}
			return ofLibrary(err)
		}
		if err := e.spend(1); err != nil {
			return err
		}
		if err := yield(fromJQ(out)); err != nil {
			return err
		}
	}
}

// libraryCode compiles a program once.
func (e *Evaluator) libraryCode(program string) (*gojq.Code, error) {
	if code, ok := e.ops[program]; ok {
		return code, nil
	}
	q, err := gojq.Parse(program)
	if err != nil {
		return nil, err
	}
	code, err := gojq.Compile(q)
	if err != nil {
		return nil, err
	}
	if e.ops == nil {
		e.ops = map[string]*gojq.Code{}
	}
	e.ops[program] = code
	return code, nil
}
