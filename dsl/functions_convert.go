package dsl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// anyValue is a parameter that takes every value as it is.
func anyValue(name string) function.Parameter {
	return open(function.Parameter{Name: name, Type: cty.DynamicPseudoType})
}

// toFunc makes an explicit conversion such as tostring.
func toFunc(want cty.Type) function.Function {
	param := anyValue("v")
	param.AllowUnknown = false
	return function.New(&function.Spec{
		Params: []function.Parameter{param},
		Type: func(args []cty.Value) (cty.Type, error) {
			got := args[0].Type()
			if !got.Equals(want) && convert.GetConversionUnsafe(got, want) == nil {
				return cty.NilType, function.NewArgErrorf(0, "cannot convert %s to %s", got.FriendlyName(), want.FriendlyNameForConstraint())
			}
			return want, nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := convert.Convert(args[0], want)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%s", conversionProblem(args[0], want))
			}
			return v, nil
		},
	})
}

func conversionProblem(v cty.Value, want cty.Type) string {
	plain, _ := v.UnmarkDeep()
	switch {
	case plain.Type() == cty.String && want == cty.Bool:
		return fmt.Sprintf(`cannot convert %q to bool; only the strings "true" or "false" are allowed`, plain.AsString())
	case plain.Type() == cty.String && want == cty.Number:
		return fmt.Sprintf(`cannot convert %q to number; given string must be a decimal representation of a number`, plain.AsString())
	default:
		return fmt.Sprintf("cannot convert %s to %s", plain.Type().FriendlyName(), want.FriendlyNameForConstraint())
	}
}

func typeFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anyValue("value")},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.StringVal(typeexpr.TypeString(args[0].Type())), nil
		},
	})
}

func sensitiveFunc() function.Function {
	return markFunc(func(v cty.Value) cty.Value { return v.Mark(sensitive{}) })
}

// nonsensitiveFunc takes the mark off a value and off all that is in it.
func nonsensitiveFunc() function.Function {
	return markFunc(func(v cty.Value) cty.Value {
		plain, marks := v.UnmarkDeepWithPaths()
		for i := range marks {
			delete(marks[i].Marks, sensitive{})
		}
		return plain.MarkWithPaths(marks)
	})
}

func markFunc(apply func(cty.Value) cty.Value) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anyValue("value")},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return apply(args[0]), nil },
	})
}

func isSensitiveFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anyValue("value")},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(isSensitive(args[0])), nil
		},
	})
}
