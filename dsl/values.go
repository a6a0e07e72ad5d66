package dsl

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// values evaluates what is known before a run. Offline, a secret and what is
// not set stay unknown, with the mark pending; else they are errors.
type values struct {
	conf      *configuration
	out       *problems
	functions map[string]function.Function
	lenient   map[string]function.Function // with env and secret unknown where they are not set
	inputs    *inputs
	offline   bool
	hidden    bool   // the argument evaluated last was sensitive
	waiting   string // why the instance at hand can't be settled before a run
	variables map[string]*cell
	locals    map[string]*cell
}

type cellState int

const (
	fresh cellState = iota
	busy
	done
)

// A cell holds a value that is evaluated when it is first asked for.
type cell struct {
	state cellState
	value cty.Value
}

// pending marks an unknown value that will be known when it is used.
type pending struct{ reason string }

// broken marks an unknown value whose problem was reported.
type broken struct{}

var failedValue = cty.DynamicVal.Mark(broken{})

// An unsetError says that a value from outside is not set.
type unsetError struct{ problem string }

func (e *unsetError) Error() string { return e.problem }

// eval evaluates an expression that is known before a run. Problems are
// reported once, and the value is then unknown and marked broken.
func (v *values) eval(expr hclsyntax.Expression, in *instance) cty.Value {
	ctx, ok := v.context(expr, in)
	if !ok {
		return failedValue
	}
	value, diags := expr.Value(ctx)
	diags, unset := splitUnset(diags, v.offline)
	if unset && !diags.HasErrors() {
		ctx.Functions = v.lenient
		value, diags = expr.Value(ctx)
	}
	if diags.HasErrors() {
		if diags = v.explain(diags); len(diags) > 0 {
			v.out.addHCL(diags)
		}
		return failedValue
	}
	if !value.IsWhollyKnown() && reasonOf(value) == "" && !isBroken(value) {
		return value.Mark(pending{"a value that is not known yet"})
	}
	return value
}

// splitUnset takes the errors out of diags that only say that a value is not
// set, when that is no error yet.
func splitUnset(diags hcl.Diagnostics, offline bool) (rest hcl.Diagnostics, unset bool) {
	for _, d := range diags {
		extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
		var problem *unsetError
		if offline && ok && errors.As(extra.FunctionCallError(), &problem) {
			unset = true
			continue
		}
		rest = append(rest, d)
	}
	return rest, unset
}

// explain takes out what the language library says less clearly than we can,
// and reports it in our words.
func (v *values) explain(diags hcl.Diagnostics) hcl.Diagnostics {
	return slices.DeleteFunc(diags, func(d *hcl.Diagnostic) bool {
		if v.missingMember(d) {
			return true
		}
		if d.Summary != "Invalid index" || d.Expression == nil || d.Subject == nil || !strings.Contains(d.Detail, "does not identify an element") {
			return false
		}
		read := d.Expression.Variables()
		if len(read) == 0 || !isClass(read[0].RootName()) {
			return false
		}
		block := read[0][:min(len(read[0]), 3)]
		if read[0].RootName() == "pipeline" {
			block = read[0][:min(len(read[0]), 2)]
		}
		v.out.add("invalid_reference", *d.Subject, "There is no such instance", "The for_each of %s has no element with this key.", traversalText(block))
		return true
	})
}

// missingMember reports a member that an object doesn't have, with the name
// that was probably meant.
func (v *values) missingMember(d *hcl.Diagnostic) bool {
	expr, ok := d.Expression.(*hclsyntax.ScopeTraversalExpr)
	if !ok || d.EvalContext == nil || d.Summary != "Unsupported attribute" {
		return false
	}
	for n := 2; n < len(expr.Traversal); n++ {
		value, diags := expr.Traversal[:n].TraverseAbs(d.EvalContext)
		if diags.HasErrors() {
			return false
		}
		value, _ = value.Unmark()
		name, named := stepName(expr.Traversal[n])
		if !named || !value.Type().IsObjectType() || value.Type().HasAttribute(name) {
			continue
		}
		var names []string
		for member := range value.Type().AttributeTypes() {
			names = append(names, member)
		}
		v.out.add("unknown_name", expr.Traversal[n].SourceRange(), fmt.Sprintf("There is no %q in %s", name, traversalText(expr.Traversal[:n])),
			"%s", trimLeft(known("members", names)+didYouMean(name, names)))
		return true
	}
	return false
}

// reasonOf gives why a value is not known yet; empty when it is known.
func reasonOf(value cty.Value) string {
	_, marks := value.UnmarkDeep()
	reason := ""
	for m := range marks {
		if p, ok := m.(pending); ok && (reason == "" || p.reason < reason) {
			reason = p.reason
		}
	}
	return reason
}

func isBroken(value cty.Value) bool {
	_, marks := value.UnmarkDeep()
	_, ok := marks[broken{}]
	return ok
}

// named evaluates a variable or local, once.
func (v *values) named(root, name string) cty.Value {
	cells := v.locals
	if root == "var" {
		cells = v.variables
	}
	c := cells[name]
	if c == nil {
		c = &cell{}
		cells[name] = c
	}
	switch c.state {
	case done:
		return c.value
	case busy:
		v.out.add("cycle", v.placeOf(root, name), fmt.Sprintf("%s.%s depends on itself", root, name),
			"Its expression leads back to it, directly or through others.")
		return failedValue
	}
	c.state = busy
	if root == "var" {
		c.value = v.variable(v.conf.variables[name])
	} else {
		c.value = v.eval(v.conf.locals[name].Expr, nil)
	}
	c.state = done
	return c.value
}

func (v *values) placeOf(root, name string) hcl.Range {
	if root == "var" {
		return v.conf.variables[name].DefRange()
	}
	return v.conf.locals[name].NameRange
}
