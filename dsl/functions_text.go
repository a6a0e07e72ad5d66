package dsl

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// textFunc makes a function from strings to a string.
func textFunc(apply func(args []string) (string, error), names ...string) function.Function {
	return function.New(&function.Spec{
		Params: textParams(names),
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := apply(texts(args))
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(s), nil
		},
	})
}

// textPredicate makes a function from two strings to a boolean.
func textPredicate(second string, holds func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: textParams([]string{"str", second}),
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(holds(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func textParams(names []string) []function.Parameter {
	params := make([]function.Parameter, len(names))
	for i, name := range names {
		params[i] = function.Parameter{Name: name, Type: cty.String}
	}
	return params
}

func texts(args []cty.Value) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		out[i] = arg.AsString()
	}
	return out
}

func hasPrefix(s, part string) bool    { return strings.HasPrefix(s, part) }
func hasSuffix(s, part string) bool    { return strings.HasSuffix(s, part) }
func containsText(s, part string) bool { return strings.Contains(s, part) }

// replaceFunc takes a pattern between slashes as a regular expression.
func replaceFunc() function.Function {
	return textFunc(func(args []string) (string, error) {
		s, old, replacement := args[0], args[1], args[2]
		if len(old) < 2 || old[0] != '/' || old[len(old)-1] != '/' {
			return strings.ReplaceAll(s, old, replacement), nil
		}
		re, err := regexp.Compile(old[1 : len(old)-1])
		if err != nil {
			return "", function.NewArgErrorf(1, "invalid regular expression: %w", err)
		}
		return re.ReplaceAllString(s, replacement), nil
	}, "str", "substr", "replace")
}

// indentFunc bounds the width, which would else be bounded by memory alone.
func indentFunc() function.Function {
	const most = 1000
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "spaces", Type: cty.Number}, {Name: "str", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			n, _ := args[0].AsBigFloat().Int64()
			if n < 0 || n > most {
				return cty.NilVal, function.NewArgError(0, fmt.Errorf("a number from 0 to %d is required", most))
			}
			return stdlib.Indent(args[0], args[1])
		},
	})
}
