package dsl

import (
	"errors"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// sensitive marks a value that is never shown, and what is computed from it.
type sensitive struct{}

// isSensitive reports whether v or anything in it is sensitive.
func isSensitive(v cty.Value) bool {
	if !v.ContainsMarked() {
		return false
	}
	_, marks := v.UnmarkDeep()
	_, ok := marks[sensitive{}]
	return ok
}

// guarded returns f with errors that never show a sensitive argument, nor the
// stack of a panic.
func guarded(f function.Function) function.Function {
	spec := &function.Spec{
		Description: f.Description(),
		Type: func(args []cty.Value) (cty.Type, error) {
			t, err := f.ReturnTypeForValues(args)
			return t, guardError(err, args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err != nil {
				return v, guardError(err, args)
			}
			return keepMarks(v, args), nil
		},
	}
	for _, p := range f.Params() {
		spec.Params = append(spec.Params, open(p))
	}
	if p := f.VarParam(); p != nil {
		rest := open(*p)
		spec.VarParam = &rest
	}
	return function.New(spec)
}

// keepMarks returns v with the marks of args when it is not known: cty leaves
// those out that f would have kept itself.
func keepMarks(v cty.Value, args []cty.Value) cty.Value {
	if v.IsKnown() {
		return v
	}
	for _, arg := range args {
		_, marks := arg.UnmarkDeep()
		v = v.WithMarks(marks)
	}
	return v
}

// open lets every value through to the function within, which has rules of its
// own for them.
func open(p function.Parameter) function.Parameter {
	p.AllowNull, p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true, true
	return p
}

func guardError(err error, args []cty.Value) error {
	if err == nil {
		return nil
	}
	var panicked function.PanicError
	if errors.As(err, &panicked) {
		err = errors.New("the function can't work with these values")
	}
	hidden := false
	for _, arg := range args {
		hidden = hidden || isSensitive(arg)
	}
	if !hidden {
		return err
	}
	var arg function.ArgError
	if errors.As(err, &arg) {
		return function.NewArgErrorf(arg.Index, "it is not what the function takes; %s", withheld)
	}
	return errors.New("it can't work with these values; " + withheld)
}

const withheld = "the reason is not shown, since a value is sensitive"
