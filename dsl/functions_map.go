package dsl

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// lookupFunc gives an element of a map or object, or a default.
func lookupFunc() function.Function {
	rest := anyValue("default")
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "inputMap", Type: cty.DynamicPseudoType, AllowMarked: true},
			{Name: "key", Type: cty.String, AllowMarked: true},
		},
		VarParam: &rest,
		Type:     lookupType,
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			in, inMarks := args[0].Unmark()
			key, keyMarks := args[1].Unmark()
			v, found := elementOf(in, key.AsString())
			switch {
			case found:
			case len(args) == 3:
				var err error
				if v, err = convert.Convert(args[2], t); err != nil {
					return cty.NilVal, function.NewArgError(2, err)
				}
			default:
				return cty.NilVal, fmt.Errorf("lookup failed to find key %q", key.AsString())
			}
			return v.WithMarks(inMarks, keyMarks), nil
		},
	})
}

func elementOf(in cty.Value, key string) (cty.Value, bool) {
	if in.Type().IsObjectType() {
		if !in.Type().HasAttribute(key) {
			return cty.NilVal, false
		}
		return in.GetAttr(key), true
	}
	if !in.HasIndex(cty.StringVal(key)).True() {
		return cty.NilVal, false
	}
	return in.Index(cty.StringVal(key)), true
}

func lookupType(args []cty.Value) (cty.Type, error) {
	if len(args) > 3 {
		return cty.NilType, fmt.Errorf("lookup() takes two or three arguments, got %d", len(args))
	}
	t := args[0].Type()
	switch {
	case t.IsMapType():
		if len(args) == 3 {
			if _, err := convert.Convert(args[2], t.ElementType()); err != nil {
				return cty.NilType, function.NewArgErrorf(2, "the default value must have the same type as the map elements")
			}
		}
		return t.ElementType(), nil
	case !t.IsObjectType():
		return cty.NilType, function.NewArgErrorf(0, "lookup() requires a map as the first argument")
	case !args[1].IsKnown():
		return cty.DynamicPseudoType, nil
	}
	key, _ := args[1].Unmark()
	switch {
	case t.HasAttribute(key.AsString()):
		return t.AttributeType(key.AsString()), nil
	case len(args) == 3:
		return args[2].Type(), nil
	default:
		return cty.NilType, function.NewArgErrorf(0, "the given object has no attribute %q", key.AsString())
	}
}

// matchKeysFunc gives the values whose key, at the same position, is in a set.
func matchKeysFunc() function.Function {
	list := cty.List(cty.DynamicPseudoType)
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "values", Type: list}, {Name: "keys", Type: list}, {Name: "searchset", Type: list}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if t, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()}); t == cty.NilType {
				return cty.NilType, errors.New("keys and searchset must be of the same type")
			}
			return args[0].Type(), nil
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			for _, arg := range args {
				if !arg.IsWhollyKnown() {
					return cty.UnknownVal(t), nil
				}
			}
			if args[0].LengthInt() != args[1].LengthInt() {
				return cty.NilVal, errors.New("length of keys and values should be equal")
			}
			return matchKeys(args[0].AsValueSlice(), args[1].AsValueSlice(), args[2].AsValueSlice(), t)
		},
	})
}

func matchKeys(values, keys, wanted []cty.Value, t cty.Type) (cty.Value, error) {
	var out []cty.Value
	for i, key := range keys {
		for _, want := range wanted {
			same, err := stdlib.Equal(key, want)
			if err != nil {
				return cty.NilVal, err
			}
			if same.True() {
				out = append(out, values[i])
				break
			}
		}
	}
	if len(out) == 0 {
		return cty.ListValEmpty(t.ElementType()), nil
	}
	return cty.ListVal(out), nil
}

// transposeFunc swaps the keys and values of a map of lists of strings.
func transposeFunc() function.Function {
	t := cty.Map(cty.List(cty.String))
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "values", Type: t}},
		Type:   function.StaticReturnType(t),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(t), nil
			}
			swapped := map[string][]string{}
			for key, list := range args[0].AsValueMap() {
				if list.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "cannot use null list for %q", key)
				}
				for _, v := range list.AsValueSlice() {
					if v.IsNull() {
						return cty.NilVal, function.NewArgErrorf(0, "cannot use null string in the list for %q", key)
					}
					swapped[v.AsString()] = append(swapped[v.AsString()], key)
				}
			}
			return textLists(swapped), nil
		},
	})
}

func textLists(lists map[string][]string) cty.Value {
	if len(lists) == 0 {
		return cty.MapValEmpty(cty.List(cty.String))
	}
	out := map[string]cty.Value{}
	for key, list := range lists {
		slices.Sort(list)
		values := make([]cty.Value, len(list))
		for i, s := range list {
			values[i] = cty.StringVal(s)
		}
		out[key] = cty.ListVal(values)
	}
	return cty.MapVal(out)
}
