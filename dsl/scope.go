package dsl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// context makes the scope for one expression, with the names that it reads.
func (v *values) context(expr hclsyntax.Expression, in *instance) (*hcl.EvalContext, bool) {
	roots := map[string]*scopeNode{}
	ok := true
	for _, t := range expr.Variables() {
		if !v.bind(t, in, roots) {
			ok = false
		}
	}
	ctx := &hcl.EvalContext{Functions: v.functions, Variables: map[string]cty.Value{}}
	for name, n := range roots {
		ctx.Variables[name] = n.object()
	}
	return ctx, ok
}

// A scopeNode is an object of a scope while it is put together.
type scopeNode struct {
	value   cty.Value
	members map[string]*scopeNode
}

func (n *scopeNode) set(value cty.Value, path ...string) {
	for _, name := range path {
		if n.members == nil {
			n.members = map[string]*scopeNode{}
		}
		if n.members[name] == nil {
			n.members[name] = &scopeNode{}
		}
		n = n.members[name]
	}
	n.value = value
}

func (n *scopeNode) object() cty.Value {
	if n.members == nil {
		return n.value
	}
	attrs := make(map[string]cty.Value, len(n.members))
	for name, m := range n.members {
		attrs[name] = m.object()
	}
	return cty.ObjectVal(attrs)
}

// bind puts the value that a traversal starts from into roots.
func (v *values) bind(t hcl.Traversal, in *instance, roots map[string]*scopeNode) bool {
	root := t.RootName()
	if roots[root] == nil {
		roots[root] = &scopeNode{value: cty.EmptyObjectVal}
	}
	node := roots[root]
	switch {
	case root == "var" || root == "local":
		return v.bindNamed(t, node)
	case root == "each":
		return v.bindEach(t, in, node)
	case isClass(root):
		return v.bindReference(t, node)
	}
	v.unknownRoot(t)
	return false
}

// bindNamed binds var.x or local.x, or all of them when no name follows.
func (v *values) bindNamed(t hcl.Traversal, node *scopeNode) bool {
	root := t.RootName()
	names := v.namesOf(root)
	if len(t) == 1 {
		ok := true
		for _, name := range names {
			ok = v.setNamed(root, name, node) && ok
		}
		return ok
	}
	name, isName := stepName(t[1])
	if !isName {
		v.out.add("unknown_name", t.SourceRange(), fmt.Sprintf("%s is followed by a name", root), "Write %s.NAME.", root)
		return false
	}
	if cellOf, known := v.isNamed(root, name); !known {
		what := map[string]string{"var": "variable", "local": "local value"}[root]
		v.out.add("unknown_name", t[1].SourceRange(), fmt.Sprintf("There is no %s %q", what, name),
			"%s%s", declareHint(root, name), didYouMean(name, cellOf))
		return false
	}
	return v.setNamed(root, name, node)
}

func declareHint(root, name string) string {
	if root == "var" {
		return fmt.Sprintf("Declare it: variable %q { … }.", name)
	}
	return fmt.Sprintf("Declare it: locals { %s = … }.", name)
}

func (v *values) namesOf(root string) []string {
	if root == "var" {
		return sortedKeys(v.conf.variables)
	}
	return sortedKeys(v.conf.locals)
}

func (v *values) isNamed(root, name string) (all []string, known bool) {
	if root == "var" {
		_, known = v.conf.variables[name]
	} else {
		_, known = v.conf.locals[name]
	}
	if known {
		return nil, true
	}
	return v.namesOf(root), false
}

func (v *values) setNamed(root, name string, node *scopeNode) bool {
	value := v.named(root, name)
	v.conf.use(root, name)
	node.set(value, name)
	return !isBroken(value)
}

func (v *values) bindEach(t hcl.Traversal, in *instance, node *scopeNode) bool {
	if in == nil || !in.each {
		v.out.add("unknown_name", t.SourceRange(), "each is not known here", "each.key and each.value are known in a block that has for_each.")
		return false
	}
	if len(t) > 1 {
		if name, ok := stepName(t[1]); ok && name != "key" && name != "value" {
			v.out.add("unknown_name", t[1].SourceRange(), fmt.Sprintf("each has no %q", name), "It has each.key and each.value.")
			return false
		}
	}
	key := cty.StringVal(in.key)
	if in.phantom {
		key = cty.UnknownVal(cty.String).Mark(pending{"for_each"})
	}
	node.set(key, "key")
	node.set(in.value, "value")
	return true
}

// recordRoots are names that stand for something only while records flow.
var recordRoots = map[string]bool{"src": true, "item": true, "today": true, "now": true, "target": true, "record": true, "changed": true}

// unknownRoot reports a name that is not known before a run.
func (v *values) unknownRoot(t hcl.Traversal) {
	root := t.RootName()
	if recordRoots[root] {
		v.out.add("scope", t.SourceRange(), fmt.Sprintf("%s is not known here", root),
			"%s is a value of each record; this argument is settled before a run and can read var, local and each.", traversalText(t))
		return
	}
	known := []string{"var", "local", "each", "connection", "source", "sink", "pipeline"}
	hint := didYouMean(root, known)
	if hint == "" {
		hint = fmt.Sprintf(" Put a text in quotes: %q.", traversalText(t))
	}
	v.out.add("unknown_name", t.SourceRange(), fmt.Sprintf("There is nothing called %q", root),
		"Names that are known here start with %s.%s", strings.Join(known, ", "), hint)
}

// stepName gives the name in one step of a traversal: .name or ["name"].
func stepName(step hcl.Traverser) (string, bool) {
	switch s := step.(type) {
	case hcl.TraverseAttr:
		return s.Name, true
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String && s.Key.IsKnown() && !s.Key.IsNull() {
			return s.Key.AsString(), true
		}
	}
	return "", false
}

// traversalText writes a traversal as in the file.
func traversalText(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			if name, ok := stepName(s); ok {
				fmt.Fprintf(&b, "[%q]", name)
			} else if s.Key.Type() == cty.Number {
				fmt.Fprintf(&b, "[%s]", s.Key.AsBigFloat().Text('f', -1))
			}
		default:
			b.WriteString("[*]")
		}
	}
	return b.String()
}
