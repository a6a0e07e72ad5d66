package dsl

import (
	"errors"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func timeFunctions() map[string]function.Function {
	return map[string]function.Function{
		"formatdate":    stdlib.FormatDateFunc,
		"plantimestamp": clockFunc("plantimestamp"),
		"timeadd":       stdlib.TimeAddFunc,
		"timecmp":       timeCompareFunc(),
		"timestamp":     clockFunc("timestamp"),
	}
}

// clockFunc stands for a function of Terraform that reads the clock, to say
// what to write instead.
func clockFunc(name string) function.Function {
	refuse := errors.New(name + "() gives another value at every evaluation, so nothing made of it would ever come to rest; " +
		"use today or now in a value per record, which are fixed for a run")
	return function.New(&function.Spec{
		Type: func([]cty.Value) (cty.Type, error) { return cty.NilType, refuse },
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.NilVal, refuse },
	})
}

// timeCompareFunc gives -1, 0 or 1 for two RFC 3339 times.
func timeCompareFunc() function.Function {
	return function.New(&function.Spec{
		Params: textParams([]string{"timestamp_a", "timestamp_b"}),
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			var at [2]time.Time
			for i, arg := range args {
				// The standard library's function has the good error texts.
				if _, err := stdlib.TimeAdd(arg, cty.StringVal("0s")); err != nil {
					return cty.NilVal, function.NewArgError(i, err)
				}
				t, err := time.Parse(time.RFC3339, arg.AsString())
				if err != nil {
					return cty.NilVal, function.NewArgErrorf(i, "not a valid RFC 3339 time: %w", err)
				}
				at[i] = t
			}
			return cty.NumberIntVal(int64(at[0].Compare(at[1]))), nil
		},
	})
}
