package dsl

import (
	"fmt"
	"strconv"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// An instance is one element of a block's for_each, or the block itself when
// it has none.
type instance struct {
	each  bool
	key   string
	value cty.Value
	// phantom stands for the elements of a for_each that has none, so that its
	// block is checked nevertheless.
	phantom bool
}

// checked gives the instances to check a block with.
func checked(instances []*instance) []*instance {
	if len(instances) > 0 {
		return instances
	}
	return []*instance{{each: true, phantom: true, value: cty.DynamicVal.Mark(pending{"for_each"})}}
}

// suffix is what follows a block's address: ["key"], or nothing.
func (in *instance) suffix() string {
	if in == nil || !in.each {
		return ""
	}
	return "[" + strconv.Quote(in.key) + "]"
}

func hasForEach(d *declaration) bool { return d.Block.Body.Attributes["for_each"] != nil }

// instances gives the instances of a block in the order of their keys. False:
// its for_each has a problem, which was reported.
func (v *values) instances(d *declaration) ([]*instance, bool) {
	attr := d.Block.Body.Attributes["for_each"]
	switch {
	case d.state == busy:
		v.out.add("cycle", attr.NameRange, fmt.Sprintf("the for_each of %s depends on itself", d.address()), "It leads back to this block.")
		return nil, false
	case d.state == done:
		return d.instances, d.instances != nil
	}
	d.state = busy
	if attr == nil {
		d.instances = []*instance{{}}
	} else {
		d.instances = v.forEach(attr)
	}
	d.state = done
	return d.instances, d.instances != nil
}

// forEach evaluates a for_each; nil when it has a problem.
func (v *values) forEach(attr *hclsyntax.Attribute) []*instance {
	value := v.eval(attr.Expr, nil)
	at := attr.Expr.Range()
	if isBroken(value) {
		return nil
	}
	reason := reasonOf(value)
	value, marks := value.Unmark()
	if marksSensitive(marks) {
		v.out.add("sensitive", at, "for_each is sensitive", "Its keys become addresses, which are shown. Use nonsensitive(…) for keys that may be seen.")
		return nil
	}
	if !value.IsKnown() || value.Type().IsSetType() && !value.IsWhollyKnown() {
		v.out.add("unset", at, "for_each must be known", "A value that it needs is not there: %s.", reason)
		return nil
	}
	t := value.Type()
	switch {
	case value.IsNull():
		v.out.add("invalid_value", at, "for_each is null", "Give a map or a set of texts.")
		return nil
	case t.IsMapType() || t.IsObjectType():
		return eachElement(value, func(key, value cty.Value) (string, cty.Value) { return key.AsString(), value })
	case t.IsSetType() && t.ElementType() == cty.String:
		return eachElement(value, func(_, value cty.Value) (string, cty.Value) { return value.AsString(), value })
	case t.IsSetType() && value.LengthInt() == 0:
		return []*instance{}
	}
	v.out.add("invalid_value", at, "for_each is neither a map nor a set of texts", "It is %s. Use toset(…) for a list of texts, or a map.", article(t.FriendlyName()))
	return nil
}

func eachElement(value cty.Value, split func(key, value cty.Value) (string, cty.Value)) []*instance {
	list := []*instance{}
	for k, v := range value.Elements() {
		key, element := split(k, v)
		list = append(list, &instance{each: true, key: key, value: element})
	}
	return list
}

func article(what string) string {
	switch what[0] {
	case 'a', 'e', 'i', 'o', 'u':
		return "an " + what
	}
	return "a " + what
}
