package dsl

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// assign puts a known, unmarked value that is not null into a field of a
// configuration struct. It returns a sentence when the value doesn't fit.
func assign(field reflect.Value, value cty.Value) string {
	t := field.Type()
	switch {
	case t == durationType || t == stdDuration:
		return assignDuration(field, value)
	case t == templateType:
		if value.Type() != cty.String {
			return fmt.Sprintf("It is a text in quotes, not %s.", article(typeName(value.Type())))
		}
		field.Set(reflect.ValueOf(parseTemplate(value.AsString())))
		return ""
	}
	switch t.Kind() {
	case reflect.Pointer:
		inner := reflect.New(t.Elem())
		problem := assign(inner.Elem(), value)
		field.Set(inner)
		return problem
	case reflect.Interface:
		if x := plain(value); x != nil {
			field.Set(reflect.ValueOf(x))
		}
		return ""
	case reflect.Slice:
		return assignSlice(field, value)
	case reflect.Map:
		return assignMap(field, value)
	case reflect.Struct:
		return assignStruct(field, value)
	}
	return assignScalar(field, value)
}

func assignDuration(field reflect.Value, value cty.Value) string {
	if value.Type() != cty.String {
		return capital(errDuration.Error()) + "."
	}
	d, err := ParseDuration(value.AsString())
	if err != nil {
		return capital(err.Error()) + "."
	}
	field.SetInt(int64(d))
	return ""
}

func assignScalar(field reflect.Value, value cty.Value) string {
	switch field.Kind() {
	case reflect.String:
		if value.Type() != cty.String {
			return fmt.Sprintf("It is a text in quotes, not %s.", article(typeName(value.Type())))
		}
		field.SetString(value.AsString())
	case reflect.Bool:
		b, err := convert.Convert(value, cty.Bool)
		if err != nil {
			return "It is true or false."
		}
		field.SetBool(b.True())
	case reflect.Int, reflect.Int64, reflect.Int32:
		n, err := convert.Convert(value, cty.Number)
		if err != nil {
			return "It is a whole number."
		}
		i, isInt := plain(n).(int)
		if !isInt || field.OverflowInt(int64(i)) {
			return "It is a whole number."
		}
		field.SetInt(int64(i))
	case reflect.Float64:
		n, err := convert.Convert(value, cty.Number)
		if err != nil {
			return "It is a number."
		}
		f, _ := n.AsBigFloat().Float64()
		field.SetFloat(f)
	default:
		return "This version can't read it."
	}
	return ""
}

func isList(t cty.Type) bool { return t.IsListType() || t.IsTupleType() || t.IsSetType() }

func isObject(t cty.Type) bool { return t.IsObjectType() || t.IsMapType() }

func assignSlice(field reflect.Value, value cty.Value) string {
	if !isList(value.Type()) {
		return fmt.Sprintf("It is a list, such as [\"a\", \"b\"], not %s.", article(typeName(value.Type())))
	}
	list := reflect.MakeSlice(field.Type(), 0, value.LengthInt())
	i := 0
	for _, e := range value.Elements() {
		element := reflect.New(field.Type().Elem()).Elem()
		if !e.IsNull() {
			if problem := assign(element, e); problem != "" {
				return fmt.Sprintf("At place %d of the list: %s", i, problem)
			}
		}
		list = reflect.Append(list, element)
		i++
	}
	field.Set(list)
	return ""
}

func assignMap(field reflect.Value, value cty.Value) string {
	if !isObject(value.Type()) {
		return fmt.Sprintf("It is an object, such as { a = \"b\" }, not %s.", article(typeName(value.Type())))
	}
	m := reflect.MakeMap(field.Type())
	for k, e := range value.Elements() {
		element := reflect.New(field.Type().Elem()).Elem()
		if element.Type() == templateType {
			e = scalarText(e)
		}
		if !e.IsNull() {
			if problem := assign(element, e); problem != "" {
				return fmt.Sprintf("At %q: %s", k.AsString(), problem)
			}
		}
		m.SetMapIndex(reflect.ValueOf(k.AsString()).Convert(field.Type().Key()), element)
	}
	field.Set(m)
	return ""
}

// scalarText turns a number or truth value among templates into its text:
// { limit = 100 }.
func scalarText(v cty.Value) cty.Value {
	if v.IsNull() || v.Type() != cty.Number && v.Type() != cty.Bool {
		return v
	}
	text, err := convert.Convert(v, cty.String)
	if err != nil {
		return v
	}
	return text
}

// assignStruct fills a struct from an object, by the tags of its fields.
func assignStruct(field reflect.Value, value cty.Value) string {
	if !isObject(value.Type()) {
		return fmt.Sprintf("It is an object, not %s.", article(typeName(value.Type())))
	}
	list := parametersOf(field.Type())
	names, _ := namesOf(list)
	given := value.AsValueMap()
	for _, name := range sortedKeys(given) {
		if !containsName(list, name) {
			return fmt.Sprintf("It has no %q; it has %s.%s", name, strings.Join(names, ", "), didYouMean(name, names))
		}
	}
	for _, p := range list {
		e, ok := given[p.name]
		if !ok || e.IsNull() {
			if !p.optional {
				return fmt.Sprintf("It lacks %q.", p.name)
			}
			continue
		}
		if problem := assign(field.FieldByIndex(p.index), e); problem != "" {
			return fmt.Sprintf("At %s: %s", p.name, problem)
		}
	}
	return ""
}

func containsName(list []parameter, name string) bool {
	for _, p := range list {
		if p.name == name {
			return true
		}
	}
	return false
}
