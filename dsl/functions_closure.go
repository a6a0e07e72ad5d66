package dsl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// closureFunctions are the functions that evaluate their arguments themselves,
// each once: they nest. Whether an expression fails tells something of the
// values in it, so a result carries the sensitivity of what failed before it.
func closureFunctions() map[string]function.Function {
	return map[string]function.Function{"can": canFunc(), "try": tryFunc()}
}

// canFunc tells whether an expression succeeds.
func canFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "expression", Type: customdecode.ExpressionClosureType}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			a := attemptAt(args[0])
			switch {
			case a.failed():
				return a.marked(cty.False), nil
			case !a.value.IsWhollyKnown():
				return a.marked(cty.UnknownVal(cty.Bool)), nil
			default:
				return a.marked(cty.True), nil
			}
		},
	})
}

// tryFunc gives the value of the first expression that succeeds.
func tryFunc() function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "expressions", Type: customdecode.ExpressionClosureType},
		Type:     function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if len(args) == 0 {
				return cty.NilVal, errors.New("at least one argument is required")
			}
			var failures []attempt
			for _, arg := range args {
				a := attemptAt(arg)
				if a.failed() {
					failures = append(failures, a)
					continue
				}
				v := a.value
				if !v.IsWhollyKnown() {
					// What is known later may be of another type, or fail.
					_, marks := v.UnmarkDeep()
					v = cty.DynamicVal.WithMarks(marks)
				}
				for _, f := range failures {
					v = f.marked(v)
				}
				return v, nil
			}
			return cty.NilVal, newClosureError(failures)
		},
	})
}

// An attempt is one evaluation of an expression.
type attempt struct {
	closure *customdecode.ExpressionClosure
	value   cty.Value
	diags   hcl.Diagnostics
}

func attemptAt(arg cty.Value) attempt {
	closure := customdecode.ExpressionClosureFromVal(arg)
	v, diags := closure.Value()
	return attempt{closure, v, diags}
}

func (a attempt) failed() bool { return a.diags.HasErrors() }

// marked returns v, sensitive when the outcome of a depends on what is.
func (a attempt) marked(v cty.Value) cty.Value {
	if a.readsSensitive() {
		return v.Mark(sensitive{})
	}
	return v
}

func (a attempt) readsSensitive() bool {
	if isSensitive(a.value) {
		return true
	}
	for _, path := range a.closure.Expression.Variables() {
		if v, diags := path.TraverseAbs(a.closure.EvalContext); !diags.HasErrors() && isSensitive(v) {
			return true
		}
	}
	expr, ok := a.closure.Expression.(hclsyntax.Expression)
	return ok && callsSensitive(expr)
}

// callsSensitive reports whether expr calls a function whose result is
// sensitive whatever its arguments are.
func callsSensitive(expr hclsyntax.Expression) bool {
	found := false
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if call, ok := node.(*hclsyntax.FunctionCallExpr); ok {
			found = found || call.Name == "secret" || call.Name == "sensitive"
		}
		return nil
	})
	return found
}

// A closureError says why no expression succeeded; it wraps the errors of the
// functions that were called.
type closureError struct {
	text   string
	causes []error
}

func newClosureError(failures []attempt) error {
	e := &closureError{}
	var text strings.Builder
	text.WriteString("no expression succeeded:")
	hidden := false
	for _, a := range failures {
		hidden = hidden || a.readsSensitive()
		for _, diag := range a.diags {
			fmt.Fprintf(&text, "\n- %s (at %s)\n  %s", diag.Summary, diag.Subject, diag.Detail)
			if extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag); ok && extra.FunctionCallError() != nil {
				e.causes = append(e.causes, extra.FunctionCallError())
			}
		}
	}
	if e.text = text.String(); hidden {
		e.text = "no expression succeeded; " + withheld
	}
	return e
}

func (e *closureError) Error() string   { return e.text }
func (e *closureError) Unwrap() []error { return e.causes }
