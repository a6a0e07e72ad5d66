package dsl

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A reference is the value of connection.afas.profit and the like: one
// instance of a declaration.
type reference struct {
	decl *declaration
	inst *instance
}

var referenceType = cty.Capsule("reference", reflect.TypeFor[reference]())

func isReference(v cty.Value) bool { return v.Type() == referenceType }

func referenceOf(v cty.Value) *reference {
	v, _ = v.Unmark()
	return v.EncapsulatedValue().(*reference)
}

// address names the instance: pipeline.employees["acme"].
func (r *reference) address() string { return r.decl.address() + r.inst.suffix() }

// isClass tells whether a name starts a reference to a block.
func isClass(root string) bool {
	return slices.Contains([]string{"connection", "source", "sink", "pipeline"}, root)
}

// bindReference binds the declaration that a traversal names.
func (v *values) bindReference(t hcl.Traversal, node *scopeNode) bool {
	class := t.RootName()
	want := 2
	if class == "pipeline" {
		want = 1
	}
	names := make([]string, 0, want)
	for _, step := range t[1:min(len(t), want+1)] {
		if name, ok := stepName(step); ok {
			names = append(names, name)
		}
	}
	form := class + ".KIND.NAME"
	if class == "pipeline" {
		form = "pipeline.NAME"
	}
	if len(names) < want {
		v.out.add("invalid_reference", t.SourceRange(), fmt.Sprintf("%s is no whole reference", traversalText(t)), "Write %s.", form)
		return false
	}
	d := v.conf.declarations[class+"."+strings.Join(names, ".")]
	if d == nil {
		all := v.conf.ofClass(class)
		v.out.add("invalid_reference", t.SourceRange(), fmt.Sprintf("There is no %s %s", class, strings.Join(names, ".")),
			"%s%s", declaredList(class, all), referenceHint(class, strings.Join(names, "."), all))
		return false
	}
	value, ok := v.referenceValue(d, t, want)
	node.set(value, names...)
	return ok
}

func declaredList(class string, all []string) string {
	if len(all) == 0 {
		return fmt.Sprintf("The project declares no %s.", class)
	}
	if len(all) > 8 {
		return fmt.Sprintf("The project declares %d.", len(all))
	}
	return fmt.Sprintf("The project declares %s.", strings.Join(all, ", "))
}

// referenceHint suggests a declared name that is like the one given in both
// of its parts, or else one of another kind.
func referenceHint(class, given string, all []string) string {
	givenKind, givenName := splitName(given)
	like := func(a, b string) bool { return a == b || suggest(a, []string{b}) != "" }
	best, most := "", 0
	for _, candidate := range all {
		kind, name := splitName(candidate)
		score := 0
		switch {
		case kind == givenKind && like(givenName, name):
			score = 3
		case givenName == name:
			score = 2
		case like(givenKind, kind) && like(givenName, name):
			score = 1
		}
		if score > most {
			best, most = candidate, score
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", class+"."+best)
}

// splitName parts KIND.NAME; a pipeline has no kind.
func splitName(name string) (kind, rest string) {
	if kind, rest, ok := strings.Cut(name, "."); ok {
		return kind, rest
	}
	return "", name
}

// referenceValue is one instance, or an object of all of them by their keys.
// steps is how many steps of the traversal name the declaration.
func (v *values) referenceValue(d *declaration, t hcl.Traversal, steps int) (cty.Value, bool) {
	instances, ok := v.instances(d)
	if !ok {
		return failedValue, false
	}
	if !hasForEach(d) {
		if len(t) > steps+1 {
			v.out.add("invalid_reference", t[steps+1].SourceRange(), fmt.Sprintf("%s has nothing to read", d.address()),
				"A reference names the whole block: write %s. It has no for_each, so it has no instances.", d.address())
			return failedValue, false
		}
		return refValue(d, instances[0]), true
	}
	if len(t) > steps+1 {
		if key, named := stepName(t[steps+1]); named && findInstance(instances, key) == nil {
			v.out.unknownInstance(t[steps+1].SourceRange(), d, key)
			return failedValue, false
		}
	}
	return d.allInstances(), true
}

// allInstances is the map of a declaration's instances by their keys.
func (d *declaration) allInstances() cty.Value {
	if d.all != cty.NilVal {
		return d.all
	}
	all := map[string]cty.Value{}
	for _, in := range d.instances {
		all[in.key] = refValue(d, in)
	}
	d.all = cty.MapValEmpty(referenceType)
	if len(all) > 0 {
		d.all = cty.MapVal(all)
	}
	return d.all
}

func refValue(d *declaration, in *instance) cty.Value {
	return cty.CapsuleVal(referenceType, &reference{d, in})
}

func findInstance(list []*instance, key string) *instance {
	for _, in := range list {
		if in.key == key {
			return in
		}
	}
	return nil
}

// unknownInstance reports a key that a for_each doesn't have.
func (p *problems) unknownInstance(at hcl.Range, d *declaration, key string) {
	var keys []string
	for _, in := range d.instances {
		keys = append(keys, in.key)
	}
	sort.Strings(keys)
	have := "It has none."
	if n := len(keys); n > 0 && n <= 8 {
		have = fmt.Sprintf("It has %s.", strings.Join(quoteAll(keys), ", "))
	} else if n > 8 {
		have = fmt.Sprintf("It has %d others.", n)
	}
	p.add("invalid_reference", at, fmt.Sprintf("%s has no instance %q", d.address(), key), "%s%s", have, didYouMean(key, keys))
}

func quoteAll(texts []string) []string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = fmt.Sprintf("%q", t)
	}
	return quoted
}

// refer evaluates an argument that must name one instance of the classes. A
// problem is reported; nil then, and when the value is not known yet.
func (v *values) refer(expr hclsyntax.Expression, in *instance, classes ...string) *reference {
	value := v.eval(expr, in)
	if !isBroken(value) && !value.IsWhollyKnown() {
		v.unknown(value, expr.Range())
		return nil
	}
	return v.asReference(value, expr.Range(), classes...)
}

// referIfSet is refer for an argument whose null means that it is absent.
func (v *values) referIfSet(attr *hclsyntax.Attribute, in *instance, classes ...string) *reference {
	if attr == nil {
		return nil
	}
	value := v.eval(attr.Expr, in)
	if inner, _ := value.Unmark(); inner.IsKnown() && inner.IsNull() {
		return nil
	}
	if !isBroken(value) && !value.IsWhollyKnown() {
		v.unknown(value, attr.Expr.Range())
		return nil
	}
	return v.asReference(value, attr.Expr.Range(), classes...)
}

func (v *values) asReference(value cty.Value, at hcl.Range, classes ...string) *reference {
	value, _ = value.UnmarkDeep()
	switch {
	case !value.IsKnown():
		return nil
	case value.IsNull():
	case isReference(value):
		r := referenceOf(value)
		if slices.Contains(classes, r.decl.Class) {
			return r
		}
		v.out.add("invalid_reference", at, fmt.Sprintf("A %s is expected here, not a %s", strings.Join(classes, " or a "), r.decl.Class),
			"Refer to one such as %s.", exampleReference(classes[0]))
		return nil
	case value.Type().IsMapType() && value.Type().ElementType() == referenceType:
		v.out.add("invalid_reference", at, "This block has several instances",
			"It has for_each: name one of them, as in …[each.key] or …[\"key\"].")
		return nil
	}
	v.out.add("invalid_reference", at, fmt.Sprintf("A %s is expected here", strings.Join(classes, " or a ")),
		"Write a reference without quotes, such as %s.", exampleReference(classes[0]))
	return nil
}

func exampleReference(class string) string {
	if class == "pipeline" {
		return "pipeline.NAME"
	}
	return class + ".KIND.NAME"
}
